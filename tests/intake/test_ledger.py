"""What was sent of an order before, and what follows for the next report of it; with the real journal and builder."""

from __future__ import annotations

import hashlib
import json
from typing import Any, get_args

import pytest
from kit.core import HIS, head, ready, report, rows, states, waiting
from kit.intake import plan
from kit.patients import FAMILY, PATIENT_ID

from lab_sender.config.profile import Profile, builtin
from lab_sender.hl7.orders import OrderFact, facts_in, latest, steps_back
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.intake.compose import Composer
from lab_sender.intake.recognise import Recogniser
from lab_sender.journal import LONGEST, ActRejected, Attempt, Journal, NewFile, NewMessage, NewSource, View
from lab_sender.readers import read

T1, T2, T3 = "2024-01-03T10:00:00+00:00", "2024-01-03T11:00:00+00:00", "2024-01-03T12:00:00+00:00"


def lab(
    reported: str = "",
    status: str = "final",
    *,
    filler: str = "F1",
    test: str = "CBC",
    patient_id: str = PATIENT_ID,
    **values: Any,
) -> bytes:
    """A report of one order. `values`: test -> value, or (value, status)."""
    results = []
    for name, told in (values or {"Hb": "14"}).items():
        value, own = told if isinstance(told, tuple) else (told, "")
        results.append({"test": {"code": name, "text": name, "system": "L"}, "value": value, "unit": "g/dL"})
        results[-1] |= {"status": own} if own else {}
    order = {"filler": f"{filler}|LAB", "test": {"code": test, "text": test, "system": "L"}, "status": status}
    order |= {"results": results} | ({"reported": reported} if reported else {})
    patient = {"ids": [{"id": patient_id}], "name": {"family": FAMILY}}
    return json.dumps({"schema": "lab-result/1", "patient": patient, "orders": [order]}).encode()


class Desk:
    """Takes files in as intake does, without a disk, and is the lane and the HIS too."""

    def __init__(self, journal: Journal, *, apply_to: tuple[str, ...] = ("reports",), **corrections: str) -> None:
        self.journal = journal
        self.composer = Composer(builtin(apply_to=apply_to, corrections=corrections))
        self.recogniser = Recogniser(journal.spool, HIS, plan(self.composer))

    def take(self, *files: bytes, returned_as: str = "") -> list[NewMessage]:
        batch = []
        for data in files:
            claim_id = returned_as or new_id()
            made = [self.composer.entries(item, {}) for item in read(data).items]
            messages = tuple(each for entries in made for each in entries)
            claimed = (NewFile("x", f"{claim_id}_x"),)
            batch.append(NewSource(claim_id, "x", 1, hashlib.sha256(data).digest(), claimed, messages))
        recognised = self.recogniser.recognised(batch)
        self.journal.spool.spooled(recognised, HIS)
        return [message for source in recognised for message in source.messages]

    def codes(self, *files: bytes) -> list[str]:
        """The state of each message of one batch, with the codes of all findings."""
        found = []
        for message in self.take(*files):
            said = [line.split(" at ")[0].split(" (")[0] for line in message.reason.splitlines()]
            found.append(" ".join([message.state, *said]) if message.code.startswith("correction") else message.state)
        return found

    def accept(self) -> None:
        for message in head(self.journal):
            self.journal.delivery.sending(message.id)
            self.journal.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))

    def fail(self, *, may_have_left: bool = False) -> int:
        """Let the first that waits be set aside."""
        message = head(self.journal)[0]
        self.journal.delivery.sending(message.id)
        if may_have_left:
            self.journal.delivery.unknown(message, Attempt(message.id, 0, "unknown", "ack", "ack.timeout", ""))
        self.journal.delivery.quarantined(message, code="unanswered" if may_have_left else "refused", reason="")
        return message.id


@pytest.fixture
def desk(journal: Journal) -> Desk:
    return Desk(journal)


# ------------------------------------------------------------------ findings

