"""The account of an ASTM file: what it says is in the message, refuses it, or is named in a remark.

Holds for every value of every record: nothing is left out in silence.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.dialects import dialect_names
from lab_sender.errors import FileError
from lab_sender.readers import BadItem, Inputs, read
from readers.test_cases import configured, outcome

_WORD = st.integers(10000, 99999).map("Word{}".format)
_NUMBER = st.integers(1000, 99999).map(lambda n: f"{n // 100}.{n % 100:02}")
_TIME = st.integers(10, 59).map("202503041205{}".format)
FIELDS = {"P": 35, "O": 31, "R": 16, "C": 6, "M": 5, "S": 5}


@st.composite
def files(draw) -> list[list[str]]:
    """The records of a file that says all that a message has a place for, each value by itself."""
    word = lambda: draw(_WORD)  # noqa: E731
    records = [
        ["H", r"\^&", "", "", "Sender", *[""] * 6, "P", "LIS2-A2", "20260101120000"],
        ["P", "1", f"{word()}^^^{word()}^MR", word(), "", f"{word()}^{word()}^{word()}", "", draw(_TIME)[:8], "F", "",
         f"{word()}^{word()}^^{word()}", "", word(), f"{word()}^{word()}"],
        ["C", "1", "L", word(), "G"],
    ]  # fmt: skip
    for order in range(1, draw(st.integers(1, 2)) + 1):
        records.append(
            ["O", str(order), word(), "", f"^^^{word()}", "S", draw(_TIME), draw(_TIME), "", "", "", "N", "", word(),
             draw(_TIME), word(), f"{word()}^{word()}^{word()}", "", *[""] * 4, draw(_TIME), "", "", "F"]
        )  # fmt: skip
        for result in range(1, draw(st.integers(1, 3)) + 1):
            low, high = draw(_NUMBER), draw(_NUMBER)
            value = draw(st.one_of(_NUMBER, _WORD, st.builds("<^{}".format, _NUMBER)))
            unit = draw(st.sampled_from(["mmol/L", "10^3/uL", "g/dL"]))
            span = draw(st.sampled_from([f"{low}^{high}", f"{low}-{high}", f"{low} to {high}^REFERENCE_RANGE"]))
            records.append(
                ["R", str(result), f"^^^{word()}", value, unit, span, draw(st.sampled_from(["N", "H", r"L\A"])), "",
                 "F", "", word(), "", draw(_TIME), word()]
            )  # fmt: skip
            records.append(["C", "1", "I", word(), "G"])
    return [*records, ["L", "1", "N"]]


def written(records: list[list[str]]) -> bytes:
    return "\r".join("|".join(record) for record in records).encode()


def is_in(part: str, told: str) -> bool:
    """Tell whether a value of a record stands in the message; a time may stand there less precise, never more."""
    return part in told or part.replace("^", "\\S\\") in told


@examples(40)
@given(files())
def test_every_value_is_in_the_message(records):
    lines = outcome(written(records), "", Inputs())
    assert not [line for line in lines if line.startswith(("! ", "remark"))]
    told = "\r".join(lines)
    for record in records[1:-1]:
        for number, field in enumerate(record[2:], 3):
            place = f"{record[0]}-{number}"
            if place in ("C-3", "C-5", "O-12"):
                continue  # who commented, what kind of comment, and that the specimen is new
            if place == "R-6":
                parts = re.findall(r"[0-9.]+", field)
            elif place == "R-5":
                parts = [field]
            else:
                parts = [part for part in re.split(r"[\\^]", field) if part]
            for part in parts:
                assert is_in(part, told), (place, part)


@pytest.mark.long
@examples(100)
@given(files(), st.data())
def test_one_unknown_thing_is_refused_or_named(records, data):
    """A field, a component, a repetition or a record more: its word is in the message, or its place is told."""
    kind = data.draw(st.sampled_from(sorted(FIELDS)))
    if kind in "MS":
        at = data.draw(st.integers(2, len(records) - 1))
        records.insert(at, [kind, "1", "Qqunknown77"])
        name = f"{kind} records"
    else:
        at = data.draw(st.sampled_from([n for n, record in enumerate(records) if record[0] == kind]))
        record = records[at]
        number = data.draw(st.integers(3, FIELDS[kind]))
        record += [""] * (number - len(record))
        old = record[number - 1]
        how = data.draw(st.sampled_from(["alone", "component", "repetition"])) if old else "alone"
        separator = {"component": "^", "repetition": "\\"}.get(how, "")
        record[number - 1] = old + separator + "Qqunknown77" if separator else "Qqunknown77"
        name = f"{kind}-{number}"
    lines = outcome(written(records), "", Inputs())
    refused = any(line.startswith("! ") for line in lines)
    told = any(re.search(rf"\b{name}(?:\.[0-9]+)?(?![0-9])", line) for line in lines if line.startswith("remark"))
    assert refused or told or "Qqunknown77" in "\r".join(lines), (name, lines)


@pytest.mark.parametrize("actions", [rb"Q\A", b"Q^A"])
def test_a_patient_s_order_is_no_control_for_one_code_of_several(actions: bytes):
    order = b"O|1|S1||^^^WBC|R||20250304120510||||" + actions + b"||||||||||||||F"
    records = [H, b"P|1|4||3|Doe^Jane||19800101|F", order, b"R|1|^^^WBC|8|g/L||N||F", b"L|1|N"]
    lines = outcome(b"\r".join(records), "", Inputs())
    assert any("WBC" in line for line in lines)
    assert any("O-12" in line for line in lines)


def test_a_code_of_no_table_in_what_decides_nothing_is_named():
    order = b"O|1|S1||^^^WBC|R||20250304120510||||Qqunknown77||||||||||||||F"
    records = [H, b"P|1|4||3|Doe^Jane||19800101|F", order, b"R|1|^^^WBC|8|g/L||N||F", b"L|1|N"]
    lines = outcome(b"\r".join(records), "", Inputs())
    assert [line for line in lines if line.startswith("remark")] == [
        "remark astm.passed-over: A message has no place for what stands in O-12."
    ]


MAY_CHANGE_A_RESULT = {
    "P-3.2": (1, b"P|1|4^Qq77|3||Doe^Jane||19800101|F"),
    "P-4.2": (1, b"P|1||3^Qq77||Doe^Jane||19800101|F"),
    "P-5.3": (1, b"P|1|||3^^Qq77|Doe^Jane||19800101|F"),
    "P-6.7": (1, b"P|1|4|||Doe^Jane^^^^^Qq77||19800101|F"),
    "O-16.3": (2, b"O|1|S1||^^^WBC|R||||||||||Blood^^Qq77"),
    "O-26": (2, b"O|1|S1||^^^WBC|R||||||||||||||||||||Qq77"),
    "R-5.2": (3, b"R|1|^^^WBC|8|g/L^Qq77||N||F"),
    "R-6": (3, b"R|1|^^^WBC|8|g/L|4^11^Qq77|N||F"),
    "R-15": (3, b"R|1|^^^WBC|8|g/L||N||F||||||Qq77"),
    "C-5": (4, b"C|1|I|Fasting|Qq77"),
    "C-6": (4, b"C|1|I|Fasting|G|Qq77"),
}


@pytest.mark.parametrize("name", MAY_CHANGE_A_RESULT)
def test_what_nobody_has_read_and_may_change_a_result_refuses(name):
    """A remark is not enough: the report would go without it. The site may say that it is not wanted."""
    place, record = MAY_CHANGE_A_RESULT[name]
    records = [H, b"P|1|4|||Doe^Jane||19800101|F", b"O|1|S1||^^^WBC|R", b"R|1|^^^WBC|8|g/L||N||F", b"C|1|I|Fasting|G",
               b"L|1|N"]  # fmt: skip
    assert outcome(b"\r".join(records), "", Inputs())[0].startswith("MSH")
    records[place] = record
    data = b"\r".join(records)
    assert set(outcome(data, "", Inputs())) == {"! astm.not-understood"}
    assert outcome(data, "", configured(astm={"ignore": [name]}))[0].startswith("MSH")


UNITS = {
    b"10^3/mm^3": r"10\S\3/mm\S\3", b"mL/min/1.73m^2": r"mL/min/1.73m\S\2", b"/mm^3": r"/mm\S\3", b"m^2": r"m\S\2",
    b"10^3/mm^3^3^1": r"10\S\3/mm\S\3", b"g/dL^9^0": "g/dL", b"cm^2^9^0": r"cm\S\2", b"g/mm^9^0": "g/mm",
    "10^3/µm^3".encode(): r"10\S\3/µm\S\3", b"gm^2": "gm", b"mmm^2": "mmm",
}  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_a_power_of_a_metre_is_the_unit_s_own(unit):
    """As is one of ten; what else stands behind a `^` is no part of the unit (LIS2-A2 9.5)."""
    records = [H, b"P|1|4|||Doe^Jane||19800101|F", b"O|1|S1||^^^WBC|R", b"R|1|^^^WBC|8|" + unit + b"||N||F", b"L|1|N"]
    told = outcome(b"\r".join(records), "", configured(astm={"ignore": [f"R-5.{n}" for n in range(2, 6)]}))
    assert any(f"||8|{UNITS[unit]}||N|" in line for line in told), told


def test_a_result_of_two_tests_is_refused():
    records = [H, b"P|1|4|||Doe^Jane||19800101|F", b"O|1|S1||^^^WBC|R", rb"R|1|^^^WBC\^^^HGB|8|||N||F", b"L|1|N"]
    assert "! astm.test" in outcome(b"\r".join(records), "", Inputs())


def test_bytes_of_an_escape_are_read_as_the_file_is():
    for escape in (b"&XC2B5&", b"&XB5&"):
        records = [H, b"P|1|4|||Doe^Jane||19800101|F", b"O|1|S1||^^^WBC|R", b"R|1|^^^WBC|8|" + escape + b"g||N||F",
                   b"L|1|N"]  # fmt: skip
        assert any("|8|µg|" in line for line in outcome(b"\r".join(records), "", Inputs())), escape


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("gb18030", "王萬"), ("shift-jis", "表能"), ("cp1251", "Иванова"), ("cp1250", "Żółć"), ("utf-8", "Größe"),
     ("", "Größe")],
)  # fmt: skip
def test_the_encoding_that_a_site_names_is_read(encoding, name):
    """The second byte of a Chinese or Japanese letter may be a delimiter's: a record is cut when it is text."""
    records = [H.decode(), f"P|1|4|||{name}^Jane||19800101|F", "O|1|S1||^^^WBC|R", "R|1|^^^WBC|8|g/L||N||F", "L|1|N"]
    data = "\r".join(records).encode(encoding or "cp1252")
    lines = outcome(data, "", configured(astm={"encoding": encoding}))
    assert any(f"|{name}^Jane^" in line for line in lines), lines


