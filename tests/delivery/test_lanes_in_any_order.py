"""Any story of several lanes: the messages of one key come to the HIS in the order of the journal, always.

Hypothesis plays on the real journal, destination and lanes, in one thread: wherever a lane writes, waits or has a
message in flight, any other lane may go on, or the process be killed and started anew with another number of
connections; the HIS accepts, refuses, is silent or away; an operator releases, resends, gives up, holds and resumes.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kit.core import HIS, entry, source
from kit.examples import examples
from kit.settings import brake, his_at, retry

from lab_sender import ids
from lab_sender.delivery import destination as shared
from lab_sender.delivery import gate
from lab_sender.delivery import lane as delivery
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.instants import Instants
from lab_sender.delivery.lane import Lane
from lab_sender.delivery.record import Record
from lab_sender.errors import LabSenderError
from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import Journal, database, now_ms
from lab_sender.mllp import Outcome
from lab_sender.mllp.acknowledgement import Acknowledgement, read_acknowledgement

_ANSWERS = ("accept", "accept", "accept", "accept", "refuse", "silence", "answer lost", "down")
_PATIENTS = ("P1", "P2", "P3", "P4", "")
_ORDERS = ("A", "B", "C", "D")


class _Crash(BaseException):
    """The process is gone."""


class _Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now_s = 10_000.0

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        return self.now_s + 1_800_000_000.0

    def time_ns(self) -> int:
        return int(self.time() * 1e9)


class _Bell(contextlib.nullcontext[None]):
    """A condition at which waiting is the clock going on."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def notify_all(self) -> None:
        pass

    def wait(self, seconds: float) -> None:
        self._clock.now_s += max(seconds, 0.001)


