"""`corrections.send: changed`: what goes out again is whole, so the HIS never has values of two reports."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

import pytest
from kit.ages import CHANGED, comes, house_of, put, read_corrected, resend, two_tests, values_in
from kit.core import entry, rows
from kit.destinations import House
from kit.patients import PATIENT_ID

from lab_sender.config.profile import builtin
from lab_sender.errors import AgentError
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.intake.compose import Recipient
from lab_sender.journal import Attempt, Journal, View

LAST: Final = {"718-7": "1", "777-3": "3"}
"""What the laboratory said last."""


class His:
    """A HIS that adds what it is sent to what it has."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.has: dict[str, str] = {}

    def takes(self) -> dict[str, str]:
        """Accept all that waits; returns what it has then of the order."""
        delivery = self.house.journal.delivery
        while waiting := delivery.head("a", after_quarantine="continue"):
            for message in waiting:
                assert delivery.sending(message.id)
                self.has |= values_in(message.body)
                delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))
        return self.has


def delivered(tmp_path: Path, journal: Journal, *files: bytes) -> His:
    """A HIS that has the first file; the others wait or lie in quarantine."""
    his = His(house_of(tmp_path, journal, *files, to=(Recipient("a", CHANGED),)))
    assert his.takes() == {"718-7": "1", "777-3": "1"}
    return his


def refused(his: His, number: int, data: bytes) -> None:
    put(his.house, number, data)
    his.house.refuse("a")
    his.house.keep()


def resend_refused(his: His) -> str:
    """Refuse what waits, and send a copy of it; returns the copy's control id."""
    (waiting,) = his.house.journal.delivery.head("a", after_quarantine="continue")
    his.house.refuse("a")
    control_id = new_id()
    resend(his.house.journal, waiting.id, control_id)
    return control_id


@pytest.mark.parametrize("together", [False, True])
def test_two_that_were_refused_are_released(tmp_path: Path, journal: Journal, together: bool) -> None:
    his = delivered(tmp_path, journal, two_tests("1", "1"))
    refused(his, 2, two_tests("2", "1"))
    refused(his, 3, two_tests("1", "3"))
    if together:
        assert len(journal.operator.release_messages([2, 3]).done) == 2
    else:
        for each in (2, 3):
            journal.operator.release(each)
            his.takes()
    assert his.takes() == LAST


def test_two_that_were_refused_are_put_back_by_the_brake(tmp_path: Path, journal: Journal) -> None:
    his = delivered(tmp_path, journal, two_tests("1", "1"))
    refused(his, 2, two_tests("2", "1"))
    refused(his, 3, two_tests("1", "3"))
    assert journal.delivery.held("a", "brake", "The HIS refuses all.", put_back=[2, 3]) == [2, 3]
    journal.delivery.released("a", who="lane")
    assert his.takes() == LAST


def test_two_of_one_batch_of_which_the_first_is_quarantined(tmp_path: Path, journal: Journal) -> None:
    strict = Recipient("a", builtin(corrections={"suspicious": "quarantine", "send": "changed"}))
    his = His(house_of(tmp_path, journal, two_tests("1", "1"), to=(strict,)))
    his.takes()
    his.house["one"].put("2.json", two_tests("2", "1"))
    corrected = two_tests("1", "3").replace(b'"value": "3"', b'"value": "3", "status": "corrected"')
    his.house["one"].put("3.json", corrected)
    his.house.look()
    assert [each[1] for each in his.house.messages()][1:] == ["quarantined", "spooled"]
    (waiting,) = journal.delivery.head("a", after_quarantine="continue")
    assert waiting.body.count(b"\rOBX|") == 2, "message 2 may be released yet"


@pytest.mark.parametrize("again", ["release", "resend", "put back"])
@pytest.mark.parametrize("late", ["it waited", "it was corrected"])
def test_over_an_older_one_that_came_late_it_goes_whole(
    tmp_path: Path, journal: Journal, late: str, again: str
) -> None:
    his, part = _with_an_older_one_come_late(tmp_path, journal, late)
    if again == "release":
        assert journal.operator.release(part) == "spooled"
    elif again == "resend":
        resend(journal, part, new_id())
    else:
        assert journal.delivery.held("a", "brake", "The HIS refuses all.", put_back=[part]) == [part]
        journal.delivery.released("a", who="lane")
    assert his.takes() == LAST
    put(his.house, 4, two_tests("2", "1"))
    assert his.takes() == {"718-7": "2", "777-3": "1"}, "it says what went out before: that is no duplicate"


def _taken_back(his: His, message_id: int) -> None:
    """Let the HIS say later that it has not got a message after all."""
    ((control_id,),) = rows(his.house.journal, f"SELECT control_id FROM message WHERE id = {message_id}")
    assert his.house.journal.delivery.said_later("a", control_id, "AE", b"MSH", accepts=False)[1]
    his.has.clear()


