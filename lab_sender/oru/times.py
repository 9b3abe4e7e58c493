"""ISO 8601 text to HL7 date and time: DTM, DT and TM.

Holds: the Clock of one site.
Promises: the precision and the zone that came in go out; a site zone is applied only to a time that has none,
by the rules of daylight saving on that day; a date stays a date.
Never: invents a part of a time, or cuts one in silence.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_ZONE = r"\s?(Z|[+-]\d\d(?::?\d\d)?)?"
_EXTENDED: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?" + _ZONE + r")?)?)?", re.ASCII
)
_COMPACT: Final = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d+))?)?)?" + _ZONE + r")?", re.ASCII
)
_TIME: Final = re.compile(r"T?(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?" + _ZONE, re.ASCII)
_FRACTION_DIGITS: Final = 4  # DTM and TM, chapter 2A


class NotATimeError(ValueError):
    """The text is no date or time that HL7 can carry; `code` and the message say why, without the text."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


class Clock:
    """Reads a report's times for one site; `zone` is the zone of times that have none."""

    def __init__(self, zone: ZoneInfo | None = None) -> None:
        self._zone = zone
        self.moment = lru_cache(4096)(self._moment)
        """Cached `_moment`: a report says the same few times over and over."""

    def _moment(self, text: str) -> tuple[str, str]:
        """Return ISO 8601 `text` as DTM and a warning ("" for none). Raises NotATimeError."""
        match = _EXTENDED.fullmatch(text) or _COMPACT.fullmatch(text)
        if match is None:
            raise NotATimeError("time.syntax", "This is not an ISO 8601 date or date and time.")
        year, month, day, hour, minute, second, fraction, zone = match.groups()
        try:
            at = datetime(
                int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0)
            )
        except ValueError:
            raise NotATimeError("time.impossible", "There is no such date or time in the calendar.") from None
        digits = "".join((year, month or "", day or "", hour or "", minute or "", second or ""))
        if hour is None:
            return digits, ""
        digits, warning = _with_fraction(digits, fraction)
        if zone:
            return digits + _offset(zone), warning
        if self._zone is None:
            return digits, warning
        offset, ambiguous = _site_offset(at, self._zone)
        return digits + offset, ambiguous or warning

    def message_time(self, now: datetime) -> str:
        """Return MSH-7, to the second and with its zone, in the site's zone where there is one."""
        return f"{now.astimezone(self._zone) if self._zone else now:%Y%m%d%H%M%S%z}"


_ZONELESS: Final = Clock()


def date(text: str) -> str:
    """Return an ISO 8601 date as DT. Raises NotATimeError."""
    digits, _ = _ZONELESS.moment(text)
    if len(digits) > 8:
        raise NotATimeError("time.not-a-date", "This is a date and time where only a date can stand.")
    return digits


def time_of_day(text: str) -> tuple[str, str]:
    """Return an ISO 8601 time of day as TM and a warning ("" for none). Raises NotATimeError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise NotATimeError("time.syntax", "This is not an ISO 8601 time of day.")
    hour, minute, second, fraction, zone = match.groups()
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 59:
        raise NotATimeError("time.impossible", "There is no such time of day.")
    digits, warning = _with_fraction(hour + (minute or "") + (second or ""), fraction)
    return digits + (_offset(zone) if zone else ""), warning


def _with_fraction(digits: str, fraction: str | None) -> tuple[str, str]:
    if not fraction:
        return digits, ""
    kept = fraction[:_FRACTION_DIGITS]
    lost = fraction[_FRACTION_DIGITS:].strip("0")
    warning = "HL7 carries four digits of a second; the further ones are left off." if lost else ""
    return f"{digits}.{kept}", warning


def _offset(zone: str) -> str:
    if zone == "Z":
        return "+0000"
    sign, hours, minutes = zone[0], zone[1:3], zone[3:].lstrip(":") or "00"
    if int(hours) > 14 or int(minutes) > 59:
        raise NotATimeError("time.zone", "There is no such time zone.")
    return sign + hours + minutes


def _site_offset(at: datetime, zone: ZoneInfo) -> tuple[str, str]:
    """Return the zone's offset on that day, and a warning where the clock showed that time twice."""
    local = at.replace(tzinfo=zone)
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    if first is None or first.total_seconds() % 60:
        raise NotATimeError("time.zone", "The site's time zone had no offset of whole minutes then.")
    if first == second:
        return f"{local:%z}", ""
    try:
        exists = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == at
    except OverflowError:
        exists = True
    if not exists:
        raise NotATimeError("time.skipped", "The site's clocks skipped this time when summer time began.")
    return f"{local:%z}", "The site's clocks showed this time twice that day; the first is meant, unless a zone says."