def test_bytes_that_are_not_of_the_encoding_refuse_the_file():
    records = [H, "P|1|4|||Größe^Jane||19800101|F".encode("cp1252"), b"O|1|S1||^^^WBC|R", b"R|1|^^^WBC|8", b"L|1|N"]
    data = b"\r".join(records)
    assert outcome(data, "", configured(astm={"encoding": "utf-8"})) == ["! file.encoding"]
    with pytest.raises(FileError, match=r"inputs\.astm\.encoding"):
        read(data.replace(b"Gr", b"\x81"), "")


TWICE = {
    "a lost order": ["P|1|4", "O|1|S1||^^^A", "R|1|^^^K|1", "R|1|^^^L|2", "R|2|^^^M|3"],
    "a result twice": ["P|1|4", "O|1|S1||^^^A", "R|1|^^^K|1", "R|2|^^^L|2", "R|2|^^^L|2"],
    "an order twice": ["P|1|4", *["O|1|S1||^^^A", "R|1|^^^K|1"], *["O|2|S2||^^^A", "R|1|^^^K|1"] * 2],
    "a patient twice": ["P|1|4", "O|1|S1||^^^A", "R|1|^^^K|1", "P|2|5", "P|2|5", "O|1|S2||^^^A", "R|1|^^^K|1"],
}
ALL_THE_SAME = {
    "results": ["P|1|4", "O|1|S1||^^^A", "R|1|^^^K|1", "R|1|^^^L|2", "O|2|S2||^^^A", "R|1|^^^K|3"],
    "orders and patients": ["P|1|4", "O|1|S1||^^^A", "R|1|^^^K|1", "O|1|S2||^^^A", "R|1|^^^K|2", "R|2|^^^L|2",
                            "P|1|5", "O|1|S3||^^^A", "R|1|^^^K|3"],
    "from 0": ["P|0|4", "O|0|S1||^^^A", "R|0|^^^K|1", "R|1|^^^L|2", "O|1|S2||^^^A", "R|0|^^^K|3"],
}  # fmt: skip


