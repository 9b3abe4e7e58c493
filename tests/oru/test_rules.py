"""set, drop, add, limits, require, expect, forbid, allow on finished lines."""

import datetime
import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples
from kit.strategies import reports

from lab_sender.config.profile import builtin
from lab_sender.errors import FileError, LabSenderError, ProfileError
from lab_sender.hl7 import grammar
from lab_sender.oru import Builder
from lab_sender.oru.mistakes import mistakes_of_profile
from lab_sender.oru.rules.rules import Rules
from lab_sender.oru.rules.sheet import Sheet
from lab_sender.oru.rules.sources import KEYS, SETTINGS
from lab_sender.report import model
from lab_sender.report.model import Report

NOW = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)
LINES = [
    r"MSH|^~\&|LAB|F|HIS|H|2024||ORU^R01^ORU_R01|X|P|2.5.1",
    "PID|1||4711^^^HOSP^MR~22^^^NI||Roe^Jane^^^^^L",
    "NK1|1|Roe^Jim",
    "NK1|2|Roe^Joe",
    "ORC|RE|P1|F1",
    "OBR|1|P1|F1|24323-8^Panel^LN|||20240819||||||||||||||||||F",
    "NTE|1|L|of the order",
    "OBX|1|NM|2951-2^Sodium^LN||141|mmol/L|||||F|||2024",
    "NTE|1|L|one",
    "NTE|2|L|two",
    r"OBX|2|ST|X^Y^L||a long \F\ text||||||C",
    "SPM|1|S1||BLD",
    "ORC|RE|P2|F2",
    "OBR|2|P2|F2|718-7^Hb^LN|||||||||||||||||||||P",
    "OBX|1|NM|718-7^Hb^LN||9|g/dL|||||P",
]
PLACES = [
    "", "patient", "patient.next_of_kin[0]", "patient.next_of_kin[1]", "orders[0]", "orders[0]", "orders[0].notes[0]",
    "orders[0].results[0]", "orders[0].results[0].notes[0]", "orders[0].results[0].notes[1]", "orders[0].results[1]",
    "orders[0].specimens[0]", "orders[1]", "orders[1]", "orders[1].results[0]",
]  # fmt: skip
ORDER = {"filler": "F1|LAB", "test": {"code": "A"}, "section": "CHEM|1"}
REPORT = {
    "patient": {"ids": [{"id": "4711"}], "phones": ["1^2"]},
    "orders": [ORDER | {"results": [{"test": {"code": "A"}, "lab": {"name": "Elsewhere & Sons"}}]}, ORDER],
}


def rules(version="2.5.1", **profile):
    return Rules(builtin(version=version, **profile), grammar.load(version))


def apply(report=None, prefix="", **profile):
    lines, places = list(LINES), list(PLACES)
    given_report = msgspec.convert(report, Report) if report else None
    findings = rules(**profile).apply(lines, places, given_report, prefix)
    assert len(lines) == len(places)
    return lines, findings


def changed(**profile):
    """The lines that are new, without a finding."""
    lines, findings = apply(**profile)
    assert findings == []
    return [line for line in lines if line not in LINES]


def found(**profile):
    """What is found, where nothing changes."""
    lines, findings = apply(**profile)
    assert lines == LINES
    return [(one.code, one.field, one.place) for one in findings]


def rule(field, value, when=None):
    return [{"field": field, "value": value} | ({"when": when} if when else {})]


# ------------------------------------------------------------------ set


