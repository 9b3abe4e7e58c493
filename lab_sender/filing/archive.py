"""What is deleted, kept outside: a file a month of compressed JSON lines.

Holds: the archive's files, how a line is written, and what the journal notes of them.
Promises: a line is on the disk before what it is about is deleted. Behind what the journal has noted only whole
frames stand: one that a crash has cut off is taken away, and its lines are written again. What was written whole and
not noted stays; its lines come twice then, and are alike. Nothing is written to a file that is not as noted.
Never: makes its folder, or reads what it is not about to write to.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lab_sender import files
from lab_sender.errors import LabSenderError
from lab_sender.journal import RetentionBook

FORMAT: Final = "lab-sender/archive/1"
_LEVEL: Final = 9
_ENDING: Final = ".jsonl.zst"
_INSTANT: Final = "_ms"


class ArchiveChanged(LabSenderError):
    """A file of the archive is not what was written."""


class Archive:
    """The archive in one folder, while retention works."""

    def __init__(self, folder: Path, book: RetentionBook) -> None:
        """Put on record what was written before an end and is not yet. Raises OSError: the folder is away."""
        if not folder.is_dir():
            raise FileNotFoundError(folder)
        self._folder = folder
        self._book = book
        self._noted = book.archives()
        self._hashes: dict[str, Any] = {}
        self._lengths: dict[str, int] = {}
        self.end()

    def messages(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write messages, with their bytes where these are there. Durable on return. Raises OSError."""
        self._write([(row["final_ms"] or row["created_ms"], _line("message", row)) for row in rows])

    def files(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write what is known of files. Durable on return. Raises OSError."""
        self._write([(row["received_ms"], _line("file", row)) for row in rows])

    def end(self) -> None:
        """Put on record the SHA-256 of what was written."""
        if not all(each["recorded"] for each in self._noted.values()):
            self._book.recorded(self._noted)
            self._noted = self._book.archives()

    def _write(self, lines: Sequence[tuple[int, bytes]]) -> None:
        import zstandard

        by_month: dict[str, list[bytes]] = {}
        for at_ms, line in lines:
            month = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).strftime("%Y-%m")
            by_month.setdefault(month, []).append(line)
        for month, each in by_month.items():
            frame = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(b"".join(each))
            name = self._current(month)
            files.append(self._folder / name, frame)
            self._hashes[name].update(frame)
            self._lengths[name] += len(frame)
            length, sha256 = self._lengths[name], self._hashes[name].hexdigest()
            self._noted[name] = {"bytes": length, "sha256": sha256, "recorded": False}
        self._book.note_archives(self._noted)

    def _current(self, month: str) -> str:
        """Return the name of a month's file: the last one that is there and ours, else the next free one."""
        number = 1
        while (name := _name(month, number)) in self._noted and _name(month, number + 1) in self._noted:
            number += 1
        if name in self._hashes and self._is_as_long(name):
            return name
        if name in self._noted and (self._folder / name).exists():
            self._open(name)
            return name
        while name in self._noted or (self._folder / name).exists():  # taken away, or another journal's
            number += 1
            name = _name(month, number)
        self._hashes[name], self._lengths[name] = hashlib.sha256(), 0
        return name

    def _is_as_long(self, name: str) -> bool:
        """Say whether a file of tonight has what was written to it: a write may have failed halfway since.

        Or its folder is another one.
        """
        try:
            return (self._folder / name).stat().st_size == self._lengths[name]
        except FileNotFoundError:
            return not self._lengths[name]

    def _open(self, name: str) -> None:
        """Look at a file that was written to before: all of it as noted, and whole frames behind that."""
        path, noted = self._folder / name, self._noted[name]
        with open(path, "rb") as reader:
            found = hashlib.sha256()
            left = noted["bytes"]
            while left and (part := reader.read(min(left, 1 << 20))):
                found.update(part)
                left -= len(part)
            if left or found.hexdigest() != noted["sha256"]:
                raise ArchiveChanged(
                    "retention.archive-changed",
                    f"{path} is not what was written to it; nothing is deleted.",
                    hint="Find out who changed it, and move it away: the next one gets another name.",
                )
            behind = reader.read()
        whole = _whole(behind)
        if whole < len(behind):
            files.cut(path, noted["bytes"] + whole)
        found.update(behind[:whole])
        self._hashes[name], self._lengths[name] = found, noted["bytes"] + whole


def _name(month: str, number: int) -> str:
    return f"{month}{f'.{number}' if number > 1 else ''}{_ENDING}"


def _whole(data: bytes) -> int:
    """Return how many bytes of this are whole frames."""
    import zstandard

    at = 0
    while at < len(data):
        frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            frame.decompress(data[at:])
        except zstandard.ZstdError:
            return at
        if not frame.eof:
            return at
        at = len(data) - len(frame.unused_data)
    return at


def _line(about: str, row: Mapping[str, Any]) -> bytes:
    line = {"format": FORMAT, "about": about, **_plain(row)}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Turn what JSON has not: bytes into text (base64 where they are none), instants into ISO 8601."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if name == "sha256":
            plain[name] = value.hex() if value is not None else None
        elif isinstance(value, bytes):
            try:
                plain[name] = value.decode("utf-8")
            except UnicodeDecodeError:
                plain[f"{name}_base64"] = base64.b64encode(value).decode()
        elif isinstance(value, list):
            plain[name] = [_plain(each) for each in value]
        elif name.endswith(_INSTANT) and name != "elapsed_ms" and isinstance(value, int):
            instant = datetime.datetime.fromtimestamp(value / 1000, datetime.UTC)
            plain[name.removesuffix(_INSTANT)] = instant.isoformat(timespec="milliseconds")
        else:
            plain[name] = value
    return plain