@pytest.mark.parametrize("name", [*TWICE, *ALL_THE_SAME])
def test_a_number_that_stands_twice_is_a_lost_or_doubled_record(name):
    """Unless all records of a kind have the same number: then the analyzer does not count."""
    records = [H.decode(), *{**TWICE, **ALL_THE_SAME}[name], "L|1|N"]
    lines = outcome("\r".join(records).encode(), "", Inputs())
    assert (lines == ["! astm.sequence"]) == (name in TWICE), lines


RANGES = {
    b"4.0-10.0 10^9/L": r"4.0-10.0 10\S\9/L", b"<10^5": r"<10\S\5", b"<^5": "<5", b">=^60": ">=60",
    b"5-10^therapeutic": "5-10 therapeutic", b"NEG^POS": "NEG POS", b"5^mg/L": "5 mg/L",
}  # fmt: skip


@pytest.mark.parametrize("span", RANGES)
def test_a_range_of_words_and_powers(span):
    result = b"R|1|^^^WBC|8|g/L|" + span + b"|N||F"
    records = [H, b"P|1|4|||Doe^Jane||19800101|F", b"O|1|S1||^^^WBC|R", result, b"L|1|N"]
    assert any(f"||8|g/L|{RANGES[span]}|N|" in line for line in outcome(b"\r".join(records), "", Inputs()))