@pytest.mark.parametrize(
    ("given_rule", "lines"),
    [
        (rule("MSH-4", "A^1.2^ISO"), [LINES[0].replace("|F|", "|A^1.2^ISO|")]),
        (rule("PID-3.4", "X"), ["PID|1||4711^^^X^MR~22^^^X||Roe^Jane^^^^^L"]),
        (rule("PID-3[2].5", "NI"), [LINES[1].replace("22^^^NI", "22^^^NI^NI")]),
        (rule("PID-3[3]", "9"), [LINES[1].replace("^^^NI", "^^^NI~9")]),
        (rule("PID-3.4.2", "1.2"), ["PID|1||4711^^^HOSP&1.2^MR~22^^^NI&1.2||Roe^Jane^^^^^L"]),
        (rule("PID-5.7", ""), [LINES[1].removesuffix("^^^^^L")]),
        (rule("PID-5.2", ""), [LINES[1].replace("Jane", "")]),
        (rule("PID-8", "F"), [LINES[1] + "|||F"]),
        (rule("PID-30", ""), []),
        (rule("OBX-15", "{MSH-4}", "OBX-2 = NM and OBR-25 = F"), [LINES[7] + "|F"]),
        (rule("OBX-15", "{OBX-6.1|none}", "OBX-11 = C"), [LINES[10] + "||||none"]),
        (rule("OBX-17", "{SPM-4}", "SPM-4 present and OBX-2 = ST"), [LINES[10] + "||||||BLD"]),
        (rule("ORC-5", "{OBR-25}"), [LINES[4] + "||F", LINES[12] + "||P"]),
        (rule("PID-10", "{PID-3}", "PID-10 absent"), [LINES[1] + "|||||" + LINES[1].split("|")[3]]),
        (rule("PID-2", "{PID-3.1}-{OBR-3.1|?}"), [LINES[1].replace("||4711", "|4711-?|4711")]),
        (rule("OBX-15", r"a \T\ b", "OBX-11 not in F C P"), []),
    ],
)
def test_set(given_rule, lines):
    assert changed(set=given_rule) == lines


def test_set_of_the_report():
    values = rule("OBR-24", "{order.section}") + rule("OBX-15", "{lab.name}") + rule("PV1-3", "x")
    values += rule("ORC-4", "{order.filler}^{order.filler.authority}") + rule("PID-14", "{patient.phones[0]}")
    lines, findings = apply(report=REPORT, set=values)
    assert findings == []
    assert lines[5].endswith(r"|CHEM\F\1|F")
    assert lines[7].endswith(r"|2024|Elsewhere \T\ Sons")
    assert lines[4] == "ORC|RE|P1|F1|F1^LAB"
    assert lines[1].endswith(r"|1\S\2")
    assert lines[14] == LINES[14], "that result has no laboratory"


def test_a_report_path_sees_its_own_order():
    orders = [ORDER | {"section": "ONE"}, ORDER | {"section": "TWO"}]
    lines, _ = apply(report=REPORT | {"orders": orders}, set=rule("OBR-24", "{order.section}"))
    assert [line.split("|")[24] for line in lines if line.startswith("OBR")] == ["ONE", "TWO"]


@pytest.mark.parametrize(
    ("section", "code"), [("a\x0bb", "text.control"), ('""', "text.null"), ("Łódź", "charset.unencodable")]
)
def test_a_text_that_cannot_be_carried(section, code):
    report = REPORT | {"orders": [ORDER | {"section": section}]}
    lines, findings = apply(report=report, prefix="row 3", charset="8859/1", set=rule("MSH-4", "{order.section}"))
    assert lines == LINES
    (one,) = findings
    assert (one.code, one.field, one.severity) == (code, "MSH-4", "error")
    assert section not in one.line()


def test_accents_are_stripped_as_the_profile_says():
    report = REPORT | {"orders": [ORDER | {"section": "Łódź"}]}
    text = {"unencodable": "strip-accents"}
    lines, _ = apply(report=report, charset="8859/1", text=text, set=rule("MSH-4", "{order.section}"))
    assert lines[0].split("|")[3] == "Lódz"


def test_a_value_that_would_leave_its_place():
    lines = [*LINES[:1], "PID|1||4711~22||Roe^Jane||||||||||||||a^b"]  # PID-18.1 of a type with parts is named
    given_rules = rules(set=rule("PV1-19.1", "{PID-18.1}") + rule("PID-2.1", "{PID-5.1}"))
    findings = given_rules.apply(lines, ["", ""], None, "")
    assert findings == []
    odd = ["MSH|", "PID|1|||||||F^x"]  # a code with parts, as no version has it
    findings = rules(set=rule("PID-5.1", "{PID-8}")).apply(odd, ["", ""], None, "")
    assert [one.code for one in findings] == ["profile.template"]


