"""Any story of drops, looks, answers, crashes, clock jumps and operators' acts: nothing is lost in it.

Hypothesis plays on the real intake, journal, lane and keeper, in one thread: the HIS is a script, the clock is ours,
and a crash comes at any effect (rename, flush, commit, send). After each step the invariants I1 to I5 of the fault
list hold; at the end everybody is well, and nothing waits for ever. A failure is shrunk to the shortest story.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kit.core import HIS, ready, report
from kit.examples import examples
from kit.intake import plan, section
from kit.settings import his_at

from lab_sender import files, ids, writers
from lab_sender.config.folders import FolderSettings
from lab_sender.config.profile import builtin
from lab_sender.delivery import destination
from lab_sender.delivery import lane as delivery
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.errors import LabSenderError
from lab_sender.filing.keeper import Keeper
from lab_sender.hl7.stamp import with_control_id
from lab_sender.intake import arrivals, batches, claims
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.compose import Composer
from lab_sender.intake.intake import Intake
from lab_sender.journal import Journal, database
from lab_sender.journal.sqlite import SqliteStore
from lab_sender.journal.states import MESSAGE, MessageState
from lab_sender.mllp import Outcome
from lab_sender.mllp.acknowledgement import Acknowledgement, read_acknowledgement

_ANSWERS = ("accept", "accept", "accept", "refuse", "locked", "silence", "answer lost", "cut off", "foreign", "down")
_ORDERS = st.sampled_from(("A", "B", "C"))
_MOST_ROUNDS = 400
_FIRST = {each.target for each in MESSAGE.values() if not each.sources}


def _reached(state: str) -> set[str]:
    """The states that a message may come to, in any number of steps of the table."""
    found: set[str] = set()
    new = {state}
    while new:
        new = {each.target for each in MESSAGE.values() if each.target and new & set(each.sources)} - found
        found |= new
    return found


_REACHED = {state: _reached(state) | {state} for state in get_args(MessageState)}


class _Crash(BaseException):
    """The process is gone."""


class _Clock:
    """Stands in for the module `time`: monotonic time goes on, the wall clock may jump."""

    def __init__(self) -> None:
        self.now_s = 10_000.0
        self.wall_s = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        return self.now_s + self.wall_s

    def time_ns(self) -> int:
        return int(self.time() * 1e9)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class _Bell(contextlib.nullcontext[None]):
    """A condition that nobody else rings: waiting is the clock going on."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self.notify = self.notify_all = lambda: None
        self.wait = lambda seconds=1.0: clock.sleep(max(seconds, 0.001))


