"""A site's own readers: packages that name one under the entry point group `lab_sender.readers`.

Holds: loading them, once in a process, and the guard around each.
Promises: a reader that cannot be loaded stops the start with its package named (exit 78); one that fails on a file
costs that file only (`reader.fault`). What it gives is held to the same rules as every report.
Never: lets a report of theirs name a path, or a file end as "sent" that gave no report.
"""

from __future__ import annotations

import functools
import re
from importlib.metadata import EntryPoint, entry_points

from lab_sender.errors import AgentError, ExitCode, FileError
from lab_sender.readers.items import Item, Remark, ReportItem
from lab_sender.readers.reader import Reader, held_to_the_rules

GROUP = "lab_sender.readers"
_KIND = re.compile(r"[a-z][a-z0-9-]{0,19}")


@functools.cache
def site_readers() -> tuple[Reader, ...]:
    """Load the site's readers, in the order of their names. Raises AgentError `reader.plugin`, exit code 78."""
    found = sorted(entry_points(group=GROUP), key=lambda each: each.name)
    return tuple(_Guarded(_loaded(each)) for each in found)


def _loaded(entry: EntryPoint) -> Reader:
    try:
        reader = entry.load()()
        good = _KIND.fullmatch(reader.kind) and callable(reader.recognises) and callable(reader.read)
    except Exception as error:
        raise _unusable(entry, f"it cannot be loaded ({type(error).__name__}: {error})") from error
    if not good:
        raise _unusable(entry, "its kind must be one word in small letters")
    return reader  # type: ignore[no-any-return]


def _unusable(entry: EntryPoint, why: str) -> AgentError:
    package = entry.dist.name if entry.dist else "?"
    return AgentError(
        "reader.plugin",
        f"the reader {entry.name} ({entry.value}) of the package {package} cannot be used: {why}.",
        hint="Repair the package or remove it; see docs/files/own-reader.md.",
        exit_code=ExitCode.CONFIG,
    )


class _Guarded:
    """A reader that may fail."""

    def __init__(self, reader: Reader) -> None:
        self.kind = reader.kind
        self._reader = reader

    def recognises(self, data: bytes, start: int, /) -> bool:
        try:
            return bool(self._reader.recognises(data, start))
        except Exception as error:
            raise self._fault(type(error).__name__) from error

    def read(self, data: bytes, name: str, /) -> list[Item | Remark]:
        try:
            items = list(self._reader.read(data, name))
            if not all(isinstance(item, Item | Remark) for item in items):
                raise TypeError
            return [held_to_the_rules(item) if isinstance(item, ReportItem) else item for item in items]
        except FileError:
            raise
        except Exception as error:
            raise self._fault(type(error).__name__) from error

    def _fault(self, what: str) -> FileError:
        return FileError.of(
            "reader.fault",
            f"The site's own reader of {self.kind} files failed on this file ({what}).",
            hint="Nothing of it was sent; show the file to whoever wrote the reader.",
        )
