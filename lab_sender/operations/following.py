"""What comes and what becomes of it, as it happens.

Holds: `Following`, which is asked again and again what is new.
Promises: each message that fits is given when it was received, and again whenever its state changes; a look at a
journal that nobody has written costs one small question.
Never: waits; whoever asks does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from lab_sender.operations.search import Search, criteria_of
from lab_sender.operations.stories import Entry, entry_of
from lab_sender.operations.values import FORMAT

if TYPE_CHECKING:
    from lab_sender.journal import Cursor, Line, View
    from lab_sender.journal.criteria import Hit
    from lab_sender.operations.installation import Installation

_MOST_OPEN: Final = 2000
"""How many messages that may still change are looked at: the oldest, for these go first."""
_LATE: Final = 256
"""So many numbers are looked at again: of two that spool at once, the one with the lower may be seen later."""
_OPEN: Final = ("spooled", "sending", "quarantined")


class Followed(Entry, frozen=True, tag_field=FORMAT, tag="lab-sender/entry/1"):
    """A message, or a file that could not be read, that came or changed just now."""


class Following:
    """Follows a search, from now on."""

    def __init__(self, installation: Installation, view: View, wanted: Search) -> None:
        """Begin with what is there: its changes are new, it itself is not. Raises UnknownDestination."""
        self._installation, self._view = installation, view
        self._wanted = criteria_of(installation, view, wanted)
        lasting = replace(wanted, states=(), code="", tries=0, contradicted=False, since_ms=None, until_ms=None)
        self._lasting = criteria_of(installation, view, lasting)._replace(since_ms=None)
        self._version = -1
        self._known: set[Hit] = set()
        self._after = _behind(view.last_ids())
        self._fresh()
        hits = view.hits(self._lasting._replace(states=_OPEN))
        there = [hit.message for hit in hits if hit.message is not None][-_MOST_OPEN:]
        self._open = {line.message_id: _seen(line) for line in view.these(there) if line.message_id is not None}

    def look(self) -> list[Entry]:
        """Return what has come or changed since the last look, the oldest first."""
        version = self._view.version()
        if version == self._version:
            return []
        self._version = version
        lines = [*self._changed(), *self._new()]
        return [entry_of(self._installation, each) for each in lines if self._view.fits(self._wanted, each)]

    def _changed(self) -> list[Line]:
        changed: list[Line] = []
        for line in reversed(self._view.these(list(self._open))):
            number, seen = line.message_id, _seen(line)
            if number is None or self._open[number] == seen:
                continue
            changed.append(line)
            self._open[number] = seen
            if line.state not in _OPEN:
                del self._open[number]
        return changed

    def _fresh(self) -> list[Hit]:
        """Return what is there and was not at the last look; of two that come at once the lower may be seen later."""
        newest = self._view.last_ids()
        before = newest._replace(message=newest.message + 1, source=newest.source + 1)
        found = list(self._view.hits(self._lasting, after=self._after, before=before))
        fresh = [each for each in found if each not in self._known]
        self._known, self._after = set(found), _behind(newest)
        return fresh

    def _new(self) -> list[Line]:
        lines = self._view.lines_of(self._fresh())[::-1]
        for line in lines:
            if line.message_id is not None and line.state in _OPEN and len(self._open) < _MOST_OPEN:
                self._open[line.message_id] = _seen(line)
        return lines


def _behind(newest: Cursor) -> Cursor:
    return newest._replace(message=max(0, newest.message - _LATE), source=max(0, newest.source - _LATE))


def _seen(line: Line) -> tuple[str, str, int, str]:
    return line.state, line.code, line.attempts, line.contradicted
