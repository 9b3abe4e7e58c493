"""States, times, ages, sizes and counts in words.

Holds: the words of states, by which lists are filtered too, and the small formats that commands and checks share.
Promises: the same wording wherever a state, a time, an age, a size or a count is shown.
Never: prints.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from typing import Final

STATES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "waiting": (("spooled", ""), ("sending", "")),
    "being sent": (("sending", ""),),
    "delivered": (("acked", ""),),
    "quarantined": (("quarantined", ""),),
    "given up": (("dismissed", ""),),
    "duplicate": (("duplicate", ""),),
    "read again": (("replaced", "read-again"), ("withdrawn", "")),
    "resent": (("replaced", "resent"),),
    **{state: ((state, ""),) for state in ("spooled", "sending", "acked", "dismissed", "replaced", "withdrawn")},
}
"""The words by which a list is filtered, with the states that each means, and their code where only one is meant.

What is being sent is waiting too: it is not delivered yet. The journal's own names mean exactly their state.
"""
HELD_BY: Final = {"operator": "an operator", "brake": "the brake", "reply": "a reply rule"}
"""Who holds a lane, by the journal's kind of hold."""


def state(name: str, code: str | None = None, replaced_by: int | None = None) -> str:
    """Say a state as people do: `delivered`, `read again as 125`."""
    from lab_sender.journal.states import REPLACED, WORDS

    words = REPLACED.get(code or "", name) if name == "replaced" else WORDS.get(name, name)
    return words if replaced_by is None else f"{words} as {replaced_by}"


def not_in_force(config_file: str) -> str:
    """Say that the configuration is not the one that the agent runs with."""
    return f"{config_file} (or a file that it names) changed and is not in force: `lab-sender reload`"


def clock(at_ms: int | None, *, short: bool = False) -> str:
    """Write a time: `2026-11-22 10:15:03`; short, `10:15:03` of today and `11-22 10:15` of other days."""
    if at_ms is None:
        return ""
    at = datetime.datetime.fromtimestamp(at_ms / 1000)
    if not short:
        return at.strftime("%Y-%m-%d %H:%M:%S")
    return at.strftime("%H:%M:%S" if at.date() == datetime.date.today() else "%m-%d %H:%M")


def closed_until(at_ms: int) -> str:
    """Say until when a destination is closed, by an hour of a day near: `closed until 06:00`."""
    return f"closed until {datetime.datetime.fromtimestamp(at_ms / 1000):%H:%M}"


def fine_clock(at_ms: int | None) -> str:
    """Write a time to the millisecond."""
    return "" if at_ms is None else f"{clock(at_ms)}.{at_ms % 1000:03}"


def age_s(at_ms: int | None) -> float | None:
    """Return how many seconds ago something was."""
    return None if at_ms is None else max(0.0, time.time() - at_ms / 1000)


def age(seconds: float | None) -> str:
    """Write a length of time: `3 s`, `12 min`, `5 h`, `3 days`."""
    if seconds is None:
        return ""
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def size(count: int) -> str:
    """Write a size: `812 B`, `14.2 MiB`."""
    amount, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def milliseconds(value: float | None) -> str:
    """Write how long an ACK took."""
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def counted(counts: Mapping[str, int]) -> str:
    """Write `2 temporary, 1 sub-folder`."""
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def plural(count: int, one: str, many: str = "") -> str:
    """Write `1 message`, `2 messages`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
