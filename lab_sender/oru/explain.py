"""Where each field of a message comes from, for `preview --explain`.

Holds: for each field its value, the place in the report it comes from, and the lines of the profile that had a part.
Promises: agrees with what the Builder sends: the same code writes it and applies the rules to it, one by one.
Never: is used to send a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from lab_sender.config.profile.notation import FieldPath
from lab_sender.errors import LabSenderError
from lab_sender.hl7.charset import replaced
from lab_sender.hl7.er7 import field_name
from lab_sender.hl7.grammar import Grammar, load
from lab_sender.oru.rules.paths import Origin
from lab_sender.oru.rules.ready import read_sheet
from lab_sender.oru.rules.rules import Rules
from lab_sender.oru.rules.sheet import Segment, Sheet
from lab_sender.oru.rules.sources import SETTINGS, source
from lab_sender.oru.writer import CarefulWriter
from lab_sender.report.model import Report

if TYPE_CHECKING:
    from lab_sender.oru.builder import Builder

_BUILDER: Final = "the builder"
_PROFILE: Final = "the profile"
_FILE: Final = "the file"
_MESSAGE_TIME: Final = FieldPath("MSH", 7)
_TIMES: Final = ("time_zone", "times.offset", "times.precision", "times.convert")


class FieldStory(Struct, frozen=True):
    """One field, or a segment that was left out (its `value` is empty).

    `source` is a place of the report, or `the profile`, `the builder`, `the file`; `rules` are the lines of the
    profile that had a part, in their order.
    """

    field: str
    name: str
    value: str
    source: str
    rules: tuple[Origin, ...] = ()


class _Known(Struct):
    """What is known of one field so far."""

    source: str
    rules: list[Origin] = field(default_factory=list)


def explain(
    builder: Builder,
    report: Report,
    *,
    control_id: str,
    now: datetime,
    attachments: Mapping[str, bytes],
    place: str = "",
) -> list[FieldStory]:
    """Explain the fields of a report's message, written as `Builder.build` does, whatever is wrong with it."""
    site = builder.site
    w = CarefulWriter(site, place)
    builder.write(w, report, control_id=control_id, now=now, attachments=attachments)
    sheet = Sheet(w.lines, w.places)
    story = _Story(sheet, site.grammar, _BUILDER)
    origins = site.origins
    shared = _of_times(builder, w, report, control_id=control_id, now=now, attachments=attachments)
    for name, settings in _of_relocations(w, site.profile.places):
        shared.setdefault(name, []).extend(settings)
    for number, line in story.numbered():
        for at, value in enumerate(line.row):
            if at and value:
                name = field_name(line.name, number, at)
                known = story.known[id(line), at] = _Known(_source(w, line, name, at))
                settings = [*w.settings.get(name, ()), *shared.get(name, ()), *_of_header(builder, line, at)]
                known.rules += [Origin(setting, _written(origins, setting)) for setting in settings]
    if builder.rules.active:
        story.follow(builder.rules, report)
    handling = site.profile.text.unencodable
    return [*story.fields(lambda value: replaced(value, site.codec, handling))]


def explain_ready(body: bytes, rules: Rules, version: str) -> list[FieldStory]:
    """Explain the fields of a ready message that the rules changed. Raises FileError as `with_rules` does."""
    sheet, _ = read_sheet(body)
    try:
        names = load(version or "2.5.1")
    except LabSenderError:
        names = load("2.5.1")
    story = _Story(sheet, names, _FILE)
    if rules.for_ready:
        story.follow(rules, None)
    return [one for one in story.fields(str) if one.rules]


