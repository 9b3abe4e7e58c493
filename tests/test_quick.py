"""`make quick` leaves out what its list names, and no room; `make test-windows` what is the same on every system."""

from __future__ import annotations

import ast
from functools import cache

import pytest
from kit.alike import ALIKE
from kit.quick import TESTS, names, some

FOLDERS = (path.name for path in TESTS.iterdir() if path.is_dir())
ROOMS = sorted(name for name in FOLDERS if (TESTS.parent / "lab_sender" / name / "__init__.py").exists())


def test_what_is_left_out_is_there() -> None:
    all_names = {*names(), *(name for each in ALIKE.values() for name in each)}
    assert [name for name in sorted(all_names) if not _is_there(name)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_but_the_command_line_is_tested(room: str) -> None:
    kept = {path.relative_to(TESTS).as_posix() for path in (TESTS / room).glob("test_*.py")} - set(names())
    assert bool(kept and room not in names()) == (room != "cli")


def test_of_a_long_table_few_rows_are_tried() -> None:
    assert some([*range(4)]) == [0, 1, 2, 3]
    assert some([*range(94)]) == [0, 31, 62, 93]


def _is_there(name: str) -> bool:
    path, _, test = name.partition("::")
    test, _, parameter = test.partition("[")
    return (TESTS / path).exists() and (not test or _has(path, test, parameter.removesuffix("]")))


def _has(path: str, test: str, parameter: str) -> bool:
    text, functions = _functions(path)
    return parameter in text and test in functions


@cache
def _functions(path: str) -> tuple[str, frozenset[str]]:
    text = (TESTS / path).read_text("utf-8")
    return text, frozenset(each.name for each in ast.parse(text).body if isinstance(each, ast.FunctionDef))
