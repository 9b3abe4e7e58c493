"""Which destination takes a message: the rules of `takes` on built and ready messages."""

from __future__ import annotations

import pytest
from kit.core import ready, report
from kit.destinations import rule, takes

from lab_sender.config.profile import builtin
from lab_sender.config.takes import TAKES_ALL, TakesRule
from lab_sender.errors import FileError
from lab_sender.intake.compose import Composer, Recipient
from lab_sender.intake.routing import route
from lab_sender.journal import NewMessage
from lab_sender.readers import Inputs

TWO_ORDERS = (
    rb"MSH|^~\&|LAB|L|H^2.9^ISO|H|20261122||ORU^R01^ORU_R01|M1|P|2.5.1||||||8859/1" b"\r"
    b"PID|1||P1^^^MR~P2^^^XX||Roe^A\rPV1|1|I|W3^12^2^GEN\r"
    b"OBR|1||F1^LAB|58410-2^CBC^LN\rOBX|1|ST|718-7^Hb^LN||14.1|g/dL|||||F\r"
    rb"OBR|2||F2^LAB|600-7^A \T\ B^LN" b"\rOBX|1|ST|1^x^L||M\xfcller||||||F\r"
)
OTHER_DELIMITERS = ready("M1").translate(bytes.maketrans(b"|^~\\&", b"!*/?%"))


@pytest.mark.parametrize(
    ("one", "taken"),
    [
        (rule("OBR-4.1", "58410-2"), True),
        (rule("OBR-4.1", "600-7"), True),  # any order of the message
        (rule("OBR-4.1", "6"), False),  # `is` is the whole text
        (rule("OBR-4.1", "1", "600-7", "2"), True),
        (rule("OBR-4.1", "1", "2"), False),
        (rule("OBR-4.2", "A & B"), True),  # as it is read, not as it is escaped
        (rule("OBR-4.2", r"A \T\ B"), False),
        (rule("PID-3.1", "P2"), True),  # any repetition
        (rule("PID-3[1].1", "P2"), False),  # or the one that is named
        (rule("PID-3[2].1", "P2"), True),
        (rule("PV1-3.4", "GEN"), True),
        (rule("MSH-5.2", "2.9"), True),
        (rule("MSH-9.1", "ORU"), True),
        (rule("OBX-5", "Müller"), True),
        (rule("OBX-5", matches="^m.+er$"), True),
        (rule("OBX-5", matches="^Huber"), False),
        (rule("ZXX-1", "a"), False),  # no such segment has no value
        (rule("OBX-8", matches="."), False),  # empty is no value
        (rule("OBR-4.1", "600-7", negated=True), False),  # `not`: none may have it
        (rule("OBR-4.1", "6", negated=True), True),
        (rule("ZXX-1", "a", negated=True), True),
        (rule("OBX-8", matches=".", negated=True), True),
    ],
)
def test_a_rule_on_a_message(one: TakesRule, taken: bool) -> None:
    found = route(TWO_ORDERS, takes(one))
    assert found.taken is taken
    assert (found.met, found.unmet) == (((one,), ()) if taken else ((), (one,)))


def test_all_rules_must_hold() -> None:
    met, unmet = rule("MSH-6", "H"), rule("PV1-3.1", "W9")
    found = route(TWO_ORDERS, takes(unmet, met))
    assert (found.taken, found.met, found.unmet) == (False, (met,), (unmet,))
    assert route(TWO_ORDERS, TAKES_ALL).taken, "no rule: it takes all"


def test_other_delimiters() -> None:
    assert route(OTHER_DELIMITERS, takes(rule("OBR-4.1", "58410-2"))).taken
    assert not route(OTHER_DELIMITERS, takes(rule("OBR-4.1", "x"))).taken


def test_a_message_that_shifts_between_character_sets_cannot_be_routed() -> None:
    shifted = ready("M1").replace(b"||14.1|", b"||\x1b$B;3ED\x1b(B|")
    assert route(shifted, TAKES_ALL).taken
    with pytest.raises(FileError) as failed:
        route(shifted, takes(rule("MSH-6", "H")))
    assert failed.value.code == "route.unclear"
    two = Composer([Recipient("a", builtin(), takes(rule("MSH-6", "H"))), Recipient("b", builtin())])
    assert [(each.destination, each.state, each.code) for each in two.interpret(shifted).messages] == [
        ("a", "quarantined", "route.unclear"),
        ("b", "spooled", ""),
    ]


# ------------------------------------------------------------------ in the composer


def composed(data: bytes, *recipients: Recipient, inputs: Inputs | None = None) -> list[NewMessage]:
    return list(Composer(recipients, inputs).interpret(data).messages)


