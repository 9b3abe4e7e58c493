"""An acceptance in a backlog: one row, which every transaction folds in first; what comes of it is as ever."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.core import HIS, attempts, entry, head, rows, source, spool, states
from kit.examples import examples
from kit.fixtures import SQLITE_ONLY
from kit.system import WINDOWS

from lab_sender.errors import LabSenderError
from lab_sender.journal import ActRejected, Attempt, Journal, Spooled, View
from lab_sender.journal.copies import back_up, recover


def _accept(journal: Journal, message: Spooled, following: Spooled | None, lane: int = 0, **more: Any) -> bool:
    values = {"phase": "ack", "code": "", "detail": "", "ack_code": "AA", "ack": b"MSA|AA|x\r", "elapsed_ms": 1.5}
    attempt = Attempt(message.id, 1234, "verdict", **(values | more))
    return journal.delivery.acked(message, attempt, next_id=following.id if following else None, lane=lane)


def _raw(journal: Journal, sql: str) -> list[tuple[Any, ...]]:
    """What lies in the file, as no transaction has touched it."""
    with closing(sqlite3.connect(journal.store.path)) as db:
        return db.execute(sql).fetchall()


def _in_mid_backlog(journal: Journal, *control_ids: str) -> list[Spooled]:
    """The first is delivered by a transaction, the second by a row; the third may be leaving."""
    spool(journal, *control_ids)
    waiting = head(journal)
    assert journal.delivery.sending(waiting[0].id)
    assert _accept(journal, waiting[0], waiting[1])
    assert _accept(journal, waiting[1], waiting[2])
    return waiting


@SQLITE_ONLY
def test_a_backlogs_acceptance_is_one_row_until_the_next_transaction(journal: Journal) -> None:
    first, second, third, *_ = _in_mid_backlog(journal, "A", "B", "C", "D")
    assert _raw(journal, "SELECT message_id, next_id FROM verdict") == [(second.id, third.id)]
    state = "SELECT state FROM message ORDER BY id"
    assert _raw(journal, state) == [("acked",), ("sending",), ("spooled",), ("spooled",)]
    journal.store.tick()
    assert _raw(journal, "SELECT message_id FROM verdict") == []
    assert _raw(journal, state) == [("acked",), ("acked",), ("sending",), ("spooled",)]
    tries = "SELECT ack, started_ms FROM attempt WHERE message_id = ?"
    assert rows(journal, tries, second.id) == [(b"MSA|AA|x\r", 1234)]
    assert journal.delivery.finished_sources() == {first.source_id, second.source_id}


def test_whoever_acts_sees_what_was_accepted_and_what_may_be_leaving(journal: Journal) -> None:
    _, second, third, fourth = _in_mid_backlog(journal, "A", "B", "C", "D")
    with closing(Journal(journal.store.path, who="operator")) as other:
        for each in (second, third):
            with pytest.raises(ActRejected):
                other.operator.dismiss(each.id, why="no")
        other.operator.dismiss(fourth.id, why="no")
    assert states(journal) == {"A": "acked", "B": "acked", "C": "sending", "D": "dismissed"}
    assert _accept(journal, third, None)
    assert states(journal)["C"] == "acked"


def test_the_agents_own_reading_folds_first(journal: Journal) -> None:
    _in_mid_backlog(journal, "A", "B", "C")
    assert [each.control_id for each in head(journal)] == ["C"]


def test_the_reading_of_whoever_may_act_folds_first(journal: Journal) -> None:
    _in_mid_backlog(journal, "A", "B", "C")
    with closing(Journal(journal.store.path, who="operator")) as other:
        assert [each.control_id for each in head(other)] == ["C"]


def test_what_may_have_left_is_known_after_a_kill(journal: Journal) -> None:
    _, _, third = _in_mid_backlog(journal, "A", "B", "C")
    with closing(Journal(journal.store.path)) as after:  # the first one is not closed: it was killed
        after.begin()
        assert after.delivery.interrupted(HIS) == 1
        (left,) = head(after)
        assert (left.id, left.may_have_left) == (third.id, True)
        assert [each["ack_code"] for each in attempts(after, "B")] == ["AA"]
        assert states(after)["B"] == "acked"


@pytest.mark.parametrize("between", ["nothing", "a tick", "another question"])
def test_what_others_have_done_before_a_mark_is_told_with_it_and_what_came_later_as_ever(
    journal: Journal, between: str
) -> None:
    _, _, third, fourth, fifth = _in_mid_backlog(journal, "A", "B", "C", "D", "E")
    with closing(Journal(journal.store.path, who="operator")) as other:
        before = journal.store.foreign_version()
        assert _accept(journal, third, fourth)
        assert journal.store.foreign_version(as_appended=True) == before
        other.operator.hold(HIS, "why")
        held = journal.store.foreign_version()
        assert held != before
        assert _accept(journal, fourth, fifth)
        match between:
            case "a tick":
                other.operator.resume(HIS)
                journal.store.tick()
            case "another question":
                other.operator.resume(HIS)
                journal.store.foreign_version()
        assert (journal.store.foreign_version(as_appended=True) == held) is (between == "nothing")


@SQLITE_ONLY
def test_what_others_do_just_before_a_mark_is_told_with_it(journal: Journal) -> None:
    _, _, third, fourth = _in_mid_backlog(journal, "A", "B", "C", "D")
    with closing(Journal(journal.store.path, who="operator")) as other:
        before = journal.store.foreign_version()

        def begins(sql: str) -> None:
            if sql.startswith("BEGIN"):
                journal.store.connection.set_trace_callback(None)
                other.operator.hold(HIS, "why")

        journal.store.connection.set_trace_callback(begins)
        assert _accept(journal, third, fourth)
        assert journal.store.foreign_version(as_appended=True) != before


def test_a_next_message_that_was_taken_away_is_told_at_once(journal: Journal) -> None:
    spool(journal, "A", "B", "C")
    first, second, third = head(journal)
    journal.delivery.sending(first.id)
    assert _accept(journal, first, second)
    journal.operator.dismiss(third.id, why="no")
    assert not _accept(journal, second, third)
    assert states(journal) == {"A": "acked", "B": "acked", "C": "dismissed"}


def test_made_twice_it_comes_to_the_same(journal: Journal) -> None:
    _, second, third = _in_mid_backlog(journal, "A", "B", "C")
    assert _accept(journal, second, third)
    journal.store.tick()
    assert states(journal) == {"A": "acked", "B": "acked", "C": "sending"}
    assert rows(journal, "SELECT COUNT(*) FROM attempt") == [(2,)]


def test_a_mark_is_taken_back(journal: Journal) -> None:
    _, _, third = _in_mid_backlog(journal, "A", "B", "C")
    assert journal.delivery.not_sent(third.id)
    assert states(journal)["C"] == "spooled"


@SQLITE_ONLY
def test_a_later_try_or_an_acceptance_with_a_code_is_a_transaction(journal: Journal) -> None:
    spool(journal, "A", "B", "C", "D")
    first, second, third, fourth = head(journal)
    journal.delivery.sending(first.id)
    _accept(journal, first, second)
    journal.delivery.unknown(second, Attempt(second.id, 1, "unknown", "ack", "ack.timeout", "", "", None))
    second = head(journal)[0]
    assert second.attempts == 1
    journal.delivery.sending(second.id)
    assert _accept(journal, second, third)
    assert journal.delivery.acked(
        third, Attempt(third.id, 2, "verdict", "ack", "", "", "AR", b"MSA|AR|C\r"), code="known", next_id=fourth.id
    )
    assert _raw(journal, "SELECT COUNT(*) FROM verdict") == [(0,)]
    assert states(journal) == {"A": "acked", "B": "acked", "C": "acked known", "D": "sending"}


def test_each_lane_has_its_next_one(journal: Journal) -> None:
    spool(journal, "A", "B", "C", "D", "E", "F")
    waiting = head(journal)
    for lane in (0, 1):
        journal.delivery.sending(waiting[lane].id, lane)
        _accept(journal, waiting[lane], waiting[lane + 2], lane)
    for lane in (0, 1):
        assert _accept(journal, waiting[lane + 2], waiting[lane + 4], lane)
    journal.store.tick()
    assert states(journal) == dict.fromkeys("ABCD", "acked") | dict.fromkeys("EF", "sending")
    assert rows(journal, "SELECT control_id, lane FROM message ORDER BY id") == [
        (name, number % 2) for number, name in enumerate("ABCDEF")
    ]


def test_what_left_before_a_release_left_before_it(journal: Journal) -> None:
    """(`send_round`, id) is the order of sending: a release begins a new round."""
    journal.spool.spooled([source("C-O", entry("O", order="X"))], HIS)
    (old,) = head(journal)
    journal.delivery.sending(old.id)
    journal.delivery.quarantined(old, code="refused", reason="no")
    _, _, third, fourth, _ = _in_mid_backlog(journal, "A", "B", "C", "D", "E")
    with closing(Journal(journal.store.path, who="operator")) as other:
        other.operator.release(old.id, why="yes")
    assert _accept(journal, third, fourth)
    journal.store.tick()
    rounds = dict(rows(journal, "SELECT control_id, send_round FROM message WHERE state <> 'spooled'"))
    assert rounds["A"] == rounds["B"] == rounds["C"] < rounds["D"]


def test_no_lane_marks_a_message_that_another_ones_row_has_accepted(journal: Journal) -> None:
    _, second, third, fourth = _in_mid_backlog(journal, "A", "B", "C", "D")
    assert _accept(journal, third, fourth)
    assert not _accept(journal, fourth, second, lane=1)
    assert states(journal) == dict.fromkeys("ABCD", "acked")


# ---------------------------------------------------------------- after a kill


def _age(journal: Journal) -> None:
    with closing(sqlite3.connect(journal.store.path)) as db, db:
        db.execute("UPDATE verdict SET at_ms = at_ms - 3600000")


def _seen(view: View) -> dict[str, str]:
    return {line.control_id: line.state for line in view.these(range(1, 5))}


def test_what_a_killed_agent_had_delivered_last_is_filed(journal: Journal) -> None:
    """Its file would stay in claimed/ until the next start: nobody says later that it is final."""
    first, second, *_ = _in_mid_backlog(journal, "A", "B", "C", "D")
    with closing(Journal(journal.store.path, who="the next agent")) as following:
        assert following.filing.unsettled_sources() == [first.source_id, second.source_id]


@SQLITE_ONLY
def test_what_a_killed_agent_has_left_is_shown_as_what_it_is(journal: Journal) -> None:
    _in_mid_backlog(journal, "A", "B", "C", "D")
    with closing(View(journal.store.path)) as view:
        assert _seen(view) == {"A": "acked", "B": "sending", "C": "spooled", "D": "spooled"}, "a tick behind"
        _age(journal)
        assert _seen(view) == {"A": "acked", "B": "acked", "C": "sending", "D": "spooled"}
    assert _raw(journal, "SELECT COUNT(*) FROM verdict") == [(0,)]


@SQLITE_ONLY
@pytest.mark.skipif(WINDOWS, reason="a file that is open cannot be renamed there")
def test_who_only_reads_makes_no_journal_where_it_was_taken_away(journal: Journal, tmp_path: Path) -> None:
    _in_mid_backlog(journal, "A", "B", "C", "D")
    path = journal.store.path
    with closing(View(path)) as view:
        _seen(view)
        _age(journal)
        path.rename(tmp_path / "away.db")
        assert _seen(view)["A"] == "acked"
        assert not path.exists()
        (tmp_path / "away.db").rename(path)


@SQLITE_ONLY
def test_a_backup_has_what_was_accepted_as_states(journal: Journal, tmp_path: Path) -> None:
    _in_mid_backlog(journal, "A", "B", "C", "D")
    back_up(journal.store.path, tmp_path / "b.db")
    with closing(sqlite3.connect(tmp_path / "b.db")) as db:
        assert db.execute("SELECT COUNT(*) FROM verdict").fetchone() == (0,)
        found = dict(db.execute("SELECT control_id, state FROM message").fetchall())
    assert found == {"A": "acked", "B": "acked", "C": "sending", "D": "spooled"}


@SQLITE_ONLY
@pytest.mark.parametrize("lost", ["the bytes", "the row"])
def test_what_was_accepted_is_no_ones_to_send_again_when_the_journal_is_recovered(
    journal: Journal, tmp_path: Path, lost: str
) -> None:
    second = _in_mid_backlog(journal, "A", "B", "C", "D")[1]
    with closing(sqlite3.connect(journal.store.path)) as db, db:
        if lost == "the bytes":
            db.execute("UPDATE wire SET crc32 = crc32 + 1 WHERE message_id = ?", (second.id,))
        else:
            db.execute("DROP TRIGGER message_stays")
            db.execute("DELETE FROM message WHERE id = ?", (second.id,))
    recover(journal.store.path, tmp_path / "new.db")
    with closing(Journal(tmp_path / "new.db")) as after:
        after.begin()
        assert [row[:2] for row in rows(after, "SELECT id, state FROM message ORDER BY id")] == [
            (1, "acked"), (2, "acked"), (3, "sending"), (4, "spooled")
        ]  # fmt: skip
        assert rows(after, "SELECT ack_code, ack FROM attempt WHERE message_id = ?", second.id) == [
            ("AA", b"MSA|AA|x\r")
        ]


# ---------------------------------------------------------------- any story


class _Story:
    """A lane that reads ahead, an operator beside it, and kills."""

    def __init__(self, path: Path, *, appends: bool) -> None:
        self._path, self._appends, self._number = path, appends, 0
        self.said: list[object] = []
        self._killed: list[Journal] = []
        self._heads: list[Spooled] = []
        self._marked: int | None = None
        self.journal = self._open()
        self._desk = Journal(path, who="operator")

    def _open(self) -> Journal:
        journal = Journal(self._path)
        if not self._appends:
            journal.store.append = lambda _sql, _values: False  # type: ignore[method-assign]
        journal.begin()
        journal.delivery.interrupted(HIS)
        return journal

    def end(self) -> None:
        for each in (*self._killed, self.journal, self._desk):
            each.store.close()

    def play(self, what: str, number: int) -> None:
        book, desk = self.journal.delivery, self._desk.operator
        if what == "spool":
            names = [f"M{self._number + each}" for each in range(number)]
            self._number += number
            self.journal.spool.spooled([source(f"C{names[0]}", *(entry(each, order="O") for each in names))], HIS)
        elif what == "kill":
            self._killed.append(self.journal)
            self.journal, self._heads, self._marked = self._open(), [], None
        elif what in ("dismiss", "release"):
            with suppress(LabSenderError):
                act = desk.dismiss if what == "dismiss" else desk.release
                act(number, why="why")
                self.said.append((what, number))
        elif what == "hears":
            self.said.append(book.said_later(HIS, f"M{number}", "AE", b"MSA|AE", accepts=False, at_ms=1))
        elif what == "tick":
            self.journal.store.tick()
        elif what == "forget":
            self._heads = []
        else:
            self._lane(what)

    def _lane(self, what: str) -> None:
        book = self.journal.delivery
        self._heads = self._heads or head(self.journal)
        if not self._heads:
            return
        first = self._heads[0]
        tried = Attempt(first.id, 1234, "verdict", "ack", "", "", "AA", b"MSA|AA", elapsed_ms=1.5)
        if what == "accept":
            del self._heads[0]
            following = self._heads[0].id if self._heads else None
            if self._marked != first.id and not book.sending(first.id, 1):
                return
            self.said.append(book.acked(first, tried, next_id=following, lane=1))
            self._marked = following if self.said[-1] else None
            return
        self._heads, self._marked = [], None
        if what == "mark":
            self.said.append(book.sending(first.id, 1))
        elif what == "take back":
            self.said.append(book.not_sent(first.id))
        elif what == "unknown":
            self.said.append(book.unknown(first, tried._replace(kind="unknown")) is None)
        elif what == "refuse":
            self.said.append(book.refused(first, tried._replace(ack_code="AE")))
        else:
            self.said.append(book.quarantined(first, code="refused", reason="AE"))

    def all(self) -> dict[str, list[Any]]:
        """What the journal says in the end, without the instants."""
        self.journal.store.tick()
        own = "SELECT message_id, number, kind, code, ack_code, ack, elapsed_ms FROM attempt ORDER BY 1, 2"
        found = {
            "message": "SELECT id, state, code, lane, send_round, may_have_left, unknowns, refusals, contradicted,"
            " final_ms IS NULL, patient_turn, order_turn FROM message ORDER BY id",
            "attempt": own,
            "lane": "SELECT destination, hold, send_round, quarantined_messages FROM lane",
            "tally": "SELECT destination, what, number FROM tally ORDER BY 1, 2",
            "event": "SELECT kind, message_id, who FROM event ORDER BY id",
            "verdict": "SELECT * FROM verdict",
        }
        return {name: rows(self.journal, query) for name, query in found.items()}


_LANE = ("accept", "accept", "accept", "accept", "accept", "mark", "take back", "unknown", "refuse", "quarantine")
_OTHERS = ("dismiss", "release", "hears", "kill", "tick", "forget")


_act = st.tuples(st.sampled_from(("spool", *_LANE, *_OTHERS)), st.integers(1, 9))


@given(program=st.lists(_act, min_size=8, max_size=40))
@examples(10)
def test_any_story_comes_to_the_same_with_rows_as_without(program: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for appends in (True, False):
            story = _Story(Path(folder) / f"{appends}.db", appends=appends)
            story.play("spool", 9)
            for what, number in program:
                story.play(what, number)
            found.append((story.said, story.all()))
            story.end()
    assert found[0] == found[1]
