"""The dates of a table's column to ISO 8601.

Holds: the forms in which exports write dates and times, and the order of day and month of one column.
Promises: a date comes out as precise as it stands there, with its zone where it has one; but the midnight of a birth,
or of a date whose time stands in a column of its own, is none. What is day and what month the file's format declares,
else the column itself shows: one value above 12 decides it for all with the same mark between the two.
Never: guesses. `01/02/2020` in a column that decides nothing is quarantined.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Final

_CLOCK = (
    r"(?:(?:[T,]\s*|\s+)(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,6}))?)?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|[+-]\d\d(?::?\d\d)?|[A-Za-z]{2,4})?)?"
)
_TIME_OF_DAY: Final = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"(?P<rest>(?::\d\d(?:[.,]\d{1,6})?)?\s*(?:[AaPp]\.?[Mm]\.?)?\s*(?:Z|[+-]\d\d(?::?\d\d)?|[A-Za-z]{2,4})?)",
    re.ASCII,
)
_MIDNIGHT: Final = re.compile(
    r"(?<=\d)[T ]\s*(?:0?0:00(?::00(?:[.,]0+)?)?|12:00(?::00)? ?[Aa]\.?[Mm]\.?)\Z", re.ASCII
)
_DAY_ZERO: Final = re.compile(
    r"\A(?:(?:1899|1900)([-./])\d\d?\1\d\d?|\d\d?([-./])\d\d?\2(?:1899|1900))[T ]\s*", re.ASCII
)
"""The day that databases and spreadsheets put before a time that has none: 1899-12-30, 1900-01-01."""
_ISO: Final = re.compile(
    r"\d{4}(?:-\d\d(?:-\d\d)?)?"
    r"|\d{4}-?\d\d-?\d\d(?:[T ]?\d\d:?\d\d(?::?\d\d(?:[.,]\d+)?)?\s?(?:Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_YEAR: Final = re.compile(r"\d{4}", re.ASCII)
"""A time of day, `0930` or `2015`, looks the same."""
_NUMERIC: Final = re.compile(r"(?P<a>\d{1,2})([./-])(?P<b>\d{1,2})\2(?P<year>\d{4})" + _CLOCK, re.ASCII)
_DAY_FIRST_COMPACT: Final = re.compile(r"\d{4}(?:19|20)\d\d(?!\d)", re.ASCII)
"""`31122021`: no month is the 19th or 20th."""
_MARK: Final = re.compile(r"\d{1,4}([./-])\d", re.ASCII)
_YEAR_FIRST: Final = re.compile(r"(?P<year>\d{4})([./-])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + _CLOCK, re.ASCII)
_DAY, _NAME = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<name>[A-Za-z]{3,9})"
_NAMED: Final = (
    re.compile(_NAME + r"\.?[ -]+" + _DAY + r",?[ -]+(?P<year>\d{4})" + _CLOCK, re.ASCII),
    re.compile(_DAY + r"\.?[ -]+" + _NAME + r"\.?,?[ -]+(?P<year>\d{4})" + _CLOCK, re.ASCII),
)
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_UTC: Final = {"Z": "Z", "UTC": "Z", "GMT": "Z"}
_US_ZONES: Final = {
    "EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00", "MDT": "-06:00",
    "PST": "-08:00", "PDT": "-07:00", "AKST": "-09:00", "AKDT": "-08:00", "HST": "-10:00",
}  # fmt: skip
_PARTS: Final = {
    "YYYY": r"(?P<year>\d{4})", "YY": r"(?P<short>\d\d)", "MM": r"(?P<month>\d{1,2})", "DD": r"(?P<day>\d{1,2})"
}  # fmt: skip


class NotADateError(ValueError):
    """The text is no date that we can be sure of; `code` and `hint` say why, without the text."""

    def __init__(self, code: str, text: str, hint: str) -> None:
        self.code = code
        self.hint = hint
        super().__init__(text)


def _without_midnight(text: str) -> str:
    """Take away the midnight that databases put behind a date that has no time."""
    return _MIDNIGHT.sub("", text)


def joined(date: str, time: str) -> str:
    """Put a date and a time of day, each of its own column, into one text. Raises NotADateError."""
    if not date:
        raise NotADateError("csv.date", "There is a time of day without its date.", "Fill the date.")
    date, time = _without_midnight(date), _DAY_ZERO.sub("", time)
    if ":" in date:
        hint = 'Map the heading of this column to "" under inputs.csv: columns, if it says the same.'
        raise NotADateError("csv.date", "The date has a time already, and here is another.", hint)
    match = _TIME_OF_DAY.fullmatch(time)
    if match is None:
        hint = "Known: 14:00, 14:00:30, 2:00 PM."
        raise NotADateError("csv.date", "This is no time of day in a form we know.", hint)
    return f"{date} {match['hour'].zfill(2)}:{match['minute']}{match['rest']}"


class DateColumn:
    """Reads the dates of one column. `values` is all of it, `forms` what the file's format declares."""

    def __init__(
        self, values: Iterable[str], forms: Iterable[str] = (), *, us_zones: bool = False, birth: bool = False
    ) -> None:
        self._declared = tuple(forms)
        self._forms = [_form(form) for form in self._declared]
        self._day_first = {} if self._forms else _day_first(values)
        self._zones = _UTC | _US_ZONES if us_zones else _UTC
        self._birth = birth
        self._known: dict[str, str] = {}

    def read(self, text: str) -> str:
        """Return a date or time as ISO 8601. Raises NotADateError."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._read(text)
        return known

    def _read(self, text: str) -> str:
        if self._birth:
            text = _without_midnight(text)  # with a time and its zone, some receivers make the day before of it
        for form in self._forms:
            if match := form.fullmatch(text):
                return self._iso(match, int(match["month"]), int(match["day"]))
        if _YEAR.fullmatch(text) and not self._birth:
            hint = "Write the whole date, and a time of day behind it: 2021-12-20 14:00."
            raise NotADateError("csv.date", "This is a year alone, or a time of day without its date.", hint)
        if _ISO.fullmatch(text) and not _DAY_FIRST_COMPACT.match(text):
            return text  # whether it is in the calendar is looked at when the message is built
        if match := _YEAR_FIRST.fullmatch(text):
            return self._iso(match, int(match["month"]), int(match["day"]))
        for named in _NAMED:
            if match := named.fullmatch(text):
                return self._iso(match, _month(match["name"]), int(match["day"]))
        match = _NUMERIC.fullmatch(text)
        if match and not self._forms:
            return self._numeric(match, int(match["a"]), int(match["b"]))
        forms = _fitting_forms(text)
        if self._birth and forms and "YYYY" not in forms[0]:
            raise _no_century()
        if not forms:
            hint = "Known: 2021-12-20 14:00, 12/20/2021 2:00 PM, 20 Dec 2021."
            raise NotADateError("csv.date", "This is no date in a form we know.", hint)
        said = "none of the forms that are declared for this file" if self._forms else "a form that must be declared"
        raise NotADateError("csv.date", f"This date has {said}.", self._form_hint(forms))

    def _numeric(self, match: re.Match[str], first: int, second: int) -> str:
        """Read a date of which only the year is certain."""
        if first > 12 or first == second:
            return self._iso(match, second, first)
        if second > 12:
            return self._iso(match, first, second)
        day_first = self._day_first.get(match[2])
        if day_first is None:
            raise NotADateError(
                "csv.date-order",
                "Nothing in this column says whether the day or the month comes first.",
                self._form_hint(_fitting_forms(match[0])),
            )
        return self._iso(match, *((second, first) if day_first else (first, second)))

    def _iso(self, match: re.Match[str], month: int, day: int) -> str:
        """Put the parts together, each as precise as it came."""
        parts = match.groupdict()
        if parts.get("short") and self._birth:
            raise _no_century()
        year = parts.get("year") or "20" + parts["short"]
        hour, half = int(parts["hour"] or 0), (parts["half"] or "")[:1].upper()
        if parts["hour"] and not (parts["minute"] or half):
            raise NotADateError("csv.date", "The time of day has no minutes.", "Write it as 14:00.")
        if half and not 1 <= hour <= 12:
            raise NotADateError("csv.date", "There is no such hour with AM or PM.", "Correct it.")
        if half:
            hour = hour % 12 + 12 * (half == "P")
        try:
            datetime.datetime(int(year), month, day, hour, int(parts["minute"] or 0), int(parts["second"] or 0))
        except ValueError:
            raise NotADateError("csv.date", "There is no such date or time in the calendar.", "Correct it.") from None
        date = f"{year}-{month:02}-{day:02}"
        if not parts["hour"]:
            return date
        clock = f"T{hour:02}:{parts['minute'] or '00'}"
        if parts["second"]:
            clock += f":{parts['second']}" + (f".{parts['fraction']}" if parts["fraction"] else "")
        return date + clock + self._zone(parts["zone"])

    def _form_hint(self, forms: Iterable[str]) -> str:
        """Say what to write so that one of these forms is read, and those that are declared still are."""
        lists = [f"[{', '.join((*self._declared, form))}]" for form in forms]
        return f"Write in the format of this file under inputs.csv: dates: {', or '.join(lists)}."

    def _zone(self, zone: str | None) -> str:
        if not zone or zone[0] in "+-":
            return zone or ""
        offset = self._zones.get(zone.upper())
        if offset is None:
            raise NotADateError(
                "csv.date-zone", "The letters of this time zone are not known, or stand for several.",
                "Write the offset from UTC: 14:00-05:00.",
            )  # fmt: skip
        return offset


def _no_century() -> NotADateError:
    return NotADateError("csv.date", "A date of birth needs a year of four digits.", "Correct the export.")


def _fitting_forms(text: str) -> list[str]:
    """Return the forms that a numeric date can have by its own marks and numbers; with dots, the day comes first."""
    mark = next((match[1] for match in [_MARK.match(text)] if match), "")
    fitting = []
    for year in ("YYYY", "YY"):
        orders = [("DD", "MM", year), ("MM", "DD", year), (year, "MM", "DD")]
        for parts in orders[:1] if mark == "." else orders:
            match = _form(mark.join(parts)).fullmatch(text)
            if match and 1 <= int(match["month"]) <= 12 and 1 <= int(match["day"]) <= 31:
                fitting.append(mark.join(parts))
    return fitting


def _form(form: str) -> re.Pattern[str]:
    """Compile DD/MM/YYYY and the like; a time of day may follow."""
    pieces = re.findall(r"YYYY|YY|MM|DD|[./ -]", form)
    digits = not re.search(r"[./ -]", form)  # DDMMYYYY has nothing between: each part has all its digits
    pattern = "".join(_PARTS.get(piece) or re.escape(piece) for piece in pieces)
    return re.compile((pattern.replace("{1,2}", "{2}") if digits else pattern) + _CLOCK, re.ASCII)


def _day_first(values: Iterable[str]) -> dict[str, bool]:
    """Tell the order of a column, for each of `./-`, from the values that leave no choice and agree."""
    seen: dict[str, set[bool]] = {}
    for value in set(values):
        if match := _NUMERIC.fullmatch(value):
            first, second = int(match["a"]), int(match["b"])
            if (first > 12) != (second > 12):
                seen.setdefault(match[2], set()).add(first > 12)
    return {mark: orders.pop() for mark, orders in seen.items() if len(orders) == 1}


def _month(name: str) -> int:
    found = [n for n, month in enumerate(_MONTHS, 1) if month.startswith(name.lower())]
    found += [9] if name.lower() == "sept" and not found else []
    if len(found) != 1:
        raise NotADateError("csv.date", "This is no month we know.", "Months are read in English, or as numbers.")
    return found[0]