# ------------------------------------------------------------- drop and add


def test_a_dropped_result_takes_its_notes_along_and_set_ids_count_anew():
    lines, _ = apply(drop=[{"segment": "OBX", "when": "OBX-2 = NM and OBR-25 = F"}])
    assert lines == [*LINES[:7], LINES[10].replace("OBX|2", "OBX|1"), *LINES[11:]]


def test_a_dropped_order_takes_all_of_it_along():
    lines, _ = apply(drop=[{"segment": "OBR", "when": "OBR-25 = F"}])
    assert lines == [*LINES[:4], LINES[12], LINES[13].replace("OBR|2", "OBR|1"), LINES[14]]


def test_other_drops():
    assert [line for line in apply(drop=["ORC"])[0] if line.startswith("ORC")] == []
    lines, _ = apply(drop=[{"segment": "NK1", "when": "NK1-2.2 = Jim"}])
    assert lines[2] == "NK1|1|Roe^Joe"
    lines, _ = apply(drop=[{"segment": "NTE", "when": "NTE-3 = one"}])
    assert lines[8] == "NTE|1|L|two"


def test_numbering_that_is_the_senders_own_stays():
    lines = [line.replace("OBX|1|NM|2951", "OBX|7|NM|2951") for line in LINES]
    dropper = rules(drop=[{"segment": "OBX", "when": "OBX-2 = NM"}])
    dropper.apply(lines, list(PLACES), None, "")
    assert [line[:5] for line in lines if line.startswith("OBX")] == ["OBX|2"]


def test_add_stands_after_the_notes_in_the_order_of_the_profile():
    add = [{"segment": "ZLB|1|{OBR-3.1}|", "after": "OBR"}, {"segment": "ZLC|{OBX-3.1}", "after": "OBX"}]
    add += [{"segment": "ZLD|{OBR-25}", "after": "OBR", "when": "OBR-25 = F"}]
    lines, findings = apply(add=add)
    assert findings == []
    names = " ".join(line[:3] for line in lines[4:])
    assert names == "ORC OBR NTE ZLB ZLD OBX NTE NTE ZLC OBX ZLC SPM ORC OBR ZLB OBX ZLC"
    assert lines[7:9] == ["ZLB|1|F1", "ZLD|F"]


# ------------------------------------------------------------------ demands


def test_a_missing_field_names_itself_and_its_source():
    assert found(prefix="row 3", require=["OBX-14", "MSH-6", "MSH-8", "ORC-12", "PID-3.5"]) == [
        ("field.required", "MSH-8", "row 3"),
        ("field.required", "PID-3.5", "row 3.patient.ids[0].type"),
        ("field.required", "ORC[1]-12", "row 3.orders[0].orderer"),
        ("field.required", "OBX[2]-14", "row 3.orders[0].results[1].observed"),
        ("field.required", "ORC[2]-12", "row 3.orders[1].orderer"),
        ("field.required", "OBX[3]-14", "row 3.orders[1].results[0].observed"),
    ]
    assert found(require=["MSH-5", {"field": "MSH-17", "when": "MSH-12 = 2.5.1"}], prefix="row 3") == [
        ("field.required", "MSH-17", "message.country")
    ]


def test_conditions():
    assert found(require=[{"field": "OBX-6", "when": "OBX-2 in NM SN"}]) == []
    assert found(require=[{"field": "OBX-14", "when": "OBR-25 = F and OBX-11 != C"}]) == []
    assert found(require=[{"field": "OBX-14", "when": "OBR-25 not in F"}])[0][1] == "OBX[3]-14"
    assert found(require=[{"field": "PID-7", "when": "OBX-5 absent"}])[0][1] == "PID-7", "no OBX is meant by PID"
    assert found(require=[{"field": "PID-7", "when": "PID-5 absent"}]) == []


def test_expect_is_a_warning():
    _, (one,) = apply(expect=["PID-8"])
    assert (one.severity, one.code, one.place) == ("warning", "field.expected", "patient.sex")


