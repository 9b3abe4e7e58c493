"""What a receipt knows: by name, content and time, whatever the agent does meanwhile."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from lab_sender.api import JournalUnavailable, LabSender, LabSenderError, Receipt
from lab_sender.journal import Journal, View

LONG_S = 30


@pytest.fixture
def lab(here):
    here.outbox.mkdir()
    return LabSender(here.path)


def outcomes(fate) -> list[tuple[str, str, str]]:
    return [(each.outcome, each.control_id, each.code) for each in fate.messages]


def test_a_report_is_delivered(here, his, lab, report):
    with here.agent():
        assert lab.agent_runs()
        fate = lab.drop(report()).wait(LONG_S)
    assert not lab.agent_runs()
    assert fate.outcome == "delivered"
    [message] = fate.messages
    assert message.control_id == his.received[0].control_id
    assert (message.entry.state, message.entry.ack_code, message.reason) == ("acked", "AA", "")
    assert message.entry.received <= message.entry.final


def test_each_message_of_a_file_has_a_fate_of_its_own(here, his, lab, ready):
    his.answer_by("id=A2: AR", "id=A3: AA")
    with here.agent():
        fate = lab.drop(ready("A1", "R-1") + ready("A2", "R-2") + ready("A3", "R-3"), name="three.hl7").wait(LONG_S)
    assert fate.outcome == "quarantined"
    assert outcomes(fate) == [("delivered", "A1", ""), ("quarantined", "A2", "refused"), ("delivered", "A3", "")]
    assert "answered AR" in fate.messages[1].reason


def test_a_file_that_cannot_be_read(here, lab):
    with here.agent():
        fate = lab.drop(b"{", name="x.json").wait(LONG_S)
    assert outcomes(fate) == [("quarantined", "", "json.syntax")]
    assert fate.messages[0].entry.id is None


def test_no_agent_runs_then_one_does(here, lab, report):
    receipt = lab.drop(report())
    assert (receipt.wait(0).outcome, receipt.wait(0.2).messages) == ("waiting", ())
    with here.agent():
        assert receipt.wait(LONG_S).outcome == "delivered"
    assert receipt.wait(0).outcome == "delivered"


def test_the_agent_ends_and_another_one_starts_while_it_is_waited_for(here, his, lab, report):
    his.stop()
    with here.agent():
        receipt = lab.drop(report())
        here.until(lambda: bool(receipt.wait(0).messages))
        assert outcomes(receipt.wait(0))[0][0] == "waiting"
    seen = []
    waiting = threading.Thread(target=lambda: seen.append(receipt.wait(LONG_S)))
    waiting.start()
    his.start()
    with here.agent():
        waiting.join()
    assert [fate.outcome for fate in seen] == ["delivered"]


def test_a_receipt_outlives_the_program(here, lab, report):
    stored = asdict(lab.drop(report(), name="r.json"))
    assert {key: type(value) for key, value in stored.items()} == {
        "journal": str, "name": str, "sha256": str, "after": int,
    }  # fmt: skip
    with here.agent():
        assert Receipt(**stored).wait(LONG_S).outcome == "delivered"


def test_files_of_one_name_are_told_apart_by_content_and_time(here, his, lab, report):
    with here.agent():
        his.answer_by("AR")
        refused = lab.drop(report("F-1"), name="r.json")
        assert refused.wait(LONG_S).outcome == "quarantined"
        his.answer_by()
        taken = lab.drop(report("F-2"), name="r.json")
        assert taken.name == "r.json"
        assert taken.wait(LONG_S).outcome == "delivered"
        again = lab.drop(report("F-1"), name="r.json")  # the very file that was refused, dropped once more
        assert again.wait(LONG_S).outcome == "delivered"
        assert lab.receipt("r.json", report("F-1").encode()).wait(0).outcome == "delivered", "the newest one"
    assert refused.wait(0).outcome == "quarantined"


def test_a_duplicate_shares_the_fate_of_what_it_is_the_same_as(here, his, lab, report):
    with here.agent():
        first = lab.drop(report(), name="r.json").wait(LONG_S)
        second = lab.drop(report(), name="other.json").wait(LONG_S)
    assert his.count == 1
    assert (second.outcome, second.messages[0].entry.state) == ("delivered", "duplicate")
    assert second.messages[0].control_id == first.messages[0].control_id != ""
    assert second.messages[0].final == first.messages[0].entry


def test_a_file_that_something_else_dropped(here, lab, report):
    with here.agent():
        (here.outbox / ".part").write_text(report())
        (here.outbox / ".part").rename(here.outbox / "theirs.json")
        assert lab.receipt("theirs.json", report().encode()).wait(LONG_S).outcome == "delivered"
    assert lab.receipt("theirs.json", b"other content").wait(0).outcome == "waiting"


def test_a_message_that_a_person_gave_up(here, his, lab, report):
    his.answer_by("AR")
    with here.agent():
        receipt = lab.drop(report())
        [message] = receipt.wait(LONG_S).messages
        here("dismiss", message.entry.id, "--why", "wrong patient")
        assert outcomes(receipt.wait(0)) == [("given-up", message.control_id, "")]
        unreadable = lab.drop(b"{", name="x.json")
        unreadable.wait(LONG_S)
        here("dismiss", f"file:{unreadable.wait(0).messages[0].entry.file_id}", "--why", "cut off")
    assert unreadable.wait(0).outcome == "given-up"


@pytest.mark.parametrize("taken", [True, False])
def test_a_message_that_a_person_resent(here, his, lab, ready, taken):
    his.answer_by("id=A1: AR", *([] if taken else ["AR"]))
    with here.agent():
        receipt = lab.drop(ready("A1", "R-1"))
        [first] = receipt.wait(LONG_S).messages
        here("resend", first.entry.id, "--new-id")
        [message] = receipt.wait(LONG_S).messages
    assert message.outcome == ("delivered" if taken else "quarantined")
    assert (message.entry.id, message.entry.control_id) == (first.entry.id, "A1")
    assert message.control_id == his.received[-1].control_id != "A1"


def test_what_the_his_took_back(here, his, lab, ready):
    with here.agent():
        receipt = lab.drop(ready("A1", "R-1"))
        assert receipt.wait(LONG_S).outcome == "delivered"
        his.say(b"\x0bMSH|^~\\&|HIS\rMSA|AE|A1\r\x1c\r")
        here.until(lambda: receipt.wait(0).outcome == "contradicted")
    assert receipt.wait(0).messages[0].entry.contradicted


@pytest.mark.parametrize("mended", [True, False])
def test_a_file_that_is_read_again(here, his, lab, report, mended):
    """One message of it was delivered before: what counts is the last reading, and what it is the same as there."""
    strict = "\nmessage: {require: [PV1-19]}\n"
    here.configure(his.port, more=strict)
    both = f"[{report('F-1', visit={'number': '7'})},{report('F-2', visit={'ward': 'W'})}]"
    with here.agent():
        receipt = lab.drop(both, name="both.json")
        fate = receipt.wait(LONG_S)
        assert [each.outcome for each in fate.messages] == ["delivered", "quarantined"]
    here("release", fate.messages[1].entry.id)
    assert receipt.wait(0).outcome == "waiting"
    here.configure(his.port, more="" if mended else strict)
    with here.agent():
        here.until(lambda: receipt.wait(0).outcome != "waiting")
    last = "delivered" if mended else "quarantined"
    assert [each.outcome for each in receipt.wait(0).messages] == ["delivered", last]
    assert his.count == 1 + mended


def test_an_unreadable_file_that_is_read_again(here, lab):
    with here.agent():
        receipt = lab.drop(b"{", name="x.json")
        first = receipt.wait(LONG_S).messages[0].entry.file_id
        here("release", f"file:{first}")
        here.until(lambda: [each.entry.file_id for each in receipt.wait(0).messages] not in ([], [first]))
        assert receipt.wait(LONG_S).outcome == "quarantined"


# ------------------------------------------------------------------ the journal is not as it was


def test_the_journal_is_another_one(here, lab, report):
    with here.agent():
        lab.drop(report()).wait(LONG_S)
    receipt = lab.drop(report("F-2"), name="r.json")
    for path in here.outbox.glob(".lab-sender/journal.db*"):
        path.unlink()
    assert receipt.wait(0).outcome == "waiting", "nobody knows yet"
    Journal(Path(receipt.journal)).close()
    with pytest.raises(LabSenderError, match=r"journal\.replaced"):
        receipt.wait(LONG_S)


def test_the_journal_cannot_be_read_for_a_while(here, lab, report, monkeypatch):
    with here.agent():
        receipt = lab.drop(report())
        assert receipt.wait(LONG_S).outcome == "delivered"
    real, tries = View.last_source_id, []

    def locked(view):
        tries.append(1)
        if len(tries) < 3:
            raise JournalUnavailable("journal.locked", "it is locked.")
        return real(view)

    monkeypatch.setattr(View, "last_source_id", locked)
    with pytest.raises(JournalUnavailable):
        receipt.wait(0)
    assert receipt.wait(LONG_S).outcome == "delivered"


def test_the_journal_is_just_being_made(here, lab, report):
    """An agent that starts for the first time makes the file, then its tables."""
    before = lab.drop(report())
    folder = here.outbox / ".lab-sender"
    (folder / "claimed").mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        assert before.wait(0).outcome == "waiting"
        assert lab.drop(report("F-2")).after == 0
