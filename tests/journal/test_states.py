"""Each event of the table of states in each state: where it may not come it leaves the row, and says so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import get_args

import pytest
from kit.core import HIS, bad, entry, head, rows, source
from kit.fixtures import SQLITE_ONLY
from kit.parts import stands_on_other

from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import ActRejected, Attempt, Journal, Spooled
from lab_sender.journal.rows import LinkRow
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import MESSAGE, SOURCE, MessageState, SourceState, Table


class Desk:
    """Messages 1 (M1, its own file), 2 and 3 (M2 and an unbuilt one, of one file); file 3, which is unreadable."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        unreadable = source("C3", code="json.syntax")
        journal.spool.spooled([source("C1", entry("M1")), source("C2", entry("M2"), bad()), unreadable], HIS)
        self.first, self.second = head(journal)
        self.original = journal.rebuilding.original(1)

    def force(self, table: str, number: int, state: str, **more: object) -> None:
        """Put a row into a state, however it may come there."""
        values: dict[str, object] = {"state": state} | more
        with self.journal.store.durable() as db:
            changes = ", ".join(f"{name} = :{name}" for name in values)
            db.execute(f"UPDATE {table} SET {changes} WHERE id = {number}", values)

    def row(self, table: str, number: int) -> dict[str, object]:
        with closing(self.journal.store.reader()) as reader:
            return reader.dicts(f"SELECT * FROM {table} WHERE id = ?", (number,))[0]


def _attempt(message: Spooled, ack_code: str = "AA") -> Attempt:
    return Attempt(message.id, 5, "verdict", "ack", "", "", ack_code)


def _acked(desk: Desk, next_id: int | None) -> object:
    return desk.journal.delivery.acked(desk.first, _attempt(desk.first), next_id=next_id)


def _rebuilt(desk: Desk) -> object:
    return desk.journal.rebuilding.rebuilt(desk.original, entry("NEW")._replace(digest=desk.original.digest))


def _resent(desk: Desk) -> object:
    return desk.journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)


def _made_whole(desk: Desk) -> object:
    stands_on_other(desk.journal, part=1, newer=2)
    return desk.journal.delivery.made_whole(desk.first)


BY_BOOK: dict[str, tuple[str, int, Callable[[Desk], object]]] = {
    "made_whole": ("message", 1, _made_whole),
    "sending": ("message", 1, lambda d: d.journal.delivery.sending(1)),
    "sending with a verdict": ("message", 2, lambda d: _acked(d, next_id=2)),
    "not_sent": ("message", 1, lambda d: d.journal.delivery.not_sent(1)),
    "commit_accepted": ("message", 1, lambda d: d.journal.delivery.commit_accepted(1)),
    "acked": ("message", 1, lambda d: _acked(d, next_id=None)),
    "acked before the next": ("message", 1, lambda d: _acked(d, next_id=2)),
    "commit_stands": ("message", 1, lambda d: d.journal.delivery.commit_stands(d.first, "commit-only")),
    "unknown": ("message", 1, lambda d: d.journal.delivery.unknown(d.first, _attempt(d.first, ""))),
    "refused": ("message", 1, lambda d: d.journal.delivery.refused(d.first, _attempt(d.first, "AE"))),
    "quarantined": ("message", 1, lambda d: d.journal.delivery.quarantined(d.first, code="refused", reason="no")),
    "interrupted": ("message", 1, lambda d: d.journal.delivery.interrupted(HIS)),
    "put_back": ("message", 1, lambda d: d.journal.delivery.held(HIS, "brake", "ill", [1])),
    "released": ("message", 1, lambda d: d.journal.operator.release(1)),
    "rebuilt": ("message", 1, _rebuilt),
    "dismissed": ("message", 1, lambda d: d.journal.operator.dismiss(1, "why")),
    "resent": ("message", 1, _resent),
    "read_again": ("message", 3, lambda d: d.journal.operator.release(3, force=True)),
    "read_again of the file": ("message", 2, lambda d: d.journal.operator.release(3, force=True)),
    "grown": ("source", 1, lambda d: d.journal.filing.grown(1, "it grew")),
    "not_there": ("source", 3, lambda d: d.journal.filing.not_there(3, "quarantine/a.json")),
    "dismissed as a file": ("source", 3, lambda d: d.journal.operator.dismiss_file(3, "why") or True),
    "released as a file": ("source", 3, lambda d: d.journal.operator.release_file(3) or True),
    "read_again as a file": ("source", 2, lambda d: d.journal.operator.release(3, force=True)),
}
"""Each event: the row that it is about, and the call that causes it."""
CASES = [
    (name, state)
    for name, (row, _, _) in BY_BOOK.items()
    for state in get_args(MessageState if row == "message" else SourceState)
]


def _table(name: str) -> Table:
    return MESSAGE if BY_BOOK[name][0] == "message" else SOURCE


