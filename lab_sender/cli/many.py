"""An act on many, on the command line: the frozen list, the count that is asked for, the progress.

Holds: `show`, `count_of` and `do`, which release, rebuild, resend and dismiss share, for what is searched and for
several IDs.
Promises: what a search has found is shown, and nothing is done before its number is typed or given with --count.
Ctrl-C stops between two transactions, and what is done and what is left is said.
Never: decides what may be done.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import who
from lab_sender.cli.said import may_have_arrived
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations import wording

if TYPE_CHECKING:
    from lab_sender.operations.acts import Act, Rejected, Target
    from lab_sender.operations.bulk import Bulk, Frozen
    from lab_sender.operations.installation import Installation

_SHOWN = 20
_PROGRESS_FROM = 200
_WILL = {
    "release": "will go out again, each from its old place; what was not built is read again",
    "rebuild": "will be built anew by the profile in force",
    "resend": "will be sent again as copies under new control ids, at the end of the line",
    "dismiss": "will be given up for good",
}


class NotCounted(LabSenderError):
    """The number that was typed is not that of the list; nothing was done."""


def show(ctx: click.Context, frozen: Frozen, facts: Callable[[Target], str], *, as_json: bool) -> NoReturn:
    """Show what an act would be done to, and end: 1 where it is nothing."""
    if as_json:
        screen.show_json(frozen)
    else:
        _show(frozen, facts)
        click.echo("nothing was done.")
    ctx.exit(ExitCode.DONE if frozen.count else ExitCode.NO)


def count_of(frozen: Frozen, count: int | None, facts: Callable[[Target], str], *, as_json: bool) -> None:
    """Show what an act will be done to, and want its number: from --count, else from whoever types.

    Raises NotCounted where it is another one, or nobody can be asked.
    """
    if not as_json:
        _show(frozen, facts)
    if not frozen.count:
        raise NotCounted("bulk.nothing-may", f"nothing of it may be {_DONE[frozen.act]}.")
    if count is None:
        if as_json or not _asks():
            hint = f"If that is what you mean, add --count {frozen.count}."
            raise NotCounted("bulk.count", f"{_things(frozen)} {_WILL[frozen.act]}; nothing was done.", hint=hint)
        typed = click.prompt(f"Type {frozen.count} to go on", default="", show_default=False, err=True)
        count = int(typed) if typed.isascii() and typed.isdigit() else -1
    if count != frozen.count:
        text = f"it would be {frozen.count}, not the number that was given; nothing was done."
        raise NotCounted("bulk.count", text, hint="Look at the list again: it may have changed.")


def do(
    ctx: click.Context,
    installation: Installation,
    frozen: Frozen,
    why: str,
    show_act: Callable[[Act], None],
    *,
    as_json: bool,
    as_acts: bool,
) -> NoReturn:
    """Do what was frozen, show what came of each, and end: 1 where something was rejected or left."""
    from lab_sender.operations import bulk
    from lab_sender.operations.acts import Acts

    with _until_interrupted() as stopped:
        progress = _progress if frozen.count >= _PROGRESS_FROM and sys.stderr.isatty() else _no_progress
        did = bulk.run(installation, frozen, why, who=who(), on_progress=progress, stop=stopped)
    stays = (*frozen.stays, *did.rejected) if as_acts else did.rejected
    if as_json:
        screen.show_json(Acts(did.done, stays) if as_acts else did)
    else:
        for act in did.done if as_acts else did.done[:_SHOWN]:
            show_act(act)
        if not as_acts and len(did.done) > _SHOWN:
            click.echo(f"... and {len(did.done) - _SHOWN} more; --json has each.")
        _show_rejected(stays)
        if not as_acts:
            _show_sum(did)
    ctx.exit(ExitCode.NO if stays or did.left else ExitCode.DONE)


_ASK_OF_EACH = "ask the HIS team for their control ids. `lab-sender show ID` has that of each."
_DONE = {"release": "released", "rebuild": "rebuilt", "resend": "sent again", "dismiss": "given up"}


def _show(frozen: Frozen, facts: Callable[[Target], str]) -> None:
    from lab_sender.operations import bulk

    installation = click.get_current_context().obj
    click.echo(f"{_things(frozen)} {_WILL[frozen.act]}:")
    for each in bulk.targets(installation, frozen, most=_SHOWN):
        arrived = may_have_arrived(each) if frozen.act == "dismiss" else ""
        click.echo(f"  {each.what}  {'; '.join(filter(None, (facts(each), arrived)))}")
    if frozen.count > _SHOWN:
        click.echo(f"  ... and {frozen.count - _SHOWN} more")
    if frozen.act == "dismiss" and frozen.may_have_arrived:
        click.echo(f"{frozen.may_have_arrived} of them may have arrived: {_ASK_OF_EACH}")
    if frozen.stays:
        number = len(frozen.stays)
        click.echo(f"{number} will not:")
        for one in frozen.stays[:_SHOWN]:
            click.echo(f"  {one.target.what}  {one.code}: {screen.visible(one.text)}")
        if number > _SHOWN:
            click.echo(f"  ... and {number - _SHOWN} more")


def _things(frozen: Frozen) -> str:
    messages, files = len(frozen.messages), len(frozen.files)
    parts = [wording.plural(messages, "message")] * bool(messages or not files)
    return " and ".join([*parts, *[wording.plural(files, "file")] * bool(files)])


def _show_rejected(rejected: tuple[Rejected, ...]) -> None:
    for each in rejected:
        screen.show_error(each.code, each.text, each.hint, each.findings)


def _show_sum(did: Bulk) -> None:
    parts = [f"{len(did.done)} {_DONE[did.act]}"]
    parts += [f"{len(did.rejected)} not"] * bool(did.rejected)
    parts += [f"{len(did.left)} not begun: it was stopped"] * bool(did.left)
    click.echo(f"{', '.join(parts)}.")
    arrived = sum(bool(each.target and each.target.may_have_arrived) for each in did.done)
    if did.act == "dismiss" and arrived:
        click.echo(f"{arrived} of them may have arrived: {_ASK_OF_EACH}")
    if did.left:
        click.echo(f"  the first that is left: {did.left[0]}")


def _asks() -> bool:
    """Say whether somebody sits there who can be asked."""
    return sys.stdin.isatty()


@contextmanager
def _until_interrupted() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C stop between two transactions while the block runs."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped.is_set
        return
    before = signal.signal(signal.SIGINT, lambda _number, _frame: stopped.set())
    try:
        yield stopped.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _progress(done: int, of: int) -> None:
    click.echo(f"\r{done} of {of}", err=True, nl=done == of)


def _no_progress(_done: int, _of: int) -> None:
    return