def test_forbid_and_allow():
    assert found(forbid=["PID-8", "PID-5[2]", {"field": "OBX-6", "when": "OBX-2 = ST"}]) == []
    assert found(forbid=["PID-3[2]"]) == [("field.forbidden", "PID-3", "patient.ids")]
    assert found(allow={"OBX-11": ["F", "P"], "OBR-25": ["F", "P"]})[0][:2] == ("field.value", "OBX[2]-11")
    assert found(allow={"OBX-6": ["g/dL", "mmol/L"]}) == []


@pytest.mark.parametrize(
    ("path", "length", "after"),
    [
        ("OBX-5", 9, r"a long \F\ "),
        ("OBX-5", 8, r"a long \F\ ".rstrip()),
        ("OBX-5", 7, "a long "),
        ("OBX-5", 13, None),
        ("PID-3.1", 3, "471^^^HOSP^MR~22^^^NI"),
        ("CX.1", 3, "471^^^HOSP^MR~22^^^NI"),
        ("HD.1", 3, "4711^^^HOS^MR~22^^^NI"),
    ],
)
def test_truncate(path, length, after):
    limits = {path: {"length": length, "then": "truncate"}}
    lines, findings = apply(limits=limits)
    cut = [one for one in findings if one.field[:3] in ("OBX", "PID")]
    if after is None:
        assert lines == LINES
        assert not findings
        return
    number, index = (5, 10) if path.startswith("OBX") else (3, 1)
    assert lines[index].split("|")[number] == after
    assert [(one.code, one.severity) for one in cut] == [("field.cut", "warning")]


@pytest.mark.parametrize(
    ("text", "length", "cut"),
    [
        ("Ångström", 3, "Ång"),
        ("e\u0301e\u0301", 1, "e\u0301"[:0]),
        ("e\u0301e\u0301", 2, "e\u0301"),
        ("e\u0301e\u0301", 3, "e\u0301"),
        ("\U0001fa78\U0001fa78", 1, "\U0001fa78"),
        (r"\H\ab\N\c", 2, r"\H\ab\N" + "\\"),
        (r"\X0D0A\abc", 2, r"\X0D0A" + "\\"),
        (r"\X0D0A\abc", 1, ""),
        (r"\E\\E\x", 2, r"\E\\E" + "\\"),
    ],
)
def test_what_counts_as_a_character(text, length, cut):
    lines = ["MSH|", f"OBX|1|ST|A||{text}"]
    rules(limits={"OBX-5": {"length": length, "then": "truncate"}}).apply(lines, ["", ""], None, "")
    assert lines[1] == f"OBX|1|ST|A||{cut}"


def test_too_long_is_an_error_where_nothing_is_said():
    assert found(limits={"PID-5.1": 2}) == [("field.length", "PID-5.1", "patient.name.family")]
    (one,) = apply(limits={"OBX-5": {"length": 3, "then": "error"}})[1]
    assert (one.code, one.severity) == ("field.length", "error")
    assert "long" not in one.line().replace("longer", "")


def test_a_line_that_was_dropped_is_not_judged():
    _, findings = apply(require=["OBX-14"], drop=[{"segment": "OBX", "when": "OBX-14 absent"}])
    assert findings == []


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("{PID-3[2]}~{PID-3[1]}", "22^^^NI~4711^^^HOSP^MR"),
        ("{PID-3[3]}~{PID-3[1]}~{PID-3[4]}", "4711^^^HOSP^MR"),  # no empty repetition
        ("{PID-8}^^{PID-3[2].1}^{PID-8}^", "^^22"),
        ("{PID-8}^A&{PID-8}&^{PID-8}", "^A"),
        ("{PID-8}^{PID-8}~{PID-8}", ""),
        ("A^^", "A^^"),  # as the profile writes it
    ],
)
def test_a_template_leaves_nothing_behind_of_what_is_empty(value, written):
    lines, _ = apply(set=rule("PID-11", value))
    assert lines[1].split("|")[11:] == ([written] if written else [])
    lines, _ = apply(add=[{"segment": f"ZPI|{value}|x|{value}", "after": "PID"}])
    assert lines[2] == f"ZPI|{written}|x|{written}".rstrip("|")


