"""`make quick` leaves out what its list names, and no room."""

from __future__ import annotations

import ast

import pytest
from kit.quick import TESTS, names

FOLDERS = (path.name for path in TESTS.iterdir() if path.is_dir())
ROOMS = sorted(name for name in FOLDERS if (TESTS.parent / "lab_sender" / name / "__init__.py").exists())


@pytest.mark.parametrize("name", sorted(names()))
def test_what_is_left_out_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    assert (TESTS / path).exists()
    if test:
        tree = ast.parse((TESTS / path).read_text("utf-8"))
        assert test in [each.name for each in tree.body if isinstance(each, ast.FunctionDef)]


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_but_the_command_line_is_tested(room: str) -> None:
    kept = {path.relative_to(TESTS).as_posix() for path in (TESTS / room).glob("test_*.py")} - set(names())
    assert bool(kept and room not in names()) == (room != "cli")
