"""One message out, one verdict back.

Holds: `Exchange`, the protocol as a state machine without I/O (fed with bytes and monotonic instants),
and `Link`, which drives it over one lasting connection.
Promises: one write of the whole frame, one message in flight. A verdict carries exactly our control id.
Bytes may have left without a verdict: `unknown`; no byte has left: `not-sent`; the HIS took the message over
(CA) but the application answer did not come: `committed`. After anything but a clean exchange the connection
is reset, so a late answer can never meet a later message. An idle connection that the peer has closed, or
talks on, takes no byte: `not-sent`, `connect.stale`; whoever sends looks anew after the next connect. A new
connection is given a moment in which a relay without a HIS behind it closes it.
Never: repeats a message, decides what a verdict means, or waits without a deadline.

Choices: a foreign acknowledgement is noted and read past. An unreadable answer ends the exchange at once: a
peer that answers so will not answer better by the deadline. An FS without its CR counts after 50 ms of
silence or at the stream's end. After a CA only AA, AE or AR end the exchange; an AA where a CA was due is
final. Codes of this module: connect.stale, ack.timeout, ack.closed, ack.foreign, ack.aborted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from lab_sender.mllp.acknowledgement import Acknowledgement, Unreadable, read_acknowledgement
from lab_sender.mllp.connection import Connection, Endpoint
from lab_sender.mllp.failures import Phase, WireFailure
from lab_sender.mllp.framing import Frame, FrameError, FrameReader, Spoiled, frame

_GRACE_S = 0.05
_MOMENT_S = 0.1
_LONGEST_MOMENT_S = 5.0
"""How long a new connection is given to close; grows to twice what a relay took, until the HIS answers."""
_SOON_S = 1.0
"""A connection that ends so soon after an answer was ended by a HIS that wants a new one for each message."""
_MOST_FOREIGN_IDS = 16
_LONGEST_ID = 199
_APPLICATION_CODES = frozenset(("AA", "AE", "AR"))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`write_s` bounds a write that does not get on, `ack_s` the wait for the first answer, `application_s` the
    wait after a CA."""

    write_s: float = 30.0
    ack_s: float = 30.0
    application_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one exchange came to.

    `verdict`: `ack` is the final answer to exactly our id. `committed`: `ack` is the CA; never send again.
    `unknown`: bytes left or may have. `not-sent`: no byte left. `phase` and `code` name where and why, `code`
    is "" for a verdict. `detail` is for the operator; with a verdict it lists the oddities that were tolerated
    in its frame (see framing.Frame). `foreign_ids` are the control ids of answers to other messages.
    `elapsed_ms` counts from the last byte written; 0.0 where it was not.
    """

    kind: Literal["verdict", "committed", "unknown", "not-sent"]
    phase: Phase
    code: str
    detail: str
    ack: Acknowledgement | None
    foreign_ids: tuple[str, ...]
    elapsed_ms: float


class Exchange:
    """The wait for the verdict on one message, from the instant its last byte was written."""

    __slots__ = (
        "_application_s", "_control_id", "_foreign", "_on_commit", "_reader", "_remarks", "_written_at",
        "clean", "committed", "deadline",
    )  # fmt: skip

    def __init__(
        self,
        control_id: str,
        reader: FrameReader,
        timeouts: Timeouts,
        written_at: float,
        on_commit: Callable[[Acknowledgement], None] | None,
    ) -> None:
        """Start the clock at `written_at`. `on_commit` None: no application answer is awaited after a CA."""
        self._control_id = control_id
        self._reader = reader
        self._application_s = timeouts.application_s
        self._written_at = written_at
        self._on_commit = on_commit
        self._foreign: list[str] = []
        self._remarks: list[str] = []
        self.committed: Acknowledgement | None = None
        self.deadline = written_at + timeouts.ack_s
        self.clean = True

    def feed(self, data: bytes, now: float) -> Outcome | None:
        """Take bytes that came; return the outcome once there is one."""
        return self._take(self._reader.feed(data), now)

    def waited(self, now: float) -> Outcome | None:
        """Nothing came until `now`: settle what was begun, and end at the deadline."""
        outcome = self._take(self._reader.finish(), now)
        if outcome is None and now >= self.deadline:
            if self._foreign:
                return self.broken("ack.foreign", "only answers to other messages came until the deadline", now)
            begun = "" if self._reader.at_rest else "; an answer had begun but did not end"
            return self.broken("ack.timeout", f"no answer to our message within the time{begun}", now)
        return outcome

    def closed(self, now: float) -> Outcome:
        """The peer ended the stream."""
        outcome = self._take(self._reader.finish(), now)
        self.clean = False
        if outcome is not None:
            return outcome
        begun = "" if self._reader.at_rest else " in the middle of an answer"
        return self.broken("ack.closed", f"the peer closed the connection{begun} without an answer to us", now)

    def broken(self, code: str, detail: str, now: float) -> Outcome:
        """End without a verdict."""
        self.clean = False
        kind: Literal["committed", "unknown"] = "committed" if self.committed else "unknown"
        return self._outcome(kind, code, detail, self.committed, now)

    def wake_at(self, now: float) -> float:
        """The instant at which `waited` is due if nothing comes."""
        return min(self.deadline, now + _GRACE_S) if self._reader.ended else self.deadline

    def _take(self, events: list[Frame | Spoiled], now: float) -> Outcome | None:
        outcome = None
        for event in events:
            if outcome is not None:
                self.clean = False
                break
            if isinstance(event, Frame):
                outcome = self._answer(event, now)
            else:
                outcome = self.broken(event.code, event.text, now)
        if outcome is not None and not self._reader.at_rest:
            self.clean = False
        return outcome

    def _answer(self, answer: Frame, now: float) -> Outcome | None:
        try:
            ack = read_acknowledgement(answer.payload)
        except Unreadable as error:
            return self.broken(error.code, error.text, now)
        if answer.notes:
            self._remarks += (note for note in answer.notes if note not in self._remarks)
        if ack.control_id != self._control_id:
            self.clean = False
            if len(self._foreign) < _MOST_FOREIGN_IDS and len(ack.control_id) <= _LONGEST_ID:
                self._foreign.append(ack.control_id)
            return None
        if ack.code not in _APPLICATION_CODES:
            if self.committed is not None:
                self.clean = False
                return None
            if ack.code == "CA" and self._on_commit is not None:
                self.committed = ack
                self.deadline = now + self._application_s
                self._on_commit(ack)
                return None
        return self._outcome("verdict", "", "; ".join(self._remarks), ack, now)

    def _outcome(
        self,
        kind: Literal["verdict", "committed", "unknown"],
        code: str,
        detail: str,
        ack: Acknowledgement | None,
        now: float,
    ) -> Outcome:
        return Outcome(kind, "ack", code, detail, ack, tuple(self._foreign), (now - self._written_at) * 1000.0)


class Link:
    """One lasting connection to one endpoint, used by one thread; `abort` is for the others."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts | None = None) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._connection: Connection | None = None
        self._reader = FrameReader()
        self._aborted = False
        self._opened_at = 0.0
        self._answered_at = 0.0
        self._moment_s = _MOMENT_S
        self._closes_after_s = 0.0
        self.opened = 0
        """How many connections have come about."""
        self.peer = ""
        """The address of the newest of them."""

    @property
    def connected(self) -> bool:
        """True while a connection is open as far as we have looked."""
        return self._connection is not None

    @property
    def answered(self) -> bool:
        """True where the newest connection, which may have ended since, has brought an answer."""
        return self._answered_at > 0

    def exchange(
        self,
        body: bytes,
        control_id: str,
        *,
        wants_application: bool = False,
        on_commit: Callable[[Acknowledgement], None] = lambda _: None,
    ) -> Outcome:
        """Send `body` once and wait for the verdict on `control_id`.

        Connects if there is no connection; one that has gone stale is not replaced here. `on_commit` is called when
        a CA came and the application answer is still awaited. Raises before anything is sent what `frame` raises,
        and `frame.no-control-id`; later only what `on_commit` raises, with the connection closed.
        """
        if not control_id:
            raise FrameError("frame.no-control-id", "a message without control id has no answer of its own")
        data = frame(body)
        try:
            connection = self._write(data)
        except WireFailure as failure:
            self._ended(failure.code)
            sent = failure.phase == "write" and not failure.nothing_left
            return _without_answer("unknown" if sent else "not-sent", failure)
        written_at = monotonic()
        machine = Exchange(
            control_id, self._reader, self._timeouts, written_at, on_commit if wants_application else None
        )
        try:
            outcome = self._await(connection, machine)
        except BaseException:
            self._drop()
            raise
        if outcome.ack is not None:
            self._answered_at, self._moment_s = monotonic(), _MOMENT_S
        if not machine.clean:
            self._ended(outcome.code)
        return outcome

    def open(self) -> Outcome | None:
        """Connect if needed; return None when the connection is up, otherwise the not-sent outcome."""
        try:
            if self._idle() is None:
                self._connect()
        except WireFailure as failure:
            self._drop()
            return _without_answer("not-sent", failure)
        return None

    def close(self) -> None:
        """Close in good order. The link can be used again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def abort(self) -> None:
        """End the exchange in flight now, from another thread, and keep this link from connecting again."""
        self._aborted = True
        connection = self._connection
        if connection is not None:
            connection.abort()

    def _write(self, data: bytes) -> Connection:
        """Write on the idle connection, or on a new one if there is none."""
        if self._connection is None:
            connection = self._connect()
        else:
            wait_s = self._answered_at + self._closes_after_s - monotonic() if self._closes_after_s else 0.0
            idle = self._idle(max(0.0, wait_s))
            if idle is None:
                raise WireFailure("connect", "connect.stale", f"{self._endpoint} has ended the idle connection")
            connection = idle
            if wait_s > 0:  # it was not closed this time
                self._closes_after_s = self._closes_after_s / 2 if self._closes_after_s > _GRACE_S else 0.0
        connection.send(data, self._timeouts.write_s)
        return connection

    def _idle(self, wait_s: float = 0.0) -> Connection | None:
        """Return the connection in hand if it is open and quiet, also for `wait_s` from now; else let go of it."""
        connection = self._connection
        if connection is None:
            return None
        seen = connection.look(wait_s)
        if seen == "quiet":
            return connection
        self._ended("connect.closed" if seen == "closed" else "")
        return None

    def _connect(self) -> Connection:
        """Open a connection, and give it a moment to close: a relay takes the call before it looks for the HIS."""
        closes = self.answered and self._closes_after_s > 0  # known to close after each answer: this is no relay
        self._opened_at, self._answered_at = monotonic(), 0.0
        connection = self._connection = Connection(self._endpoint)
        self._reader = FrameReader()
        if self._aborted:  # set before `_connection` was: abort has not seen this one
            connection.abort()
        connection.open()
        seen = connection.look(0.0 if closes else self._moment_s)
        if connection.aborted:
            raise WireFailure("connect", "connect.aborted", "stopped while connecting")
        if seen == "closed":
            raise WireFailure(
                "connect",
                "connect.closed",
                f"{self._endpoint} closes the connection as soon as it is open",
                hint="A relay, load balancer or tunnel without a HIS behind it does this.",
            )
        if seen == "talking":
            raise WireFailure(
                "connect", "connect.speaks-first", f"{self._endpoint} sends data unasked; it is no MLLP receiver"
            )
        self.opened += 1
        self.peer = connection.peer_address()
        return connection

    def _ended(self, code: str) -> None:
        """Let go of the connection, and learn from how it ended."""
        if code.endswith((".closed", ".reset", ".lost")):
            after_s = monotonic() - (self._answered_at or self._opened_at)
            if self.answered and after_s < _SOON_S:
                self._closes_after_s = min(_SOON_S, max(self._closes_after_s, 2 * after_s + _GRACE_S))
            elif not self.answered and after_s < _LONGEST_MOMENT_S:
                self._moment_s = min(_LONGEST_MOMENT_S, max(self._moment_s, 2 * after_s))
        self._drop()

    def _await(self, connection: Connection, machine: Exchange) -> Outcome:
        wait_s = self._timeouts.ack_s
        while True:
            try:
                data = connection.receive(wait_s)
            except WireFailure as failure:
                return machine.broken(failure.code, failure.text, monotonic())
            now = monotonic()
            if data:
                outcome = machine.feed(data, now)
            elif data is None:
                outcome = machine.waited(now)
            elif connection.aborted:
                return machine.broken("ack.aborted", "stopped from our side while the answer was awaited", now)
            else:
                return machine.closed(now)
            if outcome is None and now >= machine.deadline:
                outcome = machine.waited(now)
            if outcome is not None:
                return outcome
            wait_s = machine.wake_at(now) - now

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close(reset=True)
            self._connection = None


def _without_answer(kind: Literal["unknown", "not-sent"], failure: WireFailure) -> Outcome:
    detail = failure.text + (f". {failure.hint}" if failure.hint else "")
    return Outcome(kind, failure.phase, failure.code, detail, None, (), 0.0)