# ------------------------------------------------- profiles that cannot work


@pytest.mark.parametrize(
    ("profile", "code", "text"),
    [
        ({"set": rule("OBX-99", "x")}, "profile.field", "the last is OBX-25"),
        ({"set": rule("XYZ-1", "x")}, "profile.field", "no segment XYZ"),
        ({"set": rule("PID-8.2", "x")}, "profile.field", "no component 2"),
        ({"set": rule("MSH-10", "x")}, "profile.field", "control id"),
        ({"set": rule("MSH-2", "x")}, "profile.field", "delimiters"),
        ({"set": rule("MSH-18", "x")}, "profile.field", "character set"),
        ({"set": rule("PID-8", "a|b")}, "profile.template", r"\F" + "\\"),
        ({"set": rule("PID-5.1", "a^b")}, "profile.template", r"\S" + "\\"),
        ({"set": rule("PID-5[1]", "a~b")}, "profile.template", r"\R" + "\\"),
        ({"set": rule("PID-3.4.1", "a&b")}, "profile.template", r"\T" + "\\"),
        ({"set": rule("PID-8", "a\\b")}, "profile.template", "escape sequence"),
        ({"set": rule("PID-8", "a\rb")}, "profile.template", "control character"),
        ({"set": rule("PID-5.1", "{PID-3}")}, "profile.template", "has parts"),
        ({"set": rule("PID-5", "x{PID-3}")}, "profile.template", "has parts"),
        ({"set": rule("PID-5.1", "{PID-3.1|a^b}")}, "profile.template", "leave its place"),
        ({"set": rule("PID-5.1", "{MSH-2}")}, "profile.template", "delimiters"),
        ({"set": rule("PID-5.1", "{ZZZ-1}")}, "", ""),
        ({"set": rule("PID-8", "{order.nothing}")}, "profile.template", "a report has no order.nothing"),
        ({"set": rule("PID-8", "{order.collected}")}, "profile.template", "name its field"),
        ({"set": rule("PID-8", "{patient.phones}")}, "profile.template", "phones[0]"),
        ({"set": rule("PID-8", "{order.section[0]}")}, "profile.template", "only one"),
        ({"set": rule("PID-8", "{patient.address}")}, "profile.template", "no text"),
        ({"set": rule("PID-8", "{result.value}")}, "profile.template", "no text"),
        ({"set": rule("PID-8", "{order.section}"), "apply_to": ["reports", "hl7"]}, "profile.template", "apply_to"),
        ({"set": rule("PID-8", "Łódź"), "charset": "8859/1"}, "profile.template", "character set"),
        ({"set": rule("PID-8", "x", "OBX-40 = 1")}, "profile.field", "OBX-40"),
        ({"add": [{"segment": "zlb|1", "after": "OBR"}]}, "profile.template", "three letters"),
        ({"add": [{"segment": "{PID-3.1}|1", "after": "OBR"}]}, "profile.template", "three letters"),
        ({"add": [{"segment": "PID|1", "after": "OBR"}]}, "profile.template", "one PID"),
        ({"add": [{"segment": "NTE|1|L|x||||||||y", "after": "OBR"}]}, "profile.field", "the last is NTE-4"),
        ({"add": [{"segment": "ZLB|{PID-3.1}\r", "after": "OBR"}]}, "profile.template", "control character"),
        ({"add": [{"segment": "ZLB|1", "after": "PV9"}]}, "profile.field", "no segment PV9"),
        ({"add": [{"segment": "ZLC|1", "after": "ZLB"}]}, "", ""),
        ({"drop": ["ZZ1"]}, "", ""),
        ({"drop": ["XYZ"]}, "profile.field", "no segment XYZ"),
        ({"drop": [{"segment": "PID", "when": "PID-3 absent"}]}, "profile.invalid", "what every message needs"),
        ({"require": ["OBX-26"]}, "profile.field", "OBX-26"),
        ({"limits": {"CWE.99": 2}}, "profile.field", "CWE.99"),
        ({"limits": {"PID-5": {"length": 2, "then": "truncate"}}}, "profile.limit", "components"),
        ({"version": "2.3.1", "set": rule("OBX-23", "x", "OBX-24 present")}, "profile.field", "OBX-24"),
    ],
)
def test_a_rule_that_cannot_work(profile, code, text):
    if code == "profile.invalid":
        with pytest.raises(LabSenderError, match=text):
            rules(**profile)
        return
    found = rules(**profile).mistakes
    assert [one.code for one in found] == ([code] if code else [])
    assert all(text in str(one) for one in found)