OLDER, BACK = "quarantined correction.older", "quarantined correction.preliminary-after-final"
SAME, SILENT = "quarantined correction.not-advanced", "quarantined correction.silent-change"
CASES = {
    "a correction that says so": (lab(T1, Hb="14"), lab(T2, "corrected", Hb=("15", "corrected")), "spooled"),
    "a corrected result under a final order": (lab(T1, Hb="14"), lab(T2, Hb=("15", "corrected")), "spooled"),
    "one that was wrong": (lab(T1, Hb="14"), lab(T2, Hb=("15", "W")), "spooled"),
    "older": (lab(T2, Hb="14"), lab(T1, Hb="15"), OLDER),
    "older, and preliminary": (lab(T2), lab(T1, "preliminary"), OLDER),
    "older in another zone": (lab(T2), lab("2024-01-03T11:30:00+01:00", "corrected"), OLDER),
    "newer in another zone": (lab(T2), lab("2024-01-03T10:30:00-02:00", "corrected"), "spooled"),
    "older, to the day": (lab("2024-01-03"), lab("2024-01-02T23:00:00"), OLDER),
    "the same day, as far as one knows": (lab("2024-01-03"), lab("2024-01-03T08:00:00", "corrected"), "spooled"),
    "with an offset and without": (lab(T2), lab("2024-01-03T08:00:00", "corrected"), "spooled"),
    "no times": (lab(), lab("", "corrected", Hb="15"), "spooled"),
    "the same time, corrected": (lab(T1), lab(T1, "corrected", Hb=("15", "corrected")), SAME),
    "the same time, one more result": (lab(T1), lab(T1, Hb="14", WBC="5"), SAME),
    "one more result": (lab(T1), lab(T2, Hb="14", WBC="5"), "spooled"),
    "one result less": (lab(T1, Hb="14", WBC="5"), lab(T2, Hb="14"), "spooled"),
    "preliminary after final": (lab(T1), lab(T2, "preliminary"), BACK),
    "preliminary after corrected": (lab(T1, "corrected"), lab(T2, "preliminary"), BACK),
    "cancelled after final": (lab(T1), lab(T2, "cancelled", Hb=("", "cancelled")), "spooled"),
    "final after preliminary": (lab(T1, "preliminary"), lab(T2, Hb="15"), "spooled"),
    "preliminary after preliminary": (lab(T1, "preliminary"), lab(T2, "preliminary", Hb="15"), "spooled"),
    "changed, and nobody says so": (lab(T1), lab(T2, Hb="15"), SILENT),
    "another test of the same accession": (lab(T2), lab(T1, "preliminary", test="BMP", Na="140"), "spooled"),
    "another order": (lab(T2), lab(T1, "preliminary", filler="F2"), "spooled"),
}


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
@pytest.mark.parametrize("case", CASES)
def test_a_report_after_another_of_its_order(case: str, together: bool, desk: Desk) -> None:
    first, second, expected = CASES[case]
    if together:
        assert desk.codes(first, second) == ["spooled", expected]
        return
    assert desk.codes(first) == ["spooled"]
    assert desk.codes(second) == [expected]


OTHER = "quarantined correction.other-patient"


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_an_order_number_of_another_patient_is_a_finding(together: bool, desk: Desk) -> None:
    first, second = lab(T1, Hb="14"), lab(T2, Hb="15", patient_id="another")
    told = desk.codes(first, second) if together else [*desk.codes(first), *desk.codes(second)]
    assert told == ["spooled", OTHER]
    assert desk.codes(lab(T3, Hb="15")) == [SILENT]  # the first patient's own last report is what counts


def test_another_patients_results_are_never_what_the_his_has(journal: Journal) -> None:
    """Numbers that begin anew each day: the second patient's results go out whole, though the first had the same."""
    desk = Desk(journal, suspicious="send", send="changed")
    desk.take(lab(T1, FLUA="NEG", FLUB="NEG"))
    desk.accept()
    (message,) = desk.take(lab(T2, FLUA="NEG", FLUB="NEG", RSV="POS", patient_id="another"))
    assert (message.state, message.code) == ("spooled", "correction.other-patient")
    assert message.body is not None
    assert [name in message.body for name in (b"FLUA", b"FLUB", b"RSV")] == [True, True, True]
    desk.accept()
    (message,) = desk.take(lab(T3, FLUA="NEG", FLUB="NEG", RSV="POS", patient_id="another", MPX="NEG"))
    assert message.body is not None
    assert [name in message.body for name in (b"FLUA", b"RSV", b"MPX")] == [False, False, True]


