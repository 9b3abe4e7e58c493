"""The same rules on ready HL7: the named fields change, and no other byte."""


import pytest
from kit.corpus import CORPUS, need_corpus

from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.hl7 import grammar
from lab_sender.intake.compose import Composer
from lab_sender.oru import with_rules
from lab_sender.oru.rules.rules import Rules
from lab_sender.readers import ReadyItem, read

HEAD = rb"MSH|^~\&|LAB|F|HIS|H|2024||ORU^R01^ORU_R01|X|P|2.5.1||||||%s"
REST = b"\rPID|1||4711^^^HOSP||%s^Jane\rOBR|1||F1|A^B^L\rOBX|1|ST|A^B^L||141||||||F\r"


def rules(**profile):
    return Rules(builtin(apply_to=["hl7"], **profile), grammar.load("2.5.1"))


def rule(field, value, when=None):
    return [{"field": field, "value": value} | ({"when": when} if when else {})]


def message(charset=b"", name=b"Roe"):
    return HEAD % charset + REST % name


def corpus():
    need_corpus()
    for path in sorted((CORPUS / "oru").iterdir()):
        try:
            items = read(path.read_bytes(), path.name).items
        except FileError:
            continue
        yield from (item for item in items if isinstance(item, ReadyItem))


def fields(line, separator):
    values = line.split(separator)
    return dict(enumerate(values))


@pytest.mark.parametrize(
    ("path", "segment", "index"), [("PID-8", b"PID", 8), ("MSH-5", b"MSH", 4), ("OBX-7", b"OBX", 7)]
)
def test_one_rule_changes_exactly_its_field_in_the_whole_corpus(path, segment, index):
    held = rules(set=rule(path, "NEW"))
    seen = 0
    for item in corpus():
        body = with_rules(item.body, held).body
        separator = item.body[3:4]
        for was, now in zip(item.body.split(b"\r"), body.split(b"\r"), strict=True):
            old, new = fields(was, separator), fields(now, separator)
            if was[:3].upper() == segment:
                assert new.pop(index) == b"NEW"
                old.pop(index, None)
                seen += 1
            assert {at: value for at, value in new.items() if value} == {at: one for at, one in old.items() if one}
            assert was[:3].upper() == segment or was == now
    assert seen > 100


def test_rules_that_find_nothing_leave_every_byte_in_the_whole_corpus():
    held = rules(
        set=rule("OBX-5", "{OBX-5}", "OBX-5 present") + rule("PID-3.1", "x", "PID-3 = never"),
        drop=[{"segment": "OBX", "when": "OBX-11 = never"}],
        limits={"OBX-5": {"length": 1_000_000, "then": "truncate"}, "HD.1": 100_000},
        expect=["PID-8"],
    )
    for item in corpus():
        assert with_rules(item.body, held).body is item.body


def test_its_own_delimiters():
    body = b"MSH#*!$%#LAB#F#HIS#H#2024##ORU*R01#X#P#2.5.1\rPID#1##4711***HOSP!22\rOBR#1##F1#A\rOBX#1#ST#A##x#\r"
    made = with_rules(body, rules(set=rule("PID-5", "A^B&C~D\\T\\E#*\\E\\"))).body
    assert made == body.replace(b"HOSP!22", b"HOSP!22##A*B%C!D&E$F$$S$\\")
    made = with_rules(body, rules(set=rule("PID-3.4", "N") + rule("PID-2", "{PID-3.1}"))).body
    assert made == body.replace(b"##4711***HOSP!22", b"#4711#4711***N!22***N")
    made = with_rules(body, rules(add=[{"segment": "ZLB|1|{OBR-3}", "after": "OBR"}])).body
    assert made == body.replace(b"A\rOBX", b"A\rZLB#1#F1\rOBX")


def test_a_message_without_an_escape_character():
    body = message().replace(b"^~\\&", b"^~&")
    assert b"|N|" in with_rules(body, rules(set=rule("MSH-4", "N"))).body
    with pytest.raises(FileError, match="escape character"):
        with_rules(body, rules(set=rule("MSH-4", r"a\F\b")))


