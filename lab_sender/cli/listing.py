"""`list` and `show`: the journal as a table, and the story of one message.

Holds: how a message or an unreadable file is told.
Promises: no patient data without `--raw`: of an answer its code is told, not the HIS's words, nor the control ids
of others, which may name a patient.
Never: changes anything.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import WordType, pass_installation
from lab_sender.errors import LabSenderError
from lab_sender.operations import named, wording
from lab_sender.operations.installation import Installation
from lab_sender.operations.named import ref_of

if TYPE_CHECKING:
    from lab_sender.journal import Line

_STATES = {
    "waiting": ("spooled", "sending"),
    "acked": ("acked",),
    "quarantined": ("quarantined",),
    "duplicate": ("duplicate",),
    "dismissed": ("dismissed",),
    "withdrawn": ("withdrawn",),
}
COLUMNS = ("id", "time", "state", "code", "ACK ms", "tries", "control id", "file")
SPARE = ("ACK ms", "tries")
"""What a narrow terminal has no room for; `show` has it."""


@click.command("list")
@click.option("--state", "chosen", multiple=True, type=click.Choice(list(_STATES)), help="Only these; repeatable.")
@click.option("--waiting", is_flag=True, help="Short for --state waiting.")
@click.option("--quarantined", is_flag=True, help="Short for --state quarantined.")
@click.option("--outbox", is_flag=True, help="What lies in the outbox untaken, and why.")
@click.option("--contradicted", is_flag=True, help="Only delivered messages that the HIS has contradicted since.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_installation
def list_(
    installation: Installation,
    chosen: tuple[str, ...],
    waiting: bool,
    quarantined: bool,
    outbox: bool,
    contradicted: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List messages and bad files, newest first.

    An id like file:7 is a file that could not be read. Times are when the file was taken in.
    """
    if outbox:
        if chosen or waiting or quarantined:
            raise click.UsageError("--outbox shows files, not messages: it goes with no --state.")
        _list_outbox(installation, limit, as_json=as_json)
        return
    names = {*chosen, *["waiting"] * waiting, *["quarantined"] * quarantined}
    states = [state for name in sorted(names) for state in _STATES[name]]
    with installation.view() as view:
        lines = view.contradicted(limit) if contradicted else view.lines(states=states, limit=limit)
    if as_json:
        screen.show_json([line_as_json(installation, line) for line in lines])
        return
    if not lines:
        click.echo("nothing to list.")
        return
    console = screen.console()
    short = sys.stdout.isatty()
    rows = [
        (
            ref_of(line),
            wording.clock(line.created_ms, short=short),
            line.state,
            code_of(line),
            wording.milliseconds(line.ack_ms),
            str(line.attempts or ""),
            line.control_id,
            name_of(line),
        )
        for line in lines
    ]
    screen.show(console, screen.table(COLUMNS, rows, right=("id", *SPARE), fold=("file",), spare=SPARE))
    if len(lines) == limit:
        click.secho(f"the newest {limit}; --limit shows more.", dim=True)


def _list_outbox(installation: Installation, limit: int, *, as_json: bool) -> None:
    from lab_sender.operations.status import lies_in_outbox

    lying = lies_in_outbox(installation.config, ask_writers=True)
    if lying is None:
        raise LabSenderError(
            "outbox.unreachable", "the outbox cannot be read.", hint="`lab-sender check` shows what is wrong with it."
        )
    shown = lying[:limit]
    if as_json:
        screen.show_json([each._asdict() | {"age_s": round(each.age_s, 1)} for each in shown])
        return
    if not shown:
        click.echo("nothing lies in the outbox.")
        return
    rows = [
        (
            screen.visible(each.name),
            wording.age(each.age_s),
            wording.plural(each.size, "file") if each.why == "sub-folder" else wording.size(each.size),
            each.why,
        )
        for each in shown
    ]
    screen.show(screen.console(), screen.table(("name", "age", "size", "why not yet"), rows, fold=("name",)))
    if len(lying) > len(shown):
        click.secho(f"the oldest {limit} of {len(lying)}; --limit shows more.", dim=True)


