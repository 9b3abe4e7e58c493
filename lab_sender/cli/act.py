"""`release`, `rebuild`, `resend`, `dismiss`, `hold`, `resume`: what an operator decides.

Holds: one command for each act of the journal's operator book.
Promises: an act is durable and on record with the user's name when its line is printed, and names what it was done
to: file, order, control id, time. The agent, if it runs, follows within a second, otherwise when it starts.
Never: sends anything, or acts on a word that fits two things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import WordType, as_reason, pass_installation
from lab_sender.cli.listing import name_of
from lab_sender.operations import named, wording
from lab_sender.operations.installation import Installation
from lab_sender.operations.wording import HELD_BY

if TYPE_CHECKING:
    from lab_sender.journal import Line

_MOST_ORDERS = 5
_FORCE_HELP = "Also where a newer message for the same order was delivered, which this one overwrites at the HIS."


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@click.option("--force", is_flag=True, help=_FORCE_HELP)
@pass_installation
def release(installation: Installation, word: str, force: bool) -> None:
    """Take something out of quarantine; try it again.

    A message (ID) goes again from its old place: same bytes, same control id. A message that could not be built,
    and a file that could not be read (file:7), are read anew, together with their attachments; no marker is
    needed. ID may also be a control id, an order number or a file name, where that fits one thing only.
    """
    with installation.journal() as journal:
        target = _target(installation, word)
        if target.line.message_id is None:
            journal.operator.release_file(target.line.source_id)
            goes = "outbox"
        else:
            goes = journal.operator.release(target.line.message_id, force=force)
    if goes == "outbox":
        follows = "is released: its file is taken in again and read anew"
    else:
        follows = "is released: it goes out again from its old place, under the same control id"
    _done(installation, f"{target.what} {follows}", about=target)


@click.command()
@click.argument("words", metavar="ID...", type=WordType(), nargs=-1, required=True)
@click.option("--force", is_flag=True, help=f"Also where the HIS may have the earlier one. {_FORCE_HELP}")
@pass_installation
@click.pass_context
def rebuild(ctx: click.Context, installation: Installation, words: tuple[str, ...], force: bool) -> None:
    """Build messages anew by the profile in force.

    For messages that were built here and not delivered, after the profile was put right: waiting ones, and those in
    quarantine. Each keeps its place in the line and gets a new control id; one that was refused or unanswered goes
    out again. Exit code 1 if any could not be; the others are done.
    """
    from lab_sender.errors import FileError
    from lab_sender.journal import ActRejected
    from lab_sender.operations.rebuild import rebuild as build_anew

    vain = 0
    with installation.journal() as journal:
        targets = {target.line.message_id: target for target in (_target(installation, word) for word in words)}
        if None in targets:
            raise click.BadParameter("a file that could not be read is read anew by `release`.", param_hint="ID...")
        for message_id, target in targets.items():
            try:
                state = build_anew(installation, journal, int(message_id or 0), force=force)
            except (ActRejected, FileError) as error:
                vain += 1
                click.echo(f"error {error}", err=True)
            else:
                goes = "it goes out from its old place" if state == "spooled" else "it stays in quarantine"
                _done(installation, f"{target.what} is built anew, under a new control id; {goes}", about=target)
    ctx.exit(1 if vain else 0)


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@click.option("--new-id", is_flag=True, help="Required: says that the HIS may take the copy for another message.")
@click.option("--force", is_flag=True, help=_FORCE_HELP)
@pass_installation
def resend(installation: Installation, word: str, new_id: bool, force: bool) -> None:
    """Send a copy under a new control id.

    It goes to the end of the line.

    For a HIS that has lost a message it had accepted. To try a quarantined one again, use `release`: it keeps the
    control id, by which the HIS recognises what it has already.
    """
    from lab_sender.hl7.stamp import with_control_id
    from lab_sender.ids import new_id as make_id

    if not new_id:
        raise click.UsageError("resend sends a second message; say so with --new-id, or use `release`.")
    control_id = make_id()
    with installation.journal() as journal:
        target = _target(installation, word)
        if target.line.message_id is None:
            raise click.BadParameter("a file cannot be resent; `release` has it read anew.", param_hint="ID")
        copy = journal.operator.resend(
            target.line.message_id, new_control_id=control_id, restamp=with_control_id, force=force
        )
    _done(installation, f"{target.what} goes out again as message {copy}, control id {control_id}", about=target)


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@click.option("--why", required=True, type=as_reason, help="The reason, for the record. No patient data.")
@pass_installation
def dismiss(installation: Installation, word: str, why: str) -> None:
    """Give up a message or file for good.

    A quarantined or waiting message, or an unreadable file (file:7). Its file moves to quarantine/dismissed; nothing
    is deleted. A delivered message that the HIS has contradicted since stays delivered: say so when the HIS has it.
    """
    if not why:
        raise click.BadParameter("a reason is wanted.", param_hint="--why")
    with installation.journal() as journal:
        target = _target(installation, word)
        now = "dismissed"
        if target.line.message_id is None:
            journal.operator.dismiss_file(target.line.source_id, why)
        else:
            now = journal.operator.dismiss(target.line.message_id, why)
    if now == "acked":
        said = f"{target.what} stays delivered; what the HIS said since is settled"
        _done(installation, said, about=target, follows=False)
    else:
        _done(installation, f"{target.what} is dismissed: it is not sent, and its file is kept", about=target)


@click.command()
@click.option("--why", default="", type=as_reason, help="The reason, for the record.")
@pass_installation
def hold(installation: Installation, why: str) -> None:
    """Send nothing more until `resume`.

    The exchange in flight is finished; files are still taken in.
    """
    from lab_sender.agent.wiring import DESTINATION

    with installation.journal() as journal:
        journal.operator.hold(DESTINATION, why)
    _done(installation, "the lane is held; `lab-sender resume` ends it")


@click.command()
@pass_installation
def resume(installation: Installation) -> None:
    """End a hold, whoever or whatever began it."""
    from lab_sender.agent.wiring import DESTINATION

    with installation.journal() as journal:
        was = journal.operator.resume(DESTINATION)
    text = f"the lane goes on (it was held by {HELD_BY[was]})" if was else "the lane was not held"
    _done(installation, text, follows=bool(was))


class _Target(NamedTuple):
    """What an act is done to, and how a person knows it."""

    line: Line
    orders: list[str]

    @property
    def what(self) -> str:
        return named.what_of(self.line)

    def facts(self) -> str:
        """Tell file, orders, control id and the time it was taken in; no patient, though an order leads to one."""
        orders = ", ".join(map(named.order_number, self.orders[:_MOST_ORDERS]))
        if len(self.orders) > _MOST_ORDERS:
            orders += f" and {len(self.orders) - _MOST_ORDERS} more"
        parts = {
            "file": name_of(self.line),
            wording.plural(len(self.orders), "order").partition(" ")[2]: orders,
            "control id": self.line.control_id,
            "taken in": wording.clock(self.line.created_ms),
        }
        return screen.visible(", ".join(f"{name} {value}" for name, value in parts.items() if value))


def _target(installation: Installation, word: str) -> _Target:
    """Find what a word means. Raises LabSenderError, also where it fits more than one thing."""
    with installation.view() as view:
        line = named.find(view, word)
        return _Target(line, [] if line.message_id is None else view.orders(line.message_id))


def _done(installation: Installation, text: str, *, about: _Target | None = None, follows: bool = True) -> None:
    later = "" if not follows or installation.agent_runs() else " (no agent runs: it follows at its next start)"
    click.echo(f"{text}{later}.")
    if about is not None:
        click.echo(f"  {about.facts()}")
