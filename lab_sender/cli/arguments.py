"""What a command takes: the installation it works on, and its arguments.

Holds: the decorator that hands a command its installation, and the types of arguments that several commands share.
Promises: an argument that cannot be read is a usage error that says how it is written; bytes that are no text are
replaced in it, as they are in the names of files.
Never: looks whether the thing named is there.
"""

from __future__ import annotations

from typing import Any

import click

from lab_sender.files import valid_name
from lab_sender.operations.installation import Installation
from lab_sender.operations.named import PREFIXES

pass_installation = click.make_pass_decorator(Installation)


class WordType(click.ParamType[Any]):
    """Reads what names a message or an unreadable file: a word, and perhaps a prefix that says what kind it is."""

    name = "word"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read a word. Fails as a usage error where nothing can have that name."""
        word = valid_name(str(value)).strip()
        kind, colon, rest = word.partition(":")
        if not word or (colon and kind in PREFIXES and not rest):
            kinds = "an id (12, file:7), a control id, an order number or a file name"
            self.fail(f"{value!r} names nothing: type {kinds}.", param, ctx)
        if kind in ("id", "file") and colon and not (rest.isascii() and rest.isdigit()):
            self.fail(f"{value!r} is no id: after {kind}: comes a number.", param, ctx)
        return word


class DurationType(click.ParamType[Any]):
    """Reads `30s`, `2m`, `1.5h` into seconds, as config.yaml does."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a duration. Fails as a usage error."""
        from pydantic_core import PydanticCustomError

        from lab_sender.config.text.scalars import duration

        if not isinstance(value, str):
            return float(value)
        try:
            return float(duration("10ms", "24h").read(value))
        except PydanticCustomError as error:
            self.fail(f"{value!r} {error}", param, ctx)


def as_reason(text: str) -> str:
    """Read a reason for the record: valid Unicode, whatever bytes were typed."""
    return valid_name(text).strip()
