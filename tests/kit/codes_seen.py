"""Which codes the package made while tests ran.

Holds: the record of codes that this process's errors, findings and events had, and the search in it and in the logs
of agents' processes when the run ends.
Promises: only what a line of the package made counts; what a test, or a reader in a test, made up does not.
Never: fails a test; conftest.py fails the run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO

from lab_sender.codes import find

_PACKAGE = "lab_sender."
_PASSES_ON = ("lab_sender.errors", "lab_sender.log", "logging")
"""Modules that make errors, findings and events of what they are given."""


class CodesSeen:
    """The record of one process: a line for each code and the place that made it."""

    def __init__(self, folder: Path, number: int) -> None:
        self._target: TextIO = (folder / f"codes-{number}.txt").open("a", encoding="utf-8", buffering=1)
        self._known: set[tuple[str, str]] = set()

    def close(self) -> None:
        """End the record."""
        self._target.close()

    def note(self, code: object) -> None:
        """Note a code, if a line of the package made it: called by whatever was put around the maker."""
        where = _maker(sys._getframe(2))
        if isinstance(code, str) and where and (code, where) not in self._known:
            self._known.add((code, where))
            self._target.write(f"{code}\t{where}\n")


def unregistered(folder: Path) -> list[str]:
    """Return the codes of the run that the registry does not have, each with a place that made it."""
    found: dict[str, str] = {}
    for code, where in (*_noted(folder), *_logged(folder)):
        if "." in code and find(code) is None:
            found.setdefault(code, where)
    return [f"{code} ({where})" for code, where in sorted(found.items())]


def _noted(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("codes-*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            code, _, where = line.partition("\t")
            yield code, where


def _logged(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the codes in the logs of agents' processes, which are JSON, an event a line."""
    for path in sorted(folder.glob("*.log")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.startswith("{"):
                continue
            try:
                fields = json.loads(line)
            except ValueError:
                continue  # cut off by a kill
            for key in ("event", "code", "why"):
                if isinstance(code := fields.get(key), str):
                    yield code, f"logged by an agent, {key}"


def _maker(frame: FrameType | None) -> str:
    """Name the line that made a code; "" where that is no line of the package."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        passes_on = module in _PASSES_ON or (module.startswith(_PACKAGE) and frame.f_code.co_name == "__init__")
        if not passes_on:
            return f"{module}:{frame.f_lineno}" if module.startswith(_PACKAGE) else ""
        frame = frame.f_back
    return ""
