"""The agent's log file from its end: events, a page at a time.

Holds: `LogPage`, and `read`, which reads the lines before an offset of the file.
Promises: costs what it shows, however long the file is. A line that is no JSON is shown as it stands.
Never: follows the file; whoever asks again sees what has come since.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

_CHUNK: Final = 64 << 10
_MOST: Final = 2 << 20
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class LogLine(NamedTuple):
    """One event: when, its level and name, and its fields that are not empty; `at_ms` None where it is no event."""

    at_ms: int | None
    level: str
    event: str
    fields: tuple[tuple[str, str], ...]


class LogPage(NamedTuple):
    """The newest first; `before` is the offset where the older ones end, None where there are none."""

    lines: tuple[LogLine, ...]
    before: int | None


def read(path: Path, *, limit: int, before: int | None = None, least: str = "debug", event: str = "") -> LogPage:
    """Return the newest lines before an offset that are of a level at least, and of an event. Raises OSError."""
    found: list[LogLine] = []
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        end = size if before is None else min(before, size)
        begun = end
        rest = b""
        while end > 0 and begun - end < _MOST:
            start = max(0, end - _CHUNK)
            file.seek(start)
            data = file.read(end - start) + rest
            lines = data.split(b"\n")
            rest, at = (lines[0], start + len(lines[0]) + 1) if start else (b"", 0)
            whole = lines[1:] if start else lines
            offset = at + sum(len(each) + 1 for each in whole)
            for each in reversed(whole):
                offset -= len(each) + 1
                line = _line(each)
                if line is None or _LEVELS.get(line.level, 20) < _LEVELS.get(least, 10):
                    continue
                if event and not line.event.startswith(event):
                    continue
                found.append(line)
                if len(found) == limit:
                    return LogPage(tuple(found), offset or None)
            end = start
        return LogPage(tuple(found), end + len(rest) if end else None)


def _line(data: bytes) -> LogLine | None:
    text = data.decode("utf-8", "replace").strip()
    if not text:
        return None
    with contextlib.suppress(ValueError):
        document: Any = json.loads(text)
        if isinstance(document, dict):
            at_ms, level = _instant(document.pop("at", "")), str(document.pop("level", "")).lower()
            name = str(document.pop("event", ""))
            fields = [(key, str(value)) for key, value in document.items() if value not in ("", None)]
            return LogLine(at_ms, level, name, tuple(fields))
    return LogLine(None, "", text, ())


def _instant(text: object) -> int | None:
    with contextlib.suppress(ValueError, OverflowError):
        return int(datetime.datetime.fromisoformat(str(text)).timestamp() * 1000)
    return None