@click.command()
@click.argument("word", metavar="ID", type=WordType())
@click.option("--raw", is_flag=True, help="Also the bytes of the message and its ACKs. This is patient data.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_installation
def show(installation: Installation, word: str, raw: bool, as_json: bool) -> None:
    """Tell the story of one message.

    Or of a file that could not be read (file:7). ID may also be a control id, an order number or a file name. A word
    that fits two things is refused; id:, file:, control:, order: and name: before it say what it is.
    """
    with installation.view() as view:
        line = named.find(view, word)
        attempts = [] if line.message_id is None else view.attempts(line.message_id)
        answers = [] if line.message_id is None else view.answers(line.message_id)
        events = view.events(line.message_id, line.source_id)
        held_by = None if line.message_id is None else view.held_by(line.message_id)
        remarks = view.remarks(line)
        wire = view.wire(line.message_id) if raw and line.message_id is not None else None
    if as_json:
        story = _story_as_json(installation, line, attempts, events, wire, raw=raw)
        story["answers"] = [_answer_as_json(each, raw=raw) for each in answers]
        screen.show_json(story | {"held_by": held_by, "remarks": [each._asdict() for each in remarks]})
        return
    console = screen.console()
    facts = [(named.what_of(line), line.state), *_facts(installation, line)]
    facts.append(("waits behind", f"message {held_by}, in quarantine" if held_by is not None else ""))
    screen.show(console, screen.facts(facts))
    if remarks:
        click.echo()
        said = [(each.code, each.place, str(each.times), each.text) for each in remarks]
        heads = ("remark", "place", "times", "what it says")
        screen.show(console, screen.table(heads, said, right=("times",), fold=("place", "what it says")))
    if attempts:
        click.echo()
        columns = ("#", "time", "outcome", "phase", "code", "ACK", "ms", "detail")
        rows = [_attempt_row(number, attempt, raw=raw) for number, attempt in enumerate(attempts, 1)]
        screen.show(console, screen.table(columns, rows, right=("#", "ms"), fold=("detail",)))
    if answers:
        click.echo()
        rows = [(wording.fine_clock(each["at_ms"]), each["code"]) for each in answers]
        screen.show(console, screen.table(("time", "said beside that"), rows))
    if events:
        click.echo()
        rows = [(wording.clock(each["at_ms"]), each["kind"], each["who"], each["detail"]) for each in events]
        screen.show(console, screen.table(("time", "event", "who", "why"), rows, fold=("why",)))
    if raw:
        if line.his_words:
            click.echo(f"\nthe HIS's words: {screen.visible(line.his_words)}")
        _show_raw(wire, attempts, answers)
    elif line.message_id is not None:
        click.secho("\n--raw shows the bytes of the message and its ACKs; they are patient data.", dim=True)


def name_of(line: Line) -> str:
    """Return the file's name, with the place in it where it holds several messages."""
    return f"{line.name} {line.place_in_file}".rstrip()


def code_of(line: Line) -> str:
    """Return what a list shows of how it stands: the code of the last word, or of the reason."""
    return f"contradicted {line.contradicted}" if line.contradicted else line.code or line.ack_code


def reason_of(line: Line) -> str:
    """Return why a message or file is where it is, without the HIS's words."""
    if line.his_words and line.state == "quarantined":
        return f"{line.reason} Its words: --raw, or the .reason.txt beside the file."
    return line.reason


def line_as_json(installation: Installation, line: Line) -> dict[str, Any]:
    """Make a message's or file's JSON object."""
    return {
        "id": ref_of(line),
        "file_id": f"file:{line.source_id}",
        "file": line.name,
        "place": line.place_in_file,
        "control_id": line.control_id or None,
        "state": line.state,
        "code": line.code or None,
        "ack_code": line.ack_code or None,
        "contradicted": line.contradicted or None,
        "ack_ms": line.ack_ms,
        "attempts": line.attempts,
        "taken_in": wording.iso(line.created_ms),
        "final": wording.iso(line.final_ms),
        "same_as": line.same_as,
        "replaced_by": line.replaced_by,
        "replaces": line.replaces,
        "where": installation.where(line.where),
    }


def _facts(installation: Installation, line: Line) -> list[tuple[str, str]]:
    final = "" if line.state in ("spooled", "sending") else wording.fine_clock(line.final_ms)
    unknown = line.state != "acked" and line.may_have_left
    return [
        ("control id", line.control_id),
        ("file", name_of(line)),
        ("where", installation.where(line.where)),
        ("taken in", wording.fine_clock(line.created_ms)),
        (line.state, final if line.message_id is not None else ""),
        ("code", line.code),
        ("contradicted", f"the HIS has answered {line.contradicted} since" if line.contradicted else ""),
        ("reason", reason_of(line)),
        ("same as", f"message {line.same_as}" if line.same_as is not None else ""),
        ("may have arrived", "yes: an attempt ended without an answer" if unknown else ""),
        ("next", _next_step(line)),
    ]


def _next_step(line: Line) -> str:
    from lab_sender.journal import next_step

    ref = ref_of(line)
    if line.contradicted:
        return (
            f"ask the HIS whether it has control id {line.control_id}: if so, `dismiss {ref} --why TEXT` (it stays"
            f" delivered); if not, `resend {ref} --new-id`"
        )
    if line.state != "quarantined":
        return ""
    built = bool(line.control_id)
    return next_step(ref, line.code, control_id=line.control_id, may_have_left=line.may_have_left, built=built)


def _attempt_row(number: int, attempt: dict[str, Any], *, raw: bool) -> tuple[str, ...]:
    detail = attempt["detail"]
    if attempt["foreign_ids"]:
        ids = attempt["foreign_ids"].split("\n")
        detail = f"{detail}; answers to other control ids: {', '.join(ids) if raw else len(ids)}".lstrip("; ")
    answered = attempt["ack_code"] or attempt["kind"] == "committed"
    return (
        str(number),
        wording.fine_clock(attempt["started_ms"])[5:],
        attempt["kind"],
        attempt["phase"],
        attempt["code"],
        attempt["ack_code"],
        wording.milliseconds(attempt["elapsed_ms"]) if answered else "",
        detail,
    )


def _show_raw(wire: bytes | None, attempts: list[dict[str, Any]], answers: list[dict[str, Any]]) -> None:
    if wire is not None:
        click.secho(f"\nmessage, {len(wire):,} bytes", dim=True)
        click.echo("\n".join(screen.segments(wire)))
    for number, attempt in enumerate(attempts, 1):
        if attempt["ack"] is not None:
            click.secho(f"\nanswer to attempt {number}, {len(attempt['ack']):,} bytes", dim=True)
            click.echo("\n".join(screen.segments(attempt["ack"])))
    for each in answers:
        at = wording.fine_clock(each["at_ms"])
        click.secho(f"\nsaid beside that at {at}, {len(each['ack']):,} bytes", dim=True)
        click.echo("\n".join(screen.segments(each["ack"])))


def _answer_as_json(answer: dict[str, Any], *, raw: bool) -> dict[str, Any]:
    shown = {"at": wording.iso(answer["at_ms"]), "code": answer["code"]}
    return shown | ({"ack": screen.segments(answer["ack"])} if raw else {})


def _story_as_json(
    installation: Installation,
    line: Line,
    attempts: list[dict[str, Any]],
    events: list[dict[str, Any]],
    wire: bytes | None,
    *,
    raw: bool,
) -> dict[str, Any]:
    story = line_as_json(installation, line)
    story |= {"reason": reason_of(line) or None, "may_have_left": line.may_have_left}
    story["story"] = [
        {
            "started": wording.iso(attempt["started_ms"]),
            "outcome": attempt["kind"],
            "phase": attempt["phase"],
            "code": attempt["code"] or None,
            "detail": attempt["detail"] or None,
            "ack_code": attempt["ack_code"] or None,
            "foreign_answers": len(attempt["foreign_ids"].split("\n")) if attempt["foreign_ids"] else 0,
            "ack_ms": attempt["elapsed_ms"],
            **({"foreign_ids": attempt["foreign_ids"].split("\n") if attempt["foreign_ids"] else []} if raw else {}),
            **({"ack": screen.segments(attempt["ack"]) if attempt["ack"] is not None else None} if raw else {}),
        }
        for attempt in attempts
    ]
    story["events"] = [
        {"at": wording.iso(each["at_ms"]), "event": each["kind"], "who": each["who"], "why": each["detail"] or None}
        for each in events
    ]
    if raw:
        story["his_words"] = line.his_words or None
        story["message"] = screen.segments(wire) if wire is not None else None
    return story