def test_all_that_is_wrong_is_said_with_the_message_it_was_compared_with(desk: Desk) -> None:
    desk.take(lab(T1))
    (message,) = desk.take(lab(T1, "preliminary", Hb=("15", "final")))
    assert [line.partition(" ")[0] for line in message.reason.splitlines()] == [
        "correction.preliminary-after-final", "correction.not-advanced", "correction.silent-change",
    ]  # fmt: skip
    assert message.reason.count("message 1") == 3
    batch = desk.take(lab(T2, "corrected", filler="F7"), lab(T1, filler="F7"))
    assert f"control id {batch[0].control_id}" in batch[1].reason


def test_a_changed_unit_is_a_changed_result(desk: Desk) -> None:
    desk.take(lab(T1))
    assert desk.codes(lab(T2).replace(b"g/dL", b"g/L")) == [SILENT]


def test_what_was_given_up_is_no_measure(desk: Desk) -> None:
    desk.take(lab(T3))
    desk.fail()
    assert desk.codes(lab(T1)) == ["spooled"]
    desk.take(lab(T2, "corrected", Hb=("15", "corrected")))
    assert desk.codes(lab(T1, Hb="16"))[0].startswith("quarantined")  # older than what waits
    desk.journal.operator.dismiss(3, "no")
    assert desk.codes(lab(T2, Hb=("17", "corrected"))) == ["spooled"]


def test_what_may_have_arrived_is_sent_again_and_skips_nothing(desk: Desk) -> None:
    """A, then B of unknown fate, then A: the HIS may show B."""
    a, b = lab(T1, Hb="14"), lab(T2, Hb=("15", "corrected"))
    desk.take(a)
    desk.accept()
    desk.take(b)
    desk.fail(may_have_left=True)
    assert desk.codes(a) == ["spooled"]
    assert desk.codes(a) == ["duplicate"]


@pytest.mark.parametrize(("apply_to", "expected"), [(("reports",), "spooled"), (("reports", "hl7"), OLDER)])
def test_ready_messages_are_compared_only_where_the_site_says_so(
    apply_to: tuple[str, ...], expected: str, journal: Journal
) -> None:
    desk = Desk(journal, apply_to=apply_to)
    _, older = (message.body or b"" for message in desk.take(lab(T2), lab(T1, filler="F2")))
    assert desk.codes(older.replace(b"|F2^LAB|", b"|F1^LAB|")) == [expected]


# ------------------------------------------------------------------ policies


def test_sent_all_the_same_it_is_marked_to_the_end(journal: Journal) -> None:
    desk = Desk(journal, suspicious="send")
    desk.take(lab(T2))
    assert desk.codes(lab(T1)) == ["spooled correction.older"]
    desk.accept()
    assert rows(journal, "SELECT state, code, reason LIKE 'correction.older%' FROM message WHERE id = 2") == [
        ("acked", "correction.older", 1)
    ]


def test_held_it_keeps_later_messages_of_its_order_back(journal: Journal) -> None:
    desk = Desk(journal, suspicious="hold")
    desk.take(lab(T2))
    desk.accept()
    third, other = lab(T3, "corrected", Hb=("16", "corrected")), lab(T1, filler="F2")
    held, later, passing = desk.take(lab(T1), third, other)
    assert (held.state, later.state) == ("quarantined", "spooled")
    for after_quarantine in ("continue", "hold-order"):
        assert waiting(journal, after_quarantine) == [passing.control_id]
    assert waiting(journal, "hold-patient") == []
    view = View(journal.store.path)
    assert [view.held_by(message_id, "continue") for message_id in (1, 2, 3, 4)] == [None, None, 2, None]
    view.close()
    desk.accept()
    journal.operator.release(2, force=True)
    assert waiting(journal) == [held.control_id, later.control_id]
    desk.fail()  # set aside by the HIS now: his.after_quarantine says what follows
    assert waiting(journal) == [later.control_id]


def test_a_dismissed_one_holds_nothing(journal: Journal) -> None:
    desk = Desk(journal, suspicious="hold")
    _, held, later = desk.take(lab(T2), lab(T1), lab(T3, "corrected"))
    journal.operator.dismiss(2, "late")
    assert held.control_id not in waiting(journal)
    assert later.control_id in waiting(journal)


