"""MSH-15 and MSH-16: is a message that the HIS takes answered at all?"""

from __future__ import annotations

import pytest

from lab_sender.hl7.asked_answers import asked_answers

WORDS = ("", '""', "AL", "NE", "ER", "SU", "X")


def message(accept: str, application: str, marks: str = "|^~\\&") -> bytes:
    head = f"|LAB|L|HIS|H|2026||ORU^R01|M1|P|2.3.1|||{accept}|{application}"
    return f"MSH{marks}{head}||8859/1\rPID|1||4711\r".replace("|", marks[0]).encode()


@pytest.mark.parametrize("accept", WORDS)
@pytest.mark.parametrize("application", WORDS)
def test_a_positive_answer_comes_or_the_message_is_refused(accept: str, application: str) -> None:
    empty = ("", '""')
    original = accept in empty and application in empty
    answered = original or accept in ("AL", "SU", "X") or application in ("AL", "SU", "X")
    assert bool(asked_answers(message(accept, application)).faults()) is not answered
    assert asked_answers(message(accept, application)).wants_application is (application == "AL" or original)


@pytest.mark.parametrize("marks", ["|^~\\&", "*!~\\&", "#^~\\&"])
def test_any_delimiters_and_small_letters_are_read(marks: str) -> None:
    assert asked_answers(message("ne", " al ", marks)) == ("NE", "AL")


@pytest.mark.parametrize("body", [b"", b"MSH", b"MSH|", b"MSH|^~\\&|LAB\rPID|1", b"MSH|^~\\&|" + b"|" * 20])
def test_a_short_head_asks_for_nothing_special(body: bytes) -> None:
    assert asked_answers(body) == ("", "")
    assert asked_answers(body).faults() == ()
