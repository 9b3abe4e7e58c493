"""Values whose field the version or the site does not have, moved elsewhere.

Holds: the relocations of one profile (its `places`): from a field to another one, or into a note.
Promises: what does not fit its field is moved whole, becomes a note, is left out as the profile wants it, or is a
finding (`version.no-place`). A relocation into a segment that the message does not have becomes a note.
Never: loses a value in silence; moves one that fits, unless the profile wants it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from lab_sender.config.profile.notation import FieldPath, read_path
from lab_sender.errors import SettingError
from lab_sender.hl7 import grammar
from lab_sender.oru.wording import label, person_name, words

if TYPE_CHECKING:
    from lab_sender.config.profile.model import Profile
    from lab_sender.hl7.er7 import Row
    from lab_sender.oru.writer import Writer

_NOTE: Final = "note"
_NOWHERE: Final = "nowhere"
_WRITTEN_AS: Final = "2.5.1"
"""The version whose field numbers and data types segments.py writes in."""

_SAME_TYPE: Final = {"CE": "CWE", "TS": "DTM"}
_OF_MESSAGE: Final = frozenset({"PID", "PD1", "PV1", "PV2"})
_AUTHORITY: Final = {"XON": 6, "XCN": 9, "CX": 4, "EI": 2}
"""Component with the authority that gave out the number."""


class Relocations:
    """The relocations of one profile in one version, whose coded values are of type `coded` (CE or CWE).

    `mistakes` has the targets that the version lacks (`profile.places`).
    """

    def __init__(self, profile: Profile, own: grammar.Grammar, coded: str) -> None:
        self.mistakes: list[SettingError] = []
        self._coded = coded
        self._version = profile.version
        self._grammar = own
        self._written = grammar.load(_WRITTEN_AS)
        adopted = {(path.segment, path.field) for path in profile.preadopted}
        self._moves = {
            path: self._target(path, text)
            for path, text in profile.places.items()
            if (path.segment, path.field) not in adopted  # the HIS takes it in its own field
        }
        self._inside = {(path.segment, path.field) for path in self._moves if path.component or path.repetition}
        moved = [path for path in self._moves if self._has(path)]
        self.wanted = {path.segment: [one.field for one in moved if one.segment == path.segment] for path in moved}
        """Segment -> its fields from which something is moved though the version has the field."""

    def leads_to(self, segment: str, field: int, to: str) -> bool:
        """Return whether a field is moved into segment `to`."""
        target = self._moves.get(FieldPath(segment, field))
        return isinstance(target, FieldPath) and target.segment == to

    def fit(self, w: Writer, row: Row, misfits: Collection[int]) -> None:
        """Move out of `row` what the version or the site has no field for; `misfits` are the fields to check."""
        segment = row[0]
        fields = self._grammar.fields(segment)
        over: list[tuple[FieldPath, str]] = []
        for number in range(1, len(row)):
            text = row[number]
            path = FieldPath(segment, number)
            if not text:
                continue
            field = fields[number - 1] if number <= len(fields) else None
            if field is None or field.most == 0 or path in self._moves:
                row[number] = ""
                over.append((path, text))
            elif number in misfits or (segment, number) in self._inside:
                datatype = row[2] if field.datatype == "varies" else field.datatype
                kept, *further = text.split("~")
                if further and (not field.repeats or replace(path, repetition=2) in self._moves):
                    over.append((replace(path, repetition=2), "~".join(further)))
                    further = []
                row[number] = "~".join(self._cut(path, one, datatype, over) for one in (kept, *further))
        for path, text in over:
            self.relocate_field(w, row, path, text)

    def relocate_segment(self, w: Writer, row: Row) -> None:
        """Relocate the fields of a segment that the message goes without, but for field 1, its set id."""
        for number in range(2, len(row)):
            if row[number]:
                self.relocate_field(w, None, FieldPath(row[0], number), row[number])

    def relocate_field(self, w: Writer, row: Row | None, path: FieldPath, text: str) -> None:
        """Write the text of `path` to its target, or note that it has none; `row` is the one being written."""
        target = self._moves.get(path)
        datatype = self._datatype(path)
        name = label(path)
        if path.component:
            datatype = "ST"
        if target is None:
            w.without_target(
                "version.no-place", f"HL7 {self._version} has no place for this ({name}, {path}).", path.field,
                f"Say in the profile where it goes, such as places: {{{path}: note}}.",
            )  # fmt: skip
            return
        w.credit(path.field, f"places.{path}")
        free = self._move(w, row, target, self._as(datatype, text, target)) if isinstance(target, FieldPath) else None
        if free is None and target != _NOWHERE:
            w.leftovers.append(f"{name}: {words(datatype, text)}")
        elif free is False:
            w.without_target(
                "version.place-taken", f"The profile puts this ({path}) into {target}, which has another value.",
                path.field, f"Choose another place in the profile, such as places: {{{path}: note}}.",
            )  # fmt: skip

    def _cut(
        self, path: FieldPath, text: str, datatype: str, over: list[tuple[FieldPath, str]], level: int = 0
    ) -> str:
        """Return what the data type has components for; add the rest to `over`."""
        components = self._grammar.components(datatype)
        separator = "^&"[level]
        parts = text.split(separator)
        if not components and not parts[0] and len(parts) > 1:
            parts[:2] = [parts[1], ""]  # a code's text stands alone where there is no code
        for index, part in enumerate(parts):
            here = replace(path, subcomponent=index + 1) if level else replace(path, component=index + 1)
            known = components[index].datatype if index < len(components) else ""
            if not part:
                continue
            if here in self._moves or known == grammar.WITHDRAWN or (index and not known):
                parts[index] = ""
                over.append((here, part))
            elif not level and known:
                parts[index] = self._cut(here, part, known, over, 1)
        return separator.join(parts).rstrip(separator)

    def _as(self, datatype: str, text: str, target: FieldPath) -> str:
        """Return a value of `datatype` in the form of its new field."""
        wanted = self._grammar.fields(target.segment)[target.field - 1].datatype
        wanted = _SAME_TYPE.get(wanted, wanted)
        if not target.component and wanted == datatype:
            return text
        if wanted in ("DTM", "DT", "NM") or target.subcomponent:
            return text
        first = text.partition("~")[0].split("^")
        if wanted == "CWE" and not target.component:
            number = "".join(first[9:10]) if datatype == "XON" else first[0]
            if datatype not in _AUTHORITY or not number:
                return "^" + words(datatype, text)
            name = first[0] if datatype == "XON" else person_name(first) if datatype == "XCN" else ""
            system = "".join(first[_AUTHORITY[datatype] - 1 :][:1])
            return f"{number}^{name}^{next(filter(None, system.split('&')), '')}".rstrip("^")
        return first[0] if wanted in ("ID", "IS") else words(datatype, text)

    def _move(self, w: Writer, row: Row | None, target: FieldPath, text: str) -> bool | None:
        """Write `text` to its target in this row, or in the nearest segment before it within the same order.

        Return whether the target was free; None where there is no such segment.
        """
        if row is not None and row[0] == target.segment:
            return _put(row, target, text)
        own = row is None or row[0] != "ORC"  # an order begins with its ORC
        for index in range(len(w.lines) - 1, 0, -1):
            segment = w.lines[index][:3]
            if segment == target.segment and (own or segment in _OF_MESSAGE):
                line = w.lines[index].split("|")
                free = _put(line, target, text)
                w.replace(index, line)
                return free
            own = own and segment != "ORC"
        return None

    def _target(self, path: FieldPath, text: str) -> FieldPath | str:
        if text in (_NOTE, _NOWHERE):
            return text
        try:
            target = read_path(text)
        except ValueError:
            target = None
        if target is None or not self._has(target) or target.segment == "MSH":
            wrong = f"{path} cannot go to {text!r} in HL7 {self._version}."
            hint = "Name a field of this version, or write note or nowhere."
            self.mistakes.append(SettingError("profile.places", f"places.{path}", wrong, hint=hint))
            return _NOTE
        return target

    def _has(self, path: FieldPath) -> bool:
        """Return whether the version has the field, and the component where one is named."""
        fields = self._grammar.fields(path.segment)
        if path.field > len(fields) or fields[path.field - 1].most == 0:
            return False
        field = fields[path.field - 1]
        if path.repetition > 1 and not field.repeats:
            return False
        datatype = self._coded if field.datatype == "varies" else field.datatype
        for number in (path.component, path.subcomponent):
            components = self._grammar.components(datatype)
            if number > max(len(components), 1):
                return False
            datatype = components[number - 1].datatype if number and components else datatype
        return datatype != grammar.WITHDRAWN

    def _datatype(self, path: FieldPath) -> str:
        datatype = self._written.fields(path.segment)[path.field - 1].datatype
        return _SAME_TYPE.get(datatype, datatype)


def _put(row: Row, target: FieldPath, text: str) -> bool:
    """Write `text` to a field or component that is empty or holds the same; return whether it was."""
    row += [""] * (target.field + 1 - len(row))
    if not target.component:
        free = row[target.field] in ("", text)
        row[target.field] = text if free else row[target.field]
        return free
    parts = row[target.field].split("^")
    parts += [""] * (target.component - len(parts))
    inner = parts[target.component - 1].split("&")
    index = max(target.subcomponent, 1) - 1
    inner += [""] * (index + 1 - len(inner))
    free = inner[index] in ("", text)
    if free:
        inner[index] = text
        parts[target.component - 1] = "&".join(inner)
        row[target.field] = "^".join(parts)
    return free