class _Story:
    """Follows the fields of a sheet through the rules; `otherwise`: the source of what nothing else made."""

    def __init__(self, sheet: Sheet, grammar: Grammar, otherwise: str) -> None:
        self.known: dict[tuple[int, int], _Known] = {}
        self._sheet = sheet
        self._grammar = grammar
        self._lines = list(sheet.lines)  # they live as long as their ids are used
        self._gone: list[FieldStory] = []
        self._otherwise = otherwise

    def numbered(self) -> Iterator[tuple[int, Segment]]:
        """Yield the lines with their number among those of their kind."""
        count: dict[str, int] = {}
        for line in self._sheet.lines:
            count[line.name] = number = count.get(line.name, 0) + 1
            yield number, line

    def follow(self, rules: Rules, report: Report | None) -> None:
        """Apply the rules to the sheet, one after the other."""
        sheet = self._sheet
        for edit in rules.edits:
            before = {id(line): line.row for line in sheet.lines}
            edit.apply(sheet, report)
            self._credit(before, edit.origin)
        faults = len(sheet.faults)
        rules.judge(sheet)
        for fault in sheet.faults[faults:]:
            if fault.code == "field.cut" and fault.path is not None:
                self._of(fault.line, fault.path.field).rules.append(fault.origin)

    def fields(self, shown: Callable[[str], str]) -> Iterator[FieldStory]:
        """Yield the fields in the order of the message, each as `shown` makes it, then the segments left out."""
        for number, line in self.numbered():
            known = self._grammar.fields(line.name)
            for at, value in enumerate(line.row):
                one = self.known.get((id(line), at))
                if at and (value or one is not None):
                    words = known[at - 1].name if at <= len(known) else ""
                    one = one or _Known(self._otherwise)
                    yield FieldStory(
                        field_name(line.name, number, at), words, shown(value), one.source, tuple(one.rules)
                    )
        yield from self._gone

    def _credit(self, before: Mapping[int, Sequence[str]], origin: Origin) -> None:
        for line in self._sheet.lines:
            old = before.get(id(line))
            if old is None:
                self._lines.append(line)
            for at, value in enumerate(line.row):
                if at and value != (old[at] if old is not None and at < len(old) else ""):
                    self._of(line, at).rules.append(origin)
        left = {id(line) for line in self._sheet.lines}
        for line in self._lines:
            if id(line) in before and id(line) not in left:
                self._gone.append(FieldStory(line.name, "left out", "", line.place or self._otherwise, (origin,)))

    def _of(self, line: Segment, at: int) -> _Known:
        return self.known.setdefault((id(line), at), _Known(_PROFILE))


def _source(w: CarefulWriter, line: Segment, name: str, at: int) -> str:
    if line.name == "MSH":
        return _PROFILE if f"MSH-{at}" in SETTINGS else _BUILDER
    part = w.where(line.place)
    exact = w.source(name, line.place)
    if exact != part:
        return exact
    known = source(line.name, at, 0, line.place)
    return w.where(known) if known is not None else _BUILDER


def _of_relocations(w: CarefulWriter, places: Mapping[FieldPath, str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the fields into which something was relocated from another field of their segment."""
    for name, settings in w.settings.items():
        for path, target in places.items():
            if f"places.{path}" in settings and target.startswith(f"{path.segment}-"):
                yield f"{name.partition('-')[0]}-{target.partition('-')[2].partition('.')[0]}", [f"places.{path}"]


def _of_times(builder: Builder, w: CarefulWriter, report: Report, **more: Any) -> dict[str, list[str]]:
    """Return the fields that the profile's form of times changed: those that differ without it."""
    given = builder.site.given
    settings = [name for name in _TIMES if name in given.origins]
    if not settings:
        return {}
    times = given.settings.times
    fields = {path: form for path, form in times.fields.items() if path != _MESSAGE_TIME}  # needs a zone
    times = times.model_copy(update={"offset": "keep", "precision": "keep", "convert": False, "fields": fields})
    untimed = given.settings.model_copy(update={"times": times, "time_zone": ""})
    plain = type(builder)(replace(given, settings=untimed))
    other = CarefulWriter(plain.site, "")
    plain.write(other, report, **more)
    found: dict[str, list[str]] = {}
    story = _Story(Sheet(w.lines, w.places), builder.site.grammar, _BUILDER)
    for (number, line), plainly in zip(story.numbered(), Sheet(other.lines, other.places).lines, strict=False):
        if line.name == plainly.name:
            for at, (mine, theirs) in enumerate(zip(line.row, plainly.row, strict=False)):
                if mine != theirs:
                    found[field_name(line.name, number, at)] = list(settings)
    return found


def _of_header(builder: Builder, line: Segment, at: int) -> list[str]:
    setting = SETTINGS.get(f"MSH-{at}") if line.name == "MSH" else None
    if line.name == "MSH" and at == _MESSAGE_TIME.field and _MESSAGE_TIME in builder.site.profile.times.fields:
        setting = f"times.fields.{_MESSAGE_TIME}"
    return [setting] if setting else []


def _written(origins: Mapping[str, str], setting: str) -> str:
    """Return where a setting, or the first of those below it, is written."""
    inner = (where for key, where in origins.items() if key.startswith((f"{setting}.", f"{setting}[")))
    return origins.get(setting) or next(inner, "default")