class _Link:
    """A lane's connection to the HIS of the story."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self.connected = False
        self.answered = False
        self.heard: list[Acknowledgement] = []
        self.opened, self.peer, self.peer_ends_ms = 0, "", None

    def open(self) -> Outcome | None:
        self.connected = self._story.reaches()
        return None if self.connected else _without_answer("not-sent", "connect", "connect.refused")

    def wait_for_close(self) -> bool:
        return False

    def listen(self) -> bool:
        return self.connected

    def close(self) -> None:
        self.connected = False

    def exchange(self, _body: bytes, control_id: str, **_: object) -> Outcome:
        answer = self._story.carry(control_id)
        if answer in ("silence", "answer lost"):
            self.connected = False
            return _without_answer("unknown", "ack", "ack.timeout")
        code = {"accept": "AA", "refuse": "AR"}[answer]
        text = f"MSH|^~\\&|H|H|L|L|2026||ACK|1|P|2.5.1\rMSA|{code}|{control_id}\r"
        return Outcome("verdict", "ack", "", "", read_acknowledgement(text.encode()), (), 1.0)


def _without_answer(kind: Any, phase: Any, code: str) -> Outcome:
    return Outcome(kind, phase, code, "", None, (), 0.0)


class Story:
    """One destination from its first start to its last."""

    def __init__(self, folder: Path, order_by: str, rule: str, picks: list[int], patches: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._picks = picks
        self._at = 0
        self._clock = _Clock()
        self._fuse: int | None = None
        self._answer = "accept"
        self._his = his_at(
            order_by=order_by,
            after_quarantine=rule,
            retry=retry(0.01, 0.02, unanswered=2, unanswered_after_s=0.01, refused=2),
            brake=brake(refused=3, unanswered=2, probe_s=1.0),
        )
        self._busy: set[int] = set()
        self._in_flight: dict[int, bool] = {}
        self.first: dict[str, bool] = {}
        """The control ids that have arrived, in the order of their first arrivals, and whether each went alone."""
        self.accepted: set[str] = set()
        self._number = 0
        for module in (delivery, shared, database, gate):
            patches.setattr(module, "time", self._clock)
        real = Record.__call__

        def interleaved(record: Record, call: Callable[[], Any]) -> Any:
            self._effect()
            result = real(record, call)
            self._effect()
            return result

        patches.setattr(Record, "__call__", interleaved)
        self.lanes: list[Lane] = []
        self.start(4)
        self.desk = Journal(folder / "journal.db", who="an operator")
        self._eye = self.desk.store.reader()

    # ------------------------------------------------------------- what happens

    def start(self, lanes: int) -> None:
        """kill -9, and another start."""
        if self.lanes:
            self.journal.store.connection.close()  # type: ignore[attr-defined]
        self._busy.clear()
        self._in_flight.clear()
        self.journal = Journal(self._folder / "journal.db")
        to = Destination(HIS, self.journal, self._his)
        to.instants = Instants(now_ms, self._clock.monotonic)
        self.lanes = [Lane(to, self.journal, _Link(self)) for _ in range(lanes)]  # type: ignore[arg-type]
        for lane in self.lanes:
            lane._bell = _Bell(self._clock)  # type: ignore[assignment]
        fuse, self._fuse = self._fuse, None
        self._busy.update(range(lanes))  # none goes on before it has begun
        for number, lane in enumerate(self.lanes):
            lane._begin()
            self._busy.discard(number)
        self._fuse = fuse

    def end(self) -> None:
        self._eye.close()
        self.desk.close()
        self.journal.store.connection.close()  # type: ignore[attr-defined]

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._eye.rows(query, values)

    def spool(self, patient: str, *orders: str) -> None:
        """Intake takes a message in, and rings."""
        self._number += 1
        new = entry(f"M{self._number}", order=orders[0], patient=patient)
        fact = new.orders[0]
        new = new._replace(orders=tuple(fact._replace(key=each) for each in orders))
        self.journal.spool.spooled([source(ids.new_id(), new)], HIS)
        for lane in self.lanes:
            lane.wake()

    def send(self, lane: int, steps: int, answer: str) -> None:
        """A lane works, and others meanwhile."""
        self._answer = answer
        self._clock.now_s += 1.1 * self._pick(2)  # within a second an acceptance may be an appended row
        for _ in range(steps):
            self._step(lane % len(self.lanes))

    def crash(self, lane: int, after: int) -> None:
        """kill -9 at some effect of some work."""
        self._fuse = after
        with contextlib.suppress(_Crash):
            self.send(lane, 4, "accept")
            self.send(lane + 1, 4, "accept")
        self._fuse = None

    def act(self, what: str, number: int) -> None:
        """An operator does something; what would harm is refused."""
        operator = self.desk.operator
        if what in ("hold", "resume"):
            operator.hold(HIS, "") if what == "hold" else operator.resume(HIS)
            return
        of = "state = 'quarantined'" if what != "dismiss" else "state IN ('quarantined', 'spooled')"
        found = self.rows(f"SELECT id FROM message WHERE {of} ORDER BY id")
        if not found:
            return
        message_id = found[number % len(found)][0]
        with contextlib.suppress(LabSenderError):
            if what == "release":
                operator.release(message_id)
            elif what == "dismiss":
                operator.dismiss(message_id, "a story")
            else:
                operator.resend(message_id, new_control_id=ids.new_id(), restamp=with_control_id)

    # ------------------------------------------------------------- the HIS

    def reaches(self) -> bool:
        return self._answer != "down"

    def carry(self, control_id: str) -> str:
        """A message arrives; others may go on before its answer does."""
        ((number, turn),) = self.rows(
            f"SELECT id, {self._his.order_by}_turn FROM message WHERE control_id = ?",
            control_id,
        )
        (marked,) = self.rows("SELECT state = 'sending' FROM message WHERE id = ?", number)[0]
        appended = self.rows("SELECT message_id, next_id FROM verdict")
        assert marked or number in [following for _, following in appended], "what leaves is marked"
        assert number not in [each for each, _ in appended], "what was accepted does not leave again"
        several = len(self.lanes) > 1
        if several:
            alone = turn == 0
            assert not (alone and self._in_flight), "what goes alone leaves while nothing else is out"
            assert not any(self._in_flight.values()), "nothing leaves beside what goes alone"
            self._in_flight[number] = alone
        self.first.setdefault(control_id, several and turn == 0)
        answer = self._answer if self._answer != "down" else "silence"
        self._answer = "accept" if self._pick(3) else answer
        if answer in ("accept", "answer lost"):
            self.accepted.add(control_id)
        for _ in range(2):
            self._effect()
        self._in_flight.pop(number, None)
        return answer

    # ------------------------------------------------------------- how

    def _effect(self) -> None:
        """Here the process may be killed, or another lane go on."""
        if self._fuse is not None:
            self._fuse -= 1
            if self._fuse < 0:
                raise _Crash
        lane = self._pick(2 * len(self.lanes))
        if lane < len(self.lanes) and lane not in self._busy and self._busy:
            self._step(lane)

    def _step(self, number: int) -> None:
        self._busy.add(number)
        lane = self.lanes[number]
        message = lane._next()
        if message is not None:
            lane._deliver(message)
        self._busy.discard(number)

    def _pick(self, most: int) -> int:
        if not self._picks:
            return most - 1
        self._at += 1
        return self._picks[self._at % len(self._picks)] % most

    # ------------------------------------------------------------- what must hold

    def check(self, order_by: str, rule: str) -> None:
        events = self.rows("SELECT message_id FROM event WHERE message_id IS NOT NULL")
        acted = {number for (number,) in events}
        known = self.rows(
            "SELECT m.control_id, m.id, m.patient_key, o.order_key FROM message m JOIN message_order o"
            " ON o.message_id = m.id WHERE m.control_id IS NOT NULL",
        )
        number_of = {control_id: number for control_id, number, _, _ in known}
        first = [number_of[each] for each in self.first if number_of[each] not in acted]
        keys: dict[str, set[int]] = {}
        for _, number, patient, order in known:
            keys.setdefault(f"order {order}", set()).add(number)
            if order_by == "patient" and patient and rule != "hold-order":
                keys.setdefault(f"patient {patient}", set()).add(number)
        for key, numbers in keys.items():
            line = [number for number in first if number in numbers]
            assert line == sorted(line), key
        if rule == "continue":
            for at, control_id in enumerate(self.first):
                number = number_of[control_id]
                if self.first[control_id] and number not in acted:
                    behind = list(self.first)[at + 1 :]
                    early = [number_of[each] for each in list(self.first)[:at]]
                    late = [number_of[each] for each in behind]
                    assert [each for each in early if each > number and each not in acted] == []
                    assert [each for each in late if each < number and each not in acted] == []
        acked = self.rows("SELECT control_id FROM message WHERE state = 'acked'")
        assert {control_id for (control_id,) in acked} <= self.accepted

    def come_to_rest(self) -> None:
        """Everybody is well again, and what keeps others back is given up: nothing waits for ever."""
        self.desk.operator.resume(HIS)
        for _ in range(400):
            for (message_id,) in self.rows("SELECT id FROM message WHERE state = 'quarantined'"):
                self.desk.operator.dismiss(message_id, "a story")
            self._clock.now_s += 1.1
            for number in range(len(self.lanes)):
                self.send(number, 3, "accept")
            if not self.rows("SELECT id FROM message WHERE state IN ('spooled', 'sending')"):
                return
        raise AssertionError("something waits for ever")


_spool = st.tuples(
    st.just("spool"),
    st.sampled_from(_PATIENTS),
    st.lists(st.sampled_from(_ORDERS), min_size=1, max_size=2, unique=True),
)
_send = st.tuples(st.just("send"), st.integers(0, 3), st.integers(1, 6), st.sampled_from(_ANSWERS))
_act = st.tuples(
    st.just("act"), st.sampled_from(("release", "release", "dismiss", "resend", "hold", "resume")), st.integers(0, 5)
)
_crash = st.tuples(st.just("crash"), st.integers(0, 3), st.integers(0, 40), st.integers(1, 4))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("order_by", "rule"),
    [("patient", "continue"), ("order", "continue"), ("patient", "hold-patient"), ("order", "hold-order")],
)
@example(  # an order number of two patients: what waits behind one of them keeps the other one's later results
    picks=[],
    program=[
        ("spool", "P4", ["A"]), ("spool", "P4", ["B"]), ("spool", "P1", ["B"]), ("spool", "P1", ["A"]),
        ("send", 0, 3, "refuse"), ("spool", "P1", ["A"]), ("send", 0, 3, "refuse"),
    ],
)  # fmt: skip
@given(
    program=st.lists(st.one_of(_spool, _spool, _spool, _send, _send, _send, _act, _crash), min_size=5, max_size=40),
    picks=st.lists(st.integers(0, 23), max_size=60),
)
@examples(60)
def test_first_arrivals_of_a_key_are_in_the_order_of_the_journal(
    order_by: str, rule: str, program: list[Any], picks: list[int]
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="lab-sender-lanes-"))
    with pytest.MonkeyPatch.context() as patches:
        story = Story(folder, order_by, rule, picks, patches)
        try:
            for what, *values in program:
                if what == "spool":
                    story.spool(values[0], *values[1])
                elif what == "send":
                    story.send(*values)
                elif what == "act":
                    story.act(*values)
                else:
                    story.crash(*values[:2])
                    story.start(values[2])
                story.check(order_by, rule)
            story.come_to_rest()
            story.check(order_by, rule)
        finally:
            story.end()
            shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
