"""What a file will become.

Holds: the way from a file to its messages without journal and HIS: `preview`.
Promises: reads and builds as the agent does, with the same configuration; writes nothing.
Never: sends.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from msgspec import UNSET, UnsetType
from msgspec import field as renamed

from lab_sender.errors import FileError, Finding
from lab_sender.operations import beside
from lab_sender.operations.installation import Installation
from lab_sender.operations.sending import read_file
from lab_sender.operations.values import FORMAT, Found, Text, Value, about, found, text_of

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.oru import Builder, FieldStory
    from lab_sender.readers import Item, ReadyItem


class Rule(Value, frozen=True):
    """A line of a profile that had a part in a field."""

    rule: Annotated[str, about("The setting: `set[0]`, `times.offset`.")]
    at: Annotated[str, about("Where it is written: `config.yaml line 13`.")]


class Field(Value, frozen=True):
    """One field of a message."""

    field: Annotated[str, about("`PID-5`, `OBX[2]-5`.")]
    name: Annotated[str, about("What the standard calls it.")]
    value: Annotated[str, about("What is in it. Patient data.")]
    source: Annotated[
        str | None, about("With --explain: a place of the report, `the profile`, `the builder` or `the file`.")
    ] = renamed(name="from")
    rules: Annotated[tuple[Rule, ...], about("With --explain: the lines of the profile that had a part.")]


class Objection(Value, frozen=True):
    """What hl7apy's own parser and validator object to."""

    place: Annotated[str, about("Where in the message.")]
    text: Annotated[str, about("What it says. It may quote the message.")]
    reason: Annotated[str | None, about("Why it is known to be wrong; null: it is not.")]


class PreviewedMessage(Value, frozen=True):
    """One message of a file, or why it cannot be built."""

    place: Annotated[str | None, about("Where in the file it is, if there are several.")]
    made: Annotated[str | None, about("How it is made; null: it cannot be read.")]
    message: Annotated[Text | None, about("The message; null: it cannot be sent.")]
    findings: Annotated[tuple[Found, ...], about("What was found.")]
    fields: Annotated[tuple[Field, ...] | UnsetType, about("With --fields or --explain: its fields.")] = UNSET
    second_opinion: Annotated[tuple[Objection, ...] | UnsetType, about("With --second-opinion: hl7apy's.")] = UNSET


