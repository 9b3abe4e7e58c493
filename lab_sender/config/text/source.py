"""A file of the configuration as text, and what is wrong with it.

Holds: the one way such a file is read (config.yaml, a profile, a code map), and the mistake with its file and line.
Promises: text in UTF-8 of bounded size, or one mistake that says what to do.
Never: knows what the text means.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

FROM_HERE = "it counts from the folder of this file"
"""What to know of a path that leads nowhere."""
Place = tuple[str | int, ...]
"""Where a setting stands: its keys, and numbers in lists."""


class Mistake(Struct, frozen=True):
    """One thing wrong in the configuration.

    `line` counts from 1; 0: the file as a whole. `file` is empty for config.yaml, else as config.yaml would name it.
    Sorted, mistakes stand in the order of files, lines and keys, those of config.yaml first.
    """

    line: int
    key: str
    text: str
    hint: str = ""
    file: str = ""
    code: str = "config.value"

    def __lt__(self, other: Mistake) -> bool:
        return (self.file, self.line) < (other.file, other.line)

    def describe(self, name: str) -> str:
        """Render as `config.yaml line 12: his.prot: unknown key; did you mean 'port'?`; `name` is config.yaml's."""
        line = f" line {self.line}" if self.line else ""
        key = f" {self.key}:" if self.key else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file or name}{line}:{key} {self.text}{hint}"


def in_a_line(text: str) -> str:
    """Write a sentence as it stands behind a colon."""
    plain = text.removesuffix(".")
    return plain[:1].lower() + plain[1:] if plain[1:2].islower() or plain[1:2] == " " else plain


class Unreadable(Exception):
    """A file that is not there, too large, or not in UTF-8."""

    def __init__(self, line: int, text: str, hint: str, file: str) -> None:
        self.mistake = Mistake(line, "", text, hint, file, "config.file")
        super().__init__(text)


class Lines(Struct, frozen=True):
    """Where settings are written: the file (empty: `name`) and line of each, by its key as a person writes it."""

    name: str
    written: Mapping[str, tuple[str, int]]

    def at(self, setting: str) -> tuple[str, int]:
        """Return the file and line of a setting, or of the nearest section around it."""
        while setting and setting not in self.written:
            setting = setting[: max(setting.rfind("."), setting.rfind("["), 0)]
        return self.written.get(setting, ("", 1))

    def where(self, setting: str) -> str:
        """Return the same as `config.yaml line 12`; "" where nothing is written in a file."""
        if not self.written:
            return ""
        file, line = self.at(setting)
        return f"{file or self.name} line {line}" if line else file or self.name


def key_text(place: Place) -> str:
    """Write a place as a person would: `his.replies[0].text`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def read_file(path: Path, largest_bytes: int, file: str = "", missing: str = "") -> tuple[bytes, str]:
    """Read a file: its bytes, and their text. Raises Unreadable; `missing` says what to do where it is not there."""
    try:
        with path.open("rb") as opened:
            data = opened.read(largest_bytes + 1)
    except FileNotFoundError:
        raise Unreadable(0, "there is no such file", missing, file) from None
    except OSError as error:
        raise Unreadable(0, f"cannot be read: {error.strerror}", "", file) from None
    except ValueError:  # NUL
        raise Unreadable(0, "is no name of a file", "", file) from None
    if len(data) > largest_bytes:
        size = f"is larger than {largest_bytes >> 20} MiB"
        raise Unreadable(0, size, "is this a file of the configuration?", file)
    return data, _decoded(data, file)


def _decoded(data: bytes, file: str) -> str:
    hint = "save the file as UTF-8"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable(1, "the file is UTF-16", hint, file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "a character is not UTF-8", hint, file) from None
