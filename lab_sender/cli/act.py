"""`release`, `rebuild`, `resend`, `dismiss`, `hold`, `resume`: what an operator decides.

Holds: one command for each act of the journal's operator book.
Promises: an act is durable and on record with the user's name when its line is printed; the agent, if it runs,
follows within a second, otherwise when it starts.
Never: sends anything.
"""

from __future__ import annotations

import click

from lab_sender.cli.arguments import Target, TargetType, pass_installation
from lab_sender.operations.installation import Installation
from lab_sender.operations.wording import HELD_BY

_FORCE_HELP = "Also where a newer message for the same order was delivered, which this one overwrites at the HIS."


@click.command()
@click.argument("target", metavar="ID", type=TargetType())
@click.option("--force", is_flag=True, help=_FORCE_HELP)
@pass_installation
def release(installation: Installation, target: Target, force: bool) -> None:
    """Take something out of quarantine; try it again.

    A message (ID) goes again from its old place: same bytes, same control id. A message that could not be built,
    and a file that could not be read (f7), go back into the outbox and are read anew.
    """
    with installation.journal() as journal:
        if target.is_file:
            journal.operator.release_file(target.number)
            goes = "outbox"
        else:
            goes = journal.operator.release(target.number, force=force)
    name = _name(target)
    if goes == "outbox":
        _done(installation, f"{name} is released: its file goes back to the outbox and is read anew")
    else:
        _done(installation, f"{name} is released: it goes out again from its old place, under the same control id")


@click.command()
@click.argument("targets", metavar="ID...", type=TargetType(), nargs=-1, required=True)
@click.option("--force", is_flag=True, help=f"Also where the HIS may have the earlier one. {_FORCE_HELP}")
@pass_installation
@click.pass_context
def rebuild(ctx: click.Context, installation: Installation, targets: tuple[Target, ...], force: bool) -> None:
    """Build messages anew by the profile in force.

    For messages that were built here and not delivered, after the profile was put right: waiting ones, and those in
    quarantine. Each keeps its place in the line and gets a new control id; one that was refused or unanswered goes
    out again. Exit code 1 if any could not be; the others are done.
    """
    from lab_sender.errors import FileError
    from lab_sender.journal import Refused
    from lab_sender.operations.rebuild import rebuild as build_anew

    if any(target.is_file for target in targets):
        raise click.BadParameter("a file that could not be read is read anew by `release`.", param_hint="ID...")
    vain = 0
    with installation.journal() as journal:
        for target in dict.fromkeys(targets):
            try:
                state = build_anew(installation, journal, target.number, force=force)
            except (Refused, FileError) as error:
                vain += 1
                click.echo(f"error {error}", err=True)
            else:
                goes = "it goes out from its old place" if state == "spooled" else "it stays in quarantine"
                _done(installation, f"{_name(target)} is built anew, under a new control id; {goes}")
    ctx.exit(1 if vain else 0)


@click.command()
@click.argument("target", metavar="ID", type=TargetType())
@click.option("--new-id", is_flag=True, help="Required: says that the HIS may take the copy for another message.")
@click.option("--force", is_flag=True, help=_FORCE_HELP)
@pass_installation
def resend(installation: Installation, target: Target, new_id: bool, force: bool) -> None:
    """Send a copy under a new control id.

    It goes to the end of the line.

    For a HIS that has lost a message it had accepted. To try a quarantined one again, use `release`: it keeps the
    control id, by which the HIS recognises what it has already.
    """
    from lab_sender.ids import new_id as make_id
    from lab_sender.readers import with_control_id

    if target.is_file:
        raise click.BadParameter("a file cannot be resent; `release` has it read anew.", param_hint="ID")
    if not new_id:
        raise click.UsageError("resend sends a second message; say so with --new-id, or use `release`.")
    control_id = make_id()
    with installation.journal() as journal:
        copy = journal.operator.resend(
            target.number, new_control_id=control_id, restamp=with_control_id, force=force
        )
    _done(installation, f"{_name(target)} goes out again as message {copy}, control id {control_id}")


@click.command()
@click.argument("target", metavar="ID", type=TargetType())
@click.option("--why", required=True, help="The reason, for the record. No patient data.")
@pass_installation
def dismiss(installation: Installation, target: Target, why: str) -> None:
    """Give up a message or file for good.

    A quarantined or waiting message, or an unreadable file (f7). Its file moves to quarantine/dismissed; nothing
    is deleted.
    """
    if not why.strip():
        raise click.BadParameter("a reason is wanted.", param_hint="--why")
    with installation.journal() as journal:
        if target.is_file:
            journal.operator.dismiss_file(target.number, why)
        else:
            journal.operator.dismiss(target.number, why)
    _done(installation, f"{_name(target)} is dismissed")


@click.command()
@click.option("--why", default="", help="The reason, for the record.")
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


def _name(target: Target) -> str:
    return f"{'file f' if target.is_file else 'message '}{target.number}"


def _done(installation: Installation, text: str, *, follows: bool = True) -> None:
    later = "" if not follows or installation.agent_runs() else " (no agent runs: it follows at its next start)"
    click.echo(f"{text}{later}.")
