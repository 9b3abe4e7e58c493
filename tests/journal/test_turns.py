"""On which lane a message goes: the same number for the same patient or order, 0 for what must go alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.core import HIS, entry, head, ready, rows, source

from lab_sender.hl7.orders import OrderFact, has_several_patients
from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import Attempt, Journal, NewMessage, Share
from lab_sender.journal.turns import turn_of

ANNA, BELA = "A^MR", "B^MR"


def _turns(journal: Journal) -> dict[str, tuple[bool, bool]]:
    """Control id -> whether it has a number of its patient, and one of its order."""
    found = rows(journal, "SELECT control_id, patient_turn, order_turn FROM message ORDER BY id")
    return {name: (patient > 0, order > 0) for name, patient, order in found}


def _spool(journal: Journal, *messages: NewMessage, destination: str = HIS) -> None:
    for message in messages:
        journal.spool.spooled([source(f"C-{destination}-{message.control_id}", message)], destination)


def _refuse(journal: Journal) -> int:
    message = head(journal)[0]
    tried = Attempt(message.id, 5, "verdict", "ack", "", "", "AE")
    journal.delivery.refused(message, tried)
    assert journal.delivery.quarantined(message, code="refused", reason="The HIS answered AE.")
    return message.id


def test_a_number_is_the_same_for_ever() -> None:
    """Messages that wait keep theirs over an upgrade."""
    assert [turn_of(key) for key in ("", "A^MR", "F1^LAB", "\udcff")] == [0, 874616500, 430773544, 739019009]


@given(st.text(min_size=1))
def test_a_key_has_a_number_that_every_database_can_keep(key: str) -> None:
    assert 1 <= turn_of(key) < 2**31


def test_a_message_of_one_patient_and_order_has_the_numbers_of_both(journal: Journal) -> None:
    _spool(journal, entry("M1", order="O1", patient=ANNA), entry("M2", order="O1", patient=ANNA))
    expected = (turn_of(ANNA), turn_of("O1"))
    assert rows(journal, "SELECT patient_turn, order_turn FROM message") == [expected, expected]


def test_what_has_no_key_or_several_goes_alone(journal: Journal) -> None:
    two = (OrderFact("O1", "x", "F", ""), OrderFact("O2", "x", "F", ""))
    twice = (OrderFact("O4", "x", "F", ""), OrderFact("O4", "y", "F", ""))
    _spool(
        journal,
        entry("NOBODY", patient=""),
        entry("NO-ORDER", patient=ANNA, orders=()),
        entry("TWO-ORDERS", patient=ANNA, orders=two),
        entry("TWO-TESTS", patient=ANNA, orders=twice),
        entry("BARRIER", patient=ANNA, body=(entry("BARRIER").body or b"") + b"PID|1||A\rPID|2||B\r"),
    )
    assert _turns(journal) == {
        "NOBODY": (False, True), "NO-ORDER": (True, False), "TWO-ORDERS": (True, False), "TWO-TESTS": (True, True),
        "BARRIER": (False, False),
    }  # fmt: skip


def test_an_order_that_becomes_another_patients_goes_alone_each_time(journal: Journal) -> None:
    batch = [entry(f"M{n}", order="O", patient=patient) for n, patient in enumerate((ANNA, BELA, BELA, ANNA))]
    journal.spool.spooled([source("C1", *batch)], HIS)
    _spool(journal, entry("M4", order="O", patient=BELA), entry("M5", order="P", patient=BELA))
    _spool(journal, entry("M6", order="O", patient=ANNA), destination="another")
    assert [name for name, (patient, _) in _turns(journal).items() if not patient] == ["M1", "M3", "M4"]
    assert all(order for _, order in _turns(journal).values())


def test_what_lies_in_quarantine_counts_as_well(journal: Journal) -> None:
    """It may be released, into its old place."""
    _spool(journal, entry("M1", order="O", patient=ANNA))
    _refuse(journal)
    _spool(journal, entry("M2", order="O", patient=BELA))
    assert _turns(journal) == {"M1": (True, True), "M2": (False, True)}


@pytest.mark.parametrize("way", ["release", "put back"])
def test_what_goes_out_again_before_another_patients_goes_alone(journal: Journal, way: str) -> None:
    """The message that kept the two apart has been given up meanwhile."""
    _spool(journal, *(entry(f"M{n}", order="O", patient=patient) for n, patient in enumerate((ANNA, BELA, BELA))))
    _spool(journal, entry("M3", order="P", patient=ANNA))
    _refuse(journal)
    journal.operator.dismiss(2, "why")
    if way == "release":
        journal.operator.release(1)
    else:
        journal.delivery.held(HIS, "brake", "ill", [1])
    assert _turns(journal) == {
        "M0": (False, True), "M1": (False, True), "M2": (True, True), "M3": (True, True),
    }  # fmt: skip


@pytest.mark.parametrize("way", ["dismiss", "rebuild"])
def test_what_a_barrier_kept_apart_the_next_of_its_order_does(journal: Journal, way: str) -> None:
    """It waits between two patients' messages of one order, and then it does not."""
    second = entry("M2", order="O", patient=BELA)
    _spool(journal, entry("M1", order="O", patient=ANNA), second, entry("M3", order="O", patient=BELA))
    assert _turns(journal) == {"M1": (True, True), "M2": (False, True), "M3": (True, True)}
    if way == "dismiss":
        journal.operator.dismiss(2, "why")
    else:
        new = entry("N2", order="P", patient=BELA, digest=second.digest)
        journal.rebuilding.rebuilt(journal.rebuilding.original(2), new)
        assert _turns(journal)["N2"] == (True, True)
    assert _turns(journal)["M3"] == (False, True)


