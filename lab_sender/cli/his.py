"""`his`: the HIS stand-in as a program.

Holds: how it is started, and the line for each message it receives.
Promises: a message's line is out before its answer is; Ctrl-C ends it with a summary.
Never: shows a message's content unless `--show` asks for it.
"""

from __future__ import annotations

import datetime
import signal
import threading
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option
from lab_sender.errors import LabSenderError
from lab_sender.operations import his as operation
from lab_sender.operations.values import text_of

if TYPE_CHECKING:
    import ssl

    from lab_sender.mllp.standin.server import Received

_PEM = click.Path(exists=True, dir_okay=False)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=2575, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="How to answer; may be given several times.")
@click.option("--tls-cert", type=_PEM, help="PEM certificate: listen with TLS.")
@click.option("--tls-key", type=_PEM, help="PEM key, unless it is in the certificate's file.")
@click.option("--tls-ca", type=_PEM, help="PEM authorities: ask the sender for a certificate of theirs.")
@click.option("--show", is_flag=True, help="Print each message, a segment a line. This is patient data.")
@as_json_option
def his(
    host: str,
    port: int,
    rules: tuple[str, ...],
    tls_cert: str | None,
    tls_key: str | None,
    tls_ca: str | None,
    show: bool,
    as_json: bool,
) -> None:
    """Play the HIS: receive, answer by rule.

    \b
    A RULE is [SELECTOR:] ANSWER[,OPTION...]; the first that fits wins. Without one the answer is that of a
    careful HIS: AA; AR for a message without MSH-9 or MSH-10, with LF, or in a batch; the connection is closed
    on what is no HL7. An acknowledgement is never answered.
      AE,code=207,text=busy           the HIS refuses every message
      first=3: nothing                leave the first three unanswered
      nth=2: late=5s                  answer the second message 5 s late
      contains=GLUCOSE: AR            the HIS refuses what holds that text
    \b
    Selectors, joined by &: every first[=N] nth=N id=CONTROL-ID contains=TEXT
    Answers: AA AE AR CA CE CR nothing close reset wrong-id containing-id no-msa unknown-code
      several-msa unframed empty-frame xml http garbage noise=SIZE endless twice foreign-first
      foreign-after commit commit+accept commit+error commit+close no-cr lf
      accept-close accept-reset never-read reset-mid[=BYTES]
    Options: late=TIME split code=CODE severity=S text=TEXT (the last one)
    """
    from lab_sender.mllp.standin.script import parse_rule
    from lab_sender.mllp.standin.server import StandIn

    try:
        parsed = [parse_rule(rule) for rule in rules]
    except LabSenderError as error:
        raise click.BadParameter(f"{error.text}. {error.hint}", param_hint="--rule") from None
    log = _Log(show=show, as_json=as_json)
    stand_in = StandIn(host, port, rules=parsed, tls=_tls(tls_cert, tls_key, tls_ca), on_message=log.take)
    try:
        stand_in.start()
    except OSError as error:
        raise LabSenderError(
            "his.address", f"cannot listen on {host} port {port}: {error.strerror}.", hint="Choose another --port."
        ) from error
    ended = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: ended.set())
    log.begin(stand_in.host, stand_in.port, secure=tls_cert is not None, rules=rules)
    try:
        while not ended.wait(0.5):  # Windows hears no signal in an endless wait
            pass
    finally:
        stand_in.stop()
        log.end(stand_in.count, stand_in.connections)


def _tls(certificate: str | None, key: str | None, ca: str | None) -> ssl.SSLContext | None:
    from lab_sender.mllp.certificates import server_context

    if certificate is None:
        if key or ca:
            raise click.UsageError("--tls-key and --tls-ca need --tls-cert.")
        return None
    return server_context(certificate, key or "", ca or "")


class _Log:
    """Prints what comes, from several threads."""

    def __init__(self, *, show: bool, as_json: bool) -> None:
        self._show = show
        self._as_json = as_json
        self._lock = threading.Lock()
        self._duplicates = 0

    def begin(self, host: str, port: int, *, secure: bool, rules: tuple[str, ...]) -> None:
        if self._as_json:
            screen.show_json(operation.HisListening(host, port, secure, rules), line=True)
            return
        click.echo(f"HIS stand-in on {host} port {port}{' with TLS' if secure else ''}. Ctrl-C ends it.")
        for rule in rules:
            click.echo(f"  rule  {rule}")
        click.secho(f"{'time':12}  {'conn':>4}  {'control id':20}  {'bytes':>7}  answer", dim=True)

    def take(self, message: Received) -> None:
        at = datetime.datetime.fromtimestamp(message.at).astimezone()
        with self._lock:
            self._duplicates += message.duplicate
            if self._as_json:
                screen.show_json(operation.message(message, show=self._show), line=True)
                return
            again = click.style("  again", fg="yellow") if message.duplicate else ""
            colour = "green" if message.answer == "AA" else "yellow"
            answer = click.style(screen.visible(message.answer), fg=colour) + again
            click.echo(
                f"{at:%H:%M:%S}.{at.microsecond // 1000:03}  {message.connection:4}  "
                f"{screen.visible(message.control_id):20}  {len(message.body):7,}  {answer}"
            )
            if self._show:
                segments = text_of(message.body).segments
                click.echo("".join(f"    {screen.visible(segment)}\n" for segment in segments))

    def end(self, messages: int, connections: int) -> None:
        if self._as_json:
            screen.show_json(operation.HisEnded(messages, connections, self._duplicates), line=True)
            return
        again = f", {self._duplicates} of them came before under the same control id" if self._duplicates else ""
        many = "" if messages == 1 else "s"
        over = f"over {connections} connection{'' if connections == 1 else 's'}"
        click.echo(f"\n{messages} message{many} received {over}{again}.")
