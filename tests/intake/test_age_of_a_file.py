"""How old a file is that was released: on both sides, in one batch, in doubt, after retention, by whom forced."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from kit.core import report, rows
from kit.destinations import House
from kit.intake import plan
from kit.patients import PATIENT_ID
from kit.purging import retention

from lab_sender.config.profile import builtin
from lab_sender.filing.purge import Purge
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.intake.compose import Composer, Recipient
from lab_sender.journal import ActRejected, Journal

PROFILE = builtin(corrections={"suspicious": "send"})
A, B = Recipient("a", PROFILE), Recipient("b", PROFILE)
STRICT = Recipient("a", builtin(require=["PID-7"]))
STRICT_B = Recipient("b", builtin(require=["PID-7"]))
OLD, NEW = report("F1", "14.1"), report("F1", "99.9")


def _house(tmp_path: Path, journal: Journal, *files: bytes, to: tuple[Recipient, ...] = (A,)) -> House:
    """1.json, 2.json, ... dropped one after the other."""
    house = House(tmp_path, journal, {"one": to})
    for number, data in enumerate(files, 1):
        _put(house, number, data)
    house.keep()
    return house


def _put(house: House, number: int, data: bytes) -> None:
    house["one"].put(f"{number}.json", data)
    house.look()


def _correct(house: House, number: int, data: bytes) -> None:
    (house["one"].folders.quarantine / f"{number}.json").write_bytes(data)


def _read(house: House) -> None:
    house.keep()
    house.look()


def _read_corrected(house: House, number: int, data: bytes) -> None:
    """A person corrects a file that could not be read, and releases it."""
    _correct(house, number, data)
    house.journal.operator.release_file(number)
    _read(house)


def _use(house: House, *to: Recipient) -> None:
    house["one"].intake.use(plan(Composer(to), poll_s=0.0, settle_s=0.0))


def _values(house: House, to: str = "a") -> list[str]:
    """What waits for a destination, in the order in which it goes out."""
    bodies = [each.body for each in house.journal.delivery.head(to, after_quarantine="continue")]
    return [each.split(b"OBX|1|")[1].split(b"|")[3].decode() for each in bodies]


def _old_read_behind_new(tmp_path: Path, journal: Journal) -> House:
    """99.9 (message 1) is refused; 14.1, of the file before it, is read only now, as message 2."""
    house = _house(tmp_path, journal, b"{", NEW)
    house.refuse("a")
    house.keep()
    _read_corrected(house, 1, OLD)
    return house


def _new_is_released_only_behind_old(house: House, *, delivered: bool) -> None:
    """Release 99.9, message 1: not before 14.1; nothing is newer than it."""
    if delivered:
        house.accept("a")
        assert house.journal.operator.release(1) == "spooled"
        return
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        house.journal.operator.release(1)


def _resend(journal: Journal, message: int, control_id: str) -> int:
    return journal.operator.resend(message, new_control_id=control_id, restamp=with_control_id)


def _both(*each: bytes) -> bytes:
    return b"[" + b",".join(each) + b"]"


@pytest.mark.parametrize("first", ["unreadable", "not built"])
def test_the_newer_file_released_after_the_older_one(tmp_path: Path, journal: Journal, first: str) -> None:
    if first == "unreadable":
        house = _house(tmp_path, journal, b"{", b"{{")
        _correct(house, 1, OLD)
        _correct(house, 2, NEW)
    else:
        house = _house(tmp_path, journal, OLD, NEW, to=(STRICT,))
        _use(house, A)
    for number, value in enumerate(("14.1", "99.9"), 1):
        if first == "unreadable":
            journal.operator.release_file(number)
        else:
            journal.operator.release(number)
        _read(house)
        assert _values(house) == [value], house.messages()
        house.accept("a")


def test_what_waits_for_its_document_is_newer_than_an_older_file_released(
    tmp_path: Path, journal: Journal
) -> None:
    house = _house(tmp_path, journal, b"{", report("F1", "99.9", "x.pdf"))
    _read_corrected(house, 1, OLD)
    assert len(house.accept("a")) == 1
    house["one"].put("x.pdf", b"%PDF-1.4\n%%EOF\n")
    house.look()
    assert _values(house) == ["99.9"], house.messages()


def test_two_files_of_an_order_in_one_batch_the_newer_released_first(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{", b"{{")
    _correct(house, 1, OLD)
    _correct(house, 2, NEW)
    journal.operator.release_file(2)
    journal.operator.release_file(1)
    _read(house)
    assert _values(house)[-1] == "99.9", "14.1 would come behind 99.9"


def test_what_the_his_may_have_is_newer(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{", NEW)
    house.leave_unanswered("a")
    _read_corrected(house, 1, OLD)
    assert _values(house) == [], "the HIS may have 99.9"


def test_the_same_content_that_the_his_took_back_is_no_duplicate(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{", NEW)
    house.accept("a")
    _put(house, 3, OLD)
    (control_id,) = house.accept("a")
    journal.delivery.said_later("a", control_id, "AE", b"MSH", accepts=False)
    house.keep()
    _read_corrected(house, 1, OLD)
    assert _values(house) == [], "the HIS has 99.9, and has refused 14.1"


@pytest.mark.parametrize("state", ["waits", "delivered"])
def test_what_was_read_again_has_the_age_of_its_file_for_later_releases(
    tmp_path: Path, journal: Journal, state: str
) -> None:
    house = _old_read_behind_new(tmp_path, journal)
    _new_is_released_only_behind_old(house, delivered=state == "delivered")


def test_force_is_for_the_destination_of_the_release(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, OLD, to=(STRICT,))
    _use(house, A, B)
    _put(house, 2, NEW)
    house.accept("a")
    house.accept("b")
    house.keep()
    journal.operator.release(1, force=True)  # for a alone
    _read(house)
    assert (_values(house), _values(house, "b")) == (["14.1"], []), "nobody forced anything at b"


def test_force_is_for_what_was_forced(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{", NEW, report("F2", "99.9"))
    house.accept("a")
    house.keep()
    _read_corrected(house, 1, _both(OLD, report("F2", "14.2")))
    house.keep()
    assert [each[2] for each in house.messages()][2:] == ["report.overtaken"] * 2
    journal.operator.release(3, force=True)
    _read(house)
    assert _values(house) == ["14.1"], "nobody decided about F2"


def test_a_forced_release_that_came_to_nothing_forces_no_later_one(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{")
    file = house["one"].folders.quarantine / "1.json"
    file.unlink()
    journal.operator.release_file(1, force=True)
    _read(house)
    assert rows(journal, "SELECT state, code FROM source") == [("quarantined", "file.missing")]
    _put(house, 2, NEW)
    house.accept("a")
    house.keep()
    file.write_bytes(OLD)
    journal.operator.release_file(1)
    _read(house)
    assert _values(house) == [], "14.1 behind 99.9, which came after what was forced"


def test_what_retention_has_deleted_was_newer_all_the_same(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{", NEW)
    house.accept("a")
    house.keep()
    for days in (0, 8, 100):
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
        assert Purge(journal, {"one": house["one"].folders}, retention(), now=lambda now=now: now).night(retention())
    assert rows(journal, "SELECT id FROM message") == []
    _read_corrected(house, 1, OLD)
    assert _values(house) == [], "14.1 behind 99.9"


def test_of_a_file_released_many_times_all_readings_count(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{", NEW)
    house.accept("a")
    house.keep()
    for number in (1, 3, 4):
        journal.operator.release_file(number)
        _read(house)
        house.keep()
    _correct(house, 1, OLD)
    journal.operator.release_file(5)
    _read(house)
    assert _values(house) == []


@pytest.mark.parametrize("state", ["waits", "delivered"])
def test_a_copy_of_what_was_read_again_has_the_age_of_its_file(tmp_path: Path, journal: Journal, state: str) -> None:
    house = _old_read_behind_new(tmp_path, journal)
    house.refuse("a")  # message 2
    assert _resend(journal, 2, "COPY") == 3
    _new_is_released_only_behind_old(house, delivered=state == "delivered")


@pytest.mark.parametrize("state", ["waits", "delivered"])
def test_what_replaces_an_unbuilt_one_of_a_released_file_has_the_age_of_the_file(
    tmp_path: Path, journal: Journal, state: str
) -> None:
    house = _house(tmp_path, journal, b"{", NEW)
    house.refuse("a")
    house.keep()
    _use(house, STRICT)
    _read_corrected(house, 1, OLD)
    house.keep()
    assert rows(journal, "SELECT id, state FROM message ORDER BY id") == [(1, "quarantined"), (2, "quarantined")]
    _use(house, A)
    journal.operator.release(2)
    _read(house)
    assert _values(house) == ["14.1"]
    _new_is_released_only_behind_old(house, delivered=state == "delivered")


def test_a_copy_of_a_message_before_the_file_makes_it_no_younger(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, report("F0", "1.0"), b"{", NEW)
    house.refuse("a")
    assert _resend(journal, 1, "COPY") == 3  # of F0
    house.accept("a")
    house.keep()
    _read_corrected(house, 2, OLD)
    assert _values(house) == ["14.1"]
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        journal.operator.release(2)


def test_a_copy_of_a_message_before_the_file_and_what_retention_deleted(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, report("F0", "1.0"), b"{", NEW)
    house.accept("a")
    assert _resend(journal, 1, "COPY") == 3  # of F0
    house.refuse("a")
    house.keep()
    with journal.store.durable() as db:  # what retention leaves of message 2 (NEW); the copy is in quarantine
        kept = "(SELECT m.digest, m.patient_key, m.send_round, TRUE FROM message m WHERE m.id = 2)"
        db.execute(
            f"UPDATE message_order SET (digest, patient_key, send_round, is_sure) = {kept} WHERE message_id = 2"
        )
        for table, column in (("wire", "message_id"), ("attempt", "message_id"), ("message", "id")):
            db.execute(f"DELETE FROM {table} WHERE {column} = 2")
    _read_corrected(house, 2, OLD)
    assert _values(house) == [], "14.1 behind 99.9"


def test_two_unreadable_files_in_a_row_differ_in_age(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{", b"{{")
    _correct(house, 1, OLD)
    _read_corrected(house, 2, NEW)
    house.refuse("a")
    house.keep()
    journal.operator.release_file(1)
    _read(house)
    assert _values(house) == ["14.1"]
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        journal.operator.release(1)


@pytest.mark.parametrize("how", ["released", "waited"])
def test_a_newer_file_that_was_a_duplicate_is_newer(tmp_path: Path, journal: Journal, how: str) -> None:
    if how == "released":
        house = _house(tmp_path, journal, NEW, b"{", NEW)
    else:
        house = _house(tmp_path, journal, NEW, report("F1", "14.1", "x.pdf"), NEW)
    house.accept("a")
    house.keep()
    if how == "released":
        _correct(house, 2, OLD)
        journal.operator.release_file(2)
        _read(house)
    else:
        house["one"].put("x.pdf", b"%PDF-1.4\n%%EOF\n")
        house.look()
    assert _values(house) == [], "the laboratory has said 99.9 after 14.1"


def test_what_was_not_forced_and_what_is_newer_in_one_batch(tmp_path: Path, journal: Journal) -> None:
    """1.json [F1 14.1, F2 14.2], unreadable; 2.json F1 99.9 delivered; 3.json F2 99.9 unreadable."""
    house = _house(tmp_path, journal, b"{", NEW, b"{{")
    house.accept("a")
    house.keep()
    _use(house, STRICT)
    _read_corrected(house, 1, _both(OLD, report("F2", "14.2")))
    house.keep()
    _use(house, A)
    _correct(house, 3, report("F2", "99.9"))
    journal.operator.release(2, force=True)  # F1 14.1
    journal.operator.release_file(3)
    _read(house)
    values = _values(house)
    assert values.index("14.2") < values.index("99.9") if "14.2" in values else "99.9" in values


def test_force_of_several_is_for_each_at_its_destination(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, _both(OLD, report("F2", "14.2")), to=(STRICT, STRICT_B))
    _use(house, A, B)
    _put(house, 2, NEW)
    _put(house, 3, report("F2", "99.9"))
    house.accept("a")
    house.accept("b")
    house.keep()
    ids = {(d, p): n for n, d, p in rows(journal, "SELECT id, destination, place FROM message WHERE source_id = 1")}
    places = sorted({p for _, p in ids})
    journal.operator.release_messages([ids["a", places[0]], ids["b", places[1]]], force=True)
    _read(house)
    assert (_values(house), _values(house, "b")) == (["14.1"], ["14.2"])


def test_the_same_content_in_doubt_is_not_newer(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{", OLD)
    house.leave_unanswered("a")
    _read_corrected(house, 1, OLD)
    assert _values(house) == ["14.1"], house.messages()


def test_a_report_that_waits_does_not_take_the_order_back_to_the_wrong_patient(
    tmp_path: Path, journal: Journal
) -> None:
    house = _house(tmp_path, journal, report("F1", "14.1", "x.pdf"), OLD.replace(PATIENT_ID.encode(), b"another"))
    house.accept("a")
    house["one"].put("x.pdf", b"%PDF-1.4\n%%EOF\n")
    house.look()
    assert _values(house) == []


def test_changed_where_something_was_delivered(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, _both(OLD, report("F2").replace(b'"14.1"', b"[]")))
    house.accept("a")
    house.keep()
    _put(house, 2, NEW)
    house.refuse("a")  # message 3
    house.keep()
    _correct(house, 1, _both(report("F1", "15.0"), report("F2")))
    journal.operator.release(2)
    _read(house)
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        journal.operator.release(3)


def test_the_reason_beside_an_overtaken_file_leads_out(tmp_path: Path, journal: Journal) -> None:
    """A release without --force would bring it back there."""
    house = _house(tmp_path, journal, b"{", NEW)
    house.accept("a")
    house.keep()
    _read_corrected(house, 1, OLD)
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
    house = _house(tmp_path, journal, report("F1", "14.1", "x.pdf"), b"{")
    house["one"].put("x.pdf", b"%PDF-1.4\n%%EOF\n")
    house.look()
    house.refuse("a")  # message 1, 14.1
    house.keep()
    _correct(house, 2, NEW)
    journal.operator.release_file(1)
    _read(house)
    assert _values(house) == ["99.9"]
    house.accept("a")
    for act in (journal.operator.release, lambda each: _resend(journal, each, "COPY")):
        with pytest.raises(ActRejected, match=r"overtaken: message 2, "):
            act(1)


def test_what_was_rejected_late_is_as_old_as_its_claim(tmp_path: Path, journal: Journal) -> None:
    """Two reports wanted one document: the older file is in the journal behind the newer one."""
    house = _house(tmp_path, journal, report("F1", "14.1", "x.pdf"), NEW)
    house.refuse("a")  # message 1, 99.9
    _put(house, 3, report("F7", "1.0", "x.pdf"))
    house["one"].put("x.pdf", b"%PDF-1.4\n%%EOF\n")
    house.look()
    house.keep()
    ((source,),) = rows(journal, "SELECT source_id FROM file WHERE name = '1.json'")
    _correct(house, 1, OLD)
    journal.operator.release_file(source)
    _read(house)
    assert _values(house) == ["14.1"]
    with pytest.raises(ActRejected, match=r"release\.older-waits"):
        journal.operator.release(1)


def test_copies_that_are_made_together_go_by_the_age_of_their_files(tmp_path: Path, journal: Journal) -> None:
    house = _old_read_behind_new(tmp_path, journal)
    house.accept("a")
    outcome = journal.operator.resend_messages([1, 2], new_control_id=new_id, restamp=with_control_id)
    assert outcome.rejected == ()
    assert _values(house) == ["14.1", "99.9"]
