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
from lab_sender.intake.compose import Composer, Recipient
from lab_sender.journal import ActRejected, Attempt, Journal

PROFILE = builtin(corrections={"suspicious": "send"})
A, B = Recipient("a", PROFILE), Recipient("b", PROFILE)
STRICT = Recipient("a", builtin(require=["PID-7"]))
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


def _use(house: House, *to: Recipient) -> None:
    house["one"].intake.use(plan(Composer(to), poll_s=0.0, settle_s=0.0))


def _values(house: House, to: str = "a") -> list[str]:
    """What waits for a destination, in the order in which it goes out."""
    bodies = [each.body for each in house.journal.delivery.head(to, after_quarantine="continue")]
    return [each.split(b"OBX|1|")[1].split(b"|")[3].decode() for each in bodies]


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
    _correct(house, 1, OLD)
    journal.operator.release_file(1)
    _read(house)
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
    (message,) = journal.delivery.head("a", after_quarantine="continue")
    journal.delivery.sending(message.id)
    journal.delivery.unknown(message, Attempt(message.id, 5, "unknown", "ack", "ack.timeout", ""))
    (message,) = journal.delivery.head("a", after_quarantine="continue")
    journal.delivery.quarantined(message, code="unanswered", reason="no answer")
    _correct(house, 1, OLD)
    journal.operator.release_file(1)
    _read(house)
    assert _values(house) == [], "the HIS may have 99.9"


def test_the_same_content_that_the_his_took_back_is_no_duplicate(tmp_path: Path, journal: Journal) -> None:
    house = _house(tmp_path, journal, b"{", NEW)
    house.accept("a")
    _put(house, 3, OLD)
    (control_id,) = house.accept("a")
    journal.delivery.said_later("a", control_id, "AE", b"MSH", accepts=False)
    house.keep()
    _correct(house, 1, OLD)
    journal.operator.release_file(1)
    _read(house)
    assert _values(house) == [], "the HIS has 99.9, and has refused 14.1"


@pytest.mark.parametrize("newer", ["released", "its release"])
def test_what_was_read_again_has_the_age_of_its_file_for_later_releases(
    tmp_path: Path, journal: Journal, newer: str
) -> None:
    """99.9 (message 1) is refused, 14.1 of the older file is read again as message 2; then 99.9 is released."""
    house = _house(tmp_path, journal, b"{", NEW)
    house.refuse("a")
    house.keep()
    _correct(house, 1, OLD)
    journal.operator.release_file(1)
    _read(house)
    if newer == "its release":
        house.accept("a")
        assert journal.operator.release(1) == "spooled", "nothing is newer than 99.9"
        return
    with pytest.raises(ActRejected, match=r"release\.older-waits"):  # it would go before 14.1
        journal.operator.release(1)


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
    _correct(house, 1, b"[" + OLD + b"," + report("F2", "14.2") + b"]")
    journal.operator.release_file(1)
    _read(house)
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
    _correct(house, 1, OLD)
    journal.operator.release_file(1)
    _read(house)
    assert _values(house) == [], "14.1 behind 99.9"


def test_an_order_of_another_patient_is_not_newer(tmp_path: Path, journal: Journal) -> None:
    """Its number was used again; whether that is right is asked elsewhere (`correction.other-patient`)."""
    house = _house(tmp_path, journal, b"{", NEW.replace(PATIENT_ID.encode(), b"another"))
    house.accept("a")
    house.keep()
    _correct(house, 1, OLD)
    journal.operator.release_file(1)
    _read(house)
    assert _values(house) == ["14.1"]


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
