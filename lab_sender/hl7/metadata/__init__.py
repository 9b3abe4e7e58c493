"""hl7/metadata/: what hl7apy's tables say of each version of HL7, one line for each thing.

Holds: `Metadata`, which finds a line by its name; the files, which `make metadata` writes.
Promises: what is not asked for costs nothing but its place in memory while its version is in use: hl7apy itself
takes a tenth of the agent's start to load.
Never: corrects anything; the grammar does.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, Final

VERSIONS: Final = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")


class Metadata:
    """One version's lines."""

    def __init__(self, version: str) -> None:
        self._text = (resources.files(__name__) / f"{version}.txt").read_text("utf-8")

    def structure(self) -> list[Any]:
        """Return how ORU^R01 is put together: name, least, most (-1: no limit), and what is in a group."""
        return self._of("structure") or []

    def segment(self, name: str) -> list[tuple[int, str, str, int, int, str]]:
        """Return a segment's fields: number, name, data type, least, most (-1: no limit), table."""
        return self._of(f"segment {name}") or []

    def datatype(self, name: str) -> list[tuple[int, str, str, int]]:
        """Return the components of a data type: number, name, data type, least; none of a primitive one."""
        return self._of(f"type {name}") or []

    def table(self, name: str) -> list[str]:
        """Return the codes of a table."""
        return self._of(f"table {name}") or []

    def _of(self, key: str) -> Any:
        head = f"\n{key} ["
        start = self._text.find(head)
        if start < 0:
            return None
        return json.loads(self._text[start + len(head) - 1 : self._text.index("\n", start + 1)])


@cache
def metadata(version: str) -> Metadata:
    """Return a version's metadata, one object for the whole process."""
    return Metadata(version)
