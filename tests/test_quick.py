"""`make quick` leaves out what its list names, and no room; `make test-windows` what is the same on every system."""

from __future__ import annotations

import ast

import pytest
from kit.alike import ALIKE
from kit.quick import TESTS, names

FOLDERS = (path.name for path in TESTS.iterdir() if path.is_dir())
ROOMS = sorted(name for name in FOLDERS if (TESTS.parent / "lab_sender" / name / "__init__.py").exists())


@pytest.mark.parametrize("name", sorted({*names(), *(name for each in ALIKE.values() for name in each)}))
def test_what_is_left_out_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    test, _, parameter = test.partition("[")
    assert (TESTS / path).exists()
    if test:
        text = (TESTS / path).read_text("utf-8")
        assert parameter.removesuffix("]") in text
        tree = ast.parse(text)
        assert test in [each.name for each in tree.body if isinstance(each, ast.FunctionDef)]


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_but_the_command_line_is_tested(room: str) -> None:
    kept = {path.relative_to(TESTS).as_posix() for path in (TESTS / room).glob("test_*.py")} - set(names())
    assert bool(kept and room not in names()) == (room != "cli")
