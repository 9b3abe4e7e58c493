"""What retention has deleted is still known: a repeat of something old overwrites nothing that came later."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path

import pytest
from kit.ages import OLD, house_of, nights, put, resend, values
from kit.core import HIS, entry, head, ready, rows, source
from kit.purging import retention

from intake.test_ledger import T1, T2, T3, Desk, lab
from lab_sender.filing.purge import Purge
from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import ActRejected, Journal, View

CANNOT = "quarantined correction.cannot-compare"
OLDER = "quarantined correction.older"
CONTENT_GONE, ALL_GONE = 30, 200
"""Days after which the bytes of all are deleted, and all of it."""


def age(journal: Journal, days: int) -> None:
    """Let so many days pass, and a night; the files were filed and deleted."""
    with journal.store.durable() as db:
        db.execute("UPDATE file SET folder = 'missing'")
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    for _ in range(2):  # what a duplicate pointed to goes in the night after it
        assert Purge(journal, {}, None, now=lambda: now).night(retention())
    assert rows(journal, "SELECT COUNT(*) FROM wire") == [(0,)]
    assert bool(rows(journal, "SELECT COUNT(*) FROM message")[0][0]) is (days < ALL_GONE)


def sent(journal: Journal, *files: bytes) -> Desk:
    """Deliver files one after the other."""
    desk = Desk(journal)
    for each in files:
        desk.take(each)
        desk.accept()
    return desk


@pytest.fixture(params=[CONTENT_GONE, ALL_GONE])
def days(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_the_newest_content_is_a_duplicate_for_ever(journal: Journal, days: int) -> None:
    desk = sent(journal, lab(T1), lab(T2, "corrected", Hb="15"))
    age(journal, days)
    (again,) = desk.take(lab(T2, "corrected", Hb="15"))
    assert (again.state, again.same_as) == ("duplicate", 2)


@pytest.mark.parametrize(
    ("file", "state"),
    [
        (lab(T1), OLDER),
        (lab(T1, "corrected", Hb="16"), OLDER),
        (lab(T2, Hb="16"), CANNOT),
        (lab("", Hb="16"), CANNOT),
        (lab(T3, "preliminary"), "quarantined correction.preliminary-after-final"),
        (lab(T3, Hb="16"), "spooled"),
        (lab(T3, "corrected", Hb="16"), "spooled"),
        (lab(T1, test="ESR"), "spooled"),
        (lab(T3, patient_id="OTHER"), "quarantined correction.other-patient"),
    ],
)
def test_a_report_of_a_known_order_is_judged_by_what_is_left(
    journal: Journal, days: int, file: bytes, state: str
) -> None:
    desk = sent(journal, lab(T1), lab(T2, "corrected", Hb="15"))
    age(journal, days)
    assert desk.codes(file) == [state]


def test_an_old_file_without_times_does_not_overwrite_what_came_later(journal: Journal, days: int) -> None:
    desk = sent(journal, lab(), lab("", "corrected", Hb="15"))
    age(journal, days)
    assert desk.codes(lab()) == [CANNOT]
    assert head(journal) == []


def test_only_what_changed_is_not_made_of_what_is_not_known(journal: Journal, days: int) -> None:
    """What the HIS has is not known any more: it gets all of the report."""
    desk = Desk(journal, send="changed")
    desk.take(lab(T1, Hb="14", WBC="7"))
    desk.accept()
    age(journal, days)
    (whole,) = desk.take(lab(T2, Hb="15", WBC="7"))
    assert whole.body is not None
    assert whole.body.count(b"OBX|") == 2


def test_a_used_control_id_is_never_other_content_s(journal: Journal, days: int) -> None:
    desk = sent(journal, ready("M1", order="F7"))
    age(journal, days)
    assert [each.state for each in desk.take(ready("M1", order="F7"))] == ["duplicate"]
    (other,) = desk.take(ready("M1", order="F8"))
    assert other.state == "spooled"
    assert other.control_id != "M1"


def test_what_lies_in_quarantine_does_not_overwrite_what_came_after_it(journal: Journal, days: int) -> None:
    desk = Desk(journal)
    desk.take(lab(T1))
    old = desk.fail()
    desk.take(lab(T2, Hb="15"))
    desk.accept()
    with journal.store.durable() as db:
        db.execute("UPDATE file SET folder = 'missing'")
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    Purge(journal, {}, None, now=lambda: now).night(retention())
    assert rows(journal, "SELECT id FROM message ORDER BY id") == ([(1,), (2,)] if days < ALL_GONE else [(1,)])
    with pytest.raises(ActRejected, match=r"release.overtaken: message 2\b"):
        journal.operator.release(old)
    with pytest.raises(ActRejected, match=r"resend\.overtaken"):
        journal.operator.resend(old, new_control_id="N", restamp=with_control_id)


def test_what_may_have_arrived_counts_as_before(journal: Journal) -> None:
    desk = Desk(journal)
    desk.take(lab(T1))
    desk.accept()
    desk.take(lab(T2, "corrected", Hb="15"))
    may_have = desk.fail(may_have_left=True)
    journal.operator.dismiss(may_have, "why")
    before = [entry[:6] for entry in journal.spool.ledger(["F1^LAB"], HIS)["F1^LAB"]]
    age(journal, ALL_GONE)
    assert [entry[:6] for entry in journal.spool.ledger(["F1^LAB"], HIS)["F1^LAB"]] == before
    assert [bool(each[4]) for each in before] == [True, False]


def test_of_each_order_test_and_patient_the_last_is_kept_and_no_more(journal: Journal) -> None:
    spooled = [
        entry(f"M{n}", order=order, patient=patient)
        for n, (order, patient) in enumerate([("A", "p"), ("A", "p"), ("A", "q"), ("B", "p"), ("A", "p"), ("A", "q")])
    ]
    journal.spool.spooled([source(f"C{n}", each) for n, each in enumerate(spooled)], HIS)
    Desk(journal).accept()
    age(journal, ALL_GONE)
    kept = rows(journal, "SELECT order_key, message_id, patient_key FROM message_order ORDER BY 1, 2")
    assert kept == [("A", 5, "p"), ("A", 6, "q"), ("B", 4, "p")]


def test_a_number_that_all_orders_have_keeps_no_more_than_is_looked_back_at(journal: Journal) -> None:
    spooled = [source(f"C{n:03}", entry(f"M{n}", order="0", patient=f"p{n}")) for n in range(300)]
    journal.spool.spooled(spooled, HIS)
    while head(journal):
        Desk(journal).accept()
    before = journal.spool.ledger(["0"], HIS)["0"]
    age(journal, ALL_GONE)
    assert rows(journal, "SELECT COUNT(*), MAX(message_id) FROM message_order") == [(64, 300)]
    assert journal.spool.ledger(["0"], HIS)["0"] == before


def test_the_counts_of_all_that_was_ever_delivered_stay(journal: Journal, days: int) -> None:
    desk = sent(journal, lab(T1), lab(T2, "corrected", Hb="15"), lab(T2, "corrected", Hb="15"))
    desk.take(lab(T3, filler="F2"))
    journal.operator.dismiss(4, "why")
    age(journal, days)
    with contextlib.closing(View(journal.store.path)) as view:
        expected = {"acked": 2, "duplicate": 1, "unreadable": 0} | ({"dismissed": 1} if days < ALL_GONE else {})
        assert view.counts() == expected


def test_what_was_deleted_is_said_to_whoever_wants_it_sent_again(journal: Journal) -> None:
    sent(journal, lab(T1))
    age(journal, CONTENT_GONE)
    with pytest.raises(ActRejected, match=r"resend\.deleted"):
        journal.operator.resend(1, new_control_id="N", restamp=with_control_id)


@pytest.mark.parametrize("has_gone", [False, True], ids=["kept", "deleted"])
def test_what_the_his_took_back_is_not_known_as_delivered(tmp_path: Path, journal: Journal, has_gone: bool) -> None:
    """It was resent, the copy was refused and given up; then the laboratory says the same once more."""
    house = house_of(tmp_path, journal, OLD)
    (control_id,) = house.accept("a")
    journal.delivery.said_later("a", control_id, "AE", b"MSH", accepts=False)
    copy = resend(journal, 1, "COPY")
    house.refuse("a")
    journal.operator.dismiss(copy, "the HIS does not take it")
    house.keep()
    if has_gone:
        nights(house)
    put(house, 2, OLD)
    assert values(house) == ["14.1"]
