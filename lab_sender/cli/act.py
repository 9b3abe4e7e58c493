"""`release`, `rebuild`, `resend`, `dismiss`, `hold`, `resume`: what an operator decides.

Holds: one command for each act of operations/acts.
Promises: an act is durable and on record with the user's name when its line is printed, and names what it was done
to: file, order, control id, time.
Never: sends anything, or acts on a word that fits two things.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar, cast

import click

from lab_sender.cli import many, screen
from lab_sender.cli.arguments import (
    WordType,
    as_json_option,
    as_reason,
    pass_installation,
    to_option,
    who,
)
from lab_sender.cli.said import facts, show_done
from lab_sender.cli.seeking import search_options
from lab_sender.operations.installation import Installation
from lab_sender.operations.search import Search

if TYPE_CHECKING:
    from lab_sender.operations.acts import Act, Acts
    from lab_sender.operations.choosing import Kind

_WHY_HELP = "The reason, for the record. No patient data."
_FORCE_HELP = "Also where a newer message for the same order was delivered, which this one overwrites at the HIS."
F = TypeVar("F", bound=Callable[..., Any])
_ALL_HELP = "Instead of ID: all that the options below find. Shows them, and asks for their number."
_all_destinations = click.option(
    "--all-destinations", "everywhere", is_flag=True,
    help="Every message of the file that may take it, at every destination.",
)  # fmt: skip
_words = click.argument("words", metavar="[ID]...", type=WordType(), nargs=-1)
_force = click.option("--force", is_flag=True, help=_FORCE_HELP)


class How(NamedTuple):
    """Whether an act is on all that is found, how many that is, whether it is only shown, and why it is done."""

    every: bool
    number: int | None
    dry_run: bool
    why: str


def _many_options(command: F) -> F:
    """Give a command what says which, how many, and why; it gets the `search` and the `how` that these make."""

    @functools.wraps(command)
    def asking(*args: Any, every: bool, count: int | None, dry_run: bool, why: str, **more: Any) -> Any:
        return command(*args, how=How(every, count, dry_run, why), **more)

    for option in (
        click.option("--count", type=click.IntRange(0), metavar="N", help="With --all, in scripts: how many."),
        click.option("--dry-run", is_flag=True, help="With --all: only show what it would be done to."),
        click.option("--all", "every", is_flag=True, help=_ALL_HELP),
        click.option("--why", default="", type=as_reason, metavar="TEXT", help=_WHY_HELP),
    ):
        asking = option(asking)
    return cast(F, as_json_option(search_options(asking)))


@click.command()
@_words
@_force
@_all_destinations
@_many_options
@pass_installation
@click.pass_context
def release(
    ctx: click.Context,
    installation: Installation,
    words: tuple[str, ...],
    force: bool,
    everywhere: bool,
    search: Search,
    how: How,
    as_json: bool,
) -> None:
    """Take something out of quarantine; try it again.

    A message (ID) goes again from its old place: same bytes, same control id. A message that could not be built,
    and a file that could not be read (file:7), are read again, together with their attachments; no marker is
    needed. ID may also be a control id, an order number or a file name, where that fits one thing only.

    Several IDs, or --all with what a search finds, go out oldest first.
    """
    from lab_sender.operations import acts

    asked = Asked(words, search, how, everywhere=everywhere, force=force)
    if asked.is_one:
        one = acts.release(installation, words[0], who=who(), force=force, to=search.to, why=asked.why)
        show_done(one, as_json=as_json)
        return
    _many(ctx, installation, "release", asked, as_json=as_json)


@click.command()
@_words
@click.option("--force", is_flag=True, help=f"Also where the HIS may have the earlier one. {_FORCE_HELP}")
@_many_options
@pass_installation
@click.pass_context
def rebuild(
    ctx: click.Context,
    installation: Installation,
    words: tuple[str, ...],
    force: bool,
    search: Search,
    how: How,
    as_json: bool,
) -> None:
    """Build messages anew by the profile in force.

    For messages that were built here and not delivered, after the profile was put right: waiting ones, and those in
    quarantine. Each keeps its place in the line and gets a new control id; one that was refused or unanswered goes
    out again. Exit code 1 if any could not be; the others are done.
    """
    asked = Asked(words, search, how, everywhere=False, force=force)
    _many(ctx, installation, "rebuild", asked, as_json=as_json)


@click.command()
@_words
@click.option("--new-id", is_flag=True, help="Required: says that the HIS may take the copy for another message.")
@_force
@_all_destinations
@_many_options
@pass_installation
@click.pass_context
def resend(
    ctx: click.Context,
    installation: Installation,
    words: tuple[str, ...],
    new_id: bool,
    force: bool,
    everywhere: bool,
    search: Search,
    how: How,
    as_json: bool,
) -> None:
    """Send a copy under a new control id.

    It goes to the end of the line.

    For a HIS that has lost a message it had accepted. To try a quarantined one again, use `release`: it keeps the
    control id, by which the HIS recognises what it has already.
    """
    from lab_sender.operations import acts

    if not new_id:
        raise click.UsageError("resend sends a second message; say so with --new-id, or use `release`.")
    asked = Asked(words, search, how, everywhere=everywhere, force=force)
    if asked.is_one:
        one = acts.resend(installation, words[0], who=who(), force=force, to=search.to, why=asked.why)
        show_done(one, as_json=as_json)
        return
    _many(ctx, installation, "resend", asked, as_json=as_json)


@click.command()
@_words
@_all_destinations
@_many_options
@pass_installation
@click.pass_context
def dismiss(
    ctx: click.Context,
    installation: Installation,
    words: tuple[str, ...],
    everywhere: bool,
    search: Search,
    how: How,
    as_json: bool,
) -> None:
    """Give up a message or file for good; --why is required.

    A quarantined or waiting message, or an unreadable file (file:7). Its file moves to quarantine/dismissed; nothing
    is deleted. A delivered message that the HIS has contradicted since stays delivered: say so when the HIS has it.

    --all --to NAME gives up everything that waits for a destination or is in quarantine for it, as before it is
    removed from the configuration, or after.
    """
    from lab_sender.operations import acts

    asked = Asked(words, search, how, everywhere=everywhere, force=False)
    if not (asked.why or asked.dry_run):
        raise click.UsageError("a reason is wanted: --why TEXT.")
    if asked.is_one:
        show_done(acts.dismiss(installation, words[0], asked.why, who=who(), to=search.to), as_json=as_json)
        return
    _many(ctx, installation, "dismiss", asked, as_json=as_json)


class Asked:
    """What a command line asks of an act. Fails as a usage error where it contradicts itself."""

    def __init__(
        self, words: tuple[str, ...], search: Search, how: How, *, everywhere: bool, force: bool
    ) -> None:
        self.words, self.search, self.everywhere, self.force = words, search, everywhere, force
        self.every, self.count, self.dry_run, self.why = every, count, dry_run, why = how
        if search.to and everywhere:
            raise click.UsageError("--to and --all-destinations contradict each other: give one of them.")
        if every and (words or everywhere):
            raise click.UsageError("--all is instead of ID and --all-destinations.")
        if not every and not words:
            raise click.UsageError("Missing argument 'ID'; or --all, with what to search for.")
        if not every and (count is not None or dry_run or search != Search(to=search.to)):
            raise click.UsageError("what is searched for, --count and --dry-run belong to --all.")
        if every and not (why or dry_run):
            raise click.UsageError("--all wants a reason, for the record: --why TEXT.")

    @property
    def is_one(self) -> bool:
        """Say whether it is about one message or file."""
        return len(self.words) == 1 and not self.everywhere


def _many(ctx: click.Context, installation: Installation, act: Kind, asked: Asked, *, as_json: bool) -> NoReturn:
    from lab_sender.operations import bulk

    wanted = asked.search if asked.every else None
    frozen = bulk.freeze(
        installation,
        act,
        wanted,
        words=asked.words,
        to=asked.search.to,
        all_destinations=asked.everywhere,
        force=asked.force,
    )
    if asked.dry_run:
        many.show(ctx, frozen, facts, as_json=as_json)
    if asked.every:
        many.count_of(frozen, asked.count, facts, as_json=as_json)

    def show(each: Act) -> None:
        show_done(each, as_json=False)

    many.do(ctx, installation, frozen, asked.why, show, as_json=as_json, as_acts=not asked.every)


@click.command()
@click.option("--why", default="", type=as_reason, metavar="TEXT", help=_WHY_HELP)
@to_option("Only this destination; else all of them")
@as_json_option
@pass_installation
def hold(installation: Installation, why: str, to: tuple[str, ...], as_json: bool) -> None:
    """Send nothing more until `resume`.

    The exchange in flight is finished; files are still received.
    """
    from lab_sender.operations import acts

    _lanes_done(acts.hold(installation, why, who=who(), to=to), as_json=as_json)


@click.command()
@to_option("Only this destination; else all of them")
@as_json_option
@pass_installation
def resume(installation: Installation, to: tuple[str, ...], as_json: bool) -> None:
    """End a hold, whoever or whatever began it."""
    from lab_sender.operations import acts

    _lanes_done(acts.resume(installation, who=who(), to=to), as_json=as_json)


def _lanes_done(acts: Acts, *, as_json: bool) -> None:
    """Show an act on lanes; where there is one, as an act on one."""
    if as_json and len(acts.done) != 1:
        screen.show_json(acts)
        return
    for act in acts.done:
        show_done(act, as_json=as_json)