def test_what_waits_holds_back_what_follows_it(journal: Journal) -> None:
    """A message of two orders waits for one of them; a later one of the other must not pass it."""
    desk = Desk(journal, suspicious="hold")
    desk.take(lab(T2))
    desk.accept()
    desk.take(lab(T1))
    two = json.loads(lab(T3, "corrected"))
    two["orders"] += json.loads(lab(T3, filler="F2"))["orders"]
    desk.take(json.dumps(two).encode(), lab("2024-01-04", filler="F2", Hb="14", WBC="5"), lab(T1, filler="F3"))
    assert waiting(journal) == [rows(journal, "SELECT control_id FROM message WHERE id = 5")[0][0]]


# ------------------------------------------------------------------ operators


@pytest.mark.parametrize("second", [lab(T1), lab(T3, "preliminary")], ids=["older", "preliminary"])
def test_releasing_what_steps_back_wants_force_and_then_sends(desk: Desk, second: bytes) -> None:
    desk.take(lab(T2))
    desk.accept()
    (kept,) = desk.take(second)
    with pytest.raises(ActRejected) as refused:
        desk.journal.operator.release(2)
    assert refused.value.code == "release.overtaken"
    assert desk.journal.operator.release(2, force=True) == "spooled"
    (sent,) = head(desk.journal)
    assert (sent.body, sent.control_id) == (kept.body, kept.control_id)
    desk.accept()
    assert list(states(desk.journal).values()) == ["acked", "acked"]


def test_releasing_what_only_looks_odd_wants_no_force(desk: Desk) -> None:
    desk.take(lab(T1))
    desk.accept()
    assert desk.codes(lab(T2, Hb="15")) == [SILENT]
    assert desk.journal.operator.release(2) == "spooled"


def test_what_a_message_of_lower_rank_overtook_by_time_is_refused_too(desk: Desk) -> None:
    """The one released was taken in later, but reports an earlier time than what was delivered."""
    desk.take(lab(T1))
    desk.fail()
    desk.take(lab(T3, filler="F1"))
    desk.accept()
    with pytest.raises(ActRejected):
        desk.journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    desk.take(lab(T2))
    with pytest.raises(ActRejected) as refused:
        desk.journal.operator.resend(3, new_control_id="N2", restamp=with_control_id)
    assert refused.value.code == "resend.overtaken"
    assert desk.journal.operator.resend(3, new_control_id="N3", restamp=with_control_id, force=True) == 4
    assert waiting(desk.journal) == ["N3"]


def test_after_a_forced_release_the_newest_is_sent_again(desk: Desk) -> None:
    """The times of delivery, and not the ids, say what the HIS has."""
    old, new = lab(T1), lab(T2, Hb=("15", "corrected"))
    desk.take(old)
    desk.fail()
    desk.take(new)
    desk.accept()
    assert desk.codes(new) == ["duplicate"]
    desk.journal.operator.release(1, force=True)
    assert desk.codes(old) == ["duplicate"]  # it waits, and will be the last
    desk.accept()
    assert desk.codes(old) == ["duplicate"]
    assert desk.codes(new) == ["spooled"]
    desk.accept()
    assert desk.codes(new) == ["duplicate"]


def test_a_release_overtakes_what_is_in_flight(desk: Desk) -> None:
    old, new = lab(T1), lab(T2, Hb=("15", "corrected"))
    desk.take(old)
    desk.fail()
    desk.take(new)
    (flying,) = head(desk.journal)
    desk.journal.delivery.sending(flying.id)
    desk.journal.operator.release(1, force=True)
    desk.journal.delivery.acked(flying, Attempt(flying.id, 0, "verdict", "ack", "", "", "AA"))
    desk.accept()
    assert [entry.message for entry in desk.journal.spool.ledger(["F1^LAB"], HIS)["F1^LAB"]] == [2, 1]


# ------------------------------------------------------------------ only what has changed


