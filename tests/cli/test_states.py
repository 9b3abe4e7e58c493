"""One word for one thing: what lists show is what they are filtered by."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import pytest

from cli.conftest import Here, ready, report
from cli.conftest import ready as ready_message
from lab_sender.api import LabSender
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations import wording

STATES = ("spooled", "sending", "acked", "quarantined", "duplicate", "dismissed", "replaced", "withdrawn")


@pytest.mark.parametrize(
    ("state", "code", "by", "words"),
    [
        ("spooled", "", None, "waiting"),
        ("sending", "", None, "being sent"),
        ("acked", "known", None, "delivered"),
        ("quarantined", "refused", None, "quarantined"),
        ("duplicate", "message.duplicate", None, "duplicate"),
        ("dismissed", "refused", None, "given up"),
        ("replaced", "read-again", 125, "read again as 125"),
        ("replaced", "resent", 53, "resent as 53"),
        ("replaced", "read-again", None, "read again"),
        ("withdrawn", "json.syntax", None, "read again"),
    ],
)
def test_states_have_the_words_of_people_and_are_filtered_by_them(
    state: str, code: str, by: int | None, words: str
) -> None:
    assert wording.state(state, code, by) == words
    plain = words.partition(" as ")[0]
    assert any(each == state and only in ("", code) for each, only in wording.STATES[plain])


def test_every_state_of_the_journal_can_be_asked_for() -> None:
    assert {state for meant in wording.STATES.values() for state, _ in meant} == set(STATES)
    assert all(((state, ""),) == wording.STATES[state] for state in STATES)


@pytest.mark.parametrize("word", ["given up", "given-up", "GIVEN_UP", "dismissed"])
def test_a_word_is_read_however_it_is_written(here: Here, ready: Any, word: str) -> None:
    here("send", here.file("x.bin", b"\0"), exits=1)
    here("send", here.file("a.hl7", ready("A1")))
    here("dismiss", "file:1", "--why", "x")
    assert [each["ref"] for each in here.entries("--state", word)] == ["file:1"]


def test_a_word_that_is_none_names_those_that_are(here: Here) -> None:
    error = here("list", "--state", "done", exits=2).stderr
    assert "'done' is no state" in error
    assert "delivered, quarantined, given-up" in error


@pytest.fixture
def replaced(here: Here, his: StandIn) -> Here:
    """Message 1 was resent as 2, 3 was read again as 4; the journal gives both as `replaced`."""
    his.answer_by("first: AR", "nth=2: AR")
    here("send", here.file("a.hl7", ready("A1")), exits=1)
    here("resend", "1", "--new-id")
    here("send", here.file("b.json", report("F-1")))
    here("send", here.file("c.json", report("F-2")))
    with contextlib.closing(sqlite3.connect(here.outbox / ".lab-sender" / "journal.db")) as db:
        db.execute("UPDATE message SET state = 'replaced', code = 'read-again' WHERE id = 3")
        db.execute("UPDATE message SET replaces = 3 WHERE id = 4")
        db.commit()
    return here


def test_what_took_anothers_place_is_shown_on_both(replaced: Here) -> None:
    shown = {each["id"]: each for each in replaced.entries()}
    assert (shown[1]["replaced_by"], shown[2]["replaces"]) == (2, 1)
    listed = replaced("list").stdout
    assert "resent as 2" in listed
    assert "read again as 4" in listed
    story = replaced("show", "1").stdout
    assert story.startswith("  message 1   resent as 2\n")
    assert "replaces    message 1" in replaced("show", "2").stdout
    assert "replaces    message 3" in replaced("show", "4").stdout


def test_a_file_has_the_fate_of_what_took_its_messages_place(replaced: Here) -> None:
    lab = LabSender(replaced.path)
    for name, content, decided_by in (("a.hl7", ready_message("A1"), 2), ("b.json", report("F-1").encode(), 4)):
        (message,) = lab.receipt(name, content).wait(0).messages
        assert (message.outcome, message.final.id) == ("delivered", decided_by)


def test_what_was_resent_is_told_from_what_was_read_again(replaced: Here) -> None:
    assert [each["id"] for each in replaced.entries("--state", "resent")] == [1]
    assert [each["id"] for each in replaced.entries("--state", "read-again")] == [3]
    assert [each["id"] for each in replaced.entries("--state", "replaced")] == [3, 1]
    assert [each["id"] for each in replaced.entries("--state", "resent", "--limit", 1)] == [1], "behind others"
