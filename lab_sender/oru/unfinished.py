"""A message that was written, and has errors: it is never sent, but says whom it would be for.

Holds: the Unfinished message, the fields of it that nobody may trust, and the error that carries it.
Promises: a field that is not doubtful, and is there, is what the message would have without its errors. One that is
not there would not be there without them, unless `may_lack` it.
Never: judges a message, or decides who takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from typing import Final, NamedTuple, TypeAlias

from lab_sender.config.profile.model import Profile
from lab_sender.config.profile.notation import FieldPath, read_path
from lab_sender.errors import FileError, Finding

Field: TypeAlias = tuple[str, int]
"""A segment's name and the number of a field in it; 0 for the segment as a whole."""

ANYTHING: Final[Field] = ("", 0)
"""The message as a whole."""

REPORT: Final[Field] = ("report", 0)
"""What a template reads in the report itself; doubtful in every built message that has an error."""

_NAME: Final = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[[0-9]+\])?(?:-([0-9]+).*)?").fullmatch

_SAME: Final = (
    (("OBR", 2), ("ORC", 2)), (("OBR", 3), ("ORC", 3)), (("OBR", 16), ("ORC", 12)), (("OBR", 17), ("ORC", 14)),
    (("OBR", 27), ("ORC", 7)), (("OBR", 5), ("OBR", 27)), (("OBR", 5), ("TQ1", 9)), (("OBR", 6), ("TQ1", 7)),
    (("OBR", 7), ("SPM", 17)), (("OBR", 8), ("SPM", 17)), (("OBR", 14), ("SPM", 18)), (("OBR", 15), ("SPM", 4)),
    (("OBR", 15), ("SPM", 6)), (("OBR", 15), ("SPM", 8)), (("PID", 29), ("PID", 30)),
)  # fmt: skip
"""Fields that the Builder writes from one value of the report."""

_FOLLOWS: Final[dict[Field, tuple[Field, ...]]] = {
    ("OBX", 5): (("OBX", 1), ("OBX", 2), ("OBX", 4)),  # the type of a value, and the numbers of its lines
    ("OBX", 11): (("OBR", 25),),
    ("OBR", 25): (("OBX", 0),),  # of a cancelled order the profile may send none
}
"""Field -> the others that the Builder writes by it."""

_BY_CODE: Final[dict[str, tuple[Field, ...]]] = {
    "value.cancelled": (("OBX", 0), ("OBR", 25)),  # of a cancelled order the results may not be in the message
    "attachment.cancelled": (("OBX", 0), ("OBR", 25)),
    "value.missing": (("OBX", 0), ("OBR", 25)),  # it may be cancelled
    "attachment.missing": (("OBX", 3),),  # what it is called may follow from what it is
    "attachment.mime": (("OBX", 3),),
    "attachment.empty": (("OBX", 3),),
}


class Influence(NamedTuple):
    """What is written from `sources`, or only where they are so."""

    sources: frozenset[Field]
    targets: frozenset[Field]


class Unfinished(NamedTuple):
    """A message as it was written; `text` is ER7, every segment ends with CR.

    `doubtful` are the fields that an error concerns, and those that the Builder, a relocation or the profile's rules
    write from the same values; in whatever segment of that name. `lacks_values`: some values could not be written.
    """

    text: str
    doubtful: frozenset[Field]
    lacks_values: bool

    def doubts(self, path: FieldPath) -> bool:
        """Return whether nobody knows what the field of a path would have without the errors."""
        return _touched((path.segment, path.field), self.doubtful)

    def may_lack(self, segment: str) -> bool:
        """Return whether a field of a segment may be empty, or a segment missing, because of an error.

        Who corrects one field of a segment may give others too: of a laboratory its name, and with that its address.
        """
        return self.lacks_values or _touched((segment, 0), self.doubtful)


class UnfinishedError(FileError):
    """The message has errors; `message` is what was written of it."""

    def __init__(self, findings: Iterable[Finding], message: Unfinished) -> None:
        super().__init__(findings)
        self.message = message


def fields_of(paths: Iterable[FieldPath]) -> frozenset[Field]:
    """Return the fields that paths are of."""
    return frozenset((path.segment, path.field) for path in paths)


def lacks_values(written: Iterable[Finding]) -> bool:
    """Return whether, by what the Builder found while it wrote a message, a value may be missing from it."""
    return any(each.severity == "error" and not each.code.startswith("charset.") for each in written)


def doubtful(
    findings: Iterable[Finding], more: Iterable[Field], influences: Iterable[Influence], *, built: bool
) -> frozenset[Field]:
    """Return the doubtful fields of a message.

    `more` are fields that errors are about and do not name. `built`: by the Builder, so from the values of a report.
    """
    errors, influences = [each for each in findings if each.severity == "error"], tuple(influences)
    named = {_field(each) for each in errors}.union(more)
    wrong = _followed(named, [Influence(each.targets, each.sources) for each in influences])
    if REPORT in wrong:
        return frozenset({ANYTHING})  # nobody knows where else a value of the report stands
    if built:
        wrong |= {REPORT, ("NTE", 0)}  # what has no field of its own may become a note
        wrong |= {field for each in errors for field in _BY_CODE.get(each.code, ())}
        wrong |= _twins(wrong)
    return frozenset(_followed(wrong, influences))


def influences_of(profile: Profile) -> list[Influence]:
    """Return what the relocations and identifiers of a profile write from which field."""
    found = [
        Influence(fields_of([path]), fields_of([read_path(target)]))
        for path, target in profile.places.items()
        if "-" in target
    ]
    if profile.identifiers.copies:
        found.append(Influence(frozenset({("PID", 3)}), fields_of(profile.identifiers.copies)))
    return found


def _field(error: Finding) -> Field:
    """Return the field that an error names; one that names none is about the message as a whole."""
    name = _NAME(error.field)
    return (name[1], int(name[2] or 0)) if name else ANYTHING


def _twins(fields: Set[Field]) -> set[Field]:
    """Return what the Builder writes from the values that stand in some fields."""
    found: set[Field] = set()
    for one, other in _SAME:
        found |= {other} if _touched(one, fields) else set()
        found |= {one} if _touched(other, fields) else set()
    for source, targets in _FOLLOWS.items():
        found |= set(targets) if _touched(source, fields) else set()
    return found


def _followed(fields: Iterable[Field], influences: Iterable[Influence]) -> set[Field]:
    """Return the fields, and what they influence, step by step."""
    found, left = set(fields), list(influences)
    while now := [each for each in left if any(_touched(source, found) for source in each.sources)]:
        left = [each for each in left if each not in now]
        for each in now:
            found |= each.targets
    return found


def _touched(field: Field, fields: Set[Field]) -> bool:
    """Return whether a field is among others, of which some may be whole segments, or is the whole of one of them."""
    if field in fields or (field[0], 0) in fields or ANYTHING in fields:
        return True
    return field[1] == 0 and any(each[0] == field[0] for each in fields)