def test_only_what_changed_is_sent_of_what_was_acknowledged(journal: Journal) -> None:
    desk = Desk(journal, send="changed")
    first = lab(T1, Hb="14", WBC="5")
    second = lab(T2, Hb=("15", "corrected"), WBC="5")
    third = lab(T3, Hb=("15", "corrected"), WBC="5", PLT="200")
    (whole,) = desk.take(first)
    (waits,) = desk.take(second)
    assert [_tests(each) for each in (whole, waits)] == [["Hb", "WBC"]] * 2  # nobody knows yet what arrives
    desk.accept()
    (changed,) = desk.take(third)
    assert _tests(changed) == ["PLT"]
    assert (changed.body or b"").count(b"\rOBX|1|") == 1
    desk.accept()
    fourth = lab("2024-01-04T00:00:00+00:00", Hb=("15", "corrected"), WBC=("6", "corrected"), PLT="200")
    assert [_tests(each) for each in desk.take(fourth)] == [["WBC"]]


def test_of_two_orders_each_is_compared_with_its_own_last_message(journal: Journal) -> None:
    """The last message of one order may be older than the first of the other."""
    desk = Desk(journal, send="changed", suspicious="send")

    def second(reported: str, value: str, other: str) -> bytes:
        return lab(reported, "corrected", filler="F2", Hb=(value, "corrected"), PLT=(other, "corrected"))

    def both(reported: str, value: str, other: str) -> bytes:
        report = json.loads(lab(reported, "corrected", Hb=(value, "corrected")))
        report["orders"] += json.loads(second(reported, value, other))["orders"]
        return json.dumps(report).encode()

    for each in (lab(T1, Hb="1"), second(T1, "1", "100"), both(T2, "2", "200")):
        desk.take(each)
        desk.accept()
    (message,) = desk.take(both(T3, "1", "300"))
    assert _tests(message) == ["Hb", "Hb", "PLT"]


def test_of_another_specimen_all_is_sent(journal: Journal) -> None:
    """What has the same value as in the one before is a result of its own."""
    desk = Desk(journal, send="changed", suspicious="send")

    def taken(collected: str, **values: str) -> bytes:
        report = json.loads(lab(T1, **values))
        report["orders"][0]["collected"] = collected
        return json.dumps(report).encode()

    desk.take(taken("2024-01-01T08:00:00+01:00", K="4.1", Na="140"))
    desk.accept()
    (message,) = desk.take(taken("2024-01-01T10:00:00+01:00", K="4.1", Na="140", Lac="9"))
    assert _tests(message) == ["K", "Na", "Lac"]


def test_once_the_order_was_another_patients_all_is_sent(journal: Journal) -> None:
    """A HIS that goes by the order's number alone has the other one's values now."""
    desk = Desk(journal, send="changed", suspicious="send")
    for each in (lab(T1, Hb="14", PLT="3", patient_id="A"), lab(T2, Hb="20", PLT="3", patient_id="B")):
        desk.take(each)
        desk.accept()
    (message,) = desk.take(lab(T3, Hb="14", PLT="4", patient_id="A"))
    assert _tests(message) == ["Hb", "PLT"]
    desk.accept()
    (message,) = desk.take(lab("2024-01-04T00:00:00+00:00", Hb="14", PLT="5", patient_id="A"))
    assert _tests(message) == ["PLT"]


def test_what_was_told_before_it_was_another_patients_is_no_base(journal: Journal) -> None:
    desk = Desk(journal, send="changed", suspicious="send")
    for patient, told in (("A", {"Hb": "14", "PLT": "3"}), ("B", {"Hb": "20"}), ("A", {"PLT": "4"})):
        desk.take(lab(T1, "corrected", patient_id=patient, **told))
        desk.accept()
    (message,) = desk.take(lab(T2, "corrected", Hb="14", PLT="4", X="1", patient_id="A"))
    assert _tests(message) == ["Hb", "X"]


def _taken_back(journal: Journal) -> Desk:
    """A delivered report that the HIS has refused since."""
    desk = Desk(journal, send="changed", suspicious="send")
    (first,) = desk.take(lab(T1, Hb="14", PLT="3"))
    desk.accept()
    journal.delivery.said_later(HIS, str(first.control_id), "AE", b"MSH", accepts=False)
    return desk