class Preview(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/preview/1"):
    """What a file will become. Control ids and message times are examples."""

    file: Annotated[str, about("The file's name.")]
    ok: Annotated[bool, about("All of it can be sent.")]
    profile: Annotated[str, about("The profile that messages are built by.")]
    messages: Annotated[tuple[PreviewedMessage, ...], about("Its messages, in the file's order.")]


def preview(
    installation: Installation,
    file: Path,
    *,
    fields: bool = False,
    explain: bool = False,
    second_opinion: bool = False,
) -> Preview:
    """Read a file and build its messages.

    `fields` names each field, `explain` also where it comes from; `second_opinion` asks hl7apy, which takes long.
    Raises ConfigError, FileError for a file that cannot be read at all, and Later while it is being written.
    """
    config = installation.config
    messages = []
    for made in _made(file, config, explain=explain):
        named: tuple[Field, ...] | UnsetType = UNSET
        if explain:
            named = tuple([_explained(each) for each in made.stories])
        elif fields:
            named = tuple(_named(made.body)) if made.body is not None else ()
        messages.append(
            PreviewedMessage(
                place=made.place or None,
                made=made.made or None,
                message=text_of(made.body) if made.body is not None else None,
                findings=found(made.findings),
                fields=named,
                second_opinion=_opinions(made.body) if second_opinion else UNSET,
            )
        )
    ok = not any(each.severity == "error" for message in messages for each in message.findings)
    return Preview(file.name, ok, config.message.name, tuple(messages))


class _Made(NamedTuple):
    """One message on its way: its bytes (None when it cannot be built) and what was found."""

    place: str
    made: str
    body: bytes | None
    findings: tuple[Finding, ...] = ()
    stories: tuple[FieldStory, ...] = ()


def _made(file: Path, config: Config, *, explain: bool) -> Iterator[_Made]:
    """Build the messages of a file, in its order."""
    from lab_sender.oru import Builder
    from lab_sender.readers import ReadyItem, read

    builder = Builder(config.message)
    data = read_file(file, config.intake.largest_file_bytes)
    settings = config.inputs
    reading = read(data, file.name, settings)
    documents = config.message.settings.attachments
    items = beside.with_pdf(reading.items, file, settings, documents.test, may_be_cut=documents.cut == "send")
    for number, item in enumerate(items):
        each = _built(item, builder, file.parent, explain=explain)
        each = _answered(each, sent=isinstance(item, ReadyItem) and settings.hl7.no_answer == "send")
        yield each if number else each._replace(findings=(*reading.remarks, *each.findings))


def _built(item: Item, builder: Builder, folder: Path, *, explain: bool) -> _Made:
    from lab_sender.ids import new_id
    from lab_sender.oru import explain as explained
    from lab_sender.readers import BadItem, ReadyItem

    if isinstance(item, BadItem):
        return _Made(item.place, "", None, item.findings)
    if isinstance(item, ReadyItem):
        return _ready(item, builder, explain=explain)
    made = f"built by {builder.site.given.name}"
    given: Any = {
        "control_id": new_id(),
        "now": datetime.datetime.now().astimezone(),
        "place": item.place,
        "attachments": {path.name: path.read_bytes() for path in beside.named_files([item], folder)} | item.documents,
    }
    stories = tuple(explained(builder, item.report, **given)) if explain else ()
    try:
        built = builder.build(item.report, **given)
    except FileError as error:
        return _Made(item.place, made, None, item.located(error.findings), stories)
    return _Made(item.place, made, built.body, item.located(built.warnings), stories)


def _ready(item: ReadyItem, builder: Builder, *, explain: bool) -> _Made:
    from lab_sender.oru import explain_ready, with_rules

    if not builder.rules.for_ready:
        return _Made(item.place, "ready-made", item.body, item.remarks)
    made = f"ready-made, by the rules of {builder.site.given.name}"
    try:
        ruled = with_rules(item.body, builder.rules, item.place)
    except FileError as error:
        return _Made(item.place, made, None, error.findings)
    stories = tuple(explain_ready(item.body, builder.rules, item.version)) if explain else ()
    return _Made(item.place, made, ruled.body, (*item.remarks, *ruled.warnings), stories)


def _answered(made: _Made, *, sent: bool) -> _Made:
    """Drop a message that asks for no answer, as intake does; or only warn, where it is `sent` all the same."""
    from lab_sender.hl7.asked_answers import asked_answers

    if made.body is None:
        return made
    faults = asked_answers(made.body).faults(made.place, severity="warning" if sent else "error")
    return made._replace(body=made.body if sent or not faults else None, findings=(*faults, *made.findings))


def _named(body: bytes) -> Iterator[Field]:
    """Name each field as the standard does; a segment that can stand several times has a number."""
    from lab_sender.hl7.describe import describe

    seen: dict[str, int] = {}
    for segment in describe(body):
        seen[segment.name] = number = seen.get(segment.name, 0) + 1
        name = segment.name if segment.name in ("MSH", "PID", "PV1") else f"{segment.name}[{number}]"
        for each in segment.fields:
            yield Field(f"{name}-{each.number}", each.name, each.raw, None, ())


def _explained(story: FieldStory) -> Field:
    rules = tuple([Rule(rule.label, rule.where) for rule in story.rules])
    return Field(story.field, story.name, story.value, story.source, rules)


def _opinions(body: bytes | None) -> tuple[Objection, ...]:
    """Let hl7apy read a message; none for one that cannot be built."""
    from lab_sender.hl7.message import read
    from lab_sender.hl7.second_opinion import second_opinion

    opinions: Iterable[Any] = second_opinion(body, read(body).codec) if body is not None else ()
    return tuple([Objection(each.place, each.text, each.reason or None) for each in opinions])
