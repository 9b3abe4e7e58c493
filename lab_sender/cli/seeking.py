"""What is searched for, on the command line: the options that lists, exports and acts on many share.

Holds: the options, the types that read a time, and the search that they make.
Promises: a time is read as people type it, and means the last such time. What must not stand in the shell's history
is read from standard input where `-` is given.
Never: looks whether anything fits.
"""

from __future__ import annotations

import datetime
import functools
import re
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import click

from lab_sender.cli.arguments import MOST, StateType, filter_option, to_option
from lab_sender.files import valid_name
from lab_sender.operations.search import Search

F = TypeVar("F", bound=Callable[..., Any])
_AGO: Final = re.compile(r"(\d{1,5})(s|m|min|h|d|w)")
_UNITS_S: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class TimeType(click.ParamType[Any]):
    """Reads `2h` (ago), `22:00` (the last one), `yesterday`, `2026-11-28` or `2026-11-28 08:00`, into ms of UTC."""

    name = "time"

    def __init__(self, *, ends: bool = False) -> None:
        """With `ends` a day means its end."""
        self._ends = ends

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a time in this machine's zone. Fails as a usage error."""
        text = str(value).strip()
        try:
            at = self._read(text, datetime.datetime.now().astimezone())
            return int(at.timestamp() * 1000)
        except (ValueError, OverflowError, OSError):
            forms = "2h, 7d (ago), 22:00, yesterday, 2026-11-28 or '2026-11-28 08:00'"
            self.fail(f"{text!r} is no time. It is written {forms}.", param, ctx)

    def _read(self, text: str, now: datetime.datetime) -> datetime.datetime:
        if ago := _AGO.fullmatch(text):
            return now - datetime.timedelta(seconds=int(ago[1]) * _UNITS_S[ago[2]])
        if clock := _CLOCK.fullmatch(text):
            hour, minute, second = (int(each or 0) for each in clock.groups())
            at = datetime.datetime.combine(now.date(), datetime.time(hour, minute, second)).astimezone()
            return at if at <= now else (at.replace(tzinfo=None) - datetime.timedelta(days=1)).astimezone()
        if text in ("today", "yesterday"):
            return self._day(now.date() - datetime.timedelta(days=text == "yesterday"))
        if _DAY.fullmatch(text):
            return self._day(datetime.date.fromisoformat(text))
        return datetime.datetime.fromisoformat(text).astimezone()

    def _day(self, day: datetime.date) -> datetime.datetime:
        day += datetime.timedelta(days=self._ends)
        return datetime.datetime.combine(day, datetime.time()).astimezone()


def search_options(command: F) -> F:
    """Give a command the options of a search; it gets the `search` that they make."""

    @functools.wraps(command)
    def searching(
        *args: Any,
        order: str,
        patient: str,
        file: str,
        ward: str,
        since: int | None,
        until: int | None,
        code: str,
        tries: int,
        to: tuple[str, ...],
        states: tuple[str, ...],
        contains: str,
        **more: Any,
    ) -> Any:
        private = _from_input({"--order": order, "--patient": patient, "--contains": contains})
        if since is not None and until is not None and since >= until:
            raise click.UsageError("--since is not before --until.")
        search = Search(
            order=private["--order"],
            patient=private["--patient"],
            file=file,
            ward=ward,
            since_ms=since,
            until_ms=until,
            code=code,
            tries=tries,
            to=to,
            states=tuple(sorted(set(states))),
            contains=private["--contains"],
        )
        return command(*args, search=search, **more)

    for option in reversed(_OPTIONS):
        searching = option(searching)
    return cast(F, searching)


_OPTIONS: Final = (
    filter_option("--order", "What speaks of this order.", metavar="NUMBER"),
    filter_option(
        "--patient",
        "What is about this patient (PID-3). `-` reads it from standard input, so that it stays out of the shell's"
        " history; also for --order and --contains.",
        metavar="NUMBER",
    ),
    filter_option("--file", "What came by this file; * is anything.", metavar="NAME"),
    filter_option("--ward", "What names this ward (PV1-3.1).", metavar="NAME"),
    click.option(
        "--since", type=TimeType(), metavar="TIME",
        help="Received then or later: 2h, 7d (ago), 22:00 (the last one), yesterday, 2026-11-28, '2026-11-28 08:00'.",
    ),
    click.option("--until", type=TimeType(ends=True), metavar="TIME", help="Received before; a day means its end."),
    filter_option(
        "--code",
        "Why it is in its state: refused, unanswered ..., what the HIS answered (AE), its ERR-3 (207), or both"
        " ('AE 207').",
        metavar="CODE",
    ),
    click.option("--tries", default=0, type=click.IntRange(0, MOST), metavar="N", help="Tried at least N times."),
    filter_option(
        "--contains", "Has this text in the message; without --since of the last 7 days.", metavar="TEXT"
    ),
    click.option(
        "--state", "states", multiple=True, type=StateType(), metavar="STATE",
        help="Only these, repeatable: waiting, being-sent, delivered, quarantined, given-up, duplicate, read-again,"
        " resent.",
    ),
    to_option("Only messages for this destination"),
)  # fmt: skip


def _from_input(values: dict[str, str]) -> dict[str, str]:
    """Read what is given as `-` from standard input: one line."""
    wanted = [name for name, value in values.items() if value == "-"]
    if len(wanted) > 1:
        raise click.UsageError(f"{' and '.join(wanted)} cannot both be read from standard input.")
    if not wanted:
        return values
    text = valid_name(sys.stdin.readline()).strip()
    if not text:
        raise click.UsageError(f"{wanted[0]} -: nothing came on standard input.")
    return values | {wanted[0]: text}