def test_what_is_behind_a_barrier_that_was_given_up_is_one(journal: Journal) -> None:
    _spool(journal, entry("M1", order="O", patient=ANNA), entry("M2", order="O", patient=BELA))
    journal.operator.dismiss(2, "why")
    _spool(journal, entry("M3", order="O", patient=BELA), entry("M4", order="O", patient=BELA))
    assert _turns(journal) == {"M1": (True, True), "M2": (False, True), "M3": (False, True), "M4": (True, True)}


def test_a_barrier_with_nothing_older_keeps_nothing_apart(journal: Journal) -> None:
    _spool(journal, entry("M1", order="O", patient=""), entry("M2", order="O", patient=BELA))
    with journal.store.durable() as db:
        db.execute("UPDATE message SET patient_turn = 5 WHERE id = 2")  # as one that an older lab-sender has spooled
    journal.operator.dismiss(1, "why")
    assert _turns(journal)["M2"] == (True, True)


def test_behind_one_of_nobody_a_message_goes_alone(journal: Journal) -> None:
    """What stands before that one may come back to its place when it has been delivered."""
    _spool(journal, entry("M1", order="O", patient=ANNA), entry("M2", order="O", patient=""))
    _spool(journal, entry("M3", order="O", patient=BELA))
    assert _turns(journal) == {"M1": (True, True), "M2": (False, True), "M3": (False, True)}


def test_what_goes_out_again_by_itself_keeps_its_lane(journal: Journal) -> None:
    _spool(journal, entry("M1", order="O", patient=ANNA), entry("M2", order="O", patient=ANNA))
    _refuse(journal)
    journal.operator.release(1)
    assert _turns(journal) == {"M1": (True, True), "M2": (True, True)}


def test_an_order_number_that_very_many_have_may_be_anybodys(journal: Journal) -> None:
    _spool(journal, *(entry(f"M{n:02}", order="O", patient=ANNA) for n in range(70)))
    _refuse(journal)
    journal.operator.release(1)
    assert _turns(journal)["M00"] == (False, True)


def test_a_copy_gets_numbers_of_its_own(journal: Journal) -> None:
    _spool(journal, entry("M1", order="O", patient=ANNA))
    _refuse(journal)
    journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    assert _turns(journal) == {"M1": (True, True), "N1": (True, True)}
    _spool(journal, entry("M2", order="O", patient=BELA))
    journal.operator.resend(1, new_control_id="N2", restamp=with_control_id, force=True)
    assert _turns(journal)["N2"] == (False, True)


TWO_PATIENTS = ready("M1") + ready("M1", patient="another").partition(b"\r")[2]


def test_what_is_about_two_patients_goes_alone_and_so_does_its_copy(journal: Journal) -> None:
    _spool(journal, entry("M1", patient=ANNA, body=TWO_PATIENTS))
    _refuse(journal)
    journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    assert _turns(journal) == {"M1": (False, False), "N1": (False, False)}


@pytest.mark.parametrize(
    ("body", "several"),
    [(ready(), False), (TWO_PATIENTS, True), (ready() + ready().partition(b"\r")[2], False),
     (ready() + b"PID|2\r", True), (TWO_PATIENTS.replace(b"PID", b"pid"), True), (b"MSH|^~\\&|LAB\r", False),
     (TWO_PATIENTS.replace(b"2.5.1", b"2.5.1||||||UTF-8") + "NTE|1||ß\r".encode(), True)],
)  # fmt: skip
def test_several_patients_are_seen_by_their_pids(body: bytes, several: bool) -> None:
    assert has_several_patients(body) is several


def test_a_message_built_anew_goes_by_what_it_says_now(journal: Journal) -> None:
    first, second = entry("M1", order="O1", patient=ANNA), entry("M2", order="O2", patient=BELA)
    _spool(journal, first, second)
    for number, old in ((1, first), (2, second)):
        original = journal.rebuilding.original(number)
        new = entry(f"N{number}", order="O1", patient=BELA, digest=old.digest)
        journal.rebuilding.rebuilt(original, new)
    found = rows(journal, "SELECT patient_turn, order_turn FROM message ORDER BY id")
    assert found == [(turn_of(BELA), turn_of("O1"))] * 2


def test_what_kept_two_patients_of_one_order_apart_is_given_up_with_all_behind_it(journal: Journal) -> None:
    """All is given up batch by batch; the first one is being sent, over another connection."""
    lanes = 4
    one, two = (next(f"P{n}" for n in range(99) if turn_of(f"P{n}") % lanes == lane) for lane in (1, 2))
    _spool(journal, *(entry(f"M{n}", order="X", patient=patient) for n, patient in enumerate((one, two, two), 1)))
    journal.delivery.sending(1, 1)
    for number in (2, 3):
        assert len(journal.operator.dismiss_messages([number], "why").done) == 1
        assert not journal.delivery.heads(HIS, Share(2, lanes, "patient"), after_quarantine="continue").messages
