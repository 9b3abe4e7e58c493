"""`corrections.send: changed`: a message that is only what had changed is never put over what it was not made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from kit.ages import comes, house_of, put, read_corrected, resend
from kit.core import entry, report, rows
from kit.destinations import House

from lab_sender.config.profile import builtin
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.intake.compose import Recipient
from lab_sender.journal import ActRejected, Attempt, Journal

CHANGED: Final = Recipient("a", builtin(corrections={"suspicious": "send", "send": "changed"}))
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
                for observation in message.body.split(b"OBX|")[1:]:
                    field = observation.split(b"|")
                    if field[1] == b"NM":
                        self.has[field[2].split(b"^")[0].decode()] = field[4].decode()
                delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))
        return self.has


def two(first: str, second: str, *documents: str) -> bytes:
    """A report of two tests."""
    said = json.loads(report("F1", first, *documents))
    other = {"test": {"code": "777-3", "text": "Plt", "system": "LN"}, "value": second, "unit": "g/dL"}
    said["orders"][0]["results"].append(other)
    return json.dumps(said).encode()


def delivered(tmp_path: Path, journal: Journal, *files: bytes) -> His:
    """A HIS that has the first file; the others wait or lie in quarantine."""
    his = His(house_of(tmp_path, journal, *files, to=(CHANGED,)))
    assert his.takes() == {"718-7": "1", "777-3": "1"}
    return his


def refused(his: His, number: int, data: bytes) -> None:
    put(his.house, number, data)
    his.house.refuse("a")
    his.house.keep()


@pytest.mark.parametrize("together", [False, True])
def test_two_that_were_refused_are_released(tmp_path: Path, journal: Journal, together: bool) -> None:
    his = delivered(tmp_path, journal, two("1", "1"))
    refused(his, 2, two("2", "1"))
    refused(his, 3, two("1", "3"))
    if together:
        assert len(journal.operator.release_messages([2, 3]).done) == 2
    else:
        for each in (2, 3):
            journal.operator.release(each)
            his.takes()
    assert his.takes() == LAST


def test_two_that_were_refused_are_put_back_by_the_brake(tmp_path: Path, journal: Journal) -> None:
    his = delivered(tmp_path, journal, two("1", "1"))
    refused(his, 2, two("2", "1"))
    refused(his, 3, two("1", "3"))
    assert journal.delivery.held("a", "brake", "The HIS refuses all.", put_back=[2, 3]) == [2, 3]
    journal.delivery.released("a", who="lane")
    assert his.takes() == LAST


def test_two_of_one_batch_of_which_the_first_is_quarantined(tmp_path: Path, journal: Journal) -> None:
    strict = Recipient("a", builtin(corrections={"suspicious": "quarantine", "send": "changed"}))
    his = His(house_of(tmp_path, journal, two("1", "1"), to=(strict,)))
    his.takes()
    his.house["one"].put("2.json", two("2", "1"))
    his.house["one"].put("3.json", two("1", "3").replace(b'"value": "3"', b'"value": "3", "status": "corrected"'))
    his.house.look()
    assert [each[1] for each in his.house.messages()][1:] == ["quarantined", "spooled"]
    (waiting,) = journal.delivery.head("a", after_quarantine="continue")
    assert waiting.body.count(b"\rOBX|") == 2, "message 2 may be released yet"


@pytest.mark.parametrize("late", ["it waited", "it was corrected"])
def test_an_older_one_that_comes_late_lets_no_part_over_it(tmp_path: Path, journal: Journal, late: str) -> None:
    his, part = _with_an_older_one_come_late(tmp_path, journal, late)
    with pytest.raises(ActRejected, match=rf"release\.made-before: message {part} is only what had changed"):
        journal.operator.release(part)
    with pytest.raises(ActRejected, match=rf"resend\.made-before: message {part} is only what had changed"):
        resend(journal, part, new_id())
    assert journal.delivery.held("a", "brake", "The HIS refuses all.", put_back=[part]) == []
    journal.delivery.released("a", who="lane")
    original = journal.rebuilding.original(part)
    anew = entry("ANEW", order="F1^LAB", digest=original.digest)
    assert journal.rebuilding.rebuilt(original, anew) == "spooled"
    his.house.refuse("a")
    assert journal.operator.release(part) == "spooled", "it is whole now"


def test_a_copy_of_a_part_is_one(tmp_path: Path, journal: Journal) -> None:
    his, part = _with_an_older_one_come_late(tmp_path, journal, "it waited")
    copy = journal.operator.resend(part, new_control_id=new_id(), restamp=with_control_id, force=True)
    his.house.refuse("a")
    with pytest.raises(ActRejected, match=rf"release\.made-before: message {copy}"):
        journal.operator.release(copy)


def test_a_part_goes_out_again_where_nothing_has_come_since(tmp_path: Path, journal: Journal) -> None:
    his = delivered(tmp_path, journal, two("1", "1"))
    refused(his, 2, two("1", "3"))
    journal.operator.release(2)
    his.house.leave_unanswered("a")
    copy = resend(journal, 2, new_id())
    his.house.leave_unanswered("a")
    assert journal.operator.release(copy) == "spooled"
    assert his.takes() == LAST


def _with_an_older_one_come_late(tmp_path: Path, journal: Journal, late: str) -> tuple[His, int]:
    """A HIS that has refused a part, and taken an older one whose file waited or was corrected; and that part."""
    first = two("2", "1", "x.pdf") if late == "it waited" else b"{"
    his = delivered(tmp_path, journal, two("1", "1"), first)
    refused(his, 3, two("1", "3"))
    if late == "it waited":
        comes(his.house)
    else:
        read_corrected(his.house, 2, two("2", "1"))
    ((part,),) = rows(journal, "SELECT message_id FROM wire WHERE part_at IS NOT NULL")
    assert his.takes() == {"718-7": "2", "777-3": "1"}
    his.house.keep()
    return his, part
