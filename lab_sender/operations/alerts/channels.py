"""The channels, each with a thread of its own.

Holds: what waits for each of them, when it is tried again, and which of them fail.
Promises: a channel that hangs or fails keeps no other one waiting; what it did not take it gets later, all in one
text, and after a day no more. What the book cannot say or note now it is asked again. Whether a channel works is
known without asking it. Right before a text goes out, the book is asked whether it still is to.
Never: decides what is sent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

from lab_sender.config.alerts import Channel
from lab_sender.log import say
from lab_sender.operations.alerts.book import Failing, Text, Waiting, code_of
from lab_sender.operations.alerts.notify import Outcome, send
from lab_sender.operations.alerts.texts import together

HANGS_S: Final = 30.0
"""After this time a text that is still being sent counts as failed."""
_WAITS_S: Final = (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
_GIVEN_UP_MS: Final = 86_400_000
_STOP_S: Final = 2.0
_READ_AGAIN_S: Final = 5.0
_NOT_OURS_S: Final = 1.0
"""When it is asked again whether texts are this machine's to send; mostly the channel is stopped before."""


class Keeps(Protocol):
    """What a channel notes of its texts."""

    def waiting(self, channel: str, /) -> list[Waiting]: ...
    def going(self, channel: str, ids: Sequence[int], /) -> Collection[int]: ...
    def sent(self, channel: str, ids: list[int], now_ms: int, /) -> None: ...
    def failed(self, channel: str, ids: list[int], failure: str, now_ms: int, /, *, for_good: bool) -> None: ...