def test_what_was_taken_back_and_closed_for_a_newer_report_is_no_base(journal: Journal) -> None:
    desk = _taken_back(journal)
    desk.take(lab(T2, PLT="4"))
    desk.accept()
    journal.operator.dismiss(1, "reported anew")
    (message,) = desk.take(lab(T3, Hb="14", PLT="5"))
    assert _tests(message) == ["Hb", "PLT"]


def test_what_was_taken_back_and_is_there_after_all_is_a_base(journal: Journal) -> None:
    desk = _taken_back(journal)
    journal.operator.dismiss(1, "the HIS has it")
    (message,) = desk.take(lab(T3, Hb="14", PLT="5"))
    assert _tests(message) == ["PLT"]


def test_where_more_is_on_record_than_is_looked_back_at_all_is_sent(journal: Journal) -> None:
    """Another order's messages may reach further back: what they say of this one is not the last word."""
    desk = Desk(journal, send="changed", suspicious="send")
    for number in range(LONGEST - 1):
        desk.take(lab(T1, "corrected", Hb=(str(number), "corrected"), PLT="3"))
        desk.accept()
    (message,) = desk.take(lab(T1, "corrected", Hb=("99", "corrected"), PLT="3"))
    assert _tests(message) == ["Hb"]
    desk.accept()
    (message,) = desk.take(lab(T1, "corrected", Hb=("100", "corrected"), PLT="3"))
    assert _tests(message) == ["Hb", "PLT"]


def test_after_an_unknown_fate_all_is_sent(journal: Journal) -> None:
    desk = Desk(journal, send="changed")
    desk.take(lab(T1, Hb="14", WBC="5"))
    desk.accept()
    desk.take(lab(T2, Hb=("15", "corrected"), WBC="5"))
    desk.fail(may_have_left=True)
    (message,) = desk.take(lab(T3, Hb="14", WBC="5"))
    assert _tests(message) == ["Hb", "WBC"]


def test_a_silent_change_is_found_behind_a_part(journal: Journal) -> None:
    desk = Desk(journal, send="changed")
    for each in (lab(T1, Hb="14"), lab(T2, Hb="14", WBC="5")):
        desk.take(each)
        desk.accept()
    assert desk.codes(lab(T3, Hb="13", WBC="5")) == [SILENT]


def _tests(message: NewMessage) -> list[str]:
    lines = (message.body or b"").decode().split("\r")
    return [line.split("|")[3].split("^")[0] for line in lines if line.startswith("OBX")]


# ------------------------------------------------------------------ facts


@pytest.mark.parametrize(
    ("earlier", "later", "said"),
    [
        ("20240103", "20240104", "this"),
        ("20240103", "20240103", "same"),
        ("202401031000", "20240103100030", "unknown"),
        ("20240103100000.5", "20240103100000.25", "earlier"),
        ("202401031000+0000", "202401031030+0100", "earlier"),
        ("20240103100000+0100", "20240103090000+0000", "same"),
        ("20240103+0000", "20240103+0100", "unknown"),
        ("20240103100000", "20240103090000+0000", "unknown"),
        ("99991231235959-1200", "20240101000000+0000", "unknown"),
        ("20241399100000+0100", "20240103090000+0000", "unknown"),
        ("", "20240103", "unknown"),
        ("2024", "20240103", "unknown"),
        ("yesterday", "today", "unknown"),
    ],
)
def test_which_time_is_later(earlier: str, later: str, said: str) -> None:
    one, other = (OrderFact("F", "T", "F", each) for each in (earlier, later))
    assert latest(one, other) == said
    assert steps_back(one, other) == ("older" if said == "earlier" else "")


def test_facts_of_a_message_with_its_own_delimiters() -> None:
    body = b"MSH*!$%?*L\robr*1*P1!x*F1!?1.2.3!ISO*!Blood count!L!58410-2!!LN******************202401*x\rOBR*2**F2*T"
    assert facts_in(body) == (
        OrderFact("F1^1.2.3", "58410-2", "", "202401"), OrderFact("F2^", "T", "", ""),
    )  # fmt: skip
    assert facts_in(b"junk") == facts_in(b"") == ()


def test_two_reports_of_one_test_that_differ_say_nothing() -> None:
    body = b"MSH|^~\\&|L\r" + b"".join(b"OBR|%d||F1^LAB|T" % n + b"|" * 18 + b"2024010%d|||F\r" % n for n in (1, 2))
    assert facts_in(body) == (OrderFact("F1^LAB", "T", "F", ""),)


