"""`preview` and `schema`."""

import json


def test_a_report(here, report):
    before = here.tree()
    file = here.file("r.json", report(value="7.5"))
    result = here("preview", file)
    lines = result.stdout.splitlines()
    assert lines[1].startswith("MSH|^~\\&|LAB-SENDER|")
    assert "PID|1||4711^^^^MR||ZEBRAPATIENT^Änne^^^^^L" in lines
    assert "1 of 1 message can be sent." in result.stdout
    assert set(here.tree()) == {*before, "r.json"}


def test_field_names(here, report):
    result = here("preview", "--fields", here.file("r.json", report()))
    values = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if "-" in line)
    assert values["PID-5"].split() == ["patient", "name", "ZEBRAPATIENT^Änne^^^^^L"]
    assert values["OBX[1]-5"].endswith(" 5.4")


def test_a_fault_names_its_place(here, report):
    broken = json.loads(report())
    broken["orders"][0]["collected"] = "yesterday"
    file = here.file("r.json", json.dumps(broken))
    result = here("preview", file, exits=65)
    assert "orders[0].collected" in result.stdout
    assert "0 of 1 message can be sent." in result.stdout
    told = here.json("preview", file, exits=65)
    assert not told["ok"]
    assert told["messages"][0]["message"] is None
    assert told["messages"][0]["findings"][0]["place"] == "orders[0].collected"


def test_ready_messages_and_one_that_is_none(here, ready):
    data = ready("A1") + ready("A2").replace(b"ORU^R01^ORU_R01", b"ADT^A01")
    told = here.json("preview", here.file("two.hl7", data), exits=65)
    assert [each["message"] is not None for each in told["messages"]] == [True, False]
    assert told["messages"][0]["message"]["segments"][-1].startswith("OBX|1|NM|")


def test_what_cannot_be_read_at_all(here):
    result = here("preview", here.file("x.bin", b"\0"), exits=65)
    assert "error file.binary at byte 0" in result.stderr
    assert "Usage" in here("preview", here.folder / "none.json", exits=2).stderr


def test_attachments_are_found_beside_the_file(here, report):
    file = here.file("r.json", report(attachment="scan.pdf"))
    assert "scan.pdf" not in here("preview", file, exits=65).stderr
    here.file("scan.pdf", b"%PDF-1.4" + b"x" * 3000 + b"%%EOF")
    short = here("preview", file).stdout
    assert "more characters; --whole shows them" in short
    assert "more characters" not in here("preview", "--whole", file).stdout


def test_control_characters_do_not_reach_the_terminal(here, ready):
    result = here("preview", here.file("a.hl7", ready("A1").replace(b"ANNA", b"A\x1b[2J")))
    assert "A\\x1b[2J" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_message_in_another_character_set(here, ready):
    data = ready("A1").replace(b"|P|2.5.1", b"|P|2.5.1||||||8859/1").replace(b"ANNA", "ÄNNE".encode("latin-1"))
    assert "ÄNNE" in here("preview", here.file("a.hl7", data)).stdout


def test_schemas(here):
    assert json.loads(here("schema", "config").stdout)["title"] == "lab-sender config.yaml"
    assert json.loads(here("schema", "profile").stdout)["title"] == "lab-sender site profile"
    assert json.loads(here("schema", "report").stdout)["title"] == "lab-result/1"
    here("schema", "other", exits=2)
