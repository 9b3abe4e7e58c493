"""`send`: one file now, and its verdict.

Holds: the command, and how what became of the file is shown; the way of the file is of operations/sending.
Promises: whoever stops waiting is shown how far it is.
Never: decides what an answer means.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import DurationType, as_json_option, names_destinations, pass_installation, to_option
from lab_sender.cli.listing import SPARE, reason_of
from lab_sender.errors import ExitCode
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.operations.sending import Sent



@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--timeout", "timeout_s", type=DurationType(), default="2m", show_default=True, help="Longest wait.")
@to_option("Only to this destination, by an outbox whose files go nowhere else")
@as_json_option
@pass_installation
@click.pass_context
def send(
    ctx: click.Context, installation: Installation, file: Path, timeout_s: float, to: tuple[str, ...], as_json: bool
) -> None:
    """Send FILE now and wait for the verdict.

    FILE and the attachments it names are copied into the outbox; it takes its turn behind what waits already. If
    no agent runs, one runs here until the verdict is known, and takes everything else in the outbox along.

    Exit codes: 0 delivered; 1 something of it is in quarantine; 75 still waiting when the time was up (it stays in
    the outbox or the journal and goes out later).
    """
    from lab_sender.operations.sending import Sending

    sending = Sending(installation, file, time.monotonic() + timeout_s, to)
    with contextlib.suppress(KeyboardInterrupt):
        sending.until_final()
    sent = sending.sent
    if as_json:
        screen.show_json(sent)
    else:
        _show(sent)
    ctx.exit({"delivered": ExitCode.DONE, "waiting": ExitCode.LATER}.get(sent.result, ExitCode.NO))


def _show(sent: Sent) -> None:
    name, result, messages = screen.visible(sent.file), sent.result, sent.messages
    hint = "; `lab-sender status` shows for what" if result == "waiting" else ""
    colour = {"delivered": "green", "waiting": "yellow"}.get(result, "red")
    if not messages:
        click.echo(f"{name}: {click.style(result, fg=colour)}, not received yet{hint}.")
        return
    named = names_destinations()
    rows = [
        (each.ref, each.words, each.last_word, wording.milliseconds(each.ack_took_ms), each.control_id or "",
         *[each.destination or ""] * named, each.title)
        for each in messages
    ]  # fmt: skip
    columns = ("id", "state", "code", "ACK ms", "control id", *["to"] * named, "file")
    table = screen.table(columns, rows, right=("id", "ACK ms"), fold=("file",), spare=SPARE)
    screen.show(table)
    for each in messages:
        if each.state == "quarantined":
            reason = reason_of(each).replace("\n", "\n    ")
            click.echo(f"{each.ref}: {each.code}\n    {screen.visible(reason, keep=chr(10))}")
    if all(each.state == "duplicate" for each in messages) and result == "delivered":
        same = f"the same content was received before, as message {messages[0].same_as}"
        click.echo(f"{name}: nothing was sent; {same}.")
        return
    click.echo(f"{name}: {click.style(result, fg=colour, bold=True)}{hint}.")
