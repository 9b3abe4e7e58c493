"""One message out, one verdict back, over one lasting connection.

Holds: `Link`.
Promises: one write of the whole frame, one message in flight. After anything but a clean exchange (see verdict.py)
the connection is reset, so a late answer can never meet a later message. What the HIS says beside a verdict, readable
or not, is kept in `Link.heard` until it is taken.
Never: repeats a message, decides what an answer means, or waits without a deadline.

An idle connection that the peer closed, or on which it says anything but answers to what the connection has carried,
takes no byte (`connect.stale`); whoever sends looks anew after the next connect. A new connection is given a moment
in which a relay without a HIS behind it closes it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Literal

from lab_sender.mllp.acknowledgement import Acknowledgement, Unreadable, usual_acceptance
from lab_sender.mllp.connection import Connection
from lab_sender.mllp.failures import Cause, WireFailure, closed_at_once
from lab_sender.mllp.framing import Frame, FrameError, FrameReader, Spoiled, frame
from lab_sender.mllp.hosts import Hosts
from lab_sender.mllp.tls_files import end_of
from lab_sender.mllp.verdict import GRACE_S, MOST_HEARD, Exchange, Outcome, later_answers

if TYPE_CHECKING:
    from lab_sender.config.sections import His

_LISTEN_S = 1.0
"""How long what an idle HIS says may take to end."""
_MOST_SENT = 1024
_MOMENT_S = 0.1
_LONGEST_MOMENT_S = 5.0
"""How long a new connection is given to close; grows to twice what a relay took, until the HIS answers."""
_SOON_S = 1.0
"""A connection that ends so soon after an answer was ended by a HIS that wants a new one for each message."""


class Link:
    """One lasting connection to one HIS, used by one thread; `abort` is for the others."""

    def __init__(
        self,
        his: His,
        connect: Callable[[His], Connection] = Connection,
        *,
        hosts: Hosts | None = None,
        beat: Callable[[float], None] = lambda _: None,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        """`connect` makes a connection, not open yet, to the HIS; `hosts` is what is known of its addresses.

        `beat` is called at each step, with the seconds that it may take; `may_send` is asked right before the first
        byte of each message.
        """
        self._beat = beat
        self._may_send = may_send
        self._his = his
        self._make = connect
        self._hosts = hosts or Hosts()
        self._where = his.address
        self._connection: Connection | None = None
        self._reader = FrameReader()
        self._aborted = False
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._opened_at = 0.0
        self._answered_at = 0.0
        self._moment_s = _MOMENT_S
        self._closes_after_s = 0.0
        self.heard: list[Acknowledgement | Unreadable] = []
        """Answers beside a verdict, and on the idle link, oldest first; whoever has recorded them clears it."""
        self.opened = 0
        """How many connections have come about."""
        self.peer = ""
        """The address of the newest of them."""
        self.peer_ends_ms: int | None = None
        """When the certificate ends that the HIS showed there, in ms since 1970 UTC; None without TLS."""

    def use(self, his: His) -> bool:
        """Take new settings; True where they lead elsewhere: then the connection, if there was one, is closed.

        Not while an exchange is in flight; what the old HIS has said is to be read (`listen`) before.
        """
        moved = _way(his) != _way(self._his)
        self._his, self._where = his, his.address
        if moved:
            self.close()
            self._answered_at, self._moment_s, self._closes_after_s = 0.0, _MOMENT_S, 0.0
        return moved

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
        on_commit: Callable[[Acknowledgement], bool] | None = None,
    ) -> Outcome:
        """Send `body` once and wait for the verdict on `control_id`.

        Connects if there is no connection; one that has gone stale is not replaced here. `on_commit` is asked when a
        CA came whether the application answer is awaited; without it a CA is final. Raises before anything is sent
        what `frame` raises, and `frame.no-control-id`; later only what `on_commit` raises, the connection closed.
        """
        if not control_id:
            raise FrameError("frame.no-control-id", "a message without control id has no answer of its own")
        data = frame(body)
        try:
            connection = self._write(data)
        except WireFailure as failure:
            self._ended(failure.cause)
            sent = failure.phase == "write" and not failure.nothing_left
            return _without_answer("unknown" if sent else "not-sent", failure)
        written_at = monotonic()
        self._beat(self._his.ack_timeout_s + self._his.application_ack_timeout_s)
        try:
            first = self._receive(connection, self._his.ack_timeout_s)
            if usual := self._usual(first, control_id):
                return Outcome("verdict", "ack", "", "", usual, (), (self._answered_at - written_at) * 1000.0)
            machine = Exchange(control_id, self._reader, self._his, written_at, on_commit, self._sent)
            outcome = self._await(connection, machine, first)
        except BaseException:
            self._drop()
            raise
        if outcome.cause == "timeout" and (left := connection.undelivered()):
            outcome = outcome._replace(detail=f"{outcome.detail}; {left}")
        self.heard += machine.heard
        if outcome.ack is not None:
            self._answered_at, self._moment_s = monotonic(), _MOMENT_S
        if machine.clean:
            self._remember(control_id)
            return outcome
        if outcome.kind == "verdict" or self._reader.at_rest:  # what has begun behind a verdict may take it back
            self.listen()
        self._ended(outcome.cause)
        return outcome

    def listen(self) -> bool:
        """Read what the HIS has said on the idle link into `heard`; False where the link is not quiet after it."""
        return self._connection is not None and self._listened(self._connection) == "quiet"

    def _listened(self, connection: Connection, wait_s: float = 0.0) -> Literal["quiet", "closed", "talking"]:
        seen: Literal["quiet", "closed", "talking"] = "talking"
        if not connection.unasked and self._reader.at_rest:
            seen = connection.look(wait_s)
        return "quiet" if seen == "talking" and self._hear(connection) else seen

    def wait_for_close(self) -> bool:
        """Give a HIS that closes after each answer the time to; True where that took time: look anew then."""
        wait_s = self._answered_at + self._closes_after_s - monotonic() if self._closes_after_s else 0.0
        if wait_s <= 0 or self._connection is None:
            return False
        try:
            if self._idle(wait_s) is not None:  # it was not closed this time
                self._closes_after_s = self._closes_after_s / 2 if self._closes_after_s > GRACE_S else 0.0
        except WireFailure:
            self._drop()
        return True

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
            self.wait_for_close()
            idle = self._idle()
            if idle is None:
                raise _stale(self._where)
            connection = idle
        if not self._may_send():
            raise WireFailure("connect", "connect.aborted", "stopped before the first byte", cause="aborted")
        connection.send(data, self._his.ack_timeout_s)
        return connection

    def _idle(self, wait_s: float = 0.0) -> Connection | None:
        """Return the connection in hand if it is open and quiet, also for `wait_s` from now; else let go of it."""
        connection = self._connection
        if connection is None:
            return None
        seen = self._listened(connection, wait_s)
        if seen == "quiet":
            return connection
        self._ended("ended" if seen == "closed" else "")
        return None

    def _connect(self) -> Connection:
        """Open a connection to the first address that can be reached. Raises what the last one has failed of."""
        closes = self.answered and self._closes_after_s > 0  # known to close after each answer: this is no relay
        several = self._hosts.in_turn(self._his)
        for his in several[:-1]:
            try:
                return self._connect_to(his, closes=closes)
            except WireFailure as failure:
                if failure.cause == "aborted":
                    raise
                self._drop()
        return self._connect_to(several[-1], closes=closes)

    def _connect_to(self, his: His, *, closes: bool) -> Connection:
        """Open a connection, and give it a moment to close: a relay takes the call before it looks for the HIS."""
        try:
            connection = self._opened_to(his, closes=closes)
        except WireFailure as failure:
            if failure.cause != "aborted":
                self._hosts.failed(his)
            raise
        self._hosts.reached(his)
        return connection

    def _opened_to(self, his: His, *, closes: bool) -> Connection:
        self._where = his.address
        self._opened_at, self._answered_at = monotonic(), 0.0
        self._beat(his.connect_timeout_s + _LONGEST_MOMENT_S)
        connection = self._connection = self._make(his)
        connection.on_progress = lambda: self._beat(self._his.ack_timeout_s)
        self._reader = FrameReader()
        self._sent.clear()
        if self._aborted:  # set before `_connection` was: abort has not seen this one
            connection.abort()
        connection.open()
        seen = connection.look(0.0 if closes else self._moment_s)
        if connection.aborted:
            raise WireFailure("connect", "connect.aborted", "stopped while connecting", cause="aborted")
        if seen == "closed":
            raise closed_at_once(self._where, secure=his.tls is not None)
        if seen == "talking":
            self.listen()
            raise WireFailure(
                "connect", "connect.speaks-first", f"{self._where} sends data unasked; it is no MLLP receiver"
            )
        self.opened += 1
        self.peer = connection.peer_address()
        certificate = connection.peer_certificate()
        self.peer_ends_ms = round(end_of(certificate).timestamp() * 1000) if certificate else None
        return connection

    def _ended(self, cause: Cause) -> None:
        """Let go of the connection, and learn from how it ended."""
        if cause == "ended":
            after_s = monotonic() - (self._answered_at or self._opened_at)
            if self.answered and after_s < _SOON_S:
                self._closes_after_s = min(_SOON_S, max(self._closes_after_s, 2 * after_s + GRACE_S))
            elif not self.answered and after_s < _LONGEST_MOMENT_S:
                self._moment_s = min(_LONGEST_MOMENT_S, max(self._moment_s, 2 * after_s))
        self._drop()

    def _usual(self, data: bytes | WireFailure | None, control_id: str) -> Acknowledgement | None:
        """Return the acceptance of exactly this message where these bytes are that and nothing else.

        It ends a clean exchange as the one of verdict.py would be ended, which reads everything else.
        """
        if not isinstance(data, bytes) or not self._reader.untouched:
            return None
        ack = usual_acceptance(data)
        if ack is None or ack.control_id != control_id:
            return None
        self._answered_at, self._moment_s = monotonic(), _MOMENT_S
        self._remember(control_id)
        return ack

    @staticmethod
    def _receive(connection: Connection, wait_s: float) -> bytes | WireFailure | None:
        try:
            return connection.receive(wait_s)
        except WireFailure as failure:
            return failure

    def _await(self, connection: Connection, machine: Exchange, data: bytes | WireFailure | None) -> Outcome:
        """Go on with what was received first."""
        while True:
            now = monotonic()
            if isinstance(data, WireFailure):
                return machine.broken(data.code, data.text, now, data.cause)
            if data:
                outcome = machine.feed(data, now)
            elif data is None:
                outcome = machine.waited(now)
            elif connection.aborted:
                detail = "stopped from our side while the answer was awaited"
                return machine.broken("ack.aborted", detail, now, "aborted")
            else:
                return machine.closed(now)
            if outcome is None and now >= machine.deadline:
                outcome = machine.waited(now)
            if outcome is not None:
                return outcome
            data = self._receive(connection, machine.wake_at(now) - now)

    def _hear(self, connection: Connection) -> bool:
        """Read what an idle HIS says to its end; False where the connection is then no more to be used."""
        deadline = monotonic() + _LISTEN_S
        clean, seen = True, ""
        try:
            while connection.unasked or not self._reader.at_rest:
                data, connection.unasked = connection.unasked or connection.receive(GRACE_S), b""
                clean = self._note(self._reader.feed(data) if data else self._reader.finish()) and clean
                if data == b"" or monotonic() > deadline or (data is None and not self._reader.at_rest):
                    return False
                seen = connection.look()
        except WireFailure:
            return False
        return clean and seen == "quiet"

    def _note(self, events: list[Frame | Spoiled]) -> bool:
        """Keep these answers; False for anything but answers to what this connection has carried."""
        clean = True
        for event in events:
            answers = later_answers(event)
            self.heard += answers
            clean = clean and all(
                isinstance(each, Acknowledgement) and each.control_id.rstrip(" ") in self._sent for each in answers
            )
        return clean and len(self.heard) < MOST_HEARD

    def _remember(self, control_id: str) -> None:
        self._sent[control_id.rstrip(" ")] = None
        if len(self._sent) > _MOST_SENT:
            self._sent.popitem(last=False)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close(reset=True)
            self._connection = None


def _way(his: His) -> tuple[object, ...]:
    """Return what a connection is made of."""
    return his.hosts, his.port, his.tls, his.plaintext, his.keepalive_s


def _without_answer(kind: Literal["unknown", "not-sent"], failure: WireFailure) -> Outcome:
    detail = failure.text + (f". {failure.hint}" if failure.hint else "")
    return Outcome(kind, failure.phase, failure.code, detail, None, (), 0.0, failure.cause)


def _stale(where: str) -> WireFailure:
    return WireFailure("connect", "connect.stale", f"{where} has ended the idle connection", cause="stale")
