"""Which finished messages a destination takes.

Holds: `Takes`, its rules, and how they and the CSV files that they name are read.
Promises: a rule that exists names one field and what is held against it; whether a version has the field is found in
oru/mistakes.py. Every mistake has its line, also in a CSV file.
Never: looks at a message.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Struct
from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from lab_sender.config.profile.field_rules import Path as FieldOf
from lab_sender.config.profile.layers import shown
from lab_sender.config.profile.notation import FieldPath
from lab_sender.config.text.scalars import REGEX, SWITCH, Scalar
from lab_sender.config.text.section import Section, at_odds, either, setting, wrong
from lab_sender.config.text.source import FROM_HERE, Mistake, Unreadable, key_text, read_file
from lab_sender.config.text.tree import Document
from lab_sender.patterns import Pattern

_LARGEST_BYTES = 16 << 20
_KINDS = ("is", "in", "matches")
_ONE_OF = "a rule has one of is, in and matches"


class TakesRule(Struct, frozen=True):
    """One rule: `path` must have, in any repetition, what is named; `negated`: in none.

    Of `is` and `in` it is one of `values`, compared with the whole unescaped text; of `matches` what `pattern` is
    found in. `key` is the rule's setting: `destinations.registry.takes[0]`.
    """

    path: FieldPath
    kind: Literal["is", "in", "matches"]
    values: frozenset[str]
    pattern: Pattern | None
    negated: bool
    key: str


class Takes(Struct, frozen=True):
    """The rules of a destination: it takes a message for which all of them hold, without any every message."""

    rules: tuple[TakesRule, ...]


TAKES_ALL = Takes(())


def _value(text: str) -> str:
    if not text.strip():
        raise wrong("is no value", 'for a field that is empty write matches: "." with not: true')
    if not text.isprintable():
        raise wrong("holds a line break or control character")
    return text


_VALUE = Annotated[str, Scalar(_value, {"type": ["string", "number"]})]


class ListFile(Struct, frozen=True):
    """The name of a CSV file, as written."""

    name: str


class _ListOrFile:
    """Annotation of values: a list of them, or one text that names a CSV file."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        values = handler.generate_schema(tuple[_VALUE, ...])
        return core_schema.no_info_wrap_validator_function(self._read, values)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(core), {"type": "string"}]}

    def _read(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        if isinstance(value, ListFile):
            return value
        if isinstance(value, str):
            if not value.strip() or not value.isprintable():
                raise wrong("must be a list of values, or name a CSV file", "write [one, two]")
            return ListFile(value)
        if isinstance(value, list | tuple) and not value:
            raise wrong("names no value", "write [one, two]")
        return inner(value)


class TakesSetting(Section):
    """What a finished message must have for a destination to take it."""

    field: FieldOf = setting(..., "The field or component of the finished message, in any repetition: OBR-4.1.")
    equals: _VALUE = either("The text that it must be.", alias="is")
    among: Annotated[ListFile | tuple[_VALUE, ...], _ListOrFile()] = either(
        "The texts of which it must be one: a list, or a CSV file that has them in its first column.", alias="in"
    )
    matches: Annotated[Pattern, REGEX] = either(
        "Regular expression that must be found in it; upper and lower case are the same."
    )
    negated: Annotated[bool, SWITCH] = Field(
        False, alias="not", description="Turns the rule: no repetition may have it."
    )


def one_test_each(rules: Any) -> Iterator[tuple[PydanticCustomError, tuple[int]]]:
    """Find the rules that hold nothing against their field, or several things."""
    for number, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
        named = [kind for kind in _KINDS if kind in rule] if isinstance(rule, dict) else ["?"]
        if not named:
            yield at_odds("does not say what the field must be", _ONE_OF), (number,)
        elif len(named) > 1:
            yield at_odds(f"has {' and '.join(named)}", f"{_ONE_OF}; write another rule: all must hold"), (number,)


class Given(NamedTuple):
    """What was read as a destination's `takes`; `data` has the bytes of its CSV files, by their names."""

    takes: Takes
    mistakes: list[Mistake]
    data: dict[str, bytes]


def read(rules: Iterable[TakesSetting], key: str, document: Document, path: Path) -> Given:
    """Make the rules that stand in the section `key`, whose `document` is a part of the file `path`."""
    given = Given(TAKES_ALL, [], {})
    made: list[TakesRule] = []
    for number, rule in enumerate(rules):
        place = document.moved.get(("takes", number), ("takes", number))
        where = f"{key}.{key_text(place)}"
        kind: Literal["is", "in", "matches"] = "is"
        values: frozenset[str] = frozenset()
        if rule.among is not None:
            kind = "in"
            values = (
                _from_file(rule.among, f"{where}.in", document.line(("takes", number, "in"))[1], path.parent, given)
                if isinstance(rule.among, ListFile)
                else frozenset(rule.among)
            )
        elif rule.matches is not None:
            kind = "matches"
        elif rule.equals is not None:
            values = frozenset((rule.equals,))
        made.append(TakesRule(rule.field, kind, values, rule.matches, rule.negated, where))
    return given._replace(takes=Takes(tuple(made)))


def _from_file(listed: ListFile, key: str, line: int, folder: Path, given: Given) -> frozenset[str]:
    """Return the texts in the first column of a CSV file: of every line, for a heading is what no message has."""
    path = folder / listed.name
    name = shown(path, folder)
    try:
        data, text = read_file(path, _LARGEST_BYTES, name, missing=FROM_HERE)
    except Unreadable as error:
        found = error.mistake
        of_file = Mistake(line, key, f"{name}: {found.text}", found.hint, "", found.code)
        given.mistakes.append(found if found.line else of_file)
        return frozenset()
    given.data[name] = data
    values: set[str] = set()
    for number, cell in _first_cells(text):
        if isinstance(cell, _Wrong):
            given.mistakes.append(Mistake(number, "", cell.text, cell.hint, name, "config.list"))
        else:
            values.add(cell)
    if not values and not any(each.file == name for each in given.mistakes):
        given.mistakes.append(Mistake(line, key, f"{name}: has no value", "write one to a line", "", "config.list"))
    return frozenset(values)


class _Wrong(NamedTuple):
    text: str
    hint: str


_NO_CSV = _Wrong("is not CSV", "a cell with a quote in it stands in quotes, and each quote twice")


def _unusable(cell: str) -> _Wrong | None:
    if not cell:
        return _Wrong("has nothing in its first cell", "write the value there")
    if not cell.isprintable():
        return _Wrong("holds a line break or control character", "write each cell in one line")
    return None


def _first_cells(text: str) -> Iterator[tuple[int, str | _Wrong]]:
    """Give the first cell of each row with its line, or what is wrong with it; a row without any text is none."""
    head = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    while True:
        line = rows.line_num + 1
        try:
            cells = [cell.strip() for cell in next(rows)]
        except csv.Error:
            yield line, _NO_CSV
        except StopIteration:
            return
        else:
            if not any(cells):
                continue
            yield line, _unusable(cells[0]) or cells[0]