class ChannelThread:
    """One channel; `start` makes its thread."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        book: Keeps,
        *,
        now_ms: Callable[[], int],
        sends: Callable[[Channel, Text], Outcome] = send,
    ) -> None:
        self.name = name
        self._channel = channel
        self._book = book
        self._now_ms = now_ms
        self._sends = sends
        self._waiting: list[Waiting] = []
        self._kept = set[int]()
        """The texts that were read from the book."""
        self._read_at: float | None = 0.0
        """When they are read; None: they were."""
        self._unkept = set[int]()
        """When those were made that were handed over without the book; it may have them all the same."""
        self._late: list[Callable[[], None]] = []
        """What could not be noted yet: before the book is read again."""
        self._bell = threading.Condition()
        self._is_stopping = False
        self._tries = 0
        self._again_at = 0.0
        self._since_ms: int | None = None
        self._failure = ""
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"alerts {name}", daemon=True)

    def start(self) -> None:
        """Go on with what was not sent before, then with what comes."""
        self._read()
        self._thread.start()

    def put(self, waiting: Waiting) -> None:
        """Hand a text over; returns at once."""
        with self._bell:
            if not waiting.id:
                self._unkept.add(waiting.text.at_ms)
            if waiting.id not in self._kept:
                self._waiting.append(waiting)
            self._bell.notify_all()

    def read_again(self) -> None:
        """Read what waits: there may be texts that nobody hands over."""
        with self._bell:
            self._read_at = time.monotonic()
            self._bell.notify_all()

    def stop(self) -> None:
        """End; what is being sent may end by itself, what the book has is sent after the next start, the rest now."""
        with self._bell:
            self._is_stopping = True
            self._bell.notify_all()

    def join(self) -> None:
        """Wait a moment for the end."""
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    @property
    def failing(self) -> Failing | None:
        """Since when, how often and over what it fails; None: it works, as far as is known."""
        with self._bell:
            busy = self._busy_since
            if busy is not None and time.monotonic() - busy > HANGS_S and self._since_ms is None:
                return Failing(self.name, self._now_ms() - round((time.monotonic() - busy) * 1000), 1, "alerts.hangs")
            if self._since_ms is None:
                return None
            return Failing(self.name, self._since_ms, self._tries, self._failure)

    def _run(self) -> None:
        while True:
            with self._bell:
                while not (self._is_stopping or self._is_due() or self._is_unread()):
                    next_at = [self._again_at] if self._waiting else []
                    next_at += [] if self._read_at is None else [self._read_at]
                    self._bell.wait(min(next_at) - time.monotonic() if next_at else None)
                is_due = self._is_due()
                if self._is_stopping and not (is_due and any(not each.id for each in self._waiting)):
                    return
            if not is_due:
                self._read()
                continue
            if not (batch := self._going()):
                continue
            with self._bell:
                self._busy_since = time.monotonic()
            outcome = self._sends(self._channel, together([each.text for each in batch]))
            self._conclude(batch, outcome)

    def _read(self) -> None:
        """Note what was late, and read what was not sent before; where that cannot be now, it is soon."""
        with self._bell:
            self._read_at = None
        try:
            while self._late:
                self._late[0]()
                del self._late[0]
            found = self._without_sent(self._book.waiting(self.name))
        except Exception:
            self._read_later()
            return
        with self._bell:
            known = {each.id for each in found} | {each.text.at_ms for each in found}
            here = [each for each in self._waiting if (each.id or each.text.at_ms) not in known]
            self._waiting = sorted([*found, *here], key=lambda each: each.text.at_ms)
            self._kept.update(each.id for each in found)

    def _without_sent(self, found: list[Waiting]) -> list[Waiting]:
        """Leave out, and note as sent, what went out without the book and is in it all the same."""
        with self._bell:
            gone = self._unkept.difference(each.text.at_ms for each in self._waiting if not each.id)
        if sent := [each.id for each in found if each.text.at_ms in gone]:
            self._book.sent(self.name, sent, self._now_ms())
        return [each for each in found if each.id not in sent]

    def _read_later(self) -> None:
        with self._bell:
            self._read_at = time.monotonic() + _READ_AGAIN_S

    def _is_unread(self) -> bool:
        return self._read_at is not None and time.monotonic() >= self._read_at

    def _going(self) -> list[Waiting]:
        """Return what goes out now. What another machine has sent is forgotten; while it is not ours, all waits."""
        with self._bell:
            batch = list(self._waiting)
        try:
            ours = self._book.going(self.name, _ids(batch))
        except Exception:
            with self._bell:
                self._again_at = time.monotonic() + _NOT_OURS_S
            return []
        going = [each for each in batch if not each.id or each.id in ours]
        with self._bell:
            self._waiting = [*going, *self._waiting[len(batch) :]]
        return going

    def _is_due(self) -> bool:
        return bool(self._waiting) and time.monotonic() >= self._again_at

    def _conclude(self, batch: list[Waiting], outcome: Outcome) -> None:
        now_ms = self._now_ms()
        with self._bell:
            self._busy_since = None
            if not outcome.code:
                self._waiting = self._waiting[len(batch) :]
                self._tries, self._again_at, self._since_ms, self._failure = 0, 0.0, None, ""
                old: list[Waiting] = []
            else:
                self._again_at = time.monotonic() + _WAITS_S[min(self._tries, len(_WAITS_S) - 1)]
                self._tries += 1
                is_news = outcome.code != self._failure
                self._since_ms = now_ms if self._since_ms is None else self._since_ms
                self._failure = outcome.code
                old = [each for each in batch if now_ms - each.text.at_ms > _GIVEN_UP_MS]
                self._waiting = [each for each in self._waiting if each not in old]
        if not outcome.code:
            say(logging.INFO, "alerts.sent", channel=self.name, texts=len(batch))
            self._note(lambda: self._book.sent(self.name, _ids(batch), now_ms))
            return
        if is_news:
            say(logging.WARNING, "alerts.channel-failed", channel=self.name, code=outcome.code)
        young = [each for each in batch if each not in old]
        if old:
            say(logging.ERROR, "alerts.given-up", channel=self.name, texts=len(old))
            self._note(lambda: self._book.failed(self.name, _ids(old), outcome.code, now_ms, for_good=True))
        if young:
            self._note(lambda: self._book.failed(self.name, _ids(young), outcome.code, now_ms, for_good=False))

    def _note(self, note: Callable[[], None]) -> None:
        try:
            note()
        except Exception as error:
            say(logging.ERROR, "alerts.not-kept", code=code_of(error))
            self._late.append(note)
            self._read_later()


class Channels:
    """All channels of a configuration."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        book: Keeps,
        *,
        now_ms: Callable[[], int],
        sends: Callable[[Channel, Text], Outcome] = send,
    ) -> None:
        self._threads = {
            name: ChannelThread(name, each, book, now_ms=now_ms, sends=sends) for name, each in channels.items()
        }

    def start(self) -> None:
        """Start them."""
        for each in self._threads.values():
            each.start()

    def put(self, waiting: Waiting) -> None:
        """Hand a text to its channel; one that is configured no more has no use for it."""
        thread = self._threads.get(waiting.text.channel)
        if thread is not None:
            thread.put(waiting)

    def read_again(self) -> None:
        """Have each read what waits for it."""
        for each in self._threads.values():
            each.read_again()

    def failing(self) -> list[Failing]:
        """Return the channels that do not work."""
        return [found for each in self._threads.values() if (found := each.failing) is not None]

    def stop(self) -> None:
        """End them, and wait a moment."""
        for each in self._threads.values():
            each.stop()
        for each in self._threads.values():
            each.join()


def _ids(batch: list[Waiting]) -> list[int]:
    return [each.id for each in batch if each.id]
