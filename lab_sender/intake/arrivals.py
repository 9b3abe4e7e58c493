"""Which files in the outbox are complete, and whose turn it is.

Holds: what earlier looks saw of each name, the rule that calls a file complete, and the rule that keeps their order.
Promises: a file is complete by its marker, its writer's closing or renaming, or two looks `settle` apart; one that a
writer is known to have open is not. What came while a look went on waits for the next one, which sees what came
before it, unless its writer is known to be done. Order is by modification time, then name: no file is called before
an older one that still settles, for `settle` at most. Of very many files the oldest are looked at first: their
messages leave while the others wait. Temporary names, folders, links and devices are never called.
Never: opens anything but a regular file, and never renames.
"""

from __future__ import annotations

import logging
import stat
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from msgspec import Struct

from lab_sender import files
from lab_sender.config.sections import Intake
from lab_sender.files import Look
from lab_sender.intake.at_rest import AtRest
from lab_sender.intake.names import Names
from lab_sender.intake.untaken import overdue_s, untaken
from lab_sender.log import say

_LOG_EVERY_S = 60.0
_FIRST, _AT_ONCE = 2000, 10_000
"""So many files are judged by the first look that finds more, and by those that follow at once."""
_EMPTY_SETTLE_FACTOR = 10
"""An empty file is more likely one whose first byte has not come yet."""


class _Seen(Struct, frozen=True):
    """A file as it has looked since an instant of the monotonic clock."""

    look: Look
    since_s: float

    @property
    def turn(self) -> tuple[int, str]:
        return _turn(self.look)


