"""A ready message of two patients: each of its orders is one's, whatever the first PID says."""

from __future__ import annotations

import pytest
from kit.core import HIS, head, rows

from intake.test_ledger import Desk, lab
from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import Journal
from lab_sender.journal.statements import Statements

_KEEP_ORDERS = Statements("retention")["keep_orders"]


def _ready(control_id: str, *orders: tuple[str, str]) -> bytes:
    """A ready message of such patients and their orders."""
    lines = [f"MSH|^~\\&|LAB|L|H|H|20261122||ORU^R01^ORU_R01|{control_id}|P|2.5.1"]
    for number, (patient, order) in enumerate(orders, 1):
        lines += [f"PID|{number}||{patient}||Test^Patient", f"OBR|1||{order}^LAB|CBC^CBC^L" + "|" * 21 + "F"]
        lines.append("OBX|1|NM|Hb^Hb^L||14|g/dL|||||F")
    return "\r".join([*lines, ""]).encode()


def _both(control_id: str = "M1") -> bytes:
    return _ready(control_id, ("A", "F1"), ("B", "F2"))


def _waiting(journal: Journal) -> list[str]:
    return [each.control_id for each in journal.delivery.head(HIS, after_quarantine="hold-patient")]


def _is_of_another(desk: Desk, report: bytes) -> bool:
    return any("correction.other-patient" in each for each in desk.codes(report))


def _refuse(journal: Journal) -> None:
    (message,) = head(journal)
    journal.delivery.sending(message.id)
    journal.delivery.quarantined(message, code="refused", reason="no")


def test_the_next_report_of_the_second_one_is_its_own(journal: Journal) -> None:
    desk = Desk(journal)
    desk.take(_both())
    desk.accept()
    assert not _is_of_another(desk, lab(filler="F2", patient_id="B", Hb="14", PLT="4"))


def test_an_order_of_the_second_one_is_not_the_firsts(journal: Journal) -> None:
    desk = Desk(journal)
    desk.take(_both())
    desk.accept()
    assert _is_of_another(desk, lab(filler="F2", patient_id="A", Hb="14"))


def test_nor_is_one_of_nobody_known(journal: Journal) -> None:
    desk = Desk(journal)
    desk.take(_ready("M1", ("A", "F1"), ("", "F2")))
    desk.accept()
    assert not _is_of_another(desk, lab(filler="F2", patient_id="B", Hb="14", PLT="4"))


def test_what_the_first_one_has_is_no_base_for_the_second(journal: Journal) -> None:
    desk = Desk(journal, send="changed", suspicious="send")
    desk.take(_both())
    desk.accept()
    (message,) = desk.take(lab(filler="F2", patient_id="A", Hb="14", PLT="4"))
    assert (message.body or b"").count(b"\rOBX|") == 2


def test_a_refused_message_holds_each_of_its_patients(journal: Journal) -> None:
    desk = Desk(journal)
    desk.take(_both())
    _refuse(journal)
    desk.take(_ready("M2", ("A", "F8")), _ready("M3", ("B", "F9")), _ready("M4", ("C", "F7")))
    assert _waiting(journal) == ["M4"]


@pytest.mark.parametrize(
    ("orders", "expected"), [((("A", ""), ("B", "F2")), ["M4"]), ((("A", "F1"), ("B", "F1")), ["M3", "M4"])]
)
def test_the_first_one_is_held_whose_ever_the_orders_are(
    journal: Journal, orders: tuple[tuple[str, str], ...], expected: list[str]
) -> None:
    """An order without a number, or one of both, says nothing of whose it is."""
    desk = Desk(journal)
    desk.take(_ready("M1", *orders))
    _refuse(journal)
    desk.take(_ready("M2", ("A", "F8")), _ready("M3", ("B", "F9")), _ready("M4", ("C", "F7")))
    assert _waiting(journal) == expected


def test_an_order_of_nobody_is_held_beside_the_patients(journal: Journal) -> None:
    desk = Desk(journal)
    desk.take(_ready("M1", ("A", "F1"), ("", "F2")))
    _refuse(journal)
    desk.take(_ready("M2", ("", "F2")), _ready("M3", ("A", "F8")), _ready("M4", ("", "F9")))
    assert _waiting(journal) == ["M4"]


def test_it_waits_behind_each_of_them_and_what_is_behind_it_too(journal: Journal) -> None:
    desk = Desk(journal)
    desk.take(_ready("M0", ("B", "F9")))
    _refuse(journal)
    desk.take(_both(), _ready("M2", ("A", "F8")), _ready("M4", ("C", "F7")))
    assert _waiting(journal) == ["M4"]


@pytest.mark.parametrize("act", ["copy", "retention"])
def test_it_stays_so_of_a_copy_and_where_the_message_is_deleted(journal: Journal, act: str) -> None:
    desk = Desk(journal)
    desk.take(_both())
    desk.accept()
    kept = [("F1^LAB", "A^"), ("F2^LAB", "B^")]
    asked = "SELECT order_key, patient_key FROM message_order WHERE message_id = {} ORDER BY 1"
    if act == "copy":
        journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    else:
        with journal.store.durable() as db:
            db.execute(_KEEP_ORDERS, {"ids": "[1]"})
    assert rows(journal, asked.format(2 if act == "copy" else 1)) == kept
