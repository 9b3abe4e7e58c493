"""ISO 8601 text to HL7 date and time: DTM, DT and TM.

Holds: the Clock of one site, and the clocks of fields that have a form of their own.
Promises: precision and zone go out as they came in, unless the profile wants another form; the site's zone is given
only to a time without one, with the offset of that day; a time loses its offset only where it is the site's own time.
Never: invents a part of a time, or cuts one that the profile does not want cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from lab_sender.config.profile.notation import FieldPath
from lab_sender.errors import SettingError

if TYPE_CHECKING:
    from lab_sender.config.profile.model import Profile, Times
    from lab_sender.hl7.grammar import Grammar

_ZONE = r"\s?(Z|[+-]\d\d(?::?\d\d)?)?"
_EXTENDED: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?" + _ZONE + r")?)?)?", re.ASCII
)
_COMPACT: Final = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d+))?)?)?" + _ZONE + r")?", re.ASCII
)
_TIME: Final = re.compile(r"T?(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?" + _ZONE, re.ASCII)
_FRACTION_DIGITS: Final = 4  # DTM and TM, chapter 2A


_NOT_MINUTES: Final = "The site's time zone had no offset of whole minutes then."
_TWICE: Final = "The site's clocks showed this time twice that day; the first is meant, unless a zone says."
_TWICE_BARE: Final = (
    "The site's clocks showed this time twice that day, and the profile leaves the offset off that would say which."
)
_DIGITS: Final = {"keep": 14, "second": 14, "minute": 12, "day": 8}
"""Precision -> the most digits of a time, without its fraction."""

_FIRST_YEAR: Final = 1800
"""No patient and no result is older: `0001-01-01` stands for no date, and `0930` is half past nine."""

_TIME_TYPES: Final = frozenset(("TS", "DTM", "varies"))

UNKNOWN: Final = "0000"
"""An unknown collection time (ELR 2.5.1, OBR-7)."""


class NotATimeError(ValueError):
    """The text is no date or time that a message can carry; the error's words give the reason and never quote it."""

    def __init__(self, code: str, text: str, hint: str = "Write it like 2024-08-19T09:30:00+01:00.") -> None:
        self.code = code
        self.hint = hint
        super().__init__(text)


class Clock:
    """Reads a report's times for one site.

    `zone` is the zone of times that have none; `offset` (keep, never, always), `precision` (keep, day, minute,
    second) and `convert` are those of a profile's `times`.
    """

    def __init__(
        self, zone: ZoneInfo | None = None, *, offset: str = "keep", precision: str = "keep", convert: bool = False
    ) -> None:
        self._zone = zone
        self._always = offset == "always"
        self.is_bare = offset == "never" or precision == "day"
        self._convert = convert or self.is_bare
        self._width = _DIGITS[precision]
        self._fraction = precision == "keep"
        self._now = "%Y%m%d%H%M%S"[: self._width - 2] + ("" if self.is_bare else "%z")
        self._cached: tuple[tuple[int, timedelta | None], str] = ((-1, None), "")
        self.moment = lru_cache(4096)(self._moment)
        """Cached `_moment`: a report repeats the same few times."""

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
        if at.year < _FIRST_YEAR:
            text = "A date before 1800 is what programs write where there is none, or a time of day without its date."
            raise NotATimeError("time.impossible", text, "Leave it out where there is no date.")
        digits = "".join((year, month or "", day or "", hour or "", minute or "", second or ""))
        if hour is None:
            return digits, ""
        offset, ambiguous = _offset(zone) if zone else "", ""
        if zone and self._convert:
            digits, offset, ambiguous = self._converted(at, offset, len(digits))
        elif not zone and self._zone is not None:
            offset, ambiguous = _site_offset(at, self._zone)
        elif not zone and self._always:
            raise NotATimeError(
                "time.offset", "The profile wants a UTC offset on every time, and this one has none.",
                "Write the time with its offset, or set time_zone.",
            )  # fmt: skip
        if self._width == 8:
            return digits[:8], ""
        warning = ""
        digits = digits[: self._width]
        if self._fraction:
            digits, warning = _with_fraction(digits, fraction)
        if not self.is_bare:
            return digits + offset, ambiguous or warning
        return digits, _TWICE_BARE if ambiguous else warning

    def message_time(self, now: datetime) -> str:
        """Return MSH-7, to the second unless the profile wants less, in the site's zone where there is one."""
        second = int(now.timestamp()), now.utcoffset()
        if second != self._cached[0]:
            self._cached = second, (now.astimezone(self._zone) if self._zone else now).strftime(self._now)
        return self._cached[1]

    def _converted(self, at: datetime, offset: str, width: int) -> tuple[str, str, str]:
        """Return a time's digits in the site's zone, that zone's offset then, and a warning."""
        if self._zone is None:
            raise NotATimeError(
                "time.offset", "The profile leaves UTC offsets off; this time has one that may not be the site's.",
                "Set time_zone: the time is written in that zone.",
            )  # fmt: skip
        try:
            local = at.replace(tzinfo=datetime.strptime(offset, "%z").tzinfo).astimezone(self._zone)
        except OverflowError:
            raise NotATimeError("time.impossible", "There is no such date or time in the calendar.") from None
        first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
        if first is None or first.total_seconds() % 60:
            raise NotATimeError("time.zone", _NOT_MINUTES)
        if width == len("YYYYMMDDHH") and local.minute != at.minute:
            raise NotATimeError(
                "time.offset", "A time to the hour cannot be written in the site's zone, which is half an hour off.",
                "Write the minutes too.",
            )  # fmt: skip
        twice = self.is_bare and first != second
        return f"{local:%Y%m%d%H%M%S}".zfill(14)[:width], f"{local:%z}", _TWICE_BARE if twice else ""


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
        raise NotATimeError("time.zone", _NOT_MINUTES)
    if first == second:
        return f"{local:%z}", ""
    try:
        exists = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == at
    except OverflowError:
        exists = True
    if not exists:
        raise NotATimeError("time.skipped", "The site's clocks skipped this time when summer time began.")
    return f"{local:%z}", _TWICE


