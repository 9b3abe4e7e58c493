"""What a command takes: the installation it works on, and its arguments.

Holds: the decorator that hands a command its installation, and the types of arguments that several commands share.
Promises: an argument that cannot be read is a usage error that says how it is written.
Never: looks whether the thing named is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from lab_sender.operations.installation import Installation

pass_installation = click.make_pass_decorator(Installation)


@dataclass(frozen=True, slots=True)
class Target:
    """What an operator names: a message (`12`) or a file that could not be read (`f7`)."""

    number: int
    is_file: bool


class TargetType(click.ParamType[Any]):
    """Reads `12` or `f7`."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        """Read an id. Fails as a usage error."""
        if isinstance(value, Target):
            return value
        text = str(value).lower()
        digits = text.removeprefix("f")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
            self.fail(f"{value!r} is no id: a message's is a number, an unreadable file's is like f7.", param, ctx)
        return Target(int(digits), text.startswith("f"))


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
