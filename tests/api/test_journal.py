"""`LabSender.journal`: what is in it, without patients but where they are asked for."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sqlite3
from typing import get_args

import pytest

from lab_sender.api import LabSender, NoJournal, State


@pytest.fixture
def lab(here, his, ready, secret):
    """One delivered, one refused with a patient in the HIS's words, one unreadable."""
    here.outbox.mkdir()
    lab = LabSender(here.path)
    with pytest.raises(NoJournal), lab.journal():
        pass
    his.answer_by(f"id=A2: AE,code=207,text={secret} is unknown")
    with here.agent():
        receipts = [lab.drop(ready("A1", "R-1"), name="one.hl7"), lab.drop(ready("A2", "R-2"), name="two.hl7")]
        receipts.append(lab.drop(b"{", name="x.json"))
        for receipt in receipts:
            receipt.wait(30)
    return lab


def test_it_is_read_while_the_agent_runs(here, lab):
    with here.agent(), lab.journal() as journal:
        assert [each.file for each in journal.by_state()] == ["x.json", "two.hl7", "one.hl7"]


def test_by_order_control_id_state_and_file(lab):
    with lab.journal() as journal:
        assert [each.control_id for each in journal.by_order("R-1")] == ["A1"]
        assert [each.control_id for each in journal.by_order("R-2")] == ["A2"], "also one in quarantine"
        assert journal.by_order("R-3") == journal.by_order("A1") == []
        assert [each.file for each in journal.by_control_id("A1")] == ["one.hl7"]
        assert [each.control_id for each in journal.by_state("acked")] == ["A1"]
        assert [each.file for each in journal.by_state("quarantined")] == ["x.json", "two.hl7"]
        assert [each.file for each in journal.by_state("acked", "quarantined", limit=2)] == ["x.json", "two.hl7"]
        assert [each.code for each in journal.by_file("x.json")] == ["json.syntax"]
        assert journal.orders(journal.by_file("one.hl7")[0]) == ["R-1^"]
        with pytest.raises(ValueError, match="no such state: quarantine"):
            journal.by_state("quarantine")


def test_patients_are_in_no_value_but_those_that_are_asked_for(lab, secret):
    with lab.journal() as journal:
        [refused] = journal.by_control_id("A2")
        assert secret not in repr(journal.by_state()) + repr(journal.by_order("R-2"))
        assert secret.encode() in journal.body(refused)
        assert secret in journal.his_words(refused)
        answers = journal.answers(refused)
        assert len(answers) == refused.attempts == 2
        assert all(secret.encode() in each for each in answers)
        [unreadable] = journal.by_file("x.json")
        assert (journal.body(unreadable), journal.answers(unreadable)) == (None, [])
        assert (journal.his_words(unreadable), journal.orders(unreadable)) == ("", [])


def test_values_are_frozen(lab):
    with lab.journal() as journal:
        entry = journal.by_state("acked")[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.state = "quarantined"
    assert entry.received.tzinfo is not None


@pytest.mark.usefixtures("lab")
def test_every_state_of_the_journal_has_its_word(here):
    with contextlib.closing(sqlite3.connect(here.outbox / ".lab-sender" / "journal.db")) as db:
        (made,) = db.execute("SELECT group_concat(sql) FROM sqlite_master").fetchone()
    listed = re.findall(r"state IN\s*\(([^)]+)\)", made)
    states = {word for each in listed for word in re.findall(r"'([a-z]+)'", each)}
    assert {"acked", "withdrawn"} <= states
    assert states - {"read"} <= set(get_args(State))
