"""The rooms stay rooms: what the linters hold, they hold in the tests too, and one rule that they cannot."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from rooms import House, drawn, measured

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lab_sender"
FILE_EFFECTS = {
    "os": {"rename", "renames", "replace", "link", "fsync", "fdatasync", "unlink", "remove"},
    "shutil": {"move"},
}


def test_imports_go_downward_only() -> None:
    checked = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_arrow_runs_upward_and_the_page_shows_the_house() -> None:
    house = measured()
    assert house.upward == []
    assert drawn(house) in (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")


def test_an_arrow_upward_is_seen() -> None:
    arrows = {("agent", "intake"), ("filing", "intake"), ("intake", "agent")}
    house = House((("agent",), ("intake", "filing")), frozenset(arrows))
    assert house.upward == [("filing", "intake"), ("intake", "agent")]


def _effects(tree: ast.AST) -> list[str]:
    """Find the calls that rename, remove or flush, also where a name was imported from its module."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in FILE_EFFECTS.get(node.value.id, ()):
                found.append(f"line {node.lineno}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module in FILE_EFFECTS:
            names = {alias.name for alias in node.names} & FILE_EFFECTS[node.module]
            found += [f"line {node.lineno}: {node.module}.{name}" for name in sorted(names)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "unlink":
            found.append(f"line {node.lineno}: .unlink()")
    return found


def test_files_are_renamed_and_flushed_in_one_place() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "files.py"]
    assert len(modules) > 30
    found = {path.name: effects for path in modules if (effects := _effects(ast.parse(path.read_bytes())))}
    assert not found


@pytest.mark.parametrize("source", ["import os\nos.rename(a, b)", "from os import replace", "Path(a).unlink()"])
def test_an_effect_in_the_wrong_place_is_seen(source: str) -> None:
    assert _effects(ast.parse(source))


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*.py")
        if not (ast.get_docstring(ast.parse(path.read_bytes())) or "").strip()
    ]
    assert not silent
