"""Which files are read by themselves after an unclean end, and how often one after the other did not end well.

Holds: the note of these readings, and how one more changes it.
Promises: a run counts a file once; an end over another file breaks the row.
Never: says what follows from a number.
"""

from __future__ import annotations

import json


class Alone:
    """Which files were being read by themselves, and how many readings of each did not end."""

    def __init__(self, ends: dict[str, int], run: str, last: str) -> None:
        self._ends = ends
        self._run = run
        self._last = last

    @classmethod
    def noted(cls, text: str) -> Alone:
        """Read the note; an older journal has the numbers alone."""
        known = json.loads(text) if text else {}
        return cls(known.get("ends", known), known.get("run", ""), known.get("last", ""))

    def as_note(self) -> str:
        """Return it as it is noted."""
        return json.dumps({"ends": self._ends, "run": self._run, "last": self._last})

    def read(self, run: str, claim_id: str, done: str) -> int:
        """Count one more reading, unless this run has counted it already; returns how many there were before."""
        if claim_id and run == self._run and claim_id == self._last:
            return max(0, self._ends.get(claim_id, 0) - 1)
        if not done:  # begun anew: what counts is the file that was being read at the last end
            self._ends = dict(list(self._ends.items())[-1:])
        self._ends.pop(done, None)
        before = self._ends.pop(claim_id, 0)
        if claim_id:
            self._ends[claim_id] = before + 1
        self._run, self._last = run, claim_id
        return before
