"""What is sent, what is a duplicate, and which control id a message goes under; with the real journal and builder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest
from kit.core import HIS, head, ready, report, rows, states
from kit.intake import plan

from lab_sender.config.profile import builtin
from lab_sender.ids import new_id
from lab_sender.intake.compose import Composer
from lab_sender.intake.recognise import Recogniser
from lab_sender.journal import Attempt, Journal, NewFile, NewMessage, NewSource
from lab_sender.readers import read


class Desk:
    """Takes files in, as intake does, without a disk."""

    def __init__(self, journal: Journal, duplicates: str = "skip", application_ack: str = "") -> None:
        self.journal = journal
        self.composer = Composer(builtin(application_ack=application_ack, corrections={"suspicious": "send"}))
        self.recogniser = Recogniser(journal.spool, HIS, plan(self.composer, duplicates=duplicates))

    def take(self, *files: bytes, attachments: Mapping[str, bytes] | None = None) -> list[NewMessage]:
        """Take these files in as one batch; return what became of their messages."""
        batch = []
        for data in files:
            claim_id = new_id()
            made = [self.composer.entries(item, attachments or {}) for item in read(data).items]
            messages = tuple(each for entries in made for each in entries)
            claimed = (NewFile("x", f"{claim_id}_x"),)
            batch.append(NewSource(claim_id, "hl7", 1, hashlib.sha256(data).digest(), claimed, messages))
        recognised = self.recogniser.recognised(batch)
        self.journal.spool.spooled(recognised, HIS)
        return [message for source in recognised for message in source.messages]

    def states(self, *files: bytes) -> list[str]:
        return [message.state for message in self.take(*files)]

    def accept_all(self) -> None:
        for message in head(self.journal):
            self.journal.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))


@pytest.fixture
def desk(journal: Journal) -> Desk:
    return Desk(journal)


A, B, OTHER = report("F1", "1.0"), report("F1", "2.0"), report("F2", "1.0")


def test_the_same_again_is_skipped_and_named(desk: Desk) -> None:
    assert desk.states(A) == ["spooled"]
    (while_waiting,) = desk.take(A)
    desk.accept_all()
    (after,) = desk.take(A)
    assert [(each.state, each.same_as, each.body) for each in (while_waiting, after)] == [("duplicate", 1, None)] * 2
    assert desk.states(A, OTHER) == ["duplicate", "spooled"]


def test_a_result_that_goes_there_and_back_is_sent_three_times(desk: Desk) -> None:
    assert [desk.states(each) for each in (A, B, A, A)] == [["spooled"], ["spooled"], ["spooled"], ["duplicate"]]
    assert desk.states(B, A, A, B) == ["spooled", "spooled", "duplicate", "spooled"]


def test_white_space_does_not_make_another_content(desk: Desk) -> None:
    assert desk.states(A, A.replace(b", ", b" ,\n  ")) == ["spooled", "duplicate"]


def test_what_was_refused_or_given_up_may_come_again(desk: Desk) -> None:
    desk.take(A)
    (waiting,) = head(desk.journal)
    desk.journal.delivery.quarantined(waiting, code="refused", reason="")
    assert desk.states(A) == ["spooled"]
    desk.journal.operator.dismiss(2, "")
    assert desk.states(A) == ["spooled"]


def test_where_the_site_wants_it_everything_is_sent(journal: Journal) -> None:
    desk = Desk(journal, duplicates="send")
    assert desk.states(A, A) + desk.states(A) == ["spooled"] * 3
    assert desk.states(ready("M1"), ready("M1")) == ["spooled"] * 2
    assert len(set(states(journal))) == 5


def test_attachments_are_part_of_the_content(desk: Desk) -> None:
    data = report("F9", "1.0", "a.pdf")
    held = (b"%PDF-1.4 one %%EOF", b"%PDF-1.4 one %%EOF", b"%PDF-1.4 two %%EOF")
    found = [desk.take(data, attachments={"a.pdf": each})[0].state for each in held]
    assert found == ["spooled", "duplicate", "spooled"]


def test_a_message_of_several_orders_is_known_only_as_a_whole(desk: Desk) -> None:
    both = ready("M1") + b"OBR|2||F2^LAB|GLU\rOBX|1|NM|GLU||5|||||F\r"
    assert desk.states(both) == ["spooled"]
    assert desk.states(ready("M2", order="F2", value="6")) == ["spooled"]
    assert desk.states(both) == ["spooled"]
    assert desk.states(both) == ["duplicate"]


def test_a_ready_message_keeps_its_bytes_and_its_id(desk: Desk) -> None:
    (message,) = desk.take(ready("KEPT1"))
    assert (message.control_id, message.body) == ("KEPT1", ready("KEPT1"))
    (again,) = desk.take(ready("KEPT1"))
    assert again.state == "duplicate"


def test_a_missing_id_is_given_and_nothing_else_changes(desk: Desk) -> None:
    (message,) = desk.take(ready(""))
    assert message.body is not None
    assert message.control_id is not None
    assert len(message.control_id) == 20
    assert message.body.replace(f"|{message.control_id}|".encode(), b"||") == ready("")


def test_an_id_used_by_other_content_is_replaced(desk: Desk) -> None:
    first, second = desk.take(ready("SAME", value="1"), ready("SAME", value="2"))
    (third,) = desk.take(ready("SAME", value="3", order="F3"))
    assert first.control_id == "SAME"
    assert len({first.control_id, second.control_id, third.control_id}) == 3
    for message, value in ((second, "2"), (third, "3")):
        assert message.body is not None
        original = ready("SAME", value=value, order="F1" if value == "2" else "F3")
        assert message.body.replace(f"|{message.control_id}|".encode(), b"|SAME|") == original


def test_without_an_order_number_the_id_and_the_content_decide(desk: Desk) -> None:
    bare = ready("B1").replace(b"F1^LAB", b"")
    assert desk.states(bare, bare) == ["spooled", "duplicate"]
    assert desk.states(bare.replace(b"14.1", b"15")) == ["spooled"]


def test_a_report_that_cannot_be_built_is_quarantined_and_the_others_go_on(desk: Desk) -> None:
    broken = report("F1", "1.0", "missing.pdf")
    found = desk.take(b"[" + A + b"," + broken + b"," + OTHER + b"]")
    assert [(each.place, each.state) for each in found] == [
        ("[0]", "spooled"), ("[1]", "quarantined"), ("[2]", "spooled"),
    ]  # fmt: skip
    assert found[1].reason.startswith(found[1].code)
    assert found[1].body is None


def test_who_waits_for_an_application_answer(journal: Journal) -> None:
    enhanced = Desk(journal, application_ack="AL")
    wants = ready("M1").replace(b"2.5.1\r", b"2.5.1|||AL|AL\r", 1)
    never = ready("M2", order="F2").replace(b"2.5.1\r", b"2.5.1|||AL|NE\r", 1)
    found = enhanced.take(report("F7"), wants, never)
    assert [each.wants_application for each in found] == [True, True, False]
    assert [wants for (wants,) in rows(journal, "SELECT wants_application FROM message ORDER BY id")] == [1, 1, 0]


def test_the_message_that_goes_out_says_whether_an_application_answer_is_waited_for(journal: Journal) -> None:
    desk = Desk(journal)
    asks = [(ready("M1"), b"|||NE|AL"), (ready("M2"), b"|||AL|NE")]
    desk.take(*(body.replace(b"|P|2.5.1", b"|P|2.5.1" + asked) for body, asked in asks))
    assert [each.wants_application for each in head(journal)] == [True, False]
