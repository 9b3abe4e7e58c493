"""How old is what waited for its document, what came once more, and what retention has left of both: later acts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kit.ages import (
    NEW,
    OLD,
    WAITS,
    both,
    comes,
    correct,
    house_of,
    nights,
    put,
    read,
    read_corrected,
    resend,
    values,
)
from kit.core import report, rows
from kit.destinations import House
from kit.patients import PATIENT_ID

from lab_sender.hl7.orders import OrderFact
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.journal import ActRejected, Journal, NewMessage, order_history
from lab_sender.journal.order_history import Age
from lab_sender.journal.statements import Statements


@pytest.fixture
def old_behind_new(tmp_path: Path, journal: Journal) -> House:
    """14.1 waits for its document; 99.9 (message 1) passes it and is refused; 14.1 is message 2."""
    house = house_of(tmp_path, journal, WAITS, NEW)
    house.refuse("a")
    comes(house)
    assert values(house) == ["14.1"]
    return house


def test_what_waited_is_not_sent_over_what_passed_it(old_behind_new: House) -> None:
    old_behind_new.refuse("a")
    old_behind_new.keep()
    old_behind_new.journal.operator.release(1)
    old_behind_new.accept("a")
    for act in (old_behind_new.journal.operator.release, lambda each: resend(old_behind_new.journal, each, "COPY")):
        with pytest.raises(ActRejected, match=r"overtaken: message 1, "):
            act(2)


def test_what_passed_it_waits_for_it_and_then_goes(old_behind_new: House) -> None:
    with pytest.raises(ActRejected, match=r"release\.older-waits: message 2, "):
        old_behind_new.journal.operator.release(1)
    old_behind_new.accept("a")
    assert old_behind_new.journal.operator.release(1) == "spooled", "nothing is newer"


def test_the_brake_puts_none_of_them_in_the_wrong_place(old_behind_new: House) -> None:
    old_behind_new.refuse("a")
    old_behind_new.keep()
    old_behind_new.journal.operator.release(1)
    old_behind_new.accept("a")
    with old_behind_new.journal.store.reading() as db:
        assert order_history.in_the_way(db, 2) == (1, True)


def test_what_was_released_twice_waits_at_its_place_for_the_ledger_too(tmp_path: Path, journal: Journal) -> None:
    """It was refused in a later round than that of what waits behind it."""
    house = house_of(tmp_path, journal, OLD)
    house.accept("a")
    put(house, 2, NEW)
    house.refuse("a")
    journal.operator.release(2)
    assert journal.delivery.sending(2)
    house.refuse("a")
    put(house, 3, report("F1", "55.5"))
    journal.operator.release(2)
    put(house, 4, NEW)
    assert values(house) == ["99.9", "55.5", "99.9"]


def test_copies_of_both_go_by_their_ages(old_behind_new: House) -> None:
    journal = old_behind_new.journal
    old_behind_new.accept("a")
    journal.operator.release(1)
    old_behind_new.accept("a")
    done = journal.operator.resend_messages([1, 2], new_control_id=new_id, restamp=with_control_id)
    assert (done.rejected, values(old_behind_new)) == ((), ["14.1", "99.9"])


def test_a_copy_of_what_waited_is_as_old(old_behind_new: House) -> None:
    old_behind_new.accept("a")
    assert resend(old_behind_new.journal, 2, "COPY") == 3
    with pytest.raises(ActRejected, match=r"release\.older-waits: message 3, "):
        old_behind_new.journal.operator.release(1)
    old_behind_new.refuse("a")
    old_behind_new.keep()
    old_behind_new.journal.operator.release(1)
    old_behind_new.accept("a")
    with pytest.raises(ActRejected, match=r"overtaken: message 1, "):
        old_behind_new.journal.operator.release(3)


def test_what_waited_for_reports_that_were_not_built(tmp_path: Path, journal: Journal) -> None:
    """It is read again behind the newer one, and held against it."""
    house = house_of(tmp_path, journal, WAITS, NEW)
    house.accept("a")
    comes(house)
    house.keep()
    assert [each[1] for each in rows(journal, "SELECT id, code FROM message ORDER BY id")] == ["", "report.overtaken"]
    journal.operator.release(2, force=True)
    read(house)
    house.accept("a")
    assert rows(journal, "SELECT state FROM message WHERE id = 3") == [("acked",)]
    with pytest.raises(ActRejected, match=r"resend\.overtaken: message 3, "):
        resend(journal, 1, "COPY")


def _demanded(journal: Journal, message: int) -> None:
    (rejected,) = journal.operator.release_messages([message]).rejected
    raise ActRejected(rejected.code, rejected.text)


Act = Callable[[Journal, int], object]
ACTS: dict[str, Act] = {
    "release": lambda journal, each: journal.operator.release(each),
    "resend": lambda journal, each: resend(journal, each, "COPY"),
    "bulk": _demanded,
}


@pytest.mark.parametrize("act", list(ACTS.values()), ids=list(ACTS))
def test_what_came_once_more_is_newer(tmp_path: Path, journal: Journal, act: Act) -> None:
    house = house_of(tmp_path, journal, OLD)
    house.accept("a")
    put(house, 2, NEW)
    house.refuse("a")  # message 2
    put(house, 3, OLD)
    house.keep()
    assert [each[1] for each in house.messages()] == ["acked", "quarantined", "duplicate"]
    with pytest.raises(ActRejected, match=r"overtaken: message 1, "):
        act(journal, 2)
    with journal.store.reading() as db:
        assert order_history.in_the_way(db, 2) == (1, True)


def test_what_came_once_more_by_a_file_that_was_read_again_came_then(tmp_path: Path, journal: Journal) -> None:
    """The claims decide: the second 14.1 lay in quarantine, before 99.9 in one story and behind it in the other."""
    house = house_of(tmp_path, journal, OLD, b"{")
    house.accept("a")
    put(house, 3, NEW)
    house.refuse("a")  # message 2
    house.keep()
    read_corrected(house, 2, OLD)
    assert [each[1] for each in house.messages()] == ["acked", "quarantined", "duplicate"]
    assert journal.operator.release(2) == "spooled", "99.9 came after both"


def test_what_came_once_more_by_a_file_behind_it_that_was_read_again(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, OLD)
    house.accept("a")
    put(house, 2, NEW)
    house.refuse("a")  # message 2
    put(house, 3, b"{")
    house.keep()
    read_corrected(house, 3, OLD)
    assert [each[1] for each in house.messages()] == ["acked", "quarantined", "duplicate"]
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 1, "):
        journal.operator.release(2)


def test_that_it_came_once_more_is_known_when_retention_has_deleted_it(tmp_path: Path, journal: Journal) -> None:
    """Its first file stays, for another report of it is in quarantine."""
    house = house_of(tmp_path, journal, both(NEW, report("F2").replace(b'"14.1"', b"[]")), b"{", NEW)
    house.accept("a")
    house.keep()
    nights(house)
    assert rows(journal, "SELECT source_id FROM message ORDER BY id") == [(1,), (1,)]
    read_corrected(house, 2, OLD)
    assert values(house) == [], "the laboratory has said 99.9 after 14.1"


@pytest.mark.parametrize("how", ["waited", "read again"])
def test_what_retention_has_deleted_is_as_old_as_it_was(tmp_path: Path, journal: Journal, how: str) -> None:
    """14.1 was sent late and is deleted; 99.9, refused before it was sent, is newer still."""
    house = house_of(tmp_path, journal, WAITS if how == "waited" else b"{", NEW)
    house.refuse("a")  # message 1
    house.keep()
    if how == "waited":
        comes(house)
    else:
        read_corrected(house, 1, OLD)
    assert values(house) == ["14.1"]
    house.accept("a")
    house.keep()
    nights(house)
    assert rows(journal, "SELECT id FROM message") == [(1,)]
    assert journal.operator.release(1) == "spooled"


def test_of_two_that_neither_waited_nor_were_read_again_ids_decide(tmp_path: Path, journal: Journal) -> None:
    """The clocks of two machines need not agree."""
    house = house_of(tmp_path, journal, OLD)
    house.refuse("a")
    put(house, 2, NEW)
    house.accept("a")
    house.keep()
    with journal.store.durable() as db:
        db.execute("UPDATE source SET claim_id = '00000000000000000000' WHERE id = 2")
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 2, "):
        journal.operator.release(1)


def test_the_order_of_ages() -> None:
    in_time = {10: Age(10, "C", False), 20: Age(20, "E", False), 15: Age(15, "G", False)}
    late = {30: Age(30, "D", True), 31: Age(31, "B", True), 32: Age(32, "H", True), 33: Age(33, "D", True)}
    assert order_history.oldest_first(in_time | late) == [31, 10, 30, 33, 15, 20, 32]
    same_file = {5: Age(5, "D", False), 40: Age(4, "D", True), 41: Age(6, "D", True)}
    assert order_history.oldest_first(same_file) == [40, 5, 41]


def _said_again_while_it_waits(tmp_path: Path, journal: Journal) -> House:
    """14.1 waits as message 1, 99.9 (message 2) was refused, and 14.1 came again."""
    house = house_of(tmp_path, journal, OLD, NEW)
    refused = journal.delivery.head("a", after_quarantine="continue")[1]
    journal.delivery.quarantined(refused, code="refused", reason="The HIS answered AE.")
    put(house, 3, OLD)
    house.keep()
    assert [each[1] for each in house.messages()] == ["spooled", "quarantined", "duplicate"]
    return house


@pytest.mark.parametrize("when", ["while it waits", "behind the copy", "once it was delivered"])
def test_a_copy_of_what_came_once_more_is_as_new(tmp_path: Path, journal: Journal, when: str) -> None:
    """14.1, 99.9 (message 2, refused), 14.1 again; 14.1 is refused and goes out as a copy."""
    house = _said_again_while_it_waits(tmp_path, journal)
    house.refuse("a")
    assert resend(journal, 1, "COPY") == 4
    if when == "while it waits":
        assert journal.operator.release(2) == "spooled"
        assert values(house) == ["99.9", "14.1"]
        return
    house.accept("a")
    if when == "once it was delivered":
        house.keep()
        nights(house)
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 4, "):
        journal.operator.release(2)


@pytest.mark.parametrize("copied", [False, True])
def test_that_it_came_once_more_outlives_the_copy(tmp_path: Path, journal: Journal, copied: bool) -> None:
    house = house_of(tmp_path, journal, OLD, b"{", OLD)
    house.accept("a")
    if copied:
        resend(journal, 1, "COPY")
        house.accept("a")
    for _ in range(2):  # what points to another one goes first
        house.keep()
        nights(house)
    assert rows(journal, "SELECT id FROM message") == []
    read_corrected(house, 2, NEW)
    assert values(house) == [], "the laboratory has said 14.1 after 99.9"


def test_what_a_file_has_said_before_it_does_not_say_once_more(tmp_path: Path, journal: Journal) -> None:
    """It has grown by another report, and is forced for that."""
    house = house_of(tmp_path, journal, OLD)
    house.accept("a")
    next(iter(house["one"].claimed.glob("*1.json"))).write_bytes(both(OLD, report("F2", "5.0")))
    put(house, 2, NEW)
    house.accept("a")
    house.keep()
    journal.operator.release_file(1, force=True)
    read(house)
    assert values(house) == ["5.0"]
    house.accept("a")
    with pytest.raises(ActRejected, match=r"resend\.overtaken: message 2, "):
        resend(journal, 1, "COPY")
    assert resend(journal, 2, "COPY") == 5


def test_what_came_once_more_is_as_new_when_it_is_built_anew(tmp_path: Path, journal: Journal) -> None:
    _said_again_while_it_waits(tmp_path, journal)
    original = journal.rebuilding.original(1)
    with journal.store.reading() as db:
        facts = [OrderFact(*each) for each in db.execute(Statements("order_history")["facts"], {"id": 1})]
    new = NewMessage(
        original.place, "spooled", original.digest, body=original.body, control_id="BUILT", orders=tuple(facts),
        patient_key=PATIENT_ID + "^",
    )  # fmt: skip
    assert journal.rebuilding.rebuilt(original, new) == "spooled"
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 1, "):
        journal.operator.release(2)


def test_the_same_by_an_older_file_makes_nothing_older(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", NEW)
    house.refuse("a")  # message 1, 99.9
    put(house, 3, OLD)
    house.accept("a")
    house.keep()
    read_corrected(house, 1, OLD)
    assert [each[1] for each in house.messages()] == ["quarantined", "acked", "duplicate"]
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 2, "):
        journal.operator.release(1)


def test_a_copy_takes_the_age_of_an_original_that_retention_deletes(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, WAITS, NEW)
    house.refuse("a")  # message 1
    comes(house)
    house.accept("a")
    assert resend(journal, 2, "COPY") == 3
    house.accept("a")
    house.keep()
    nights(house)
    assert rows(journal, "SELECT id FROM message") == [(1,)]
    assert journal.operator.release(1) == "spooled", "the copy is as old as 14.1"


def test_ids_decide_also_when_one_is_deleted(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, OLD)
    house.refuse("a")
    put(house, 2, NEW)
    house.accept("a")
    house.keep()
    with journal.store.durable() as db:
        db.execute("UPDATE source SET claim_id = '00000000000000000000' WHERE id = 2")
    nights(house)
    assert rows(journal, "SELECT id FROM message") == [(1,)]
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 2, "):
        journal.operator.release(1)


def test_where_nobody_knows_when_it_came_a_person_decides(tmp_path: Path, journal: Journal) -> None:
    """An older lab-sender on the same journal, whose retention knows no `came`."""
    house = house_of(tmp_path, journal, b"{", NEW)
    house.accept("a")
    house.keep()
    nights(house)
    with journal.store.durable() as db:
        db.execute("UPDATE message_order SET came = NULL, age = NULL")
    read_corrected(house, 1, OLD)
    assert (values(house), [each[2] for each in house.messages()]) == ([], ["report.overtaken"])


@pytest.mark.parametrize("act", ["release", "in bulk"])
def test_what_was_overtaken_by_what_retention_has_deleted_can_be_forced(
    tmp_path: Path, journal: Journal, act: str
) -> None:
    """Another report of its file was delivered, so its orders are known."""
    house = house_of(tmp_path, journal, both(OLD, report("F2").replace(b'"14.1"', b"[]")))
    house.accept("a")
    put(house, 2, NEW)
    house.accept("a")
    house.keep()
    nights(house)
    assert [each[0] for each in rows(journal, "SELECT id FROM message ORDER BY id")] == [1, 2]
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 3, delivered to a"):
        journal.operator.release(2)
    if act == "release":
        assert journal.operator.release(2, force=True) == "outbox"
    else:
        assert len(journal.operator.release_messages([2], force=True).done) == 1


@pytest.mark.parametrize("rule", ["hold-order", "hold-patient"])
def test_what_was_overtaken_holds_nothing_newer_back(tmp_path: Path, journal: Journal, rule: str) -> None:
    house = house_of(tmp_path, journal, WAITS, NEW)
    house.accept("a")
    comes(house)
    house.keep()
    assert house.messages()[1][2] == "report.overtaken"
    put(house, 3, report("F1", "77.7"))
    assert [each.id for each in journal.delivery.head("a", after_quarantine=rule)] == [3]
    assert rows(journal, "SELECT patient_turn <> 0 FROM message WHERE id = 3") == [(True,)], "no barrier"


def test_two_that_are_forced_together_go_by_their_age(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, WAITS, report("F1", "55.5", "y.pdf"), NEW)
    house.accept("a")
    comes(house, "y.pdf")
    comes(house)
    house.keep()
    assert [each[2] for each in house.messages()][1:] == ["report.overtaken"] * 2
    journal.operator.release_messages([2, 3], force=True)
    read(house)
    assert values(house) == ["14.1", "55.5"]


@pytest.mark.parametrize("copied", [False, True])
def test_of_one_file_what_took_a_place_is_as_old_as_what_had_it(
    tmp_path: Path, journal: Journal, copied: bool
) -> None:
    """Its first report could not be built; its second one, of the same order, was delivered."""
    house = house_of(tmp_path, journal, both(report("F1").replace(b'"14.1"', b"[]"), NEW))
    house.accept("a")  # message 2
    house.keep()
    correct(house, 1, both(OLD, NEW))
    journal.operator.release(1)
    read(house)
    house.refuse("a")
    read_again = rows(journal, "SELECT MAX(id) FROM message WHERE state = 'quarantined'")[0][0]
    if copied:
        copy = {"new_control_id": "COPY", "restamp": with_control_id}
        read_again = journal.operator.resend(read_again, force=True, **copy)
        house.refuse("a")
    with pytest.raises(ActRejected, match=r"release\.overtaken: message 2, "):
        journal.operator.release(read_again)