@pytest.mark.parametrize("again", ["release", "release many", "put back"])
@pytest.mark.parametrize("copy", ["none", "refused", "given up", "delivered"])
def test_over_what_the_his_took_back_it_goes_whole(tmp_path: Path, journal: Journal, copy: str, again: str) -> None:
    his = delivered(tmp_path, journal, two_tests("1", "1"))
    refused(his, 2, two_tests("1", "3"))
    _taken_back(his, 1)
    both = [2]
    if copy != "none":
        both.append(resend(journal, 1, new_id()))
        if copy == "given up":
            journal.operator.dismiss(both.pop(), "not that one")
        elif copy == "delivered":
            his.takes()
        else:
            his.house.refuse("a")
            his.house.keep()
    if again == "release":
        journal.operator.release(2)
    elif again == "release many":
        journal.operator.release_messages(both if copy == "refused" else [2])
    else:
        journal.delivery.held("a", "brake", "The HIS refuses all.", put_back=both if copy == "refused" else [2])
        journal.delivery.released("a", who="lane")
    assert his.takes() == LAST


def test_what_is_unsure_of_another_patient_is_not_what_it_was_made_for(tmp_path: Path, journal: Journal) -> None:
    """Of one order number two patients: the part was made over what its own one was told."""
    other = two_tests("7", "7").replace(PATIENT_ID.encode(), b"ANOTHER")
    his = His(house_of(tmp_path, journal, other, to=(Recipient("a", CHANGED),)))
    his.house.leave_unanswered("a")
    journal.operator.dismiss(1, "another patient")
    put(his.house, 2, two_tests("1", "1"))
    his.takes()
    put(his.house, 3, two_tests("1", "3"))
    (before,) = journal.delivery.head("a", after_quarantine="continue")
    his.house.leave_unanswered("a")
    journal.operator.release(3)
    (now,) = journal.delivery.head("a", after_quarantine="continue")
    assert (now.control_id, now.body) == (before.control_id, before.body)
    assert now.body.count(b"\rOBX|") == 1


def test_over_an_older_one_that_is_to_go_out_before_it_it_goes_whole(tmp_path: Path, journal: Journal) -> None:
    """A person has released both; the older one was given up when the part was made."""
    his = delivered(tmp_path, journal, two_tests("1", "1"))
    refused(his, 2, two_tests("2", "2"))
    journal.operator.dismiss(2, "not that one")
    refused(his, 3, two_tests("1", "3"))
    journal.operator.resend(2, new_control_id=new_id(), restamp=with_control_id, force=True)
    assert his.takes() == {"718-7": "2", "777-3": "2"}
    journal.operator.release(3)
    assert his.takes() == LAST


def test_two_that_were_delivered_are_resent(tmp_path: Path, journal: Journal) -> None:
    his = delivered(tmp_path, journal, two_tests("1", "1"))
    for number, data in ((2, two_tests("2", "1")), (3, two_tests("2", "3"))):
        put(his.house, number, data)
        his.takes()
    journal.operator.resend_messages([1, 3], new_control_id=new_id, restamp=with_control_id)
    assert his.takes() == {"718-7": "2", "777-3": "3"}


@pytest.mark.parametrize("fate", ["refused", "unanswered"])
@pytest.mark.parametrize("again", ["release", "put back"])
def test_where_nothing_else_was_said_since_it_is_the_same_bytes_under_the_same_id(
    tmp_path: Path, journal: Journal, fate: str, again: str
) -> None:
    """A HIS that has it all the same knows it by its control id."""
    his = delivered(tmp_path, journal, two_tests("1", "1"))
    put(his.house, 2, two_tests("1", "3"))
    (before,) = journal.delivery.head("a", after_quarantine="continue")
    if fate == "refused":
        his.house.refuse("a")
    else:
        his.house.leave_unanswered("a")
    if again == "release":
        journal.operator.release(2)
    else:
        journal.delivery.held("a", "brake", "The HIS is ill.", put_back=[2])
        journal.delivery.released("a", who="lane")
    (now,) = journal.delivery.head("a", after_quarantine="continue")
    assert (now.control_id, now.body) == (before.control_id, before.body)
    assert his.takes() == LAST


