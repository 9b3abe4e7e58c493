"""How old a file is that was released: on both sides, in one batch, in doubt, after retention, by whom forced."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.ages import (
    NEW,
    OLD,
    STRICT,
    STRICT_B,
    WAITS,
    A,
    B,
    both,
    both_in_one,
    comes,
    correct,
    house_of,
    nights,
    put,
    read,
    read_corrected,
    resend,
    use,
    values,
)
from kit.core import report, rows
from kit.destinations import House
from kit.patients import PATIENT_ID

from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.journal import ActRejected, Journal
from lab_sender.journal.statements import Statements


def _old_read_behind_new(tmp_path: Path, journal: Journal) -> House:
    """99.9 (message 1) is refused; 14.1, of the file before it, is read only now, as message 2."""
    house = house_of(tmp_path, journal, b"{", NEW)
    house.refuse("a")
    house.keep()
    read_corrected(house, 1, OLD)
    return house


def _new_is_released_only_behind_old(house: House, *, delivered: bool) -> None:
    """Release 99.9, message 1: not before 14.1; nothing is newer than it."""
    if delivered:
        house.accept("a")
        assert house.journal.operator.release(1) == "spooled"
        return
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        house.journal.operator.release(1)


@pytest.mark.parametrize("first", ["unreadable", "not built"])
def test_the_newer_file_released_after_the_older_one(tmp_path: Path, journal: Journal, first: str) -> None:
    if first == "unreadable":
        house = house_of(tmp_path, journal, b"{", b"{{")
        correct(house, 1, OLD)
        correct(house, 2, NEW)
    else:
        house = house_of(tmp_path, journal, OLD, NEW, to=(STRICT,))
        use(house, A)
    for number, value in enumerate(("14.1", "99.9"), 1):
        if first == "unreadable":
            journal.operator.release_file(number)
        else:
            journal.operator.release(number)
        read(house)
        assert values(house) == [value], house.messages()
        house.accept("a")


def test_what_waits_for_its_document_is_newer_than_an_older_file_released(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", report("F1", "99.9", "x.pdf"))
    read_corrected(house, 1, OLD)
    assert len(house.accept("a")) == 1
    comes(house)
    assert values(house) == ["99.9"], house.messages()


def test_two_files_of_an_order_in_one_batch_the_newer_released_first(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", b"{{")
    correct(house, 1, OLD)
    correct(house, 2, NEW)
    journal.operator.release_file(2)
    journal.operator.release_file(1)
    read(house)
    assert values(house)[-1] == "99.9", "14.1 would come behind 99.9"


def test_what_the_his_may_have_is_newer(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", NEW)
    house.leave_unanswered("a")
    read_corrected(house, 1, OLD)
    assert values(house) == [], "the HIS may have 99.9"


def test_the_same_content_that_the_his_took_back_is_no_duplicate(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", NEW)
    house.accept("a")
    put(house, 3, OLD)
    (control_id,) = house.accept("a")
    journal.delivery.said_later("a", control_id, "AE", b"MSH", accepts=False)
    house.keep()
    read_corrected(house, 1, OLD)
    assert values(house) == [], "the HIS has 99.9, and has refused 14.1"


@pytest.mark.parametrize("state", ["waits", "delivered"])
def test_what_was_read_again_has_the_age_of_its_file_for_later_releases(
    tmp_path: Path, journal: Journal, state: str
) -> None:
    house = _old_read_behind_new(tmp_path, journal)
    _new_is_released_only_behind_old(house, delivered=state == "delivered")


def test_force_is_for_the_destination_of_the_release(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, OLD, to=(STRICT,))
    use(house, A, B)
    put(house, 2, NEW)
    house.accept("a")
    house.accept("b")
    house.keep()
    journal.operator.release(1, force=True)  # for a alone
    read(house)
    assert (values(house), values(house, "b")) == (["14.1"], []), "nobody forced anything at b"


def test_force_is_for_what_was_forced(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", NEW, report("F2", "99.9"))
    house.accept("a")
    house.keep()
    read_corrected(house, 1, both(OLD, report("F2", "14.2")))
    house.keep()
    assert [each[2] for each in house.messages()][2:] == ["report.overtaken"] * 2
    journal.operator.release(3, force=True)
    read(house)
    assert values(house) == ["14.1"], "nobody decided about F2"


def test_a_forced_release_that_came_to_nothing_forces_no_later_one(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{")
    file = house["one"].folders.quarantine / "1.json"
    file.unlink()
    journal.operator.release_file(1, force=True)
    read(house)
    assert rows(journal, "SELECT state, code FROM source") == [("quarantined", "file.missing")]
    put(house, 2, NEW)
    house.accept("a")
    house.keep()
    file.write_bytes(OLD)
    journal.operator.release_file(1)
    read(house)
    assert values(house) == [], "14.1 behind 99.9, which came after what was forced"


def test_what_retention_has_deleted_was_newer_all_the_same(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", NEW)
    house.accept("a")
    house.keep()
    nights(house)
    assert rows(journal, "SELECT id FROM message") == []
    read_corrected(house, 1, OLD)
    assert values(house) == [], "14.1 behind 99.9"


def test_of_a_file_released_many_times_all_readings_count(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", NEW)
    house.accept("a")
    house.keep()
    for number in (1, 3, 4):
        journal.operator.release_file(number)
        read(house)
        house.keep()
    correct(house, 1, OLD)
    journal.operator.release_file(5)
    read(house)
    assert values(house) == []


@pytest.mark.parametrize("state", ["waits", "delivered"])
def test_a_copy_of_what_was_read_again_has_the_age_of_its_file(tmp_path: Path, journal: Journal, state: str) -> None:
    house = _old_read_behind_new(tmp_path, journal)
    house.refuse("a")  # message 2
    assert resend(journal, 2, "COPY") == 3
    _new_is_released_only_behind_old(house, delivered=state == "delivered")


@pytest.mark.parametrize("state", ["waits", "delivered"])
def test_what_replaces_an_unbuilt_one_of_a_released_file_has_the_age_of_the_file(
    tmp_path: Path, journal: Journal, state: str
) -> None:
    house = house_of(tmp_path, journal, b"{", NEW)
    house.refuse("a")
    house.keep()
    use(house, STRICT)
    read_corrected(house, 1, OLD)
    house.keep()
    assert rows(journal, "SELECT id, state FROM message ORDER BY id") == [(1, "quarantined"), (2, "quarantined")]
    use(house, A)
    journal.operator.release(2)
    read(house)
    assert values(house) == ["14.1"]
    _new_is_released_only_behind_old(house, delivered=state == "delivered")


def test_a_copy_of_a_message_before_the_file_makes_it_no_younger(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, report("F0", "1.0"), b"{", NEW)
    house.refuse("a")
    assert resend(journal, 1, "COPY") == 3  # of F0
    house.accept("a")
    house.keep()
    read_corrected(house, 2, OLD)
    assert values(house) == ["14.1"]
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        journal.operator.release(2)


def test_a_copy_of_a_message_before_the_file_and_what_retention_deleted(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, report("F0", "1.0"), b"{", NEW)
    house.accept("a")
    assert resend(journal, 1, "COPY") == 3  # of F0
    house.refuse("a")
    house.keep()
    with journal.store.durable() as db:  # what retention leaves of message 2 (NEW); the copy is in quarantine
        db.execute(Statements("retention")["keep_orders"], {"ids": "[2]"})
        for table, column in (("wire", "message_id"), ("attempt", "message_id"), ("message", "id")):
            db.execute(f"DELETE FROM {table} WHERE {column} = 2")
    read_corrected(house, 2, OLD)
    assert values(house) == [], "14.1 behind 99.9"


def test_two_unreadable_files_in_a_row_differ_in_age(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", b"{{")
    correct(house, 1, OLD)
    read_corrected(house, 2, NEW)
    house.refuse("a")
    house.keep()
    journal.operator.release_file(1)
    read(house)
    assert values(house) == ["14.1"]
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        journal.operator.release(1)


@pytest.mark.parametrize("how", ["released", "waited"])
def test_a_newer_file_that_was_a_duplicate_is_newer(tmp_path: Path, journal: Journal, how: str) -> None:
    if how == "released":
        house = house_of(tmp_path, journal, NEW, b"{", NEW)
    else:
        house = house_of(tmp_path, journal, NEW, WAITS, NEW)
    house.accept("a")
    house.keep()
    if how == "released":
        correct(house, 2, OLD)
        journal.operator.release_file(2)
        read(house)
    else:
        comes(house)
    assert values(house) == [], "the laboratory has said 99.9 after 14.1"


def test_what_was_not_forced_and_what_is_newer_in_one_batch(tmp_path: Path, journal: Journal) -> None:
    """1.json [F1 14.1, F2 14.2], unreadable; 2.json F1 99.9 delivered; 3.json F2 99.9 unreadable."""
    house = house_of(tmp_path, journal, b"{", NEW, b"{{")
    house.accept("a")
    house.keep()
    use(house, STRICT)
    read_corrected(house, 1, both(OLD, report("F2", "14.2")))
    house.keep()
    use(house, A)
    correct(house, 3, report("F2", "99.9"))
    journal.operator.release(2, force=True)  # F1 14.1
    journal.operator.release_file(3)
    read(house)
    found = values(house)
    assert found.index("14.2") < found.index("99.9") if "14.2" in found else "99.9" in found


def test_force_of_several_is_for_each_at_its_destination(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, both(OLD, report("F2", "14.2")), to=(STRICT, STRICT_B))
    use(house, A, B)
    put(house, 2, NEW)
    put(house, 3, report("F2", "99.9"))
    house.accept("a")
    house.accept("b")
    house.keep()
    ids = {(d, p): n for n, d, p in rows(journal, "SELECT id, destination, place FROM message WHERE source_id = 1")}
    places = sorted({p for _, p in ids})
    journal.operator.release_messages([ids["a", places[0]], ids["b", places[1]]], force=True)
    read(house)
    assert (values(house), values(house, "b")) == (["14.1"], ["14.2"])


def test_the_same_content_in_doubt_is_not_newer(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", OLD)
    house.leave_unanswered("a")
    read_corrected(house, 1, OLD)
    assert values(house) == ["14.1"], house.messages()


def test_a_report_that_waits_does_not_take_the_order_back_to_the_wrong_patient(
    tmp_path: Path, journal: Journal
) -> None:
    house = house_of(tmp_path, journal, WAITS, OLD.replace(PATIENT_ID.encode(), b"another"))
    house.accept("a")
    comes(house)
    assert values(house) == []


def test_changed_where_something_was_delivered(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, both(OLD, report("F2").replace(b'"14.1"', b"[]")))
    house.accept("a")
    house.keep()
    put(house, 2, NEW)
    house.refuse("a")  # message 3
    house.keep()
    correct(house, 1, both(report("F1", "15.0"), report("F2")))
    journal.operator.release(2)
    read(house)
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        journal.operator.release(3)


def test_what_else_is_in_an_overtaken_message_is_not_given_up_with_it(tmp_path: Path, journal: Journal) -> None:
    house = house_of(tmp_path, journal, b"{", NEW)
    house.accept("a")
    house.keep()
    order = "OBR|{0}||F{0}^LAB|58410-2^CBC^LN\rOBX|1|NM|718-7^Hb^LN||14.{0}|g/dL|||||F\r"
    of_no_order = order.format(3).replace("F3^LAB", "")
    head = "MSH|^~\\&|LAB|L|H|H|20261122||ORU^R01^ORU_R01|C1|P|2.5.1\rPID|1||P1^^^MR||Z^Anna\r"
    read_corrected(house, 1, (head + order.format(1) + order.format(2) + of_no_order).encode())
    house.keep()
    assert house.messages()[-1] == ("a", "quarantined", "report.partly-overtaken")
    ((text,),) = rows(journal, "SELECT reason FROM message WHERE id = 2")
    assert "else have the laboratory report OBR 2, 3 of it anew, which nothing newer has passed" in text
    reason = (house["one"].folders.quarantine / "1.json.reason.txt").read_text("utf-8")
    assert (
        "Next: find out which one is valid: if it is the newer one, have the laboratory report anew the orders that"
        " nothing has passed, and `lab-sender dismiss 2 --why TEXT`; if it is this one, `lab-sender release 2 --force"
    ) in reason
    journal.operator.dismiss(2, "the newer one counts")
    put(house, 3, report("F2", "14.2"))
    assert values(house) == ["14.2"]


@pytest.mark.parametrize("first", [False, True])
def test_what_the_his_has_of_an_overtaken_file_is_not_dropped_again(
    tmp_path: Path, journal: Journal, first: bool
) -> None:
    """The same report of both orders was delivered before, or behind it, and then a newer one of the first."""
    report_of_both = both_in_one(OLD, report("F2", "14.2"))
    house = house_of(tmp_path, journal, *([report_of_both, b"{"] if first else [b"{", report_of_both]))
    house.accept("a")
    house.keep()
    put(house, 3, NEW)
    house.accept("a")
    house.keep()
    read_corrected(house, 1 + first, report_of_both)
    assert house.messages()[-1][2] == "report.overtaken"


def test_the_reason_beside_an_overtaken_file_leads_out(tmp_path: Path, journal: Journal) -> None:
    """A release without --force would bring it back there."""
    house = house_of(tmp_path, journal, b"{", NEW)
    house.accept("a")
    house.keep()
    read_corrected(house, 1, OLD)
    house.keep()
    reason = (house["one"].folders.quarantine / "1.json.reason.txt").read_text("utf-8")
    assert "report.overtaken: message 1, which" in reason
    step = (
        "Next: find out which one is valid: if it is the newer one, `lab-sender dismiss 2 --why TEXT`;"
        " if it is this one, `lab-sender release 2 --force`"
    )
    assert step in reason


def test_what_waited_for_its_document_is_no_newer_than_a_file_read_again(tmp_path: Path, journal: Journal) -> None:
    """The newer file, which could not be read, was in the journal before the older one."""
    house = house_of(tmp_path, journal, WAITS, b"{")
    comes(house)
    house.refuse("a")  # message 1, 14.1
    house.keep()
    correct(house, 2, NEW)
    journal.operator.release_file(1)
    read(house)
    assert values(house) == ["99.9"]
    house.accept("a")
    for act in (journal.operator.release, lambda each: resend(journal, each, "COPY")):
        with pytest.raises(ActRejected, match=r"overtaken: message 2, "):
            act(1)


def test_what_was_rejected_late_is_as_old_as_its_claim(tmp_path: Path, journal: Journal) -> None:
    """Two reports wanted one document: the older file is in the journal behind the newer one."""
    house = house_of(tmp_path, journal, WAITS, NEW)
    house.refuse("a")  # message 1, 99.9
    put(house, 3, report("F7", "1.0", "x.pdf"))
    comes(house)
    house.keep()
    ((source,),) = rows(journal, "SELECT source_id FROM file WHERE name = '1.json'")
    correct(house, 1, OLD)
    journal.operator.release_file(source)
    read(house)
    assert values(house) == ["14.1"]
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        journal.operator.release(1)


def test_copies_that_are_made_together_go_by_the_age_of_their_files(tmp_path: Path, journal: Journal) -> None:
    house = _old_read_behind_new(tmp_path, journal)
    house.accept("a")
    outcome = journal.operator.resend_messages([1, 2], new_control_id=new_id, restamp=with_control_id)
    assert outcome.rejected == ()
    assert values(house) == ["14.1", "99.9"]
