"""What becomes of a reply or a silence, as a table; the bounds of the waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.settings import his_at, retry, rule

from lab_sender.delivery.retry import (
    Again,
    Delivered,
    Doubt,
    Hold,
    Quarantine,
    judge_reply,
    judge_unknown,
    wait_s,
)
from lab_sender.patterns import Pattern

DONE, KNOWN, REFUSED = Delivered(), Delivered(known=True), Quarantine("refused")
BUSY = rule("retry", error="207")
SITE = his_at(
    1,
    rule("deliver", code="AE", text=Pattern("already on chart", ignore_case=True)),
    BUSY,
    rule("hold", text=Pattern("licence")),
    rule("quarantine", code="AR", error="LAB-9"),
    rule("deliver", code="AA"),
    rule("quarantine", error="205"),
)
PLAIN = his_at()

# settings, code, table 0357 errors, own errors, text, refusals, may have left -> decision
REPLIES = [
    (PLAIN, "AA", [], [], "", 1, False, DONE),
    (PLAIN, "CA", [], [], "", 1, False, DONE),
    (PLAIN, "AA", ["0"], [], "duplicate", 1, True, DONE),
    *((PLAIN, code, [], [], "", 1, False, Again) for code in ("AE", "AR", "CE", "CR")),
    *((PLAIN, code, [], [], "", 2, False, Again) for code in ("AE", "AR", "CE", "CR")),
    *((PLAIN, code, [], [], "", 3, True, REFUSED) for code in ("AE", "AR", "CE", "CR")),
    (PLAIN, "AR", ["206"], [], "", 1, True, Again),
    (PLAIN, "AE", ["207"], [], "", 3, True, REFUSED),
    (PLAIN, "AE", ["205"], [], "", 1, True, KNOWN),
    (PLAIN, "AE", ["205"], [], "", 1, False, Again),  # nothing of ours can be there: another message's id
    (PLAIN, "AE", [], ["205"], "", 1, True, Again),  # a code of the HIS's own says nothing of table 0357
    (PLAIN, "AE", [], [], "Message already received", 1, True, KNOWN),
    (PLAIN, "AR", [], [], "DUPLICATE message control id", 3, True, KNOWN),
    (PLAIN, "AE", [], [], "Message already received", 1, False, Again),
    (PLAIN, "AE", [], [], "unknown patient", 1, True, Again),
    (SITE, "AE", [], [], "Already on chart", 1, False, KNOWN),
    (SITE, "AR", [], [], "Already on chart", 3, False, REFUSED),
    (SITE, "AE", ["207"], [], "", 1, False, Again),
    (SITE, "AE", [], ["207"], "", 3, False, REFUSED),
    (SITE, "AE", ["101"], [], "no licence", 1, False, Hold()),
    (SITE, "AR", [], ["LAB-9"], "", 1, False, REFUSED),
    (SITE, "AE", [], ["LAB-9"], "", 1, False, Again),
    (SITE, "AA", [], [], "", 1, False, DONE),
    (SITE, "CA", [], [], "", 1, False, DONE),
    (SITE, "AE", ["205"], [], "", 1, True, REFUSED),  # the site's rules come first
    (his_at(retry=retry(refused=1)), "AE", [], [], "", 1, False, REFUSED),
]


@pytest.mark.parametrize("line", REPLIES, ids=lambda line: " ".join(map(str, line[1:7])))
def test_replies(line: tuple) -> None:
    his, code, errors, own, text, refused, may_have_left, expected = line
    decision = judge_reply(
        his, code=code, errors=errors, own_errors=own, text=text, refused=refused, may_have_left=may_have_left
    )
    if expected is Again:
        assert isinstance(decision, Again)
    else:
        assert decision == expected


@pytest.mark.parametrize("answers_others", [False, True])
@pytest.mark.parametrize("since_s", [0.0, 599.9, 600.0, 1e9])
@pytest.mark.parametrize("unknown", [0, 1, 4, 5, 6])
def test_silence(unknown: int, since_s: float, answers_others: bool) -> None:
    """It takes both tries and time; and while the HIS answers nobody, the message is not to blame."""
    decision = judge_unknown(
        retry(), unknown=unknown, troubles=1, since_s=since_s, answers_others=answers_others
    )
    if unknown < 5 or since_s < 600:
        assert isinstance(decision, Again)
    else:
        assert decision == (Quarantine("unanswered") if answers_others else Doubt())


@given(
    first=st.floats(0.001, 100),
    factor=st.floats(1, 1000),
    troubles=st.integers(-3, 5000),
)
def test_waits_double_within_bounds(first: float, factor: float, troubles: int) -> None:
    waits = retry(first, first * factor)
    full = min(first * 2 ** min(max(troubles - 1, 0), 100), waits.longest_wait_s)
    assert full / 2 * 0.999 <= wait_s(waits, troubles) <= full * 1.001
    again = judge_unknown(waits, unknown=0, troubles=troubles, since_s=0.0, answers_others=False)
    assert isinstance(again, Again)
    assert again.after_s <= waits.longest_wait_s * 1.001


def test_waits_have_jitter() -> None:
    assert len({wait_s(retry(), 3) for _ in range(20)}) > 1
