"""`his`: the HIS stand-in as a program.

Holds: how it is started, and the line for each message it receives.
Promises: a message's line is out before its answer is; Ctrl-C ends it with a summary.
Never: shows a message's content unless `--show` asks for it.
"""

from __future__ import annotations

import contextlib
import datetime
import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option, pass_installation
from lab_sender.errors import LabSenderError
from lab_sender.operations import his as operation
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import text_of

if TYPE_CHECKING:
    import ssl

    from lab_sender.mllp.standin.server import Received, StandIn

_PEM = click.Path(exists=True, dir_okay=False)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", "ports", multiple=True, type=click.IntRange(0, 65535),
    help="Default: 2575. 0: any free port. Given several times, so many are played.",
)
@click.option("--to", "to", multiple=True, metavar="NAME", help="Play this destination, on its port in config.yaml.")
@click.option("--all", "every", is_flag=True, help="Play all destinations of config.yaml.")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="How to answer; may be given several times.")
@click.option(
    "--rule-of", "only", nargs=2, multiple=True, metavar="NAME RULE",
    help="How one of several answers, by destination or port; comes before --rule.",
)  # fmt: skip
@click.option("--tls-cert", type=_PEM, help="PEM certificate: listen with TLS.")
@click.option("--tls-key", type=_PEM, help="PEM key, unless it is in the certificate's file.")
@click.option("--tls-ca", type=_PEM, help="PEM authorities: ask the sender for a certificate of theirs.")
@click.option("--show", is_flag=True, help="Print each message, a segment a line. This is patient data.")
@as_json_option
@pass_installation
def his(
    installation: Installation,
    host: str,
    ports: tuple[int, ...],
    to: tuple[str, ...],
    every: bool,
    rules: tuple[str, ...],
    only: tuple[tuple[str, str], ...],
    tls_cert: str | None,
    tls_key: str | None,
    tls_ca: str | None,
    show: bool,
    as_json: bool,
) -> None:
    """Play the HIS: receive, answer by rule.

    Several at once with several --port, or by the names of destinations: --to hospital --to registry, or --all.

    \b
    A RULE is [SELECTOR:] ANSWER[,OPTION...]; the first that fits wins. Without
    one the answer is that of a careful HIS: AA; AR for a message without MSH-9
    or MSH-10, with LF, or in a batch; the connection is closed on what is no
    HL7. An acknowledgement is never answered.
      AE,code=207,text=busy           the HIS refuses every message
      first=3: nothing                leave the first three unanswered
      nth=2: late=5s                  answer the second message 5 s late
      contains=GLUCOSE: AR            the HIS refuses what holds that text
    \b
    Selectors, joined by &: every first[=N] nth=N id=CONTROL-ID contains=TEXT
    Answers: AA AE AR CA CE CR nothing close reset wrong-id containing-id no-msa
      unknown-code several-msa unframed empty-frame xml http garbage noise=SIZE
      endless twice foreign-first foreign-after commit commit+accept
      commit+error commit+close no-cr lf accept-close accept-reset never-read
      reset-mid[=BYTES]
    Options: late=TIME split code=CODE severity=S text=TEXT (the last one)
    """
    if every and to:
        raise click.UsageError("--all plays all destinations; leave --to out.")
    try:
        names = tuple(installation.config.destinations) if every else to
        each_one = operation.played(installation, names, ports or (() if names else (2575,)), rules, only)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    log = _Log(show=show, as_json=as_json, width=_width(each_one))
    tls = _tls(tls_cert, tls_key, tls_ca)
    with contextlib.ExitStack() as playing:
        stand_ins = [_listening(playing, each, host, tls, log) for each in each_one]
        ended = threading.Event()
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda *_: ended.set())
        log.begin(stand_ins, secure=tls_cert is not None)
        while not ended.wait(0.5):  # Windows hears no signal in an endless wait
            pass
    log.end(stand_ins)


def _width(each_one: Sequence[operation.Played]) -> int:
    """Return how wide a name may be: a port has up to five digits."""
    return max(5, *(len(each.name) for each in each_one)) if len(each_one) > 1 else 0


