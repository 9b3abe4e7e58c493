"""The service that sends what is wrong: it looks, takes the machine one step on, and hands texts over.

Holds: the loop, and what goes on without a book. several.py has what several machines need beside it.
Promises: it sends also where nobody can look (`status.unreadable`), where its book cannot be written, and where
another channel fails. A restart repeats nothing, and what began while this was down is sent. No fault ends it.
Never: delays a delivery: it has a process of its own and reads the journal as any reader does.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, cast

from msgspec.structs import replace

from lab_sender.config.alerts import Alerts, Channel
from lab_sender.config.closed import closed_until
from lab_sender.journal import LeaseLost, now_ms
from lab_sender.log import say
from lab_sender.operations.alerts.book import Act, Book, Text, Waiting, Write, code_of
from lab_sender.operations.alerts.channels import Channels, Keeps
from lab_sender.operations.alerts.machine import UNSEEN, Key, Notice, State, step
from lab_sender.operations.alerts.notify import Outcome, send
from lab_sender.operations.alerts.texts import name_of, texts
from lab_sender.operations.conditions import Condition
from lab_sender.operations.installation import Installation
from lab_sender.operations.records import NAME, FileRecords, Records

EVERY_S: Final = 5.0
"""How often it looks."""

Look = Callable[[], Sequence[Condition]]


class Ledger(Keeps, Protocol):
    """What is known of the alerts."""

    def turn(self, act: Act, write: Write, /) -> tuple[State, list[Waiting]]: ...


class AlertService:
    """The alerts of one installation; `run` is its thread, `stop` is for another one."""

    def __init__(
        self,
        installation: Installation,
        *,
        look: Look | None = None,
        also: Look = tuple,
        book: Callable[[], Ledger] | None = None,
        must_keep: bool = False,
        node: str | None = None,
        records: Records | None = None,
        settings: Callable[[], Alerts] | None = None,
        clock_ms: Callable[[], int] = now_ms,
        sends: Callable[[Channel, Text], Outcome] = send,
        every_s: float | None = None,
    ) -> None:
        """`look` gives the conditions, by default those of `status`; `settings` those to go by at each look.

        Of several machines: `also` gives what others have seen, where this one (`node`) cannot look too; `book` opens
        what is kept, and with `must_keep` nothing goes out that cannot be kept. Raises ConfigError.
        """
        self._settings = installation.config.alerts
        self._settings_now = settings
        self._look = look or _look_of(installation)
        self._also = also
        self._node = node
        self._must_keep = must_keep
        self._records = records_of(installation) if records is None and book is None else None
        kept = records or self._records
        self._open = book or (lambda: Book(cast(Records, kept)))
        self._clock_ms = clock_ms
        self._sends = sends
        self._every_s = EVERY_S if every_s is None else every_s
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._book: Ledger | None = None
        self._state = State()
        self._is_unsaved = False
        self._trouble = ""
        self._channels = self._channels_of(self._settings)

    @property
    def has_channels(self) -> bool:
        """Say whether there is anybody to send to."""
        return bool(self._settings.channels)

    def run(self) -> None:
        """Look and send until stopped."""
        self.begin()
        try:
            while not self._stopping.is_set():
                self.turn()
                self._stopping.wait(self._every_s)
        finally:
            self.end()

    def begin(self) -> None:
        """Start the channels: what was not sent before goes out. Part of `run`."""
        self._channels.start()

    def end(self) -> None:
        """End them. Part of `run`."""
        self._channels.stop()
        if self._records is not None:
            self._records.close()

    def stop(self) -> None:
        """End soon; may be asked again."""
        self._stopping.set()

    def use(self, settings: Alerts) -> None:
        """Go by new settings from here on."""
        with self._lock:
            if settings == self._settings:
                return
            before, self._settings = self._channels, settings
            self._channels = self._channels_of(settings)
            before.stop()
            self._channels.start()

    def turn(self) -> tuple[Notice, ...]:
        """Look once; returns what was sent. Without a channel it looks at nothing.

        Raises nothing, but with `must_keep` what keeps it from being kept.
        """
        if self._settings_now is not None:
            self.use(self._settings_now())
        if not self.has_channels:
            return ()
        with self._lock:
            at_ms = self._clock_ms()
            conditions, is_known = self._conditions()
            sent: list[Notice] = []

            def act(state: State) -> tuple[State, tuple[Notice, ...]]:
                after, notices = step(
                    state, conditions, at_ms, self._settings, is_quiet=self._is_quiet(at_ms), is_known=is_known
                )
                sent[:] = notices
                return after, notices

            for waiting in self._kept(act, at_ms):
                self._channels.put(waiting)
            return tuple(sent)

    def _conditions(self) -> tuple[list[Condition], bool]:
        failing = [
            Condition(
                "alerts.channel-failed", "WARNING", None, each.channel, each.since_ms,
                f"alerts do not get through the channel {each.channel} ({each.failure})", each.tries,
            )
            for each in self._channels.failing()
        ]  # fmt: skip
        failing += self._also()
        try:
            return [*self._look(), *failing], True
        except Exception as error:
            return [unseen(error, self._node), *failing], False

    def _kept(self, act: Callable[[State], tuple[State, tuple[Notice, ...]]], at_ms: int) -> list[Waiting]:
        """Take a step and keep it; where it cannot be kept, what is known here counts until it can."""

        def write(notices: Sequence[Notice], ids: Mapping[Key, int]) -> list[Text]:
            return texts(notices, ids, self._settings, name_of(self._settings), at_ms)

        def from_here(state: State) -> tuple[State, tuple[Notice, ...]]:
            return act(_with_taken(self._state, state) if self._is_unsaved else state)

        try:
            self._state, waiting = self.book().turn(from_here, write)
        except LeaseLost:  # whoever has it now sends
            return []
        except Exception as error:
            if self._must_keep:
                self._channels.read_again()  # it may have been kept: only the answer was lost
                raise
            code = code_of(error)
            if self._trouble != code:
                say(logging.ERROR, "alerts.not-kept", code=code)
            self._trouble, self._is_unsaved = code, True
            self._state, notices = act(self._state)
            return [Waiting(0, each) for each in write(notices, {})]
        if self._is_unsaved:
            self._channels.read_again()  # what was sent without the book may be in it: only the answer was lost
        self._trouble, self._is_unsaved = "", False
        return waiting

    def _is_quiet(self, at_ms: int) -> bool:
        now = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
        return closed_until(self._settings.quiet, now) is not None

    def _channels_of(self, settings: Alerts) -> Channels:
        return Channels(settings.channels, _Kept(self), now_ms=self._clock_ms, sends=self._sends)

    def book(self) -> Ledger:
        """Return what is kept. Raises RecordsUnavailable or RecordsDamaged."""
        self._book = self._book or self._open()
        return self._book


def _with_taken(state: State, kept: State) -> State:
    """Return what is known here, with who has said meanwhile, in what is kept, that he has an alert."""
    taken = {
        key: replace(each, taken_by=there.taken_by, taken_ms=there.taken_ms)
        for key, each in state.alerts.items()
        if (there := kept.alerts.get(key)) is not None and (there.taken_ms or 0) > each.sent_ms
    }
    return replace(state, alerts={**state.alerts, **taken})


class _Kept:
    """The book, opened when it can be."""

    def __init__(self, service: AlertService) -> None:
        self._service = service

    def waiting(self, channel: str, /) -> list[Waiting]:
        return self._service.book().waiting(channel)

    def going(self, channel: str, ids: Sequence[int], /) -> Collection[int]:
        return self._service.book().going(channel, ids) if ids else ids

    def sent(self, channel: str, ids: list[int], now_ms: int, /) -> None:
        self._service.book().sent(channel, ids, now_ms)

    def failed(self, channel: str, ids: list[int], failure: str, now_ms: int, /, *, for_good: bool) -> None:
        self._service.book().failed(channel, ids, failure, now_ms, for_good=for_good)


def records_path(installation: Installation) -> Path:
    """Return where operations.db is, or would be."""
    return installation.journal_path.with_name(NAME)


def records_of(installation: Installation) -> Records:
    """Open what alerts are kept in: operations.db, or the journal's schema on PostgreSQL."""
    if installation.config.folders.database is None:
        return FileRecords(records_path(installation))
    return installation.records()


def unseen(error: Exception, node: str | None = None) -> Condition:
    """Make the condition of a machine where nobody can look: whatever keeps us from it is what they must hear of."""
    code = code_of(error)
    text = f"nobody can see what is wrong ({code})"
    return Condition(UNSEEN, "CRITICAL", None, code, None, text, node=node)


def _look_of(installation: Installation) -> Look:
    from lab_sender.operations.status import status

    return lambda: status(installation).conditions