@pytest.mark.parametrize("span", [b"4^11^Q", b"0^5 /HPF", b"-^-", b"4.0^-", b"^4^10", b"10^3-10^5", b"10^9/L"])
def test_a_range_that_is_not_understood_goes_out_in_no_part(span):
    """To ignore it is to send none: one of its numbers alone would be another range."""
    result = b"R|1|^^^WBC|8|g/L|" + span + b"|N||F"
    records = [H, b"P|1|4|||Doe^Jane||19800101|F", b"O|1|S1||^^^WBC|R", result, b"L|1|N"]
    data = b"\r".join(records)
    (item,) = read(data, "").items
    assert [(one.code, one.place) for one in item.findings] == [("astm.not-understood", "record 4 R-6")]
    assert any("||8|g/L||N|" in line for line in outcome(data, "", configured(astm={"ignore": ["R-6"]})))


def test_an_order_without_a_result_is_refused_in_the_words_of_its_format():
    records = [H, b"P|1|4|||Doe^Jane||19800101|F", b"O|1|S1||^^^WBC|R", b"L|1|N"]
    (item,) = read(b"\r".join(records), "").items
    assert isinstance(item, BadItem)
    (finding,) = item.findings
    assert (finding.code, finding.place) == ("order.empty", "record 3")
    assert "O-26" in finding.hint
    records[2] += b"|" * 20 + b"X"
    assert outcome(b"\r".join(records), "", Inputs())[0].startswith("MSH")


ORDERS = {
    # what O-3 and O-4 hold -> the settings that say which is the specimen's, and its number then
    b"9^^|25142231": ({"specimen_id": "O-4.1"}, "25142231"),
    b"1^1^1|S123": ({"specimen_id": "O-4.1"}, "S123"),
    b"77|1": ({"ignore": ["O-4"]}, "77"),
    b"77|1^R2": ({"ignore": ["O-4.1"]}, "77"),
}


