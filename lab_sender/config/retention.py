"""How long what is finished is kept: the section `retention`.

Holds: `Retention`, a period for each kind of thing that may be deleted, and the hours in which that may be done.
Promises: without the section nothing is deleted; a period never is shorter than what recognising repeats, corrections
and answers needs, and what proves a delivery is kept at least as long as what it is about.
Never: says what may go; `filing/retention.py` does.
"""

import math
import re
from typing import Annotated, Final

from pydantic import Field, ValidationInfo, field_validator

from lab_sender.config.closed import DailyHours
from lab_sender.config.text.scalars import AbsolutePath, Scalar
from lab_sender.config.text.section import Section, at_odds, setting, wrong

_UNITS_S: Final = {"d": 86_400.0, "w": 7 * 86_400.0, "y": 365 * 86_400.0}
_AMOUNT: Final = re.compile(r"([0-9]{1,5}) ?([A-Za-z]*)")
NEVER: Final = "never"
"""How a period without an end is written."""
_EXAMPLE: Final = "for example 90d; its units are d, w, y (365 days); or never"


def _seconds(text: str) -> float:
    if text.lower() == NEVER:
        return math.inf
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise wrong("must be a period of days", _EXAMPLE)
    number, unit = match.groups()
    if unit.lower() not in _UNITS_S:
        raise wrong(f"has {'an unknown' if unit else 'no'} unit; must be a period of days", _EXAMPLE)
    return float(number) * _UNITS_S[unit.lower()]


def _period(shortest: str) -> Scalar:
    """Read `90d`, `12w`, `2y` into seconds, `never` into infinity."""
    least_s = _seconds(shortest)

    def read(text: str) -> float:
        seconds = _seconds(text)
        if seconds < least_s:
            raise wrong(f"must be at least {shortest}", "a shorter one is not safe: docs/AUDITOR.md says why")
        return seconds

    units = "|".join(f"[{unit}{unit.upper()}]" for unit in _UNITS_S)
    return Scalar(read, {"type": "string", "pattern": rf"^([0-9]{{1,5}} ?({units})|[Nn][Ee][Vv][Ee][Rr])$|\$\{{"})


class Retention(Section):
    """How long what is finished is kept. Left out: nothing is deleted; `retention: {}` has these defaults."""

    content_s: Annotated[float, _period("7d")] = setting(
        "90d", "The bytes of delivered messages and of their answers, from delivery on. At least 7d."
    )
    sent_s: Annotated[float, _period("1d")] = setting("30d", "Delivered files in sent, by the day. At least 1d.")
    dismissed_s: Annotated[float, _period("7d")] = setting(
        "1y", "Files that were given up, in quarantine/dismissed. At least 7d."
    )
    record_s: Annotated[float, _period("90d")] = setting(
        "2y", "What became of each message: tries, codes, times, who did what. At least 90d, and no shorter than the "
        "three above."
    )  # fmt: skip
    audit_s: Annotated[float, _period("1y")] = setting(
        "6y", "The record of acts, and of the page's audit. At least 1y, and no shorter than record."
    )
    window: DailyHours = Field(
        "02:00-05:00",
        description="Hours of every day in which it is deleted: 02:00-05:00, or {from, to, zone}.",
        validate_default=True,
    )
    archive: AbsolutePath | None = setting(
        None, "Folder that gets, before it is deleted, what is deleted: a file a month. It must be there."
    )

    @field_validator("record_s")
    @classmethod
    def _record_outlives_what_it_is_about(cls, record: float, info: ValidationInfo) -> float:
        for name in ("content", "sent", "dismissed"):
            if record < info.data.get(f"{name}_s", 0.0):
                raise at_odds(f"is shorter than {{here}}.{name}", f"raise it, or lower {name}")
        return record

    @field_validator("audit_s")
    @classmethod
    def _audit_outlives_the_record(cls, audit: float, info: ValidationInfo) -> float:
        if audit < info.data.get("record_s", 0.0):
            raise at_odds("is shorter than {here}.record", "raise it, or lower record")
        return audit

