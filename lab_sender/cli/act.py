"""`release`, `rebuild`, `resend`, `dismiss`, `hold`, `resume`: what an operator decides.

Holds: one command for each act of operations/acts.
Promises: an act is durable and on record with the user's name when its line is printed, and names what it was done
to: file, order, control id, time.
Never: sends anything, or acts on a word that fits two things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import (
    WordType,
    as_json_option,
    as_reason,
    names_destinations,
    pass_installation,
    to_option,
    who,
)
from lab_sender.errors import ExitCode
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.operations.acts import Act, Acts, Target
    from lab_sender.operations.whole import DismissedAll

_MOST_ORDERS = 5
_WHY_HELP = "The reason, for the record. No patient data."
_FORCE_HELP = "Also where a newer message for the same order was delivered, which this one overwrites at the HIS."


_TO_HELP = "Only the message for this destination, where ID fits those for several"
_all_destinations = click.option(
    "--all-destinations", "everywhere", is_flag=True,
    help="Every message of the file that may take it, at every destination.",
)  # fmt: skip


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@click.option("--force", is_flag=True, help=_FORCE_HELP)
@to_option(_TO_HELP)
@_all_destinations
@as_json_option
@pass_installation
@click.pass_context
def release(
    ctx: click.Context,
    installation: Installation,
    word: str,
    force: bool,
    to: tuple[str, ...],
    everywhere: bool,
    as_json: bool,
) -> None:
    """Take something out of quarantine; try it again.

    A message (ID) goes again from its old place: same bytes, same control id. A message that could not be built,
    and a file that could not be read (file:7), are read again, together with their attachments; no marker is
    needed. ID may also be a control id, an order number or a file name, where that fits one thing only.
    """
    from lab_sender.operations import acts, whole

    if _is_everywhere(to, everywhere=everywhere):
        _all_done(ctx, whole.release_file(installation, word, who=who(), force=force), as_json=as_json)
    _done(acts.release(installation, word, who=who(), force=force, to=to), as_json=as_json)


@click.command()
@click.argument("words", metavar="ID...", type=WordType(), nargs=-1, required=True)
@click.option("--force", is_flag=True, help=f"Also where the HIS may have the earlier one. {_FORCE_HELP}")
@to_option(_TO_HELP)
@as_json_option
@pass_installation
@click.pass_context
def rebuild(
    ctx: click.Context,
    installation: Installation,
    words: tuple[str, ...],
    force: bool,
    to: tuple[str, ...],
    as_json: bool,
) -> None:
    """Build messages anew by the profile in force.

    For messages that were built here and not delivered, after the profile was put right: waiting ones, and those in
    quarantine. Each keeps its place in the line and gets a new control id; one that was refused or unanswered goes
    out again. Exit code 1 if any could not be; the others are done.
    """
    from lab_sender.operations import acts

    _all_done(ctx, acts.rebuild(installation, words, who=who(), force=force, to=to), as_json=as_json)


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@click.option("--new-id", is_flag=True, help="Required: says that the HIS may take the copy for another message.")
@click.option("--force", is_flag=True, help=_FORCE_HELP)
@to_option(_TO_HELP)
@_all_destinations
@as_json_option
@pass_installation
@click.pass_context
def resend(
    ctx: click.Context,
    installation: Installation,
    word: str,
    new_id: bool,
    force: bool,
    to: tuple[str, ...],
    everywhere: bool,
    as_json: bool,
) -> None:
    """Send a copy under a new control id.

    It goes to the end of the line.

    For a HIS that has lost a message it had accepted. To try a quarantined one again, use `release`: it keeps the
    control id, by which the HIS recognises what it has already.
    """
    from lab_sender.operations import acts, whole

    if not new_id:
        raise click.UsageError("resend sends a second message; say so with --new-id, or use `release`.")
    if _is_everywhere(to, everywhere=everywhere):
        _all_done(ctx, whole.resend_file(installation, word, who=who(), force=force), as_json=as_json)
    _done(acts.resend(installation, word, who=who(), force=force, to=to), as_json=as_json)


@click.command()
@click.argument("word", metavar="[ID]", type=WordType(), required=False)
@click.option("--why", required=True, type=as_reason, metavar="TEXT", help=_WHY_HELP)
@to_option(_TO_HELP)
@_all_destinations
@click.option("--all", "every", is_flag=True, help="Instead of ID: all that waits or is quarantined for --to NAME.")
@as_json_option
@pass_installation
@click.pass_context
def dismiss(
    ctx: click.Context,
    installation: Installation,
    word: str | None,
    why: str,
    to: tuple[str, ...],
    everywhere: bool,
    every: bool,
    as_json: bool,
) -> None:
    """Give up a message or file for good.

    A quarantined or waiting message, or an unreadable file (file:7). Its file moves to quarantine/dismissed; nothing
    is deleted. A delivered message that the HIS has contradicted since stays delivered: say so when the HIS has it.

    --all --to NAME gives up everything that waits for a destination or is in quarantine for it, as before it is
    removed from the configuration, or after.
    """
    from lab_sender.operations import acts, whole

    if not why:
        raise click.BadParameter("a reason is wanted.", param_hint="--why")
    if every:
        if word is not None or everywhere or len(to) != 1:
            raise click.UsageError("--all gives up what one destination has: name it with --to NAME, and no ID.")
        _gone(whole.dismiss_all(installation, to[0], why, who=who()), as_json=as_json)
        return
    if word is None:
        raise click.UsageError("Missing argument 'ID'.")
    if _is_everywhere(to, everywhere=everywhere):
        _all_done(ctx, whole.dismiss_file(installation, word, why, who=who()), as_json=as_json)
    _done(acts.dismiss(installation, word, why, who=who(), to=to), as_json=as_json)


@click.command()
@click.option("--why", default="", type=as_reason, metavar="TEXT", help=_WHY_HELP)
@to_option("Only this destination; else all of them")
@as_json_option
@pass_installation
@click.pass_context
def hold(ctx: click.Context, installation: Installation, why: str, to: tuple[str, ...], as_json: bool) -> None:
    """Send nothing more until `resume`.

    The exchange in flight is finished; files are still received.
    """
    from lab_sender.operations import acts

    _lanes_done(ctx, acts.hold(installation, why, who=who(), to=to), as_json=as_json)


@click.command()
@to_option("Only this destination; else all of them")
@as_json_option
@pass_installation
@click.pass_context
def resume(ctx: click.Context, installation: Installation, to: tuple[str, ...], as_json: bool) -> None:
    """End a hold, whoever or whatever began it."""
    from lab_sender.operations import acts

    _lanes_done(ctx, acts.resume(installation, who=who(), to=to), as_json=as_json)


def _is_everywhere(to: tuple[str, ...], *, everywhere: bool) -> bool:
    if to and everywhere:
        raise click.UsageError("--to and --all-destinations contradict each other: give one of them.")
    return everywhere


def _all_done(ctx: click.Context, acts: Acts, *, as_json: bool) -> NoReturn:
    """Show an act on several targets, and end: 1 where one of them was rejected."""
    if as_json:
        screen.show_json(acts)
    else:
        for act in acts.done:
            _done(act, as_json=False)
        for each in acts.rejected:
            screen.show_error(each.code, each.text, each.hint, each.findings)
    ctx.exit(ExitCode.NO if acts.rejected else ExitCode.DONE)


def _lanes_done(ctx: click.Context, acts: Acts, *, as_json: bool) -> None:
    """Show an act on lanes; where there is one, as an act on one."""
    if len(acts.done) != 1:
        _all_done(ctx, acts, as_json=as_json)
    _done(acts.done[0], as_json=as_json)


def _gone(done: DismissedAll, *, as_json: bool) -> None:
    if as_json:
        screen.show_json(done)
        return
    later = "" if done.agent_runs or not done.given_up else " (no agent runs: their files follow at its next start)"
    many = wording.plural(done.given_up, "message")
    click.echo(f"{many} for {done.destination} given up{later}; nothing is deleted.")
    if done.being_sent:
        what = wording.plural(done.being_sent, "message is", "messages are")
        click.echo(f"{what} being sent just now and was left; `lab-sender hold --to {done.destination}`, then again.")


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
    named = names_destinations()
    lane = f"the lane of {act.destination}" if named else "the lane"
    what = act.target.what if act.target is not None else lane
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
            to = f" --to {act.destination}" if named else ""
            return f"{what} is held; `lab-sender resume{to}` ends it"
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
        "to": target.destination or "" if names_destinations() else "",
        "control id": target.control_id or "",
        "received": wording.clock(target.received_ms),
    }
    return screen.visible(", ".join(f"{name} {value}" for name, value in parts.items() if value))
