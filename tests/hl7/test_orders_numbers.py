"""The numbers by which an operator may know an order."""

from __future__ import annotations

import pytest

from lab_sender.hl7.orders import numbers_in


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        ("OBR|1|P1^HIS|F1^LAB", {"P1^HIS", "F1^LAB"}),
        ("ORC|RE|P1|F1&X\rOBR|1||F2^^1.2.3^ISO", {"P1^", "F1&X^", "F2^1.2.3"}),
        ("OBR|1\rORC|RE||  |\rOBX|1|NM|K", set()),
    ],
)
def test_every_number_of_its_orders(lines: str, numbers: set[str]) -> None:
    body = f"MSH|^~\\&|LAB||||||ORU^R01|M|P|2.5.1\r{lines}\r"
    assert numbers_in(body.encode()) == numbers
    assert numbers_in(body.replace("|", "#").replace("^", "!").encode()) == numbers
    assert numbers_in(body.replace("P1", "Pü").encode("latin-1")) == {each.replace("P1", "Pü") for each in numbers}
