"""`list` and `show`: the journal as a table, and the story of one message.

Holds: how a message or an unreadable file looks on the terminal.
Promises: no patient data without `--raw`; a narrow terminal shows less, a pipe everything.
Never: changes anything.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click
from msgspec import UNSET
from msgspec.structs import replace

from lab_sender.cli import screen
from lab_sender.cli.arguments import (
    MOST,
    WordType,
    as_json_option,
    names_destinations,
    pass_installation,
    to_option,
)
from lab_sender.cli.seeking import search_options
from lab_sender.operations import listings, stories, wording
from lab_sender.operations import search as searching
from lab_sender.operations.installation import Installation
from lab_sender.operations.search import Search

if TYPE_CHECKING:
    from lab_sender.operations.stories import Attempt, Entry, Story
    from lab_sender.operations.values import Text

COLUMNS = ("id", "time", "state", "code", "ACK ms", "tries", "control id", "file")
SPARE = {"ACK ms": 100, "tries": 100, "control id": 120}
"""From how many columns a terminal has room for these; `show` has them."""


@click.command("list")
@search_options
@click.option("--waiting", is_flag=True, help="Short for --state waiting.")
@click.option("--quarantined", is_flag=True, help="Short for --state quarantined.")
@click.option("--outbox", is_flag=True, help="What lies in the outbox, or was received and waits, and why.")
@click.option("--contradicted", is_flag=True, help="Only delivered messages that the HIS has contradicted since.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, MOST), help="How many at most.")
@click.option("--before", metavar="CURSOR", help="Go on where the list before ended, as it says.")
@click.option(
    "--patience", default=searching.PATIENCE_S, show_default=True, type=click.FloatRange(0), metavar="SECONDS",
    help="How long to look at what no index finds; then it says how far it came, and where to go on.",
)
@as_json_option
@pass_installation
def list_(
    installation: Installation,
    search: Search,
    waiting: bool,
    quarantined: bool,
    outbox: bool,
    contradicted: bool,
    limit: int,
    before: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """List messages and unreadable files, newest first.

    All of them, or what a search finds. An id like file:7 is a file that could not be read. Times are when the file
    was received.
    """
    states = {*search.states, *["waiting"] * waiting, *["quarantined"] * quarantined}
    if sum((outbox, contradicted, bool(states))) > 1:
        raise click.UsageError("--outbox, --contradicted and --state list different things: give one of them.")
    if outbox and not search.is_empty:
        raise click.UsageError("--outbox lists files that nothing is known of yet: search for them without it.")
    if outbox:
        _list_outbox(listings.lying(installation, limit=limit), limit, as_json=as_json)
        return
    wanted = replace(search, states=tuple(sorted(states)), contradicted=contradicted)
    listed = searching.search(installation, wanted, limit=limit, before=before, patience_s=patience)
    if as_json:
        screen.show_json(listed)
        return
    if not listed.entries:
        click.echo("nothing so far." if listed.more else "nothing to list.")
        _remark(listed)
        return
    short = sys.stdout.isatty()
    named = names_destinations() and len(search.to) != 1
    rows = [
        (
            each.ref,
            wording.clock(each.received_ms, short=short),
            each.words,
            each.last_word,
            wording.milliseconds(each.ack_took_ms),
            str(each.attempts or ""),
            each.control_id or "",
            *[each.destination or ""] * named,
            each.title,
        )
        for each in listed.entries
    ]
    right = ("id", "ACK ms", "tries")
    columns = (*COLUMNS[:-1], *["to"] * named, COLUMNS[-1])
    screen.show(screen.table(columns, rows, right=right, fold=("file",), spare=SPARE))
    if listed.more and listed.looked_to_ms is None:
        click.secho(f"the newest {limit}; --limit shows more, or --before {listed.before} the next ones.", dim=True)
    _remark(listed)


def _remark(listed: searching.Listing) -> None:
    for each in listed.remarks:
        click.secho(each, dim=True)
    if listed.looked_to_ms is not None:
        click.secho(f"--before {listed.before} goes on there; --patience 60 looks for longer at once.", dim=True)


_WHY: Final = {"received": "received: waits to be read, for attachment or report"}


def _list_outbox(lying: listings.OutboxListing, limit: int, *, as_json: bool) -> None:
    if as_json:
        screen.show_json(lying)
        return
    if not lying.entries:
        click.echo("nothing lies in the outbox, and nothing that was received waits to be read.")
        return
    boxes = len({each.outbox for each in lying.entries}) > 1
    rows = [
        (
            screen.visible(each.name),
            *[each.outbox] * boxes,
            wording.age(each.age_s),
            wording.plural(each.size, "file") if each.why == "sub-folder" else wording.size(each.size),
            _WHY.get(each.why, each.why),
        )
        for each in lying.entries
    ]
    columns = ("name", *["outbox"] * boxes, "age", "size", "why not yet")
    screen.show(screen.table(columns, rows, fold=("name", "outbox")))
    if lying.total > len(lying.entries):
        click.secho(f"the oldest {limit} of {lying.total}; --limit shows more.", dim=True)


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@to_option("Only the message for this destination, where ID fits those for several")
@click.option("--raw", is_flag=True, help="Also the bytes of the message and its ACKs. This is patient data.")
@as_json_option
@pass_installation
def show(installation: Installation, word: str, to: tuple[str, ...], raw: bool, as_json: bool) -> None:
    """Show the story of one message.

    Or of a file that could not be read (file:7). ID may also be a control id, an order number or a file name. A word
    that fits two things is rejected; id:, file:, control:, order: and name: before it say what it is.
    """
    story = stories.story(installation, word, to=to, raw=raw)
    if as_json:
        screen.show_json(story)
        return
    screen.show(screen.facts([(story.what, story.words), *_facts(story), *_waits(installation, story)]))
    if story.remarks:
        click.echo()
        said = [(each.code, each.place or "", str(each.times), each.text) for each in story.remarks]
        heads = ("remark", "place", "times", "what it says")
        screen.show(screen.table(heads, said, right=("times",), fold=("place", "what it says")))
    if story.story:
        click.echo()
        columns = ("#", "time", "outcome", "phase", "code", "ACK", "ms", "detail")
        rows = [_attempt_row(number, attempt) for number, attempt in enumerate(story.story, 1)]
        screen.show(screen.table(columns, rows, right=("#", "ms"), fold=("detail",)))
    if story.answers:
        click.echo()
        answers = [(wording.fine_clock(each.at_ms), each.code) for each in story.answers]
        screen.show(screen.table(("time", "other answer"), answers))
    if story.events:
        click.echo()
        events = [(wording.clock(each.at_ms), each.event, each.who, each.why or "") for each in story.events]
        screen.show(screen.table(("time", "event", "who", "why"), events, fold=("who", "why")))
    if raw:
        _show_raw(story)
    elif story.id is not None:
        click.secho("\n--raw shows the bytes of the message and its ACKs; they are patient data.", dim=True)


def reason_of(entry: Entry) -> str:
    """Return why a message or file is where it is, and where the HIS's own words are."""
    if entry.has_his_words and entry.state == "quarantined":
        return f"{entry.reason or ''} Its words: --raw, or the .reason.txt beside the file."
    return entry.reason or ""