class _Fuse:
    """Burns down with each effect; at its end the process is gone."""

    def __init__(self) -> None:
        self.left: int | None = None

    def burn(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise _Crash


class _ScriptedHis:
    """The HIS, and the link to it: says of the next message what the story wants."""

    def __init__(self, fuse: _Fuse) -> None:
        self.answer = "accept"
        self.arrived: list[tuple[str, bytes]] = []
        self.accepted: set[str] = set()
        self.connected = False
        self.heard: list[Acknowledgement] = []
        self.answered = False
        self.opened, self.peer, self.peer_ends_ms = 0, "", None
        self._fuse = fuse

    def open(self) -> Outcome | None:
        if self.answer == "down":
            self.connected = False
            return _without_answer("not-sent", "connect", "connect.refused")
        self.connected = True
        return None

    def wait_for_close(self) -> bool:
        return False

    def listen(self) -> bool:
        return self.connected

    def close(self) -> None:
        self.connected = False

    def exchange(self, body: bytes, control_id: str, **_: object) -> Outcome:
        self._fuse.burn()
        if self.answer == "down":
            return self.open() or _without_answer("not-sent", "connect", "connect.refused")
        if self.answer == "cut off":
            self.connected = False
            return _without_answer("unknown", "write", "write.reset")
        self.arrived.append((control_id, body))
        if self.answer in ("accept", "answer lost"):
            self.accepted.add(control_id)
        self._fuse.burn()
        if self.answer in ("silence", "answer lost", "foreign"):
            self.connected = False
            code = "ack.foreign" if self.answer == "foreign" else "ack.timeout"
            return _without_answer("unknown", "ack", code)
        code = {"accept": "AA", "refuse": "AR", "locked": "AE"}[self.answer]
        error = "\rERR|||206^locked|E" if self.answer == "locked" else ""
        text = f"MSH|^~\\&|H|H|L|L|2026||ACK|1|P|2.5.1\rMSA|{code}|{control_id}{error}\r"
        ack = read_acknowledgement(text.encode())
        return Outcome("verdict", "ack", "", "", ack, (), 1.0)


def _without_answer(kind: Any, phase: Any, code: str) -> Outcome:
    return Outcome(kind, phase, code, "", None, (), 0.0)


class Stories(RuleBasedStateMachine):
    """One site, from its first start to its last."""

    @initialize(suspicious=st.sampled_from(("send", "quarantine")))
    def begin(self, suspicious: Literal["send", "quarantine"]) -> None:
        self._composer = Composer(builtin(corrections={"suspicious": suspicious}))
        self._folder = Path(tempfile.mkdtemp(prefix="lab-sender-story-"))
        self._outbox = self._folder / "outbox"
        self._claimed = self._outbox / ".lab-sender" / "claimed"
        self._claimed.mkdir(parents=True)
        self._clock = _Clock()
        self._fuse = _Fuse()
        self._his = _ScriptedHis(self._fuse)
        self._dropped: Counter[bytes] = Counter()
        self._number = 0
        self._states: dict[int, str] = {}
        self._patches = pytest.MonkeyPatch()
        for module in (arrivals, batches, claims, delivery, destination, ids, database):
            self._patches.setattr(module, "time", self._clock)
        for owner, name in ((files, "rename"), (files, "sync_folder"), (files, "write_new"), (SqliteStore, "commit")):
            self._patches.setattr(owner, name, self._burning(getattr(owner, name)))
        self._held: set[int] = set()
        self._patches.setattr(writers, "hold", partial(self._hold, writers.hold))
        self._patches.setattr(writers, "let_go", partial(self._let_go, writers.let_go))
        self._start()
        self._desk = Journal(self._folder / "journal.db", who="an operator")
        self._eye = self._desk.store.reader()

    # ------------------------------------------------------------- what happens to a site

    @rule(
        order=_ORDERS,
        value=st.integers(1, 3),
        kind=st.sampled_from(("json", "hl7", "two", "cut")),
        same=st.booleans(),
    )
    def drop(self, order: str, value: int, kind: str, same: bool) -> None:
        """Somebody drops a file, now and then under a name that was there before."""
        self._number += 1
        data = {
            "json": report(order, str(value)),
            "hl7": ready(f"HL7-{order}", order=order, value=str(value)),
            "two": ready("", order=order, value=str(value)) + ready("", order="D", value=str(value)),
            "cut": report(order, str(value))[:-9],
        }[kind]
        name = "same.dat" if same else f"{self._number}.dat"
        if not (self._outbox / name).exists():
            (self._outbox / name).write_bytes(data)
            self._dropped[data] += 1
            self._intake.ring(name)

    @rule()
    def look(self) -> None:
        """Intake looks into the outbox."""
        self._clock.now_s += 5
        self._intake._round()

    @rule(answer=st.sampled_from(_ANSWERS), count=st.integers(1, 4))
    def deliver(self, answer: str, count: int) -> None:
        """The lane works, and the HIS answers in one way."""
        self._his.answer = answer
        for _ in range(count):
            self._send()

    @rule()
    def keep(self) -> None:
        """The keeper files what is final."""
        self._keeper.round()

    @rule(after=st.integers(0, 7), work=st.sampled_from(("look", "send", "send", "keep")), value=st.integers(1, 3))
    def crash(self, after: int, work: str, value: int) -> None:
        """kill -9 at some effect of some work that there is to do; then another start."""
        self.drop("A", value, "json", False)
        if work != "look":
            self.look()
        if work == "keep":
            self._send()
        self._his.answer = "accept"
        self._fuse.left = after
        with contextlib.suppress(_Crash):
            {"look": self.look, "send": self._send, "keep": self.keep}[work]()
        self._fuse.left = None
        for descriptor in self._held:  # a process that is gone holds nothing
            os.close(descriptor)
        self._held.clear()
        self._journal.store.connection.close()
        self._start()

    @rule()
    def restart(self) -> None:
        """An orderly stop and another start."""
        self._lane._end()
        self._keeper.round()
        self._journal.close()
        self._start()

    @rule(hours=st.sampled_from((-10 * 365 * 24, -2, 2)))
    def clock_jumps(self, hours: int) -> None:
        """Somebody sets the wall clock."""
        self._clock.wall_s += hours * 3600.0

    @rule(seconds=st.sampled_from((1.0, 3600.0)))
    def time_passes(self, seconds: float) -> None:
        """The machine sleeps, or nothing happens for a while."""
        self._clock.now_s += seconds

    @rule(act=st.sampled_from(("hold", "resume")))
    def hold_or_resume(self, act: str) -> None:
        """An operator holds the lane, or ends whatever holds it."""
        operator = self._desk.operator
        operator.hold(HIS, "") if act == "hold" else operator.resume(HIS)

    @precondition(lambda self: self._in_state("quarantined"))
    @rule(data=st.data(), act=st.sampled_from(("release", "force", "dismiss", "resend")))
    def look_after_quarantine(self, data: st.DataObject, act: str) -> None:
        """An operator decides about a quarantined message; what would harm is refused."""
        message_id = data.draw(st.sampled_from(self._in_state("quarantined")))
        operator, this = self._desk.operator, ids.new_id()

        def do() -> object:
            if act in ("release", "force"):
                return operator.release(message_id, force=act == "force", act=this)
            if act == "dismiss":
                return operator.dismiss(message_id, "a story", act=this)
            return operator.resend(message_id, new_control_id=this, restamp=with_control_id, act=this)

        with contextlib.suppress(LabSenderError):
            said = do()
            before = self._told()
            assert do() == said, "as if the first answer had been lost"
            assert self._told() == before

    # ------------------------------------------------------------- what must always hold

    @invariant()
    def every_file_is_in_one_place(self) -> None:
        """I1."""
        found: Counter[bytes] = Counter()
        for path in self._outbox.rglob("*"):
            if path.is_file() and not path.name.endswith((".reason.txt", ".part")):
                found[path.read_bytes()] += 1
        assert found == self._dropped

    @invariant()
    def acked_is_accepted(self) -> None:
        """I2 and I5: what is acked, the HIS has accepted under that id."""
        for control_id, attempts in self._rows(
            "SELECT m.control_id, (SELECT COUNT(*) FROM attempt a WHERE a.message_id = m.id AND a.ack_code = 'AA')"
            " FROM message m WHERE m.state = 'acked'",
        ):
            assert control_id in self._his.accepted
            assert attempts == 1

    @invariant()
    def the_same_bytes_each_time(self) -> None:
        """I4: one control id, one message; and those bytes are the journal's."""
        query = "SELECT m.control_id, w.body FROM message m JOIN wire w ON w.message_id = m.id"
        stored = dict(self._rows(query))
        for control_id, body in self._his.arrived:
            assert stored[control_id] == body

    @invariant()
    def first_arrivals_in_order(self) -> None:
        """I3, but for what an operator has sent again. Where the brake asks with another one: within each order."""
        events = self._rows("SELECT message_id FROM event WHERE message_id IS NOT NULL")
        acted = {number for (number,) in events}
        numbers = dict(self._rows("SELECT control_id, id FROM message WHERE control_id IS NOT NULL"))
        first = list(dict.fromkeys(numbers[control_id] for control_id, _ in self._his.arrived))
        plain = [number for number in first if number not in acted]
        lines = [plain]
        if self._rows("SELECT 1 FROM event WHERE kind = 'lane.brake'"):
            keys = self._rows("SELECT DISTINCT order_key, message_id FROM message_order")
            of_order = [{number for key, number in keys if key == each} for each in {key for key, _ in keys}]
            lines = [[number for number in plain if number in these] for these in of_order]
        assert lines == [sorted(line) for line in lines]

    @invariant()
    def states_change_by_the_table_only(self) -> None:
        """What is final stays; what was given up, a person gave up; another one takes the place of a replaced one."""
        now = dict(self._rows("SELECT id, state FROM message"))
        for number, state in now.items():
            before = self._states.get(number)
            assert any(state in _REACHED[each] for each in (_FIRST if before is None else {before}))
        assert not self._states.keys() - now.keys()
        self._states = now
        acts = self._rows("SELECT message_id FROM event WHERE kind = 'message.dismissed'")
        assert {number for number, state in now.items() if state == "dismissed"} == {number for (number,) in acts}
        for code, successors, file_state in self._rows(
            "SELECT m.code, (SELECT COUNT(*) FROM message r WHERE r.replaces = m.id), s.state"
            " FROM message m JOIN source s ON s.id = m.source_id WHERE m.state = 'replaced'",
        ):
            assert successors if code == "resent" else file_state == "withdrawn" and successors <= 1

    @invariant()
    def the_journal_knows_what_may_have_left(self) -> None:
        """The price of a send: what the HIS has seen, the journal counts as gone; a verdict ends the sending."""
        copies = Counter(control_id for control_id, _ in self._his.arrived)
        for control_id, state, may_have_left, attempts, in_a_row in self._rows(
            "SELECT m.control_id, m.state, m.may_have_left, (SELECT COUNT(*) FROM attempt a"
            " WHERE a.message_id = m.id AND a.kind <> 'not-sent'),"
            " EXISTS (SELECT 1 FROM verdict v WHERE m.id IN (v.message_id, v.next_id))"
            " FROM message m WHERE m.control_id IS NOT NULL",
        ):
            if copies[control_id]:
                assert may_have_left or attempts or state == "sending" or in_a_row
            if state == "acked":
                assert copies[control_id] <= attempts

    def teardown(self) -> None:
        """Everybody is well again: nothing waits for ever."""
        if not hasattr(self, "_journal"):
            return
        try:
            self._come_to_rest()
        finally:
            self._journal.store.connection.close()
            self._eye.close()
            self._desk.close()
            self._patches.undo()
            shutil.rmtree(self._folder, ignore_errors=files.WINDOWS)  # what a crash has left open stays there

    # ------------------------------------------------------------- how

    def _come_to_rest(self) -> None:
        self._his.answer = "accept"
        self._desk.operator.resume(HIS)
        for _ in range(_MOST_ROUNDS):
            self.look()
            self._send()
            self._keeper.round()
            if not self._waiting() and not list(self._outbox.glob("[!.]*.dat")):
                break
        assert not self._waiting()
        assert not list(self._claimed.iterdir())
        for check in (self.every_file_is_in_one_place, self.acked_is_accepted, self.first_arrivals_in_order):
            check()

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._eye.rows(query, values)

    def _waiting(self) -> list[Any]:
        return self._rows("SELECT id FROM message WHERE state IN ('spooled', 'sending')") + self._rows(
            "SELECT id FROM file WHERE folder = 'claimed' OR planned_folder <> ''"
        )

    def _start(self) -> None:
        """Start as agent.py does."""
        self._journal = Journal(self._folder / "journal.db", who="a story")
        looks = Arrivals(self._outbox, section(settle_s=1.0, temporary=()), clock=self._clock.monotonic)
        self._intake = Intake(
            self._journal,
            plan(self._composer, poll_s=1.0, settle_s=1.0, largest_file_bytes=1 << 20, attachment_wait_s=60.0),
            looks,
            destination=HIS,
            outbox=self._outbox,
            claimed=self._claimed,
            on_spooled=lambda: None,
        )
        self._lane = Lane(Destination(HIS, self._journal, his_at()), self._journal, self._his)  # type: ignore[arg-type]
        for owner in (self._intake, self._lane):
            owner._bell = _Bell(self._clock)  # type: ignore[attr-defined]
        self._keeper = Keeper(
            self._journal, FolderSettings().within(self._outbox), on_returned=self._intake.returned
        )
        self._keeper._todo |= set(self._journal.filing.unsettled_sources())
        self._his.connected = False
        self._intake._recover()
        self._lane._begin()

    def _send(self) -> None:
        """What the lane does for one message: connect, mark, send; whatever it waits for, passes."""
        self._clock.now_s += 61
        for _ in ("connect", "mark", "send"):
            message = self._lane._next()
            if message is None:
                break
            self._lane._deliver(message)

    def _told(self) -> list[Any]:
        """What the journal has of messages, files and acts."""
        return [self._rows(f"SELECT * FROM {table}") for table in ("message", "source", "event", "lane")]

    def _in_state(self, state: str) -> list[int]:
        return [number for (number,) in self._rows("SELECT id FROM message WHERE state = ?", state)]

    def _hold(self, hold: Callable[[Any], int | None], path: Any) -> int | None:
        if (descriptor := hold(path)) is not None:
            self._held.add(descriptor)
        return descriptor

    def _let_go(self, let_go: Callable[[int | None], None], descriptor: int | None) -> None:
        self._held.discard(descriptor)  # type: ignore[arg-type]
        let_go(descriptor)

    def _burning(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def burns(*values: Any, **more: Any) -> Any:
            self._fuse.burn()
            result = effect(*values, **more)
            self._fuse.burn()
            return result

        return burns


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")


Stories.TestCase.settings = examples(40, stateful_step_count=30, suppress_health_check=list(HealthCheck))
TestStories = pytest.mark.long(Stories.TestCase)
