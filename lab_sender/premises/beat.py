"""What an agent writes of itself, for whoever looks whether it works.

Holds: the file's name and content, and what it means.
Promises: whoever reads it needs no lock; without it nobody is worse off.
Never: touches the outbox or the journal's database.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final, NamedTuple

BEAT_NAME: Final = "agent.beat"
"""The file's name, in the journal's folder."""
FRESH_S: Final = 30.0
"""For so long a part may be silent, and the file stay as it is."""


class Beat(NamedTuple):
    """What an agent has written of itself.

    `at_ms` is when; `silent_s` is for how long each part had been silent then. `journal` is the code of why the
    journal could not be written, "" where it could; `ended`: it has ended in good order; `leads`: it has a lane, as
    one always has that has its journal alone.
    """

    pid: int
    started_ms: int
    at_ms: int
    silent_s: dict[str, float]
    journal: str = ""
    journal_since_ms: int | None = None
    ended: bool = False
    leads: bool = True


def last_beat(folder: Path) -> Beat | None:
    """Return what the last agent has written of itself; None where none has, or it cannot be read."""
    for _ in range(2):  # it may be read while it is written
        try:
            return Beat(**json.loads((folder / BEAT_NAME).read_bytes()))
        except (OSError, ValueError, TypeError):
            continue
    return None


def is_fresh(beat: Beat | None) -> bool:
    """Say whether this was written a moment ago by an agent that goes on."""
    return beat is not None and not beat.ended and abs(now_ms() - beat.at_ms) < FRESH_S * 1000


def silent_parts(beat: Beat | None) -> dict[str, float]:
    """Return which parts of a running agent have not been at work for FRESH_S, and for how long: `agent` is all."""
    if beat is None:
        return {}
    age_s = max(0.0, (now_ms() - beat.at_ms) / 1000)
    if age_s > FRESH_S:
        return {"agent": round(age_s, 1)}
    return {name: each for name, each in beat.silent_s.items() if each > FRESH_S}


def now_ms() -> int:
    """Return the wall clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
