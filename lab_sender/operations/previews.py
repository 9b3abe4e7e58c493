"""What a file will become.

Holds: `preview`, the way from a file to its messages, one for each destination that takes it; no journal, no HIS.
Promises: reads, builds and routes as the agent does, with the same configuration; writes nothing.
Never: sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import UNSET, UnsetType
from msgspec import field as renamed

from lab_sender.operations.destinations import chosen
from lab_sender.operations.installation import Installation
from lab_sender.operations.making import made_of
from lab_sender.operations.outboxes import outbox_of
from lab_sender.operations.values import FORMAT, Found, Text, Value, about, found, text_of

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.config.takes import TakesRule
    from lab_sender.intake.routing import Route
    from lab_sender.oru import FieldStory


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


class Taking(Value, frozen=True):
    """A rule by which a destination takes messages, and whether it holds for this one. No value of the message."""

    field: Annotated[str, about("The field that it looks at: `OBR-4.1`.")]
    kind: Annotated[Literal["is", "in", "matches"], about("What the field must be.")]
    negated: Annotated[bool, about("It must not be that (`not: true`).")]
    holds: Annotated[bool | None, about("The rule holds; null: the message has errors, so nobody can say.")]
    rule: Annotated[str, about("The setting: `destinations.registry.takes[0]`.")]
    at: Annotated[str, about("Where it is written: `config.yaml line 13`.")]


class PreviewedMessage(Value, frozen=True):
    """One message of a file for one destination, or why there is none."""

    destination: Annotated[str | None, about("The destination; null: it cannot be read, so for none of them.")]
    taken: Annotated[bool | None, about("The destination takes it; null: it has errors, so nobody can say.")]
    takes: Annotated[tuple[Taking, ...], about("The rules that were held to it; none: the destination takes all.")]
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
    to: Sequence[str] = (),
    fields: bool = False,
    explain: bool = False,
    second_opinion: bool = False,
) -> Preview:
    """Read a file and build its messages, for the destinations that are named, else for those of its outbox.

    One that lies in no outbox is for all that there are. `fields` names each field, `explain` also where it comes
    from; `second_opinion` asks hl7apy, which takes long. Raises ConfigError, FileError for a file that cannot be read
    at all, Later while it is being written, and UnknownDestination.
    """
    config = installation.config
    outbox = outbox_of(config, file)
    everybody = outbox.to if outbox is not None else tuple(config.destinations)
    names = chosen(config, to) if to else everybody
    messages = []
    for made in made_of(file, config, names, explain=explain, are_all=set(names) >= set(everybody)):
        named: tuple[Field, ...] | UnsetType = UNSET
        if explain:
            named = tuple([_explained(each) for each in made.stories])
        elif fields:
            named = tuple(_named(made.body)) if made.body is not None else ()
        messages.append(
            PreviewedMessage(
                destination=made.destination or None,
                taken=made.taken,
                takes=_takes(config, made.route),
                place=made.place or None,
                made=made.made or None,
                message=text_of(made.body) if made.body is not None else None,
                findings=found(made.findings),
                fields=named,
                second_opinion=_opinions(made.body) if second_opinion else UNSET,
            )
        )
    ok = not any(each.severity == "error" for message in messages for each in message.findings)
    return Preview(file.name, ok, config.destinations[names[0]].message.name, tuple(messages))


def _takes(config: Config, route: Route | None) -> tuple[Taking, ...]:
    """Name the rules of a route in the order in which they are written."""
    if route is None:
        return ()
    kinds = ((True, route.met), (False, route.unmet), (None, route.unclear))
    held = sorted([(each, holds) for holds, rules in kinds for each in rules], key=_place)
    return tuple(
        [
            Taking(str(each.path), each.kind, each.negated, holds, each.key, config.lines.where(each.key))
            for each, holds in held
        ]
    )


def _place(held: tuple[TakesRule, bool | None]) -> tuple[int, str]:
    return len(held[0].key), held[0].key


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
