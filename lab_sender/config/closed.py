"""Hours of every day: those in which nothing is sent to a destination, those in which retention may work.

Holds: `DailyHours` and `ClosedHours`, as written, and how long they last from an instant on.
Promises: they follow the wall clock of their zone, across midnight. Where that clock is set back they last until it
shows their end for the last time; of what it leaves out they have nothing.
Never: asks what time it is.
"""

import datetime
import re
import zoneinfo
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import Field, GetJsonSchemaHandler, ValidationInfo, field_validator, model_validator
from pydantic_core import CoreSchema

from lab_sender.config.text.scalars import Scalar
from lab_sender.config.text.section import Section, at_odds, setting, wrong
from lab_sender.config.text.zones import TIME_ZONE

_DAY_MIN = 24 * 60
_ONE_DAY = datetime.timedelta(days=1)
_NOONS = tuple(datetime.datetime(2025, month, 1, 12, tzinfo=datetime.UTC) for month in (1, 7))
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_SHORT = re.compile(r"([0-9:]+) ?- ?([0-9:]+)(?: +(\S+))?")
_EXAMPLE = "for example 23:30-01:00, or with a zone: 23:30-01:00 Europe/Dublin"


def _minutes(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    minutes = int(match[1]) * 60 + int(match[2]) if match is not None else _DAY_MIN + 1
    if minutes > _DAY_MIN:
        raise wrong("must be a time of day from 00:00 to 24:00", "for example 23:30")
    return minutes


_TIME = Scalar(_minutes, {"type": "string", "pattern": rf"^({_CLOCK.pattern})$|\$\{{"})


class DailyHours(Section):
    """Hours of every day. Short: `00:00-01:00`, or `00:00-01:00 Europe/Dublin`."""

    AS_WHOLE_DAY: ClassVar = "must begin and end at two times of the day"

    begin_min: Annotated[int, _TIME] = Field(..., alias="from", description="When they begin, such as 23:30.")
    end_min: Annotated[int, _TIME] = Field(..., alias="to", description="When they end; may be the next day's.")
    zone: Annotated[str, TIME_ZONE] = setting("", "IANA zone of both. Empty: that of this machine.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: object) -> object:
        if not isinstance(data, str):
            return data
        short = _SHORT.fullmatch(data.strip())
        if short is None:
            raise wrong("must be the hours from one time of day to another", _EXAMPLE)
        return {"from": _minutes(short[1]), "to": _minutes(short[2]), "zone": short[3] or ""}

    @field_validator("end_min")
    @classmethod
    def _is_not_the_whole_day(cls, end: int, info: ValidationInfo) -> int:
        if (end - info.data.get("begin_min", end + 1)) % _DAY_MIN == 0:
            raise at_odds(cls.AS_WHOLE_DAY, _EXAMPLE)
        return end

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core)]}

    def until(self, now: datetime.datetime) -> datetime.datetime | None:
        """Return when these hours end, in UTC, where `now`, which is aware of its zone, is one; else None."""
        zone = zoneinfo.ZoneInfo(self.zone) if self.zone else None
        now = now.astimezone(datetime.UTC)
        today = now.astimezone(zone).date()
        for day in (today - _ONE_DAY, today):
            over_midnight = self.end_min <= self.begin_min
            begin = _instant(day, self.begin_min, zone, last=False)
            end = _instant(day + _ONE_DAY if over_midnight else day, self.end_min, zone, last=True)
            if begin <= now < end:
                return end
        return None


class ClosedHours(DailyHours):
    """Hours of every day in which nothing is sent. Short: `00:00-01:00`, or `00:00-01:00 Europe/Dublin`."""

    AS_WHOLE_DAY: ClassVar = "would leave no time of the day to send"


def closed_until(hours: Iterable[ClosedHours], now: datetime.datetime) -> datetime.datetime | None:
    """Return when the last of hours that follow one another ends, in UTC; None where `now` is in none."""
    known, end = tuple(hours), now
    for _ in range(4 * len(known)):  # a zone's change can make a day of theirs longer
        ends = [until for each in known if (until := each.until(end)) is not None]
        if not ends:
            break
        end = max(ends)
    return end if end is not now else None


def _instant(day: datetime.date, minutes: int, zone: datetime.tzinfo | None, *, last: bool) -> datetime.datetime:
    """Return when a clock shows a time of a day: the first or `last` time, or when it jumps over it."""
    days, minutes = divmod(minutes, _DAY_MIN)
    shown = datetime.datetime.combine(day, datetime.time()) + datetime.timedelta(days=days, minutes=minutes)
    first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(datetime.UTC) for fold in (0, 1))
    if first <= second:
        return second if last else first
    low, high = second, first  # it is jumped over, after `low` and not after `high`
    after = high.astimezone(zone).utcoffset()
    while high - low > datetime.timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if middle.astimezone(zone).utcoffset() == after else (middle, high)
    return high.replace(microsecond=0)


def never_open(hours: Iterable[ClosedHours]) -> bool:
    """Tell whether hours leave no time of a day, in winter or in summer."""
    known = tuple(hours)
    ends = [(noon, closed_until(known, noon)) for noon in _NOONS]
    return any(end is not None and end - noon >= _ONE_DAY for noon, end in ends)
