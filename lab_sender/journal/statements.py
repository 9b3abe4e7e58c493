"""The journal's SQL by name: `sql/BOOK.sql` has one book's statements, in the SQL that our databases have in common.

Holds: how such a file is read. `-- name: acked` begins a statement, the comment lines behind it say what it is for;
`-- part: line` begins a piece that statements of the same file take in as `{line}`; what parts.sql and states.py have
(`{waiting}`, `{message[acked].may}`) all files may take in.
Promises: every statement that the journal runs has a name here; an unknown name or part fails at import.
Never: makes SQL from values.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab_sender.journal import states

_FOLDER = Path(__file__).parent / "sql"


class Statements(dict[str, str]):
    """One book's statements; `SQL["acked"]` is a text to execute."""

    def __init__(self, book: str) -> None:
        super().__init__()
        self.book = book
        parts = dict(_shared())
        for (kind, name), text in _blocks((_FOLDER / f"{book}.sql").read_text("utf-8")):
            (parts if kind == "part" else self)[name] = text.format_map(parts)


@functools.cache
def _shared() -> Mapping[str, object]:
    """Return the parts that all files may take in."""
    parts = dict(states.PARTS)
    for (_, name), text in _blocks(Path(__file__).with_name("parts.sql").read_text("utf-8")):
        parts[name] = text.format_map(parts)
    return parts


def _blocks(text: str) -> Iterator[tuple[tuple[str, str], str]]:
    head, lines = ("", ""), list[str]()
    for line in [*text.splitlines(), "-- name: "]:
        kind, colon, name = line.removeprefix("-- ").partition(": ")
        if line.startswith("-- ") and colon and kind in ("name", "part"):
            if head[1]:
                yield head, " ".join(lines).removesuffix(";")
            head, lines = (kind, name), []
        elif line.strip() and not line.startswith("--"):
            lines.append(line.strip())