@pytest.mark.parametrize("again", ["release", "put back"])
def test_a_control_id_that_has_left_carries_no_other_bytes(tmp_path: Path, journal: Journal, again: str) -> None:
    his, part = _with_an_older_one_come_late(tmp_path, journal, "it waited")
    ((was,),) = rows(journal, f"SELECT control_id FROM message WHERE id = {part}")
    if again == "release":
        journal.operator.release(part)
    else:
        journal.delivery.held("a", "brake", "The HIS is ill.", put_back=[part])
        journal.delivery.released("a", who="lane")
    (now,) = journal.delivery.head("a", after_quarantine="continue")
    assert now.control_id != was
    assert now.control_id.encode() in now.body.partition(b"\r")[0]
    assert list(journal.spool.holders_of([was], "a")) == [was], "it is nobody else's"
    told = "; ".join(detail for (detail,) in rows(journal, "SELECT detail FROM event ORDER BY id"))
    assert f"whole now, control id {was} becomes {now.control_id}" in told
    his.house.refuse("a")
    journal.operator.release(part)
    assert journal.delivery.head("a", after_quarantine="continue")[0].control_id == now.control_id, "it is whole"
    assert his.takes() == LAST


def test_what_is_said_of_a_former_id_is_kept_at_its_message(tmp_path: Path, journal: Journal) -> None:
    his, part = _with_an_older_one_come_late(tmp_path, journal, "it waited")
    ((was,),) = rows(journal, f"SELECT control_id FROM message WHERE id = {part}")
    journal.operator.release(part)
    his.takes()
    said = journal.delivery.said_later("a", was, "AE", b"MSH", accepts=False)
    assert said == (part, False, False), "the whole report was accepted"
    with contextlib.closing(View(journal.store.path)) as view:
        assert [each.message_id for each in view.by_control_id(was)] == [part]


@pytest.mark.parametrize("by", ["this one", "one that knows of no parts"])
def test_what_was_built_anew_is_what_goes_out_again(tmp_path: Path, journal: Journal, by: str) -> None:
    his, part = _with_an_older_one_come_late(tmp_path, journal, "it waited")
    (beside,) = rows(journal, f"SELECT whole, whole_crc32 FROM wire WHERE message_id = {part}")
    original = journal.rebuilding.original(part)
    anew = entry("ANEW", order="F1^LAB", digest=original.digest)
    assert journal.rebuilding.rebuilt(original, anew) == "spooled"
    if by != "this one":
        with journal.store.durable() as db:
            db.execute("UPDATE wire SET whole = ?, whole_crc32 = ? WHERE message_id = ?", (*beside, part))
    else:
        assert rows(journal, "SELECT COUNT(*) FROM wire WHERE whole IS NOT NULL") == [(0,)]
    his.house.refuse("a")
    journal.operator.release(part)
    (now,) = journal.delivery.head("a", after_quarantine="continue")
    assert (now.control_id, now.body) == ("ANEW", anew.body)
    copy = resend_refused(his)
    assert journal.delivery.head("a", after_quarantine="continue")[0].body == with_control_id(anew.body or b"", copy)


def test_a_whole_report_that_the_disk_has_changed_does_not_go_out(tmp_path: Path, journal: Journal) -> None:
    _, part = _with_an_older_one_come_late(tmp_path, journal, "it waited")
    ((whole,),) = rows(journal, f"SELECT whole FROM wire WHERE message_id = {part}")
    with journal.store.durable() as db:
        changed = bytes(whole).replace(b"|3|", b"|8|")
        db.execute("UPDATE wire SET whole = ? WHERE message_id = ?", (changed, part))
    with pytest.raises(AgentError, match=r"journal\.damaged"):
        journal.operator.release(part)
    with pytest.raises(AgentError, match=r"journal\.damaged"):
        resend(journal, part, new_id())


def test_the_brake_puts_one_back_between_the_look_and_the_spool(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    his = delivered(tmp_path, journal, two_tests("1", "1"))
    refused(his, 2, two_tests("2", "1"))
    look = journal.spool.may_go_out_yet

    def looks(order_keys: Collection[str], destination: str) -> bool:
        journal.delivery.held("a", "brake", "The HIS refuses all.", put_back=[2])
        return look(order_keys, destination)

    monkeypatch.setattr(journal.spool, "may_go_out_yet", looks)
    put(his.house, 3, two_tests("1", "3"))
    journal.delivery.released("a", who="lane")
    assert his.takes() == LAST


def _with_an_older_one_come_late(tmp_path: Path, journal: Journal, late: str) -> tuple[His, int]:
    """A HIS that has refused a part, and taken an older one whose file waited or was corrected; and that part."""
    first = two_tests("2", "1", "x.pdf") if late == "it waited" else b"{"
    his = delivered(tmp_path, journal, two_tests("1", "1"), first)
    refused(his, 3, two_tests("1", "3"))
    if late == "it waited":
        comes(his.house)
    else:
        read_corrected(his.house, 2, two_tests("2", "1"))
    ((part,),) = rows(journal, "SELECT message_id FROM wire WHERE whole IS NOT NULL")
    assert his.takes() == {"718-7": "2", "777-3": "1"}
    his.house.keep()
    return his, part