def clocks(profile: Profile, zone: ZoneInfo | None) -> tuple[Clock, dict[tuple[str, int], Clock]]:
    """Return a site's clock, and those of the fields that have a form of their own, by segment and field."""
    times = profile.times
    default = Clock(zone, offset=times.offset, precision=times.precision, convert=times.convert)
    own = {
        (path.segment, path.field): Clock(
            zone,
            offset=form.offset or times.offset,
            precision=form.precision or times.precision,
            convert=times.convert,
        )
        for path, form in times.fields.items()
    }
    return default, own


def mistakes_in_times(profile: Profile, grammar: Grammar, *, any_zone: bool) -> Iterator[SettingError]:
    """Find the forms of times that cannot be kept; with `any_zone` a zone may be named that cannot be read."""
    for path in profile.times.fields:
        if path.component or path.repetition or not _holds_a_time(path, grammar):
            yield SettingError(
                "profile.field", f"times.fields.{path}",
                f"{path} is no field with a time in HL7 {profile.version}.",
                hint="Name a whole field, such as OBR-22.",
            )  # fmt: skip
    wanting = _wants_a_zone(profile.times)
    if wanting and not profile.time_zone and not any_zone:
        yield SettingError(
            "profile.time-zone", wanting, "The profile's times need a zone to be written in.",
            hint="Set time_zone, for example Europe/Dublin.",
        )  # fmt: skip


def _wants_a_zone(times: Times) -> str:
    """Name the setting by which times are written in the site's zone, MSH-7 at least; "" where none asks for that."""
    if times.convert:
        return "times.convert"
    own = times.fields.get(FieldPath("MSH", 7))
    for key, bare in (("offset", "never"), ("precision", "day")):
        said = getattr(own, key) if own is not None else ""
        if (said or getattr(times, key)) == bare:
            return f"times.fields.MSH-7.{key}" if said else f"times.{key}"
    return ""


def unknown_collection(profile: Profile) -> frozenset[str]:
    """Return the segments that have `0000` for an unknown collection time; none by default."""
    if not profile.times.unknown_collection:
        return frozenset()
    required = {(one.field.segment, one.field.field) for one in profile.require}
    return frozenset(("OBR", *(segment for segment, field in required & {("SPM", 17), ("OBX", 14)})))


def _holds_a_time(path: FieldPath, grammar: Grammar) -> bool:
    datatype = next((one.datatype for one in grammar.fields(path.segment) if one.number == path.field), "")
    return datatype in _TIME_TYPES or any(one.datatype in _TIME_TYPES for one in grammar.components(datatype))