def _listening(
    playing: contextlib.ExitStack, one: operation.Played, host: str, tls: ssl.SSLContext | None, log: _Log
) -> tuple[operation.Played, StandIn]:
    """Start one stand-in; it ends with the others."""
    from lab_sender.mllp.standin.script import parse_rule
    from lab_sender.mllp.standin.server import StandIn

    try:
        parsed = [parse_rule(rule) for rule in one.rules]
    except LabSenderError as error:
        raise click.BadParameter(f"{error.text}. {error.hint}", param_hint="--rule") from None

    def name() -> str:
        return one.name if one.port else str(stand_in.port)

    stand_in = StandIn(host, one.port, rules=parsed, tls=tls, on_message=lambda message: log.take(message, name()))
    try:
        stand_in.start()
    except OSError as error:
        text = f"cannot listen on {host} port {one.port}: {error.strerror}."
        raise LabSenderError("his.address", text, hint="Choose another --port.") from error
    playing.callback(stand_in.stop)
    return one._replace(name=name(), port=stand_in.port), stand_in


def _tls(certificate: str | None, key: str | None, ca: str | None) -> ssl.SSLContext | None:
    from lab_sender.mllp.certificates import server_context

    if certificate is None:
        if key or ca:
            raise click.UsageError("--tls-key and --tls-ca need --tls-cert.")
        return None
    return server_context(certificate, key or "", ca or "")


class _Log:
    """Prints what comes, from several threads; of several stand-ins with their names."""

    def __init__(self, *, show: bool, as_json: bool, width: int) -> None:
        """`width` is that of a name; 0 where there is one stand-in only."""
        self._show = show
        self._as_json = as_json
        self._width = width
        self._lock = threading.Lock()
        self._duplicates = 0

    def begin(self, stand_ins: Sequence[tuple[operation.Played, StandIn]], *, secure: bool) -> None:
        if self._as_json:
            for one, stand_in in stand_ins:
                listening = operation.HisListening(stand_in.host, stand_in.port, secure, one.rules, one.name)
                screen.show_json(listening, line=True)
            return
        for one, stand_in in stand_ins:
            name = "" if one.name == str(one.port) else f" {one.name}"
            end = "" if self._width else " Ctrl-C ends it."
            over = " with TLS" if secure else ""
            click.echo(f"HIS stand-in{name} on {stand_in.host} port {stand_in.port}{over}.{end}")
            for rule in one.rules:
                click.echo(f"  rule  {rule}")
        if self._width:
            click.echo("Ctrl-C ends them.")
        click.secho(
            f"{'time':12}  {self._column('his')}{'conn':>4}  {'control id':20}  {'bytes':>7}  answer", dim=True
        )

    def take(self, message: Received, name: str) -> None:
        at = datetime.datetime.fromtimestamp(message.at).astimezone()
        with self._lock:
            self._duplicates += message.duplicate
            if self._as_json:
                screen.show_json(operation.message(message, name, show=self._show), line=True)
                return
            again = click.style("  again", fg="yellow") if message.duplicate else ""
            colour = "green" if message.answer == "AA" else "yellow"
            answer = click.style(screen.visible(message.answer), fg=colour) + again
            click.echo(
                f"{at:%H:%M:%S}.{at.microsecond // 1000:03}  {self._column(name)}{message.connection:4}  "
                f"{screen.visible(message.control_id):20}  {len(message.body):7,}  {answer}"
            )
            if self._show:
                segments = text_of(message.body).segments
                click.echo("".join(f"    {screen.visible(segment)}\n" for segment in segments))

    def end(self, stand_ins: Sequence[tuple[operation.Played, StandIn]]) -> None:
        messages = sum(each.count for _, each in stand_ins)
        connections = sum(each.connections for _, each in stand_ins)
        by_name = {one.name: each.count for one, each in stand_ins}
        if self._as_json:
            ended = operation.HisEnded(messages, connections, self._duplicates, by_name)
            screen.show_json(ended, line=True)
            return
        again = f", {self._duplicates} of them came before under the same control id" if self._duplicates else ""
        many = "" if messages == 1 else "s"
        over = f"over {connections} connection{'' if connections == 1 else 's'}"
        click.echo(f"\n{messages} message{many} received {over}{again}.")
        if self._width:
            click.echo("  " + ", ".join(f"{name} {count}" for name, count in by_name.items()))

    def _column(self, text: str) -> str:
        return f"{text:{self._width}}  " if self._width else ""
