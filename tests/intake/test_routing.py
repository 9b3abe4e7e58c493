"""Which destination takes a message: the rules of `takes` on built and ready messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from config.test_profile_national import NOW
from kit.core import ready, report, rows
from kit.destinations import House, rule, takes

from lab_sender.config.load import load
from lab_sender.config.profile import builtin
from lab_sender.config.takes import TAKES_ALL, TakesRule
from lab_sender.errors import FileError
from lab_sender.intake.compose import Composer, Recipient, recipients
from lab_sender.intake.routing import route, route_failed
from lab_sender.journal import Journal, NewMessage
from lab_sender.oru import Builder
from lab_sender.readers import Inputs
from lab_sender.report.model import Report

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


@pytest.mark.parametrize(
    ("obr_4", "one", "taken"),
    [
        (b"625-4 ^Stool ", rule("OBR-4.1", "625-4"), True),  # a system that fills its fields up with blanks
        (b" 625-4^Stool", rule("OBR-4.1", "625-4"), True),
        (b"625-4 ^Stool", rule("OBR-4.1", matches="^625-4$"), True),
        (b"625-4 ^Stool", rule("OBR-4.1", "625-4", negated=True), False),
        (b"625-4^Stool^LN^^^", rule("OBR-4", "625-4^Stool^LN"), True),  # or with delimiters that say nothing
        (b"625-4^Stool^LN^^^", rule("OBR-4", "625-4^Stool^LN^^^"), True),
        (b"625-4^Stool^LN^^^", rule("OBR-4", "625-4^Stool"), False),
        (b"625-4^  ", rule("OBR-4.2", matches="."), False),  # blanks are no value
        (b"625-4^A\\T\\", rule("OBR-4.2", "A&"), True),  # one that is escaped says something
    ],
)
def test_what_says_nothing_around_a_value_is_not_looked_at(obr_4: bytes, one: TakesRule, taken: bool) -> None:
    body = TWO_ORDERS.replace(b"600-7^A \\T\\ B^LN", obr_4).replace(b"58410-2^CBC^LN", obr_4)
    assert route(body, takes(one)).taken is taken


def test_a_message_with_another_escape_character_is_read_by_it() -> None:
    body = TWO_ORDERS.replace(b"\\", b"!")
    assert route(body, takes(rule("OBR-4.2", "A & B"))).taken
    assert route(body.replace(b"CBC", b"C\\F\\C"), takes(rule("OBR-4.2", "C\\F\\C"))).taken


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


DONE = {"test": {"code": "718-7"}, "value": "1", "status": "final"}
SET_NEW = [{"field": "MSH-6", "value": "NEW"}]
SET_TIME = [{"field": "OBX-14", "value": "{OBR-7}"}]
SET_REPORT = [{"field": "OBR-19", "value": "{order.section}"}]
ADD_ZLB = [{"segment": "ZLB|{OBR-22}", "after": "OBR", "when": "OBR-22 present"}]
DROP_NOTES = [{"segment": "NTE", "when": "PID-7 absent"}]
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
    strict = Recipient("strict", builtin(require=["PID-7"]), takes(rule("PID-7", "1970")))
    assert _shown(composed(report(), strict, ALL)) == [
        ("", "strict", "quarantined", "field.required"), ("", "all", "spooled", ""),
    ]  # fmt: skip
    assert [each.code for each in composed(report("F9"), strict, B)] == ["field.required"], "strict might take it"


# ------------------------------------------------------------------ what cannot be built, and would not be taken


def strict(*rules: TakesRule, **settings: Any) -> Recipient:
    return Recipient("strict", builtin(**settings), takes(*rules))


NEVER = rule("OBR-4.1", "94500-6", "625-4")


def test_what_a_destination_would_not_take_is_not_quarantined_there_for_what_it_lacks() -> None:
    (made,) = composed(report(), strict(NEVER, require=["PID-7", "ORC-21"]), ALL)
    assert (made.destination, made.state) == ("all", "spooled")
    (made,) = composed(report(), strict(NEVER, require=["PID-7"]), B._replace(takes=takes(NEVER)))
    assert made.code == "route.none"
    assert "strict by OBR-4.1; b by OBR-4.1" in made.reason


def test_what_it_would_take_is_quarantined_with_all_findings() -> None:
    wants = rule("OBR-4.1", "58410-2")
    (made,) = composed(report(), strict(wants, require=["PID-7", "ORC-21"]))
    errors = [each.field for each in made.findings if each.severity == "error"]
    assert (made.state, errors) == ("quarantined", ["PID-7", "ORC[1]-21"])


@pytest.mark.parametrize(
    ("rules", "settings", "what"),
    [
        ([rule("PID-7", matches=".")], {"require": ["PID-7"]}, "the field that is missing"),
        ([rule("PID-11.4", "NY")], {"require": ["PID-7"]}, "an empty field of that segment"),
        ([rule("OBR-4.1", "1"), rule("OBR-22", matches=".")], {"require": ["OBR-22"]}, ""),  # one rule is sure
        ([rule("OBR-4.1", "1", negated=True), rule("OBR-22", "1")], {"require": ["OBR-22"]}, "one of two rules"),
        ([rule("OBX-6", "g/l")], {"allow": {"OBX-6": ["g/l"]}}, "a value that is not allowed"),
        ([rule("OBX-6", "g/l")], {"limits": {"OBX-6": 2}}, "a value that is too long"),
        ([rule("SPM-4.1", "B")], {"require": [{"field": "OBR-15", "when": "SPM-4 absent"}]}, "what is its condition"),
        ([rule("ORC-12.1", "9")], {"require": ["OBR-16"]}, "the same value elsewhere"),
        ([rule("OBX-14", matches=".")], {"require": ["OBR-7"], "set": SET_TIME}, "what a rule makes of it"),
        ([rule("OBR-7", matches=".")], {"require": ["OBX-14"], "set": SET_TIME}, "what a rule makes it of"),
        ([rule("ZLB-1", "1")], {"add": ADD_ZLB, "require": ["OBR-22"]}, "a segment that is made of it"),
        ([rule("OBR-18", "x")], {"set": SET_REPORT, "require": ["OBR-19"]}, "made of the report itself"),
        ([NEVER], {"drop": DROP_NOTES, "require": ["PID-7"]}, "what is left out where it is missing"),
        ([NEVER], {"codes": {"unmapped": "error", "maps": {"test": {"inline": {"1": "2"}}}}}, "a code without map"),
    ],
)  # fmt: skip
def test_what_an_error_may_concern_is_unknown(rules: list[TakesRule], settings: dict[str, Any], what: str) -> None:
    made = composed(report(), strict(*rules, **settings), ALL)
    assert [each.destination for each in made] == (["strict", "all"] if what else ["all"]), what


@pytest.mark.parametrize(
    ("change", "rules", "taken"),
    [
        ({"collected": "yesterday"}, [rule("OBR-7", matches=".")], None),
        ({"collected": "yesterday"}, [NEVER], False),
        ({"collected": "yesterday"}, [rule("PV1-3.4", "ICU")], None),  # empty, and some value could not be written
        ({"collected": "yesterday"}, [rule("OBR-4.1", "58410-2")], True),
        ({"collected": "yesterday"}, [rule("OBR-4.1", "58410-2", negated=True)], False),
        ({"status": "cooking"}, [rule("OBX-11", "P")], None),
        ({"status": "cancelled", "results": [DONE]}, [rule("OBX-3.1", "1")], None),
        ({"filler": ""}, [rule("ORC-3.1", "F1")], None),
    ],
)
def test_what_could_not_be_written(change: dict[str, Any], rules: list[TakesRule], taken: bool | None) -> None:
    data = json.loads(report())
    data["orders"][0] |= change
    made = composed(json.dumps(data).encode(), strict(*rules))
    assert [(each.state, each.code == "route.none") for each in made] == [("quarantined", taken is False)]
    with pytest.raises(FileError) as failed:
        Builder(builtin()).build(msgspec.convert(data, Report), control_id="1", now=NOW, attachments={})
    assert route_failed(failed.value, takes(*rules)).taken is taken


def test_every_order_must_say_that_it_is_not_taken() -> None:
    """Of two orders one has a test without code: as its segment has an error, it may be the one that is wanted."""
    data = json.loads(report())
    data["orders"].append(data["orders"][0] | {"filler": "F2", "test": {"text": "Culture"}})
    two = json.dumps(data).encode()
    assert _shown(composed(two, strict(NEVER, require=["OBR-22"])))[0][3] == "field.required"
    assert _shown(composed(two, strict(NEVER, require=["PID-7"])))[0][3] == "route.none"


def test_a_document_that_did_not_come_is_no_fault_where_the_report_is_not_taken() -> None:
    wanted = [strict(NEVER), strict(rule("OBX-3.1", "1"))._replace(name="other")]
    composer = Composer([*wanted, ALL])
    (item,) = composer.interpret(report("F1", "14.1", "scan.pdf")).items
    assert [(each.destination, each.code) for each in composer.entries(item, {})] == [
        ("other", "attachment.missing"), ("all", "attachment.missing"),
    ]  # fmt: skip


def test_text_that_the_character_set_lacks_hides_no_rule() -> None:
    data = report().replace(b"Hb", "漢".encode())
    assert [each.destination for each in composed(data, strict(NEVER, charset="8859/1"), ALL)] == ["all"]
    assert [each.code for each in composed(data, strict(rule("OBX-3.2", "x"), charset="8859/1"))] == [
        "charset.unencodable"
    ]


@pytest.mark.parametrize(
    ("rules", "settings", "code"),
    [
        ([NEVER], {"require": ["PID-8"]}, "route.none"),
        ([rule("OBR-4.1", "58410-2")], {"require": ["PID-8"]}, "field.required"),
        ([rule("PID-8", "F")], {"require": ["PID-8"]}, "field.required"),
        ([rule("PV1-3.4", "ICU")], {"require": ["PID-8"]}, "route.none"),
        ([rule("MSH-6", "NEW")], {"require": ["PID-8"], "set": SET_NEW}, "field.required"),
        ([rule("MSH-6", "H")], {"require": ["PID-8"], "set": SET_NEW}, "route.none"),
        ([NEVER], {"drop": [{"segment": "OBR", "when": "OBR-1 present"}]}, "profile.nothing-left"),
    ],
)
def test_ready_messages_whose_rules_fail(rules: list[TakesRule], settings: dict[str, Any], code: str) -> None:
    for data in (ready("M1"), OTHER_DELIMITERS):
        (made,) = composed(data, strict(*rules, apply_to=["hl7"], **settings))
        assert (made.state, made.code) == ("quarantined", code)


def test_a_control_id_that_is_still_to_be_given_is_unknown() -> None:
    without = ready("M1").replace(b"|M1|", b"||")
    profile = {"apply_to": ["hl7"], "require": ["PID-8"]}
    (made,) = composed(without, strict(rule("MSH-10", matches="."), **profile))
    assert made.code == "field.required"


def test_a_registry_is_not_flooded_with_what_it_would_never_take(tmp_path: Path, journal: Journal) -> None:
    """A real file of two reports, of which us-elr accepts neither: one test is reportable."""
    (tmp_path / "reportable.csv").write_text("code,name\n94500-6,SARS-CoV-2 RNA\n")
    path = tmp_path / "config.yaml"
    path.write_text(
        """\
outbox: outbox
destinations:
  hospital: {host: 127.0.0.1, port: 1}
  registry:
    host: 127.0.0.1
    port: 2
    message: {extends: us-elr}
    takes:
      - {field: OBR-4.1, in: reportable.csv}
"""
    )
    config = load(path)
    house = House(tmp_path, journal, {"outbox": recipients(config.destinations, ["hospital", "registry"])})
    other = report("F2").replace(b"58410-2", b"94500-6")
    house["outbox"].put("two.json", b"[" + report("F1") + b"," + other + b"]")
    house.look()
    assert house.messages() == [
        ("hospital", "spooled", ""), ("hospital", "spooled", ""), ("registry", "quarantined", "field.required"),
    ]  # fmt: skip
    ((reason,),) = rows(journal, "SELECT reason FROM message WHERE destination = 'registry'")
    assert {"(ORC[1]-21)", "(OBX[1]-23)", "(OBR[1]-22)"} <= set(reason.replace(":", " ").split())


# ------------------------------------------------------------------ other files


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