@pytest.mark.parametrize(
    ("charset", "codec", "name"),
    [
        (b"8859/1", "latin-1", "Müller"), (b"8859/2", "iso8859-2", "Łódź"), (b"UNICODE UTF-8", "utf-8", "Müller"),
        (b"", "utf-8", "Müller"), (b"BIG-5", "big5", "功蓋"),
        (b"GB 18030-2000", "gb18030", "张伟"),
    ],
)  # fmt: skip
def test_character_sets(charset, codec, name):
    body = message(charset, name.encode(codec))
    held = rules(limits={"PID-5.1": {"length": 1, "then": "truncate"}}, set=rule("PID-9", "{PID-5.1}"))
    assert with_rules(body, held).body == (
        message(charset, name[:1].encode(codec)).replace(b"^Jane", b"^Jane||||" + name.encode(codec))
    )
    assert with_rules(body, rules(set=rule("PID-8", name))).body.count(name.encode(codec)) == 2


def test_msh_18_counts_also_where_the_bytes_are_something_else():
    """It says how the HIS reads them: the file's own bytes stay, what a rule puts in is written as MSH-18 says."""
    body = message(b"8859/1", "Müller".encode())
    assert with_rules(body, rules(set=rule("PID-9", "{PID-5.1}"))).body.count("Müller".encode()) == 2
    assert b"||||M\xfcller" in with_rules(body, rules(set=rule("PID-9", "Müller"))).body


def test_a_character_set_we_cannot_tell():
    body = message(b"ISO 9999", b"\xff\xfe")
    assert with_rules(body, rules(set=rule("PID-9", "{PID-5.1}"))).body.count(b"\xff\xfe") == 2
    with pytest.raises(FileError) as caught:
        with_rules(body, rules(set=rule("PID-9", "ä")), "message 3")
    assert caught.value.findings[0].code == "charset.unencodable"
    assert caught.value.findings[0].place == "message 3 PID-9"
    with pytest.raises(FileError, match="character set"):
        with_rules(body, rules(limits={"PID-5.1": {"length": 1, "then": "truncate"}}))
    with pytest.raises(FileError, match="shifts"):
        with_rules(message(b"~ISO IR87", b"\x1b$B|^\x1b(B"), rules(set=rule("PID-9", "x")))


def test_ascii_stays_ascii():
    with pytest.raises(FileError, match="cannot be carried"):
        with_rules(message(), rules(set=rule("PID-9", "ä")))
    assert b"\xe4" in with_rules(message(b"8859/1"), rules(set=rule("PID-9", "ä"))).body


def test_findings_name_the_message_and_the_field():
    with pytest.raises(FileError) as caught:
        with_rules(message(), rules(require=["PID-8", "OBX-14"]), "message 3")
    assert [(one.code, one.place, one.field) for one in caught.value.findings] == [
        ("field.required", "message 3 PID-8", "PID-8"),
        ("field.required", "message 3 OBX[1]-14", "OBX[1]-14"),
    ]
    assert [one.code for one in with_rules(message(), rules(expect=["PID-8"])).warnings] == ["field.expected"]


def test_nothing_left():
    with pytest.raises(FileError) as caught:
        with_rules(message(), rules(drop=[{"segment": "OBR", "when": "OBR-3 = F1"}]))
    assert caught.value.findings[0].code == "profile.nothing-left"


def test_composed():
    composer = Composer(builtin(apply_to=["hl7"], set=rule("MSH-6", "NEW"), require=["PID-5.1"]))
    good, bad = composer.interpret(message() + message(name=b"")).messages
    assert b"|HIS|NEW|" in good.body
    assert good.state == "spooled"
    assert (bad.state, bad.code) == ("quarantined", "field.required")
    assert bad.reason.startswith("field.required at message 2 PID-5.1")


def test_reports_only_leaves_ready_messages_alone():
    (one,) = Composer(builtin(set=rule("MSH-6", "NEW"))).interpret(message()).messages
    assert one.body == message()


def test_hl7_only_leaves_reports_alone():
    assert not Rules(builtin(apply_to=["hl7"], set=rule("MSH-6", "NEW")), grammar.load("2.5.1")).active
