"""A built message down to what has changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.hl7.delta import changed_only
from lab_sender.hl7.orders import observed

HEAD = ["MSH|^~\\&|LAB|L", "PID|1||7^^^MR||Doe", "NTE|1|L|of the patient"]


def message(*orders):
    """Orders as (OBR, its lines); an OBX as (name, value, *notes), any other line as text. OBX-1 is counted here."""
    lines = [*HEAD]
    for obr, below in orders:
        lines += ["ORC|RE", obr]
        number = 0
        for each in below:
            if isinstance(each, str):
                lines.append(each)
                continue
            number += 1
            name, value, *notes = each
            lines.append(f"OBX|{number}|ST|{name}^{name}^L|{'' if name != 'ORG' else number}|{value}||||||F")
            lines += [f"NTE|{n}|L|{note}" for n, note in enumerate(notes, 1)]
    return "\r".join((*lines, "")).encode("latin-1")


def obr(filler="F1", test="CBC", time="20240101"):
    return "|".join(("OBR", "1", "", f"{filler}^LAB", test, *[""] * 17, time, "", "", "F"))


A, B, C = ("A", "1"), ("B", "2", "a note"), ("C", "3")
SPM, NOTE = "SPM|1|||SER", "NTE|1|L|of the order"
FIRST = message((obr(), [NOTE, A, B, SPM]))

CASES = {
    "a new one": ([FIRST], [NOTE, A, B, C, SPM], [NOTE, C, SPM]),
    "a changed one": ([FIRST], [NOTE, ("A", "9"), B, SPM], [NOTE, ("A", "9"), SPM]),
    "a changed note": ([FIRST], [NOTE, A, ("B", "2", "another"), SPM], [NOTE, ("B", "2", "another"), SPM]),
    "a note less": ([FIRST], [A, ("B", "2"), SPM], [("B", "2"), SPM]),
    "nothing changed: all": ([FIRST], [NOTE, A, B, SPM], [NOTE, A, B, SPM]),
    "nothing but the OBR and the specimen: all": ([FIRST], [A, B, "SPM|1|||PLAS"], [A, B, "SPM|1|||PLAS"]),
    "another specimen, and a new one: all": ([FIRST], [A, B, C, "SPM|1|||PLAS"], [A, B, C, "SPM|1|||PLAS"]),
    "no specimen any more, and a new one: all": ([FIRST], [A, B, C], [A, B, C]),
    "a specimen that was told before another one: all of what that has": (
        [FIRST, message((obr(), [A, "SPM|1|||PLAS"]))], [B, A, "SPM|1|||PLAS"], [B, "SPM|1|||PLAS"],
    ),
    "one is gone: all": ([FIRST], [A, C], [A, C]),
    "never sent: all": ([], [NOTE, A, B, SPM], [NOTE, A, B, SPM]),
    "told in parts": ([FIRST, message((obr(), [("A", "9"), C, SPM]))], [("A", "9"), B, C, ("D", "4"), SPM],
                      [("D", "4"), SPM]),
    "there and back": ([FIRST, message((obr(), [("A", "9"), SPM]))], [A, B, SPM], [A, SPM]),
    "lines of one text": ([message((obr(), [("T", "x"), ("T", "y")]))], [("T", "x"), ("T", "z"), A],
                          [("T", "x"), ("T", "z"), A]),
    "bytes that are no text": ([FIRST], [A, B, ("C", "\xe9\xff"), SPM], [("C", "\xe9\xff"), SPM]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_sent(case):
    earlier, now, expected = CASES[case]
    later = obr(time="20240102")
    assert changed_only(message((later, now)), earlier) == message((later, expected))


@pytest.mark.parametrize("place", range(5, 30))
def test_an_order_that_is_described_otherwise_stays_whole(place):
    """As by OBR-7: what has the same value at another time is another result."""
    fields = obr().split("|") + [""] * 10
    fields[place] += "X"
    now = message(("|".join(fields), [A, B, C]))
    part = message(("|".join(fields), [C]))
    assert changed_only(now, [message((obr(), [A, B]))]) == (part if place in (22, 25) else now)


def test_each_order_by_itself():
    both = message((obr(), [A, B]), (obr("F2"), [A]), (obr(test="BMP"), [A]))
    now = message((obr(), [A, B, C]), (obr("F2"), [A]), (obr(test="BMP"), [("A", "7"), C]), (obr("F3"), [A]))
    sent = message((obr(), [C]), (obr("F2"), [A]), (obr(test="BMP"), [("A", "7"), C]), (obr("F3"), [A]))
    assert changed_only(now, [both]) == sent


_observations = st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("123")), unique_by=lambda each: each[0])


@pytest.mark.long
@examples(200)
@given(st.lists(_observations, min_size=1, max_size=5))
def test_whoever_adds_up_the_parts_knows_the_whole(snapshots):
    """A HIS that keeps the last state of each observation has that of every snapshot."""
    sent = []
    for number, snapshot in enumerate(snapshots):
        whole = message((obr(time=f"2024010{number}"), snapshot))
        sent.append(changed_only(whole, sent))
        (known,), (now,) = observed(sent).values(), observed([whole]).values()
        assert {name: known[name] for name in now} == now