def test_every_rule_that_cannot_work_is_named_and_all_that_is_wrong_with_it():
    wrong = {"set": rule("OBX-99", "x|{order.nothing}", "PID-98 present"), "require": ["OBX-98"]}
    found = [(one.setting, one.text) for one in rules(**wrong).mistakes]
    assert [setting for setting, _ in found] == ["set[0]"] * 4 + ["require[0]"]
    for (_, said), expected in zip(found, ("OBX-99", "PID-98", r"\F", "order.nothing", "OBX-98"), strict=True):
        assert expected in said
    with pytest.raises(ProfileError) as caught:
        Builder(builtin(**wrong))
    first, *others = caught.value.text.split("\n")
    assert first == "5 settings of the profile cannot work:"
    assert len(others) == len(caught.value.mistakes) == 5


def test_a_profile_that_is_read_in_part_has_no_mistake_that_may_only_follow_from_that():
    """A field of a later version may be taken over by what cannot be read; one of no version may not."""
    settings = {"require": ["OBX-29", "OBX-99"], "limits": {"OBX-29.1": 3}, "times": {"convert": True}}

    def named(*unread: str) -> list[str]:
        return [one.setting for one in mistakes_of_profile(builtin(**settings), unread)]

    everything = ["times.convert", "limits.OBX-29.1", "require[0]", "require[1]"]
    assert named() == named("limits", "charset") == everything
    assert named("set") == named("preadopted") == ["times.convert", "require[1]"]
    assert named("time_zone") == everything[1:]
    assert named("extends") == ["require[1]"]
    assert named("version") == []


def test_a_field_of_a_later_version_is_taken_over_by_setting_it():
    profile = {"set": rule("OBX-29", "RSLT"), "require": ["OBX-29"]}
    assert rules(**profile).taken_over == {("OBX", 29)}
    lines, findings = apply(**profile)
    assert findings == []
    assert lines[7].endswith("|RSLT")


# ------------------------------------------------------------- any rule, any report

_PATHS = ("PID-3", "PID-5.1", "OBX-5", "OBX-15", "NTE-3", "OBR-4.2", "PID-3.4.1", "MSH-4", "OBR-24")
_HOLES = (
    "PID-5.1", "OBX-5", "NTE-3", "OBR-16.1", "order.section", "order.test.text", "lab.name", "patient.name.family",
)  # fmt: skip
_WHENS = (None, "OBX-2 = NM", "OBX-5 present", "OBR-25 != F", "SPM-4 absent")
_assignments = st.builds(
    lambda path, hole, when, head: rule(path, head + "{" + hole + "}", when),
    st.sampled_from(_PATHS), st.sampled_from(_HOLES), st.sampled_from(_WHENS), st.sampled_from(("", "x ", r"\F\ ")),
)  # fmt: skip