class Arrivals:
    """The outbox as a sequence of looks."""

    def __init__(
        self,
        outbox: Path,
        settings: Intake,
        *,
        own: Collection[Path] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._own = own
        self._logged: dict[str, int] = {}
        self._logged_at_s = -_LOG_EVERY_S
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._complete: dict[str, _Seen] = {}
        self._held = False
        self._most, self._claimed, self._judged = _FIRST, 0, 0
        self._behind: tuple[int, str] | None = None
        """The oldest turn that the last look left for the next one; None: it judged all that it saw."""
        self._oddities: set[str] = set()
        self._at_rest = AtRest(outbox)
        self.use(settings)

    def use(self, settings: Intake) -> None:
        """Look by other settings from now on; what earlier looks saw stays, but for markers."""
        self._markers: dict[str, tuple[str, ...]] = {}
        self._shares = Counter[str]()
        self._settle_s = settings.settle_s
        self._names = Names(settings.temporary, settings.marker)
        self._overdue_s = overdue_s(settings.settle_s, settings.attachment_wait_s)

    @property
    def unsettled(self) -> bool:
        """True while some file was seen that is not complete yet, or that waits for an older one."""
        return bool(self._seen) or self._held

    def could_not_look(self) -> None:
        """Note that no look was made, and none is wanted soon."""
        self._at_rest.wants_another_look = False

    @property
    def wants_another(self) -> bool:
        """True where a file has come too late for the last look, and is complete for the next one."""
        return self._at_rest.wants_another_look

    @property
    def saw_all(self) -> bool:
        """True where the last look that could be made has left no file for the next one."""
        return self._behind is None

    @property
    def goes_on(self) -> bool:
        """True where the last look has left files for the next one, and some of the others were claimed."""
        return self._behind is not None and self._claimed > 0

    def complete(
        self, closed: Collection[str], meanwhile: Callable[[], Collection[str]] = tuple
    ) -> list[Look]:
        """Look once at the outbox; return the complete files whose turn has come, in order of arrival.

        Where there are very many, only the oldest are judged: the next look goes on with the others.

        `closed` are names that their writers closed or renamed into place since the last look, `meanwhile()` those
        of which the doorbell rang while this one went on: they hold nobody up until the next. Raises OSError when
        the outbox cannot be read; an outbox that is empty or away has no consequence.
        """
        now = self._clock()
        markers: dict[str, list[str]] = {}
        with_markers = self._names.marker
        self._at_rest.begin()
        names = {look.name: look for look in self._judged_now(markers)}
        if not with_markers:
            closed = {*closed, *self._closed_meanwhile(meanwhile(), names)}
        before, self._seen = self._seen, {}
        known, self._complete = self._complete, {}
        self._judged = len(names)
        if with_markers:
            self._find_markers(names, markers)
        for name, look in names.items():
            seen = known.get(name)
            if seen is None or seen.look != look:
                seen, earlier = _Seen(look, now), before.get(name)
                if earlier is not None and earlier.look != look:
                    earlier = None
                if with_markers:
                    has_come = name not in before
                    is_complete = name not in self._markers or self._is_marked(look, earlier, closed, now, has_come)
                else:
                    is_complete = self._is_complete(look, earlier, name in closed, now)
                if not is_complete:
                    continue
            if not with_markers or name in self._markers:
                self._complete[name] = seen  # one that could not be claimed stays complete
        return [each.look for each in self._in_turn(now)]

    def _looks(self, markers: dict[str, list[str]]) -> Iterator[Look]:
        """Look at each file; those that are markers are put with their like."""
        is_marker, is_temporary = self._names.is_marker, self._names.is_temporary
        for entry in files.entries(self._outbox):
            name = entry.name
            if is_marker(name):
                markers.setdefault(name.lower(), []).append(name)
            elif not is_temporary(name):
                look = files.look(entry)
                if look is not None and self._takes(name, look.mode):
                    yield look

    def _judged_now(self, markers: dict[str, list[str]]) -> Collection[Look]:
        """Choose what is judged now: more, where of the last ones not even half could be claimed.

        Those that stay are judged beside the first few: a look sees what the one before has seen, and so it settles.
        """
        claimed, self._claimed = self._claimed, 0
        if self._names.marker:  # whose file is whose is known of all together
            looks = list(self._looks(markers))
            self._behind = None
            return looks
        if self._behind is None:
            most = _FIRST + max(0, self._judged - claimed)
        else:
            most = max(self._most, _AT_ONCE) if claimed * 2 >= self._most else self._most * 2
        found = self._oldest(most + 1)  # a look that fails leaves it at what the one before has seen
        self._most, self._behind = most, None
        if len(found) > most:
            self._behind = _turn(found.pop())
        return found

    def _oldest(self, most: int) -> list[Look]:
        """Look at each file; return the oldest in their turn, so many at most.

        Of the others nothing is kept, and no more asked than their times: there may be hundreds of thousands.
        """
        is_temporary, takes = self._names.is_temporary, self._takes
        found: list[tuple[int, str, int, int, int, int]] = []
        last_ns = sys.maxsize  # of the youngest one that may still be among them
        for entry in files.entries(self._outbox):
            seen = files.seen(entry)
            if seen is None or (mtime_ns := seen.st_mtime_ns) > last_ns:
                continue
            name, mode = entry.name, seen.st_mode
            if not is_temporary(name) and takes(name, mode):
                found.append((mtime_ns, name, seen.st_size, seen.st_ino, mode, seen.st_ctime_ns))
                if len(found) > most + most // 4:
                    found.sort()
                    del found[most:]
                    last_ns = found[-1][0]
        found.sort()
        del found[most:]
        self._at_rest.saw({name: changed_ns for _, name, _, _, _, changed_ns in found})
        return [Look(name, size, mtime_ns, inode, mode) for mtime_ns, name, size, inode, mode, _ in found]

    def taken(self, name: str) -> list[Path]:
        """Note that a file was claimed; return the markers that no other complete file has a share in."""
        self._claimed += 1
        mine = self._markers.pop(name, ())
        self._shares.subtract(mine)
        return [self._outbox / marker for marker in mine if self._shares[marker] <= 0]

    def outlived(self, names: Collection[str]) -> list[Path]:
        """Return the markers of files that an earlier run has claimed, which complete nothing that lies here now.

        Left there, one would complete the next file of that name before it is whole. A marker comes behind its file:
        what has been written to since the marker was is not completed by it. Raises OSError.
        """
        if not (self._names.marker and names):
            return []
        markers: dict[str, list[str]] = {}
        for _ in self._looks(markers):
            pass
        there = list(self._looks({}))  # after the markers: the file of a marker that has come just now is among them
        lowered = {look.name.lower() for look in there}
        left = {each for name in names for each in self._names.markers_of(name, markers, lowered)}
        for look in there:
            left.difference_update(self._fresh(look, self._names.markers_of(look.name, markers, lowered)))
        return [self._outbox / each for each in sorted(left)]

    def _fresh(self, look: Look, markers: Collection[str]) -> Iterator[str]:
        """Name those of a file's markers that are not older than it."""
        for name in markers:
            marker = files.look(self._outbox / name)
            if marker is not None and marker.mtime_ns >= look.mtime_ns:
                yield name

    def log_untaken(self) -> None:
        """Log, by kind and count, what lies in the outbox for long and is not taken: a count is logged once.

        Looks once a minute at most. Raises OSError when the outbox cannot be read.
        """
        now = self._clock()
        if now - self._logged_at_s < _LOG_EVERY_S:
            return
        self._logged_at_s = now
        counts: dict[str, int] = {}
        for each in untaken(self._outbox, self._names, self._own):
            if each.age_s >= self._overdue_s or each.why == "sub-folder":
                counts[each.why] = counts.get(each.why, 0) + 1
        for why, count in counts.items():
            if self._logged.get(why) != count:
                say(logging.WARNING, "outbox.untaken", why=why, count=count)
        self._logged = counts

    def _closed_meanwhile(self, closed: Collection[str], names: dict[str, Look]) -> Collection[str]:
        """Look anew at what was closed during a look, which may have seen it before it was whole, or not at all."""
        for name in closed:
            if not self._names.is_temporary(name):
                look = files.look(self._outbox / name)
                if look is not None and self._is_behind(look):
                    names.pop(name, None)
                elif look is not None and self._takes(name, look.mode):
                    names[name] = look
        return closed

    def _is_behind(self, look: Look) -> bool:
        """Say whether older ones are left for the next look, which must not be overtaken."""
        return self._behind is not None and _turn(look) >= self._behind

    def _find_markers(self, names: Collection[str], markers: dict[str, list[str]]) -> None:
        self._markers = {}
        lowered = {name.lower() for name in names} if markers else ()
        for name in names if markers else ():
            if found := self._names.markers_of(name, markers, lowered):
                self._markers[name] = found
        self._shares = Counter(marker for found in self._markers.values() for marker in found)

    def _in_turn(self, now: float) -> list[_Seen]:
        """Return the complete files, in order, up to the first that an older one may still go before.

        One that grows becomes younger than all that are complete; one that a writer has open, or that is empty, does
        not look complete once it has stood for `settle`. Both are passed.
        """
        complete = sorted(self._complete.values(), key=lambda each: each.turn)
        stand = [each for each in self._seen.values() if each.look.size and now - each.since_s < self._settle_s]
        count = len(complete)
        if stand:
            first = min(each.turn for each in stand)
            while count and complete[count - 1].turn > first and now - complete[count - 1].since_s < self._settle_s:
                count -= 1
        self._held = count < len(complete)
        return complete[:count]

    def _is_complete(self, look: Look, earlier: _Seen | None, closed: bool, now: float) -> bool:
        if closed and look.size:
            return True
        if self._closed_long_ago(look, seen_earlier=earlier is not None):
            return True
        if earlier is not None:
            settle_s = self._settle_s if look.size else self._settle_s * _EMPTY_SETTLE_FACTOR
            if now - earlier.since_s >= settle_s and self._at_rest.has_no_writer(look.name):
                return True
        self._seen[look.name] = earlier or _Seen(look, now)
        return False

    def _is_marked(
        self, look: Look, earlier: _Seen | None, closed: Collection[str], now: float, has_come: bool
    ) -> bool:
        if earlier is not None:
            return True
        others_want = self._at_rest.wants_another_look
        markers = self._markers[look.name]
        is_marked = any(each in closed or self._at_rest.marker_was_here(each) for each in markers)
        if is_marked and (look.name in closed or self._at_rest.was_here(look.name)):
            return True
        self._at_rest.wants_another_look = others_want or has_come  # one that grows waits for the usual one
        self._seen[look.name] = _Seen(look, now)
        return False

    def _closed_long_ago(self, look: Look, *, seen_earlier: bool) -> bool:
        """Two signs at once: old by the wall clock, and known to have no writer."""
        age_s = time.time() - look.mtime_ns / 1e9
        is_old = look.size > 0 and age_s >= self._settle_s
        return is_old and self._at_rest.is_closed(look.name, seen_earlier=seen_earlier)

    def _takes(self, name: str, mode: int) -> bool:
        if stat.S_ISREG(mode):
            return True
        if not stat.S_ISDIR(mode) and name not in self._oddities:
            self._oddities.add(name)
            say(logging.WARNING, "outbox.not-a-file", mode=oct(mode))
        return False


def _turn(look: Look) -> tuple[int, str]:
    return look.mtime_ns, look.name