@pytest.mark.parametrize("dialect", ["", "mindray"])
@pytest.mark.parametrize("numbers", ORDERS)
def test_two_numbers_that_may_be_the_specimen_s_are_refused(numbers, dialect):
    """Mindray has a number of the day in O-3 and the bar code in O-4; others have a place in the analyzer there."""
    records = [H, b"P|1|4|||Doe^Jane||19800101|F", b"O|1|" + numbers + b"|^ALB|R", b"R|1|^ALB|8|g/L||N||F", b"L|1|N"]
    data = b"\r".join(records)
    said, number = ORDERS[numbers]
    base = {"dialect": dialect, "test_parts": ["2"]}
    lines = outcome(data, "", configured(astm=base))
    assert [line for line in lines if line.startswith("! ")] == ["! astm.specimen"]
    lines = outcome(data, "", configured(astm={**base, **said}))
    assert any(line.startswith(f"OBR|1||{number}|ALB^") for line in lines), lines


@pytest.mark.parametrize("numbers", [b"77|", b"77|^3^2", b"77|77", b"77^3|"])
def test_a_place_in_the_analyzer_is_no_second_number(numbers):
    records = [H, b"P|1|4|||Doe^Jane||19800101|F", b"O|1|" + numbers + b"|^^^ALB|R", b"R|1|^^^ALB|8|g/L||N||F",
               b"L|1|N"]  # fmt: skip
    assert any(line.startswith("OBR|1||77|ALB^") for line in outcome(b"\r".join(records), "", Inputs()))


@pytest.mark.parametrize("name", dialect_names())
def test_every_dialect_is_of_settings_that_a_site_could_write(name):
    astm = configured(astm={"dialect": name}).astm
    assert astm != Inputs().astm
    said = configured(astm={"dialect": name, "skip": ["MINE"], "no_value": "quarantine"}).astm
    assert (said.skip, said.no_value) == (("MINE",), "quarantine")
    assert configured(astm={"dialect": name, "ignore": ["O-11"]}).astm.ignore == astm.ignore | {"O-11"}


