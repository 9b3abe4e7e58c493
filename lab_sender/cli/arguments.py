"""What a command takes: the installation it works on, its arguments, and who asks.

Holds: the decorator that hands a command its installation, the options and types of arguments that several commands
share, and the name under which an act is recorded.
Promises: an argument that cannot be read is a usage error that says how it is written; bytes that are no text are
replaced in it, as they are in the names of files.
Never: looks whether the thing named is there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from lab_sender.files import valid_name
from lab_sender.operations.installation import Installation
from lab_sender.operations.named import PREFIXES
from lab_sender.operations.wording import STATES

_LOGIN_UID: Final = Path("/proc/self/loginuid")
_NOBODY_LOGGED_IN: Final = 2**32 - 1
"""What the kernel has where no login began the session: a service, a container."""
MOST: Final = 1_000_000_000
"""The most that a count may be."""
HIGHEST_ID: Final = 1 << 53
"""The highest number that anything kept may have, as in the API."""
pass_installation = click.make_pass_decorator(Installation)
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs; errors too.")


def to_option(help: str) -> Callable[[Any], Any]:
    """Make the option `--to NAME`, which names destinations."""
    return click.option("--to", "to", multiple=True, metavar="NAME", help=f"{help}; may be given several times.")


def filter_option(name: str, help: str, *, metavar: str) -> Callable[[Any], Any]:
    """Make an option of a text that is looked for: "" where it is not given, and a usage error where it is empty."""
    return click.option(name, metavar=metavar, callback=_filter, help=help)


def _filter(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str:
    text = valid_name(value or "").strip()
    if value is not None and not text:
        raise click.BadParameter("it is empty, so nothing would be left out. Give a value, or leave the option out.")
    return text


def names_destinations() -> bool:
    """Say whether the configuration has several destinations, so that people must be told of which one it is."""
    installation = click.get_current_context().find_object(Installation)
    return installation is not None and len(installation.config.destinations) > 1


def password_on_stdin() -> str:
    """Read a password from standard input. Fails as a usage error where it is not UTF-8."""
    password = sys.stdin.readline().rstrip("\r\n")
    if password != valid_name(password):
        raise click.UsageError("the password on standard input is not UTF-8.")
    return password


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


class StateType(click.ParamType[Any]):
    """Reads the word of a state as lists show it (`delivered`, `being sent`, `being-sent`), or the journal's name."""

    name = "state"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read a word. Fails as a usage error that names all of them."""
        word = " ".join(str(value).lower().replace("-", " ").replace("_", " ").split())
        if word not in STATES:
            known = ", ".join(each.replace(" ", "-") for each in STATES)
            self.fail(f"{value!r} is no state. There are: {known}.", param, ctx)
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


class DaysType(click.ParamType[Any]):
    """Reads `30d` into days."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number of days. Fails as a usage error."""
        number = str(value).strip().lower().removesuffix("d")
        if not (number.isascii() and number.isdigit() and len(number) < 5 and 1 <= int(number) <= 3660):
            self.fail(f"{value!r} must be days, such as 30d (from 1d to 3660d).", param, ctx)
        return int(number)


def as_reason(text: str) -> str:
    """Read a reason for the record: valid Unicode, whatever bytes were typed."""
    return valid_name(text).strip()


def who() -> str:
    """Name the person who types: the account, and whoever became it.

    On Linux that is who logged in, as the kernel noted it at the login (`loginuid`), whatever the environment says;
    where nothing is noted, SUDO_USER.
    """
    account = valid_name(_account())
    person, how = _logged_in(), "login"
    sudo = valid_name(os.environ.get("SUDO_USER", "")).strip()
    if sudo:
        person, how = person or sudo, "sudo"
    return f"{person} ({how}, as {account})" if person and person != account else account


def _account() -> str:
    """Name the process's real account, whatever the environment says; a container's may have a number only."""
    if sys.platform == "win32":
        from lab_sender import windows

        return windows.account() or "unknown"
    return _name_of(os.getuid())


def _logged_in() -> str:
    """Name who logged in to this session, as the kernel has it; "" where it has nobody."""
    if sys.platform == "win32":
        return ""
    try:
        noted = int(_LOGIN_UID.read_text("ascii"))
    except (OSError, ValueError):
        return ""
    return "" if noted == _NOBODY_LOGGED_IN else valid_name(_name_of(noted))


def _name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