def test_an_order_number_used_for_everything_costs_no_more(desk: Desk) -> None:
    desk.take(*(report("F1", str(value)) for value in range(70)))
    desk.recogniser = Desk(desk.journal, suspicious="send").recogniser
    desk.take(*(report("F1", str(value)) for value in range(70, 150)))
    assert len(desk.journal.spool.ledger(["F1^LAB"], HIS)["F1^LAB"]) == 64


# ----------------------------------------------------------- character sets

LETTERS = {
    "8859/1": "Blutgruppe prüfen", "8859/2": "Krew pełna", "8859/3": "Ħġieġ", "8859/4": "Žņļ",
    "8859/5": "\u0422\u0410", "8859/6": "دم", "8859/7": "Αίμα", "8859/8": "דם", "8859/9": "Kan şekeri",
    "8859/15": "Sérum cœur",
    "UNICODE UTF-8": "Krew pełna 血", "ASCII": "Whole blood",
}  # fmt: skip
CHARSETS = get_args(Profile.model_fields["charset"].annotation)


def named_by_text(name: str, value: str) -> bytes:
    """A final report whose test, result and laboratory have a name and no code."""
    result = {"test": {"text": name}, "value": value}
    order = {"filler": f"F1|{name}", "test": {"text": name}, "status": "final", "results": [result]}
    patient = {"ids": [{"id": PATIENT_ID}], "name": {"family": FAMILY}}
    return json.dumps({"schema": "lab-result/1", "patient": patient, "orders": [order]}).encode()


@pytest.mark.parametrize("msh18", ["charset", "empty"])
@pytest.mark.parametrize("charset", CHARSETS)
def test_a_silent_change_is_found_in_every_character_set(charset: str, msh18: str, desk: Desk) -> None:
    desk.composer = Composer(builtin(charset=charset, msh18=msh18))
    name = LETTERS[charset]
    assert desk.codes(named_by_text(name, "14")) == ["spooled"]
    assert desk.codes(named_by_text(name, "15")) == [SILENT]


@pytest.mark.parametrize("unencodable", ["strip-accents", "question-mark"])
@pytest.mark.parametrize("charset", ["ASCII", "8859/1"])
def test_a_silent_change_is_found_where_letters_are_replaced(charset: str, unencodable: str, desk: Desk) -> None:
    desk.composer = Composer(builtin(charset=charset, text={"unencodable": unencodable}))
    assert desk.codes(named_by_text("Krew pełna", "14"), named_by_text("Krew pełna", "15")) == ["spooled", SILENT]


def test_the_facts_of_a_built_message_are_those_of_its_bytes(desk: Desk) -> None:
    desk.composer = Composer(builtin(charset="ASCII", text={"unencodable": "strip-accents"}))
    (message,) = desk.take(named_by_text("Krew pełna", "14"))
    assert message.orders == facts_in(message.body or b"") == (OrderFact("F1^Krew pelna", "Krew pelna", "F", ""),)


# ------------------------------------------------------------------ files that are read again


def _pair(first: bytes, second: bytes) -> bytes:
    """A file of two reports."""
    return b"[" + first + b", " + second + b"]"


def _broken(filler: str) -> bytes:
    """A report that cannot be built."""
    return lab(filler=filler, test="").replace(b'"code": ""', b'"code": 7')


def _returned_as(journal: Journal) -> str:
    """The claim id under which the file that was released last comes back."""
    return str(rows(journal, "SELECT MAX(returns_as) FROM source")[0][0])