H = rb"H|\^&|||X|||||||P|LIS2-A2|20260101120000"
CAPTURES = {
    "sysmex-xn": (
        [rb"H|\^&|||    XN-550^00-24^22723^^^^BD634545||||||||E1394-97",
         b"P|1|||37182|^Jim^Brown||19870626|M|||||^DR.1||||||||||||^^^WEST", b"C|1||POST HD",
         rb"O|1||^^                    27^M|^^^^WBC\^^^^HGB|||||||N||||||||||||||F",
         b"R|1|^^^^WBC^1|8.13|10*3/uL||N||F||||20240627135407", b"R|2|^^^^Anemia||||A||F||||20240627135407",
         b"R|3|^^^^SCAT_WDF|PNG&R&20240628.PNG|||N||F", b"L|1|N"],
        ["|37182||Brown^Jim^", "PV1|1|U|WEST||||^DR.1", "|27|58410-2^CBC panel^LN|", "|NM|WBC^^L||8.13|10*3/uL||N|",
         "|ST|Anemia^^L||A|"],
    ),
    "roche-cobas": (
        [rb"H|\^&|||c311^1|||||host|RSUPL^REAL|P|1", b"P|1|77",
         rb"O|1|11625^CL-PL-24-0370         ^1^^004|R1|^^^685/|R||||||N||^^||SC|||labo  ||||||20240203132011|||F",
         b"R|1|^^^685/|22.4|U/l||A||F|||||P1", b"C|1|I|43|I", b"L|1|N"],
        ["|CL-PL-24-0370|685/^^L|", "|NM|685/^^L||22.4|U/l||A|"],
    ),
    "roche-elecsys": (
        [rb"H|\^&|||cobas-e411^1|||||host|RSUPL^BATCH|P|1", b"P|1||12345678||DOE^JOHN||19800115|M",
         rb"O|1|B20|0^40002^3^^S1^SC|^^^146|R||||||N||||||||||||||F", b"R|1|^^^146|2.45|uIU/mL|0.27^4.20|N||F",
         b"R|2|^^^163|8.5|pg/mL|^14|N||F", b"L|1|N"],
        ["|146^^L||2.45|uIU/mL|0.27-4.20|N|", "|163^^L||8.5|pg/mL|<14|N|"],
    ),
    "beckman-access": (
        [rb"H|\^&|||ACCESS^575707|||||LIS||P|1|20250701185020", b"P|1|77",
         rb"O|1|2025105867|^1316^1|^^^B12|||||||||||Serum||||||||||F",
         b"R|1|^^^B12II^1|131|pg/mL|222 to 1439^normal|L||F||||20250701184502|575707", b"L|1|F"],
        ["|B12II^^L||131|pg/mL|222 to 1439|L|", "|575707|20250701184502"],
    ),
    "mindray": (
        [rb"H|\^&|||Mindry^^|||||||PR|1394-97|20250701173105", b"P|1|77", b"O|1|88||1^ALT^^|R",
         b"R|1|1^ALT^^F|98.2^^^^|U/L|^|N||F", b"L|1|N"],
        ["|88|ALT^^L|", "|NM|ALT^^L||98.2|U/L||N|"],
    ),
    "celltak": (
        [H, b"P|1|77", b"O|1|S1||^^^CBC", b"R|1|^^^HGB|14.8|g/dL^9^0|12.0^18.0|N||F", b"L|1|N"],
        ["|HGB^^L||14.8|g/dL|12.0-18.0|N|"],
    ),
    "horiba": (
        [rb"H|\^&|||ABX|||||||P|E1394-97|20220727121551", b"P|1|77|||^|||U", b"O|1|AUTO_SID1^00^00||^^^DIF",
         b"R|1|^^^WBC^804-5^1|8.5|10^3/uL|4.0-10.0^REFERENCE_RANGE|||W||NNE||20220727121550", b"L|1|N"],
        ["|AUTO_SID1|", r"|WBC^^L||8.5|10\S\3/uL|4.0-10.0||||R|", "|NNE|"],
    ),
    "stago": (
        [rb"H|\^&|||STAGO^STA_COMPACT|||||||P|1", b"P|1|77", b"O|1|BC-8||^^^PT|S", b"R|1|^^^PT|13.2|s|11.0-14.5|N||F",
         b"L|1|N"],
        ["|PT^^L||13.2|s|11.0-14.5|N|"],
    ),
    "genexpert": (
        [rb"H|@^\|URM-8||Hospital^GeneXpert^4.8|||||LIS||P|1394-97|20250516125515", b"P|1|77|||^^^^",
         b"O|1|PR25A137||^^^MTB-RIF|R|20250514121638|||||||||ORH||||||||||F",
         b"R|1|^MTB-RIF^^Xpert^Xpert MTB-RIF Ultra^4^MTB^|NOT DETECTED^|||||F||John Doe|20250514121638|"
         b"20250514132103|Cepheid-4^80^65", b"R|2|^MTB-RIF^^Xpert^^^SPC^Ct|^24.7|||",
         b"R|3|^MTB-RIF^^RIF^^^rpoB1 melt^|^|||", b"L|1|N"],
        ["|ST|MTB-RIF-Xpert-MTB^^L||NOT DETECTED|", "|NM|MTB-RIF-Xpert-SPC-Ct^^L||24.7|",
         "remark astm.results-skipped"],
    ),
}  # fmt: skip
"""Records in the forms of public captures, with people of nobody."""


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_in_its_dialect(name):
    records, expected = CAPTURES[name]
    lines = outcome(b"\r".join(records), "", configured(astm={"dialect": name}))
    assert not [line for line in lines if line.startswith("! ")], lines
    assert not [part for part in expected if not any(part in line for line in lines)], lines


def test_every_dialect_has_its_capture():
    assert set(CAPTURES) == set(dialect_names())
