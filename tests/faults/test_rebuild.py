"""Fault 86: the profile was wrong, the HIS refuses everything, and the messages are built already: `rebuild`."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

import pytest
from cli.conftest import Here, here, report
from kit.core import HIS, entry, rows, source, spool, states, until
from kit.lanes import running

from lab_sender.delivery.lane import Lane, LaneSettings
from lab_sender.delivery.retry import Policy
from lab_sender.journal import ActRejected, Attempt, Journal
from lab_sender.mllp import Endpoint, Link
from lab_sender.mllp.standin.server import Received, StandIn

__all__ = ["here"]

FACILITY = "message: {sending_facility: THE-LAB}\n"
WANTS_IT = ("contains=|THE-LAB|: AA", "AE,code=101,text=Missing Sending Facility")


def _put_right(here: Here, his: StandIn) -> None:
    here.configure(his.port, more=FACILITY)


def _ask(here: Here, query: str) -> list[tuple[object, ...]]:
    (path,) = here.folder.rglob("journal.db")
    db = sqlite3.connect(path)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def test_fault_86_what_was_built_by_a_wrong_profile_is_built_anew_and_goes_out_in_order(
    here: Here, his: StandIn
) -> None:
    his.answer_by(*WANTS_IT)
    for number in range(7):
        (here.outbox / f"{number}.json").parent.mkdir(exist_ok=True)
        (here.outbox / f"{number}.json").write_text(report(f"F-{number}"))
    with here.agent():
        here.until(lambda: here.json("status", exits=None)["hold"] == "brake")
        here.until(lambda: len(here.json("list", "--waiting")) == 7)
    now = here.json("status", exits=2)
    assert now["hold_reason"] == "messages 1, 2, 3, 4, 5 refused in a row, last AE 101"
    assert now["hold_messages"] == [1, 2, 3, 4, 5]
    _put_right(here, his)
    told = here("rebuild", *range(1, 8)).stdout
    assert told.count("is built anew, under a new control id; it goes out from its old place") == 7
    here("resume")
    before = his.count
    with here.agent():
        here.until(lambda: {each["state"] for each in here.json("list")} == {"acked"})
    bodies: dict[str, set[bytes]] = {}
    for each in his.received:
        bodies.setdefault(each.control_id, set()).add(each.body)
    assert all(len(each) == 1 for each in bodies.values()), "a control id never carries other bytes"
    delivered = his.received[before:]
    assert [re.findall(rb"\|F-(\d)", each.body)[0] for each in delivered] == [b"%d" % number for number in range(7)]
    assert all(b"|THE-LAB|" in each.body for each in delivered)
    assert [each["event"] for each in here.json("show", "1")["events"]] == ["message.rebuilt"]


def test_fault_86_one_in_quarantine_goes_out_again(here: Here, his: StandIn) -> None:
    his.answer_by(*WANTS_IT)
    here("send", here.file("a.json", report("F-1")), exits=1)
    _put_right(here, his)
    assert "goes out" in here("rebuild", "1").stdout
    with here.agent():
        here.until(lambda: here.json("list")[0]["state"] == "acked")
        here.until(lambda: bool(list(here.outbox.glob("sent/*/a.json"))))


@pytest.mark.parametrize("way", ["named", "companion"])
def test_fault_86_its_documents_go_with_it(here: Here, his: StandIn, way: str) -> None:
    his.answer_by(*WANTS_IT)
    inputs = "inputs: {pdf: {beside: attach}}\n" if way == "companion" else ""
    here.configure(his.port, more=inputs)
    here.file("a.pdf", b"%PDF-1.4 x\n%%EOF\n")
    here.outbox.mkdir(exist_ok=True)
    (here.outbox / "a.pdf").write_bytes(b"%PDF-1.4 x\n%%EOF\n")
    (here.outbox / "a.json").write_text(report("F-1", attachment="a.pdf" if way == "named" else ""))
    with here.agent():
        here.until(lambda: bool(his.count) and here.json("list", "--quarantined") != [])
    assert b"JVBERi0xLjQg" in his.received[0].body
    here.configure(his.port, more=inputs + FACILITY)
    here("rebuild", "1")
    with here.agent():
        here.until(lambda: here.json("list")[0]["state"] == "acked")
    first, last = his.received[0].body, his.received[-1].body
    assert first.partition(b"\r")[2] == last.partition(b"\r")[2]


def test_fault_86_what_may_not_be_built_anew_is_refused_with_a_word(here: Here, his: StandIn) -> None:
    def refused(*words: object) -> str:
        return here("rebuild", *words, exits=1).stderr

    his.answer_by("AE")
    here("send", here.file("a.json", report("F-1")), exits=1)
    assert "rebuild.unchanged" in refused(1)
    _put_right(here, his)
    (path,) = here.outbox.glob("quarantine/a.json")
    path.write_text(report("F-1", value="9.9"))
    assert "rebuild.other-file" in refused(1)
    path.unlink()
    assert "rebuild.no-file" in refused(1)
    assert "message.unknown" in refused(99)
    here("send", here.file("broken.json", "{"), exits=None)
    (unreadable,) = (each["id"] for each in here.json("list") if each["file"] == "broken.json")
    assert "release" in here("rebuild", unreadable, exits=2).stderr
    assert _ask(here, "SELECT state, control_id FROM message") == [("quarantined", his.received[0].control_id)]
    assert _ask(here, "SELECT COUNT(*) FROM event") == [(0,)]


def test_fault_86_a_ready_message_keeps_its_bytes(here: Here, his: StandIn, ready: Callable[..., bytes]) -> None:
    his.answer_by("AE")
    here("send", here.file("a.hl7", ready("A1")), exits=1)
    _put_right(here, his)
    assert "rebuild.not-ours" in here("rebuild", "1", exits=1).stderr


@pytest.fixture(name="ready")
def _ready() -> Callable[..., bytes]:
    from cli.conftest import ready

    return ready


# ------------------------------------------------------------------ the journal's guard


def _new(name: str, old: str, **more: object) -> object:
    return entry(name, order=f"O-{old}", digest=entry(old).digest, built=True, **more)


def test_fault_86_what_the_lane_has_read_ahead_leaves_with_its_new_bytes_only(journal: Journal) -> None:
    """It is built anew while the one before it is in flight, and its own old bytes are in the lane's hands."""
    spool(journal, "M1", "M2", "M3")
    acts: list[str] = []

    def rebuild(got: Received) -> None:
        if got.number == 1:
            desk = Journal(journal.store.path, who="operator")
            with pytest.raises(ActRejected, match=r"rebuild\.sending"):
                desk.rebuilding.original(1)
            acts.append(desk.rebuilding.rebuilt(desk.rebuilding.original(2), _new("NEW2", "M2")))  # type: ignore[arg-type]
            desk.close()

    with StandIn(on_message=rebuild) as his:
        lane = Lane(HIS, journal, Link(Endpoint("127.0.0.1", his.port)), LaneSettings(Policy(0.01, 0.01)))
        with running(lane):
            until(lambda: set(states(journal).values()) == {"acked"})
    assert acts == ["spooled"]
    assert [each.control_id for each in his.received] == ["M1", "NEW2", "M3"]
    assert rows(journal, "SELECT id, control_id FROM message ORDER BY id") == [(1, "M1"), (2, "NEW2"), (3, "M3")]