def _facts(story: Story) -> list[tuple[str, str]]:
    final = "" if story.state in ("spooled", "sending") else wording.fine_clock(story.final_ms)
    arrived = " or ".join(story.may_have_arrived)
    return [
        ("control id", story.control_id or ""),
        ("to", story.destination or "" if names_destinations() else ""),
        ("file", story.title),
        ("where", _where(story)),
        ("received", wording.fine_clock(story.received_ms)),
        (wording.state(story.state, story.code), final if story.id is not None else ""),
        ("code", story.code or ""),
        ("HIS's code", " ".join(filter(None, (story.his_code, story.his_error)))),
        ("contradicted", f"the HIS has answered {story.contradicted} since" if story.contradicted else ""),
        ("reason", reason_of(story)),
        ("same as", f"message {story.same_as}" if story.same_as is not None else ""),
        ("replaces", f"message {story.replaces}" if story.replaces is not None else ""),
        *_elsewhere(story),
        ("may have arrived", f"yes: ask the HIS team for control id {arrived}" if arrived else ""),
        ("next", story.next_step or ""),
        ("waits behind", f"message {story.held_by}, in quarantine" if story.held_by is not None else ""),
    ]


def _waits(installation: Installation, story: Story) -> list[tuple[str, str]]:
    """Say what it waits for, where that is no other message."""
    if story.state != "spooled" or story.held_by is not None or story.destination is None:
        return []
    from lab_sender.operations.lanes import why_it_waits
    from lab_sender.operations.status import one_destination

    return [("next", why_it_waits(one_destination(installation, story.destination)))]


def _elsewhere(story: Story) -> list[tuple[str, str]]:
    """Name the messages for other destinations: one of them may be why the file lies where it does."""
    others = [f"message {each.id} to {each.destination}: {each.words}" for each in story.elsewhere]
    return [("also" if number == 0 else "", each) for number, each in enumerate(others)]


def _where(story: Story) -> str:
    if story.path is not None:
        return story.path
    if story.folder == "claimed":
        return "claimed, until all of its file is final"
    if story.folder == "outbox":
        became = story.read_again_words
        return f"read again: {became}" if became else "on its way to be read again"
    return story.folder or ""


def _attempt_row(number: int, attempt: Attempt) -> tuple[str, ...]:
    detail = attempt.detail or ""
    if attempt.foreign_answers:
        ids = ", ".join(attempt.foreign_ids) if attempt.foreign_ids is not UNSET else attempt.foreign_answers
        detail = f"{detail}; answers to other control ids: {ids}".lstrip("; ")
    return (
        str(number),
        wording.fine_clock(attempt.started_ms)[5:],
        attempt.outcome,
        attempt.phase,
        attempt.code or "",
        " ".join([attempt.ack_code or "", *attempt.errors]).strip(),
        wording.milliseconds(attempt.took_ms) if attempt.ack_code or attempt.outcome == "committed" else "",
        detail,
    )


def _show_raw(story: Story) -> None:
    if story.his_words:
        click.echo(f"\nthe HIS's words: {screen.visible(story.his_words)}")
    if story.message:
        _show_text("message", story.message)
    for number, attempt in enumerate(story.story, 1):
        if attempt.ack:
            _show_text(f"answer to attempt {number}", attempt.ack)
    for each in story.answers:
        if each.ack:
            _show_text(f"other answer at {wording.fine_clock(each.at_ms)}", each.ack)


def _show_text(what: str, text: Text) -> None:
    click.secho(f"\n{what}, {text.bytes:,} bytes", dim=True)
    click.echo("\n".join(screen.visible(segment) for segment in text.segments))