@pytest.mark.long
@examples(60)
@given(reports(), _assignments, st.sampled_from(("truncate", "error")), st.integers(1, 30))
def test_no_value_leaves_its_place(report, assignments, then, length):
    limits = {"OBX-5": {"length": length, "then": "error"}, "PID-5.1": {"length": length, "then": then}}
    try:
        add = [{"segment": "ZZZ|{order.section}|E", "after": "OBR"}]
        held = Builder(builtin(set=assignments, limits=limits, add=add))
    except LabSenderError as error:
        assert error.code == "profile.template"  # noqa: PT017 - some draws cannot work
        return
    plain = Builder(builtin())
    more = {"control_id": "1", "now": NOW, "attachments": {}}
    try:
        ruled = held.build(report, **more).body.decode().rstrip("\r").split("\r")
    except FileError:
        return
    free = plain.build(report, **more).body.decode().rstrip("\r").split("\r")
    path = assignments[0]["field"]
    segment, number = path[:3], int(path[4:].split(".")[0])
    added = [line for line in ruled if line.startswith("ZZZ")]
    assert all(line.split("|")[2] == "E" and len(line.split("|")) == 3 for line in added)
    for pair in zip(free, [line for line in ruled if line not in added], strict=True):
        was, now = (dict(enumerate(one.split("|"))) for one in pair)
        differ = {at for at in was | now if was.get(at, "") != now.get(at, "")}
        mine = number - (segment == "MSH")
        assert differ <= ({mine} if was[0] == segment else set()) | ({5} if was[0] == "PID" else set())


def test_sources_name_what_a_report_has():
    """Every key of the table is a place in the model, below the thing that its segment is for."""
    roots = {
        "PID": model.Patient, "NK1": model.NextOfKin, "PV1": model.Visit, "ORC": model.Order, "OBR": model.Order,
        "TQ1": model.Order, "OBX": model.Result, "SPM": model.Specimen,
    }  # fmt: skip
    for name, key in KEYS.items():
        kinds = {roots.get(name[:3])}
        for word in filter(None, key.replace("[0]", "").split(".")):
            step = "patient_class" if word == "class" else word
            hints = [typing.get_type_hints(kind) for kind in kinds if hasattr(kind, "__struct_fields__")]
            below = [one[step] for one in hints if step in one]
            assert below, (name, key)
            kinds = {part for one in below for part in _parts(one)}
    assert set(SETTINGS.values()) <= set(type(builtin().settings).model_fields)


def _parts(kind):
    args = typing.get_args(kind)
    return {part for one in args for part in _parts(one)} if args else {kind}


# --------------------------------------------- the first look lets nothing pass

_pieces = st.sampled_from(
    ("", "a", "bb", "^", "~", "&", "^x", "a^b", "a&b^c", "a~b", "~a", "a^b~c^d", r"\F\a", "a&^b&c")
)
_rows = st.lists(st.lists(_pieces, max_size=6), min_size=1, max_size=4)
_fields = st.sampled_from(
    ("ZZZ-1", "ZZZ-2", "ZZZ-4", "ZZZ-2.1", "ZZZ-2.2", "ZZZ-2.3", "ZZZ-2.1.2", "ZZZ-3[2]", "ZZZ-3[1].2", "ZZZ-5.2")
)
_demands = st.fixed_dictionaries(
    {
        "require": st.lists(_fields, max_size=3),
        "expect": st.lists(_fields.map(lambda path: {"field": path, "when": "ZZZ-1 != a"}), max_size=2),
        "forbid": st.lists(_fields, max_size=3),
        "allow": st.dictionaries(_fields, st.just(["a", "b", "bb"]), max_size=2),
        "limits": st.dictionaries(_fields, st.integers(1, 3), max_size=3),
    }
)


@examples(200)
@given(_rows, _demands)
def test_what_the_first_look_lets_pass_meets_every_demand(rows, demands):
    held = rules(**demands)
    lines = ["|".join(["ZZZ", *row]) for row in rows]
    sheet = Sheet(lines, [""] * len(lines))
    suspects = held.demands.suspects(lines)
    for index in range(len(lines)):
        held.demands.judge_line(sheet, index)
    faulty = {index for index, line in enumerate(sheet.lines) if any(fault.line is line for fault in sheet.faults)}
    assert faulty <= set(suspects)


def test_the_first_look_passes_what_is_well():
    held = rules(
        require=["PID-3.1", "PID-5", {"field": "OBX-14", "when": "OBX-11 = F"}], expect=["OBX-3"],
        forbid=["PID-5[2]"], allow={"OBX-11": ["F"]}, limits={"OBX-3.2": 20, "PID-3.1": 4},
    )  # fmt: skip
    assert held.demands.suspects(LINES[:8]) == []
    assert held.demands.suspects(LINES) == [10, 14]