@pytest.mark.parametrize("named", [True, False], ids=["with orders", "without orders"])
@pytest.mark.parametrize("given_up", [True, False], ids=["given up", "delivered"])
def test_what_was_settled_is_not_sent_because_its_neighbour_is_read_again(
    desk: Desk, *, given_up: bool, named: bool
) -> None:
    """One report of a file is given up or delivered; another one that could not be built is released, twice."""
    one = lab(T1, filler="A") if named else lab(T1, filler="")
    desk.take(_pair(one, _broken("B")))
    if given_up:
        desk.journal.operator.dismiss(desk.fail(), "it is the wrong patient's")
    else:
        desk.accept()
    state = "dismissed" if given_up else "acked"
    for reading in (1, 2):
        ((bad,),) = rows(desk.journal, "SELECT id FROM message WHERE state = 'quarantined'")
        assert desk.journal.operator.release(bad) == "outbox"
        second = _broken("B") if reading == 1 else lab(T1, filler="B")
        again, _ = desk.take(_pair(one, second), returned_as=_returned_as(desk.journal))
        assert (again.state, again.same_as) == ("duplicate", 1), again.reason
        assert again.code == ("message.given-up" if given_up else "message.duplicate")
        assert rows(desk.journal, "SELECT state FROM message WHERE id = 1") == [(state,)]
    (message,) = head(desk.journal)
    assert b"B^LAB" in message.body


def test_other_content_in_place_of_what_was_given_up_waits_for_a_person(desk: Desk) -> None:
    one, two = lab(T1, filler="A", Hb="14"), lab(T1, filler="B")
    desk.take(_pair(one, _broken("B")))
    desk.journal.operator.dismiss(desk.fail(), "it is the wrong patient's")
    for _ in range(2):
        ((bad,),) = rows(desk.journal, "SELECT MAX(id) FROM message WHERE state = 'quarantined'")
        desk.journal.operator.release(bad)
        other = _pair(lab(T1, filler="A", Hb="15"), _broken("B"))
        changed, _ = desk.take(other, returned_as=_returned_as(desk.journal))
        assert (changed.state, changed.code) == ("quarantined", "report.given-up"), changed.reason
    ((bad,),) = rows(desk.journal, "SELECT MAX(id) FROM message WHERE state = 'quarantined'")
    desk.journal.operator.release(bad)
    again, built = desk.take(_pair(one, two), returned_as=_returned_as(desk.journal))
    assert (again.code, built.state) == ("message.given-up", "spooled")


def test_one_of_two_equal_reports_that_was_given_up_settles_one(desk: Desk) -> None:
    """What the settled reports of a file say counts once each."""
    one = lab(T1, filler="")
    desk.take(b"[" + b", ".join((one, one, _broken("B"))) + b"]")
    desk.journal.operator.dismiss(desk.fail(), "once is enough")
    desk.accept()
    ((bad,),) = rows(desk.journal, "SELECT id FROM message WHERE state = 'quarantined'")
    desk.journal.operator.release(bad)
    data = b"[" + b", ".join((one, one, one)) + b"]"
    taken = desk.take(data, returned_as=_returned_as(desk.journal))
    assert [each.code for each in taken] == ["message.given-up", "message.duplicate", ""]


# ------------------------------------------------------------------ what was built anew after it may have arrived


def _rebuilt_after_silence(desk: Desk) -> None:
    """M1 leaves without an answer, and is built anew by force, as N1."""
    desk.take(ready("M1", order="A", value="14.1"))
    message = head(desk.journal)[0]
    desk.journal.delivery.sending(1)
    desk.journal.delivery.unknown(message, Attempt(1, 5, "unknown", "ack", "ack.timeout", ""))
    original = desk.journal.rebuilding.original(1, force=True)
    (new,) = desk.composer.entries(read(ready("M1", order="A")).items[0], {})
    assert new.body is not None
    renamed = new._replace(control_id="N1", body=with_control_id(new.body, "N1"), digest=original.digest)
    desk.journal.rebuilding.rebuilt(original, renamed, force=True)


def test_a_control_id_that_may_have_left_never_carries_other_bytes(desk: Desk) -> None:
    """The laboratory drops other content as M1."""
    _rebuilt_after_silence(desk)
    desk.take(ready("M1", order="B", value="99.9"))
    first, second = head(desk.journal)
    assert first.control_id == "N1"
    assert second.control_id not in ("M1", "N1")


def test_what_may_have_arrived_before_a_rebuild_stays_in_the_history(desk: Desk) -> None:
    """Its first bytes may be in the HIS; the new ones are refused and given up."""
    _rebuilt_after_silence(desk)
    desk.journal.operator.dismiss(desk.fail(), "the HIS does not want it")
    ((entry,),) = desk.journal.spool.ledger(["A^LAB"], HIS).values()
    assert (entry.message, entry.is_sure) == (1, False)