def _shown(messages: list[NewMessage]) -> list[tuple[str, str, str, str]]:
    return [(each.place, each.destination, each.state, each.code) for each in messages]


A = Recipient("a", builtin(), takes(rule("OBR-4.1", "58410-2"), rule("PID-3.1", "x", negated=True)))
B = Recipient("b", builtin(), takes(rule("OBR-3.1", "F2", "F3")))
ALL = Recipient("all", builtin())


@pytest.mark.parametrize("make", [report, lambda filler: ready(f"M-{filler}", order=filler)])
def test_each_destination_gets_what_it_takes(make: object) -> None:
    assert callable(make)
    assert [(each.destination, each.state) for each in composed(make("F1"), A, B, ALL)] == [
        ("a", "spooled"), ("all", "spooled"),
    ]  # fmt: skip
    assert [each.destination for each in composed(make("F2"), A, B, ALL)] == ["a", "b", "all"]


def test_a_ready_message_goes_out_byte_for_byte_and_under_its_own_control_id() -> None:
    data = ready("M1")
    made = composed(data, A, ALL)
    assert [(each.body, each.control_id) for each in made] == [(data, "M1")] * 2


def test_rules_look_at_ready_bytes_as_they_go_out_there() -> None:
    """One profile changes ready messages, the other does not: each destination's rules see its own bytes."""
    turned = builtin(apply_to=["hl7"], set=[{"field": "MSH-6", "value": "NEW"}])
    wants_new = takes(rule("MSH-6", "NEW"))
    made = composed(ready("M1"), Recipient("changed", turned, wants_new), Recipient("as-is", builtin(), wants_new))
    assert [each.destination for each in made] == ["changed"]
    assert made[0].body == ready("M1").replace(b"|H|H|", b"|H|NEW|")


def test_rules_look_at_a_built_message_in_the_words_of_its_own_profile() -> None:
    """The profile translates the test's code; the rule names what the receiver reads."""
    maps = {"test": {"inline": {"LN|58410-2": "BB^Blood^99L"}}}
    translated = Recipient("t", builtin(codes={"maps": maps}), takes(rule("OBR-4.1", "BB")))
    plain = Recipient("p", builtin(), takes(rule("OBR-4.1", "BB")))
    assert [each.destination for each in composed(report(), translated, plain)] == ["t"]


def test_what_nobody_takes_is_one_quarantined_message_that_names_the_fields() -> None:
    (made,) = composed(
        report("F9"), B, Recipient("c", builtin(), takes(rule("MSH-6", "X"), rule("PV1-3.4", "Y")))
    )
    assert (made.destination, made.state, made.code, made.body, made.control_id) == (
        "b", "quarantined", "route.none", None, None,
    )  # fmt: skip
    assert "b by OBR-3.1; c by MSH-6, PV1-3.4" in made.reason
    assert not {"F9", "F2", "F3", "X", "Y"} & set(made.reason.replace(".", " ").replace(",", " ").split())
    assert made.findings[0].code == "route.none"


def test_a_report_that_cannot_be_built_for_one_destination_goes_to_the_others() -> None:
    strict = Recipient("strict", builtin(require=["PID-7"]), takes(rule("MSH-6", "never")))
    assert _shown(composed(report(), strict, ALL)) == [
        ("", "strict", "quarantined", "field.required"), ("", "all", "spooled", ""),
    ]  # fmt: skip
    assert [each.code for each in composed(report("F9"), strict, B)] == ["field.required"], "strict might take it"


def test_a_report_that_cannot_be_read_is_in_quarantine_for_every_destination() -> None:
    data = b"[" + report("F1") + b', {"schema": "lab-result/1", "patient": 7}]'
    assert [(each.destination, each.state) for each in composed(data, A, ALL)] == [
        ("a", "spooled"), ("all", "spooled"), ("a", "quarantined"), ("all", "quarantined"),
    ]  # fmt: skip


def test_what_asks_for_no_answer_is_no_fault_where_it_is_not_taken() -> None:
    silent = ready("M1").replace(b"|P|2.5.1\r", b"|P|2.5.1|||NE|NE\r")
    made = composed(silent, Recipient("never", builtin(), takes(rule("MSH-6", "X"))), ALL)
    assert _shown(made)[0][1:3] == ("all", "quarantined")
    assert len(made) == 1


def test_a_composer_that_differs_in_its_rules_is_another_plan() -> None:
    one, same, other = (Composer([Recipient("a", builtin(), takes(rule("MSH-6", each)))]) for each in "XXY")
    assert one.digest == same.digest != other.digest
    assert Composer([Recipient("b", builtin(), takes(rule("MSH-6", "X")))]).digest != one.digest