def test_fault_86_what_may_have_arrived_wants_force(journal: Journal) -> None:
    spool(journal, "M1")
    journal.delivery.sending(1)
    journal.delivery.interrupted(HIS)
    with pytest.raises(ActRejected, match=r"rebuild\.may-have-arrived"):
        journal.rebuilding.original(1)
    original = journal.rebuilding.original(1, force=True)
    assert journal.rebuilding.rebuilt(original, _new("NEW", "M1"), force=True) == "spooled"  # type: ignore[arg-type]
    assert rows(journal, "SELECT may_have_left FROM message") == [(0,)], "nothing has left under the new control id"


def test_fault_86_one_that_was_overtaken_or_changed_meanwhile_is_left_alone(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("OLD", order="X")), source("C2", entry("NEW", order="X"))], HIS)
    old, new = journal.delivery.head(HIS, after_quarantine="continue")
    original = journal.rebuilding.original(2)
    journal.delivery.quarantined(old, code="refused", reason="")
    journal.delivery.acked(new, Attempt(new.id, 0, "verdict", "ack", "", "", "AA"))
    with pytest.raises(ActRejected, match=r"rebuild\.overtaken"):
        journal.rebuilding.original(1)
    with pytest.raises(ActRejected, match=r"rebuild\.not-waiting"):
        journal.rebuilding.rebuilt(original, _new("B", "NEW"))  # type: ignore[arg-type]
    assert states(journal) == {"OLD": "quarantined refused", "NEW": "acked"}


def test_fault_86_what_is_suspicious_stays_in_quarantine(journal: Journal) -> None:
    journal.spool.spooled(
        [source("C1", entry("M1", state="quarantined", code="correction.older", holds_orders=True))], HIS
    )
    new = _new("NEW", "M1")
    assert journal.rebuilding.rebuilt(journal.rebuilding.original(1), new) == "quarantined"  # type: ignore[arg-type]
    assert states(journal) == {"NEW": "quarantined correction.older"}