def _facts(name: str) -> dict[str, object]:
    """What the row has besides its state, so that only this is in the way of the event."""
    if BY_BOOK[name][0] == "source":
        return {}
    code = "correction.older" if name == "rebuilt" else "refused"  # a refused one also goes out again
    return {"accept_acked": name == "commit_stands", "code": code, "final_ms": 7}


def _said(desk: Desk, call: Callable[[Desk], object]) -> object:
    try:
        return call(desk)
    except ActRejected:
        return False


def test_every_event_is_tried() -> None:
    tried = {(BY_BOOK[name][0], name.partition(" ")[0]) for name in BY_BOOK}
    tabled = {("message", each.event) for each in MESSAGE.values() if each.sources}
    assert tried == tabled | {("source", each.event) for each in SOURCE.values() if each.sources}


@pytest.mark.parametrize(("name", "state"), CASES)
def test_an_event_that_may_not_come_leaves_the_row_and_says_so(journal: Journal, name: str, state: str) -> None:
    desk = Desk(journal)
    table, number, call = BY_BOOK[name]
    event = _table(name)[name.partition(" ")[0]]
    if name in ("read_again", "read_again as a file"):
        desk.force("message", 2, "acked")  # the file is not in use
    desk.force(table, number, state, **_facts(name))
    before = desk.row(table, number)
    said = _said(desk, call)
    after = desk.row(table, number)
    if state in event.sources:
        assert said, "it happened"
        assert after["state"] == (event.target or state)
        assert after != before or state == event.target
    else:
        assert after == before
        if state != event.target and name not in ("read_again of the file", "resent"):
            assert not said


@pytest.mark.parametrize(
    "name", ["acked", "acked before the next", "unknown", "refused", "quarantined", "commit_stands"]
)
def test_what_the_his_said_of_other_bytes_changes_nothing(journal: Journal, name: str) -> None:
    """Built anew while an answer was on its way: the answer is for the bytes of before. The try is kept."""
    desk = Desk(journal)
    _rebuilt(desk)
    desk.force("message", 1, "spooled", accept_acked=True)
    before = desk.row("message", 1)
    assert not _said(desk, BY_BOOK[name][2])
    assert desk.row("message", 1) == before
    tries = rows(journal, "SELECT COUNT(*) FROM attempt WHERE message_id = 1")[0][0]
    assert tries == (name.partition(" ")[0] in ("acked", "unknown", "refused"))


@SQLITE_ONLY
@pytest.mark.parametrize("name", BY_BOOK)
def test_an_event_is_as_durable_as_the_table_says(journal: Journal, name: str) -> None:
    desk = Desk(journal)
    table, number, call = BY_BOOK[name]
    event = _table(name)[name.partition(" ")[0]]
    if name.startswith("read_again"):
        desk.force("message", 2, "acked")
    desk.force(table, number, event.sources[0], **_facts(name))
    if event.durability == "durable":
        journal.delivery.link(HIS, LinkRow("up", "", "", None))  # so that the connection has to be set anew
    assert _said(desk, call)
    flushed = journal.store.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert flushed is (event.durability == "durable")


@pytest.mark.parametrize(
    ("name", "table", "states"),
    [
        ("read_again", "message", set(get_args(MessageState)) - set(MESSAGE["read_again"].sources)),
        ("read_again_file", "source", set(get_args(SourceState)) - set(SOURCE["read_again"].sources)),
    ],
)
def test_what_became_something_else_since_the_look_is_not_read_again(
    journal: Journal, name: str, table: str, states: set[str]
) -> None:
    """The look comes first, in the same act; that the row is still as it was is the statement's own word."""
    desk = Desk(journal)
    for state in sorted(states):
        desk.force(table, 1, state)
        before = desk.row(table, 1)
        with journal.store.durable() as db:
            db.execute(Statements("again")[name], {"id": 1, "ids": "[1]", "returns_as": "C9", "now_ms": 1})
        assert desk.row(table, 1) == before


def test_a_verdict_that_is_not_the_lanes_any_more_marks_no_next_message(journal: Journal) -> None:
    desk = Desk(journal)
    desk.force("message", 1, "dismissed")
    assert not journal.delivery.acked(desk.first, _attempt(desk.first), next_id=2)
    assert [state for (state,) in rows(journal, "SELECT state FROM message ORDER BY id")] == [
        "dismissed", "spooled", "quarantined",
    ]  # fmt: skip


def test_the_brake_puts_back_only_what_the_his_is_to_blame_for(journal: Journal) -> None:
    desk = Desk(journal)
    journal.delivery.quarantined(desk.first, code="frame.bytes", reason="no frame can carry it")
    assert journal.delivery.held(HIS, "brake", "ill", [1, 2]) == [2]
    assert desk.row("message", 1)["state"] == "quarantined"
