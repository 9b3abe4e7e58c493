"""`release`, `rebuild`, `resend`, `dismiss`, `hold`, `resume`: what an operator decides.

Holds: one command for each act of operations/acts.
Promises: an act is durable and on record with the user's name when its line is printed, and names what it was done
to: file, order, control id, time.
Never: sends anything, or acts on a word that fits two things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import WordType, as_json_option, as_reason, pass_installation, who
from lab_sender.errors import ExitCode
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.operations.acts import Act, Target

_MOST_ORDERS = 5
_WHY_HELP = "The reason, for the record. No patient data."
_FORCE_HELP = "Also where a newer message for the same order was delivered, which this one overwrites at the HIS."


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@click.option("--force", is_flag=True, help=_FORCE_HELP)
@as_json_option
@pass_installation
def release(installation: Installation, word: str, force: bool, as_json: bool) -> None:
    """Take something out of quarantine; try it again.

    A message (ID) goes again from its old place: same bytes, same control id. A message that could not be built,
    and a file that could not be read (file:7), are read again, together with their attachments; no marker is
    needed. ID may also be a control id, an order number or a file name, where that fits one thing only.
    """
    from lab_sender.operations import acts

    _done(acts.release(installation, word, who=who(), force=force), as_json=as_json)


@click.command()
@click.argument("words", metavar="ID...", type=WordType(), nargs=-1, required=True)
@click.option("--force", is_flag=True, help=f"Also where the HIS may have the earlier one. {_FORCE_HELP}")
@as_json_option
@pass_installation
@click.pass_context
def rebuild(
    ctx: click.Context, installation: Installation, words: tuple[str, ...], force: bool, as_json: bool
) -> None:
    """Build messages anew by the profile in force.

    For messages that were built here and not delivered, after the profile was put right: waiting ones, and those in
    quarantine. Each keeps its place in the line and gets a new control id; one that was refused or unanswered goes
    out again. Exit code 1 if any could not be; the others are done.
    """
    from lab_sender.operations import acts

    done = acts.rebuild(installation, words, who=who(), force=force)
    if as_json:
        screen.show_json(done)
    else:
        for act in done.done:
            _done(act, as_json=False)
        for each in done.rejected:
            screen.show_error(each.code, each.text, each.hint, each.findings)
    ctx.exit(ExitCode.NO if done.rejected else ExitCode.DONE)


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@click.option("--new-id", is_flag=True, help="Required: says that the HIS may take the copy for another message.")
@click.option("--force", is_flag=True, help=_FORCE_HELP)
@as_json_option
@pass_installation
def resend(installation: Installation, word: str, new_id: bool, force: bool, as_json: bool) -> None:
    """Send a copy under a new control id.

    It goes to the end of the line.

    For a HIS that has lost a message it had accepted. To try a quarantined one again, use `release`: it keeps the
    control id, by which the HIS recognises what it has already.
    """
    from lab_sender.operations import acts

    if not new_id:
        raise click.UsageError("resend sends a second message; say so with --new-id, or use `release`.")
    _done(acts.resend(installation, word, who=who(), force=force), as_json=as_json)


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@click.option("--why", required=True, type=as_reason, metavar="TEXT", help=_WHY_HELP)
@as_json_option
@pass_installation
def dismiss(installation: Installation, word: str, why: str, as_json: bool) -> None:
    """Give up a message or file for good.

    A quarantined or waiting message, or an unreadable file (file:7). Its file moves to quarantine/dismissed; nothing
    is deleted. A delivered message that the HIS has contradicted since stays delivered: say so when the HIS has it.
    """
    from lab_sender.operations import acts

    if not why:
        raise click.BadParameter("a reason is wanted.", param_hint="--why")
    _done(acts.dismiss(installation, word, why, who=who()), as_json=as_json)


@click.command()
@click.option("--why", default="", type=as_reason, metavar="TEXT", help=_WHY_HELP)
@as_json_option
@pass_installation
def hold(installation: Installation, why: str, as_json: bool) -> None:
    """Send nothing more until `resume`.

    The exchange in flight is finished; files are still received.
    """
    from lab_sender.operations import acts

    _done(acts.hold(installation, why, who=who()), as_json=as_json)


@click.command()
@as_json_option
@pass_installation
def resume(installation: Installation, as_json: bool) -> None:
    """End a hold, whoever or whatever began it."""
    from lab_sender.operations import acts

    _done(acts.resume(installation, who=who()), as_json=as_json)


def _done(act: Act, *, as_json: bool) -> None:
    if as_json:
        screen.show_json(act)
        return
    is_all = act.agent_runs or act.result in ("contradiction-closed", "was-not-held")
    click.echo(f"{_said(act)}{'' if is_all else ' (no agent runs: it follows at its next start)'}.")
    if act.target is not None:
        click.echo(f"  {_facts(act.target)}")


def _said(act: Act) -> str:
    """Say in a sentence what was done."""
    what = act.target.what if act.target is not None else "the lane"
    held = f" (it was held by {wording.HELD_BY[act.was_held_by]})" if act.was_held_by else ""
    match act.act, act.result:
        case "release", "read-again":
            return f"{what} is released: its file is received and read again"
        case "release", _:
            return f"{what} is released: it goes out again from its old place, under the same control id"
        case "rebuild", result:
            goes = "it goes out from its old place" if result == "goes-out" else "it stays in quarantine"
            return f"{what} is built anew, under control id {act.new_control_id}; {goes}"
        case "resend", _:
            return f"{what} is resent as message {act.new_message}, control id {act.new_control_id}"
        case "dismiss", "contradiction-closed":
            return f"{what} stays delivered; that the HIS took it back is closed"
        case "dismiss", _:
            return f"{what} is given up: it is not sent, and its file is kept"
        case "hold", _:
            return f"{what} is held; `lab-sender resume` ends it"
        case _, "was-not-held":
            return f"{what} was not held"
    return f"{what} goes on{held}"


def _facts(target: Target) -> str:
    """Name file, orders, control id and the time it was received; no patient, though an order leads to one."""
    from lab_sender.operations.named import order_number

    orders = ", ".join(map(order_number, target.orders[:_MOST_ORDERS]))
    if len(target.orders) > _MOST_ORDERS:
        orders += f" and {len(target.orders) - _MOST_ORDERS} more"
    parts = {
        "file": f"{target.file} {target.place or ''}".rstrip(),
        "orders" if len(target.orders) > 1 else "order": orders,
        "control id": target.control_id or "",
        "received": wording.clock(target.received_ms),
    }
    return screen.visible(", ".join(f"{name} {value}" for name, value in parts.items() if value))
