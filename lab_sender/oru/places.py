"""What a version or a site has no field for, and where it goes instead.

Holds: the `places` of one profile, and the way of a value from its field to another one or into a note.
Promises: whatever does not fit its field is moved whole, said in a note, left out because the profile says so, or is
a finding (`version.no-place`); nothing is lost in silence. A place in a segment that is not there is a note.
Never: moves what fits, unless the profile says so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Final

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
"""Component that says who gave out the number."""


class Places:
    """The places of one profile in one version, whose coded values are of type `coded` (CE or CWE).

    `mistakes` has the places that the version lacks (`profile.places`).
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
            if (path.segment, path.field) not in adopted  # the HIS takes it where it stands
        }
        self._inside = {(path.segment, path.field) for path in self._moves if path.component or path.repetition}
        moved = [path for path in self._moves if self._has(path)]
        self.wanted = {path.segment: [one.field for one in moved if one.segment == path.segment] for path in moved}
        """Segment -> its fields that lose something which the version does have a field for."""

    def goes(self, segment: str, field: int, to: str) -> bool:
        """Tell whether the place of a field is in segment `to`."""
        target = self._moves.get(FieldPath(segment, field))
        return isinstance(target, FieldPath) and target.segment == to

    def fit(self, w: Writer, row: Row, misfits: Collection[int]) -> None:
        """Move out of `row` what its version or its site has no field for; `misfits` are the fields to look at."""
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
            self.place(w, row, path, text)

    def scatter(self, w: Writer, row: Row) -> None:
        """Find a place for each field of a segment that the message has no place for; field 1 is its set id."""
        for number in range(2, len(row)):
            if row[number]:
                self.place(w, None, FieldPath(row[0], number), row[number])

    def place(self, w: Writer, row: Row | None, path: FieldPath, text: str) -> None:
        """Put what stood at `path` into its place, or note that there is none; `row` is the one being written."""
        target = self._moves.get(path)
        datatype = self._datatype(path)
        name = label(path)
        if path.component:
            datatype = "ST"
        if target is None:
            w.misplaced(
                "version.no-place", f"HL7 {self._version} has no place for this ({name}, {path}).", path.field,
                f"Say in the profile where it goes, such as places: {{{path}: note}}.",
            )  # fmt: skip
            return
        w.credit(path.field, f"places.{path}")
        free = self._move(w, row, target, self._as(datatype, text, target)) if isinstance(target, FieldPath) else None
        if free is None and target != _NOWHERE:
            w.leftovers.append(f"{name}: {words(datatype, text)}")
        elif free is False:
            w.misplaced(
                "version.place-taken", f"The profile puts this ({path}) into {target}, which has another value.",
                path.field, f"Choose another place in the profile, such as places: {{{path}: note}}.",
            )  # fmt: skip

    def _cut(
        self, path: FieldPath, text: str, datatype: str, over: list[tuple[FieldPath, str]], level: int = 0
    ) -> str:
        """Return what the data type has components for; the rest goes to `over`."""
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
        """Write `text` to its place in this segment or the nearest one before, if that is free; None without one.

        That of another order is none.
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
        """Tell whether the version has the field, and the component where one is named."""
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
    """Write `text` to a field or component that is empty or says the same; tell whether it was."""
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
