"""One set of guards: a text means the same in every format, or it is refused in every format."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from lab_sender.config.profile import builtin
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, Inputs, ReadyItem, read
from lab_sender.readers.guards.words import bare
from readers.test_cases import NOW, configured, outcome

GOOD = {
    "patient_id": "4711", "family": "Doe", "given": "", "sex": "F", "birth": "", "accession": "A1", "collected": "",
    "code": "K", "value": "4.5", "value_text": "", "unit": "mmol/L", "range": "3.5-5.1", "flag": "N", "status": "F",
    "note": "ok",
}  # fmt: skip


def as_json(said: dict[str, str]) -> bytes:
    result = {"test": {"code": said["code"]}, "flags": [said["flag"]], "notes": [said["note"]]}
    result |= {key: said[key] for key in ("value", "unit", "range", "status")}
    if said["value_text"]:
        result["value"] = {"code": said["value"], "text": said["value_text"]}
    order = {"filler": said["accession"], "test": {"code": "P"}, "results": [result], "collected": said["collected"]}
    patient = {"ids": [{"id": said["patient_id"]}], "sex": said["sex"], "birth": said["birth"]}
    patient["name"] = {"family": said["family"], "given": said["given"]}
    return json.dumps({"patient": patient, "orders": [order]}).encode()


def as_csv(said: dict[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*said, "order_code"], delimiter=";")
    writer.writeheader()
    writer.writerow({**said, "order_code": "P"})
    return text.getvalue().encode()


def as_astm(said: dict[str, str]) -> bytes:
    said = {key: re.sub(r"[|\\&]", lambda sign: f"&X{ord(sign[0]):02X}&", text) for key, text in said.items()}
    records = [
        r"H|\^&|||X|||||||P|LIS2-A2|20260101120000",
        f"P|1|{said['patient_id']}|||{said['family']}^{said['given']}||{said['birth']}|{said['sex']}",
        f"O|1|{said['accession']}||^^^P|||{said['collected']}",
        f"R|1|^^^{said['code']}|{said['value']}|{said['unit']}|{said['range']}|{said['flag']}||{said['status']}",
        f"C|1|I|{said['note']}|G",
        "L|1|N",
    ]
    return "\r".join(records).encode()


def as_fhir(said: dict[str, str]) -> bytes:
    """Words for flags, sexes and statuses are codes in FHIR, which its own tables hold."""
    subject = {"reference": "Patient/p"}
    name = {"family": said["family"]} | ({"given": [said["given"]]} if said["given"] else {})
    patient = {"resourceType": "Patient", "id": "p", "identifier": [{"value": said["patient_id"]}], "name": [name]}
    observation = {
        "resourceType": "Observation", "status": "final", "subject": subject,
        "code": {"coding": [{"code": said["code"]}]}, "note": [{"text": said["note"]}],
        "referenceRange": [{"text": said["range"]}], "interpretation": [{"coding": [{"code": said["flag"]}]}],
    }  # fmt: skip
    comparator, number = re.fullmatch(r"(<=|>=|<|>)? ?(.*)", said["value"], re.DOTALL).groups("")
    if said["value_text"]:
        coded = {"coding": [{"code": said["value"], "display": said["value_text"]}]}
        observation["valueCodeableConcept"] = coded
    elif re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", number):
        quantity = {"unit": said["unit"], "value": "THE NUMBER"}
        observation["valueQuantity"] = quantity | ({"comparator": comparator} if comparator else {})
    else:
        observation["valueString"] = said["value"]
    report = {
        "resourceType": "DiagnosticReport", "status": "final", "subject": subject,
        "code": {"coding": [{"code": "P"}]}, "identifier": [{"value": said["accession"]}],
        "result": [{"reference": "urn:uuid:1"}],
    }  # fmt: skip
    patient |= {"birthDate": said["birth"]} if said["birth"] else {}
    report |= {"effectiveDateTime": said["collected"]} if said["collected"] else {}
    entries = [{"resource": report}, {"fullUrl": "urn:uuid:1", "resource": observation}, {"resource": patient}]
    data = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    return data.replace('"THE NUMBER"', number).encode()


def as_hl7(said: dict[str, str]) -> bytes:
    """The bytes of a message that is ready: no guard changes them, and none is asked."""
    number = re.fullmatch(r"[0-9.]+", said["value"])
    segments = [
        r"MSH|^~\&|LAB||HIS||20260101120000||ORU^R01|M1|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{said['patient_id']}||{said['family']}^{said['given']}||{said['birth']}|{said['sex']}",
        f"OBR|1||{said['accession']}|P|||{said['collected']}",
        f"OBX|1|{'NM' if number else 'ST'}|{said['code']}||{said['value']}|{said['unit']}|{said['range']}"
        f"|{said['flag']}|||{said['status']}",
        f"NTE|1||{said['note']}",
    ]
    return "".join(f"{segment}\r" for segment in segments).encode()


FORMATS = {"json": as_json, "csv": as_csv, "astm": as_astm, "fhir": as_fhir}
FIELDS = {"patient_id": ("PID", 3), "family": ("PID", 5), "given": ("PID", 5), "birth": ("PID", 7), "sex": ("PID", 8),
          "accession": ("OBR", 3), "collected": ("OBR", 7), "code": ("OBX", 3), "value": ("OBX", 5),
          "unit": ("OBX", 6), "range": ("OBX", 7), "flag": ("OBX", 8), "status": ("OBX", 11),
          "note": ("NTE", 3)}  # fmt: skip
REFUSED = "! "
"""Stands in the table for a refusal whose code is the format's own: FHIR's grammar has its own for a date, say."""


def became(make, column: str, text: str, **others: str) -> str:
    """What stands in the message for a text in a column; `! ` and the last word of the code where it was refused."""
    told = outcome(make({**GOOD, **others, column: text}), "a.csv", Inputs())
    refused = [line.rpartition(".")[2] for line in told if line.startswith("! ")]
    if refused:
        return REFUSED + ("spoilt" if "spoilt" in refused else refused[0])
    segment, field = FIELDS[column]
    rows = [line.split("|") for line in told if line.startswith(segment)]
    if not rows:
        return ""
    kind = f"{rows[0][2]} " if column == "value" else ""
    value = rows[0][field] if field < len(rows[0]) else ""
    return kind + (value.partition("^")[0] if column in ("code", "unit", "family") else value)


ALL = tuple(FORMATS)
TEXT = ("json", "csv", "astm")
"""The formats in which the writer's words are ours to understand."""
ERRORS = (
    "#WERT!", "#NV", "#VALUE!", "#N/A", "#REF!", "#DIV/0!", "#VALEUR!", "#¡VALOR!", "#RIF!", "#WAARDE!", "#ARG!",
    "#####", "Err:502",
)  # fmt: skip
MORE_ERRORS = (
    "#BEZUG!", "#NAME?", "#ZAHL!", "#DIV/0!", "#DIV/0", "#¡DIV/0!", "#¿NOMBRE?", "#¡NUM!", "#N/D", "#NOM?",
    "#NOMBRE!", "#NUL!", "#NOMBRE?", "#NOME?", "#NUMERO!", "#NÚM!", "#VALORE!", "#DEEL/0!", "#NAAM?", "#GETAL!",
    "#VERW!", "#N/B", "#DZIEL/0!", "#LICZBA!", "#ADR!", "#NAZWA?", "#\u0417\u041d\u0410\u0427!",
    "#\u0421\u0421\u042b\u041b\u041a\u0410!", "#\u0418\u041c\u042f?", "#\u0414\u0415\u041b/0!",
    "#\u041d/\u0414", "#\u03a4\u0399\u039c\u0397!", "#\u0394/\u03a5", "#HODNOTA!", "#NENÍ_K_DISPOZICI",
    "#ÉRTÉK!", "#HIÁNYZIK", "#VÆRDI!", "#I/T", "#VÄRDEFEL!", "#SAKNAS!", "#ARVO!", "#PUUTTUU", "#DE\u011eER!",
    "#YOK", "#N/V", "#SPILL!", "#CALC!", "#GETTING_DATA", "#REF", "Err :502",
    "\u041e\u0448\u0438\u0431\u043a\u0430:502",
)  # fmt: skip
"""The rest of the family; one column tells, for the rule is one."""
MADE_DATES = (
    "3-Feb", "05. Mrz", "Dec-10", "03-mai", "3-févr", "05-mars", "dic-12", "03-ene", "5-mag", "ott-12", "05-mrt",
    "05/dez", "05.\u043c\u0430\u0440", "\u043c\u0430\u0439.05", "12-gru",
)  # fmt: skip
NOTHING = ("NULL", "null", "None", "NaN", "nan", "N/A", "(null)")
NO_WORD = ("nil", "Nil", "NA", "NAT", "-", "--", "keine", "0")
"""Results, units and signs that laboratories write: no words for nothing."""
LONG = "12345678901234567890123456789012345678901234567890"
BLANKS = (" {} ", "\u00a0{}\u00a0", "\t{}", "{}\u200b", "\ufeff{}", "\u200e{}", "\u2003{}", "{}\u00ad")
"""A blank, one that does not break, a tab, one without width, a byte order mark, a mark of direction ..."""
TABLE: list[tuple[str, str, str, tuple[str, ...]]] = [
    # what a program or a spreadsheet wrote in place of a text
    *((column, text, "! spoilt", ALL) for text in ERRORS
      for column in ("value", "patient_id", "family", "accession", "code", "unit", "range", "note")),
    *((column, text, "! spoilt", ALL) for text in NOTHING for column in ("value", "patient_id", "accession", "code")),
    *((column, text, "", ALL) for text in NOTHING for column in ("range", "note", "family")),
    *((column, text, "", TEXT) for text in NOTHING for column in ("flag", "unit", "birth", "collected")),
    *(("status", text, "! spoilt", ("json", "csv")) for text in NOTHING),
    *(("status", text, "! status", ("astm",)) for text in NOTHING),
    *(("value", text, f"ST {text}", ("json", "csv", "astm", "fhir")) for text in NO_WORD if text != "0"),
    *((column, text, text, ALL) for text in NO_WORD for column in ("unit", "range", "note")),
    # powers of ten
    *((column, text, "! spoilt", ALL) for text in ("1.67683e+15", "4.78e+06", "1.67683E15", "1,67683E+15", "2E+15")
      for column in ("patient_id", "accession")),
    *((column, text, text, ALL) for text in ("#Achtung!", "#Wichtig!", "#Name?") for column in ("note", "unit")),
    *(("value", text, "! spoilt", ALL) for text in ("#wert!", "#n/a", "#Name?")),
    # more of what spreadsheets write; one column tells, for the rule is one
    *(("value", text, "! spoilt", ALL) for text in MORE_ERRORS),
    *((column, text, "! spoilt", ALL) for text in MADE_DATES for column in ("value", "range")),
    *((column, "'-5", "! spoilt", ALL) for column in ("value", "range", "code", "patient_id")),
    *((column, "'00123", "! spoilt", ALL) for column in ("patient_id", "accession", "code")),
    *(("code", text, text, ALL) for text in ("SET-05", "MAI-10", "LIS-12", "5-HT", "#WBC", "NAT", "NA")),
    *((column, "1E5", "1E5", ALL) for column in ("patient_id", "accession", "code")),
    *(("value", text, f"ST {text}", ALL) for text in ("1.67683E+15", "10E5", "1.5e3", "1E-3", "1e400")),
    ("range", "1.5e3-2e3", "1.5e3-2e3", ALL),
    *((column, text, text, ALL) for text in ("1.67683E+15", "4,5", "\u22125", "1:128", "2+", "+++", "0004711", "-3")
      for column in ("range", "unit", "note")),
    *((column, text, text, ALL) for text in ("05. Mrz", "'-5") for column in ("unit", "note")),
    *((column, text, text, ALL) for text in ("4,5", "\u22125", "1:128", "2+", "+++", "nil", "NA", "bis 5")
      for column in ("patient_id", "accession")),
    # dates made of values and ranges, signs kept by an apostrophe
    *((column, text, "! spoilt", ALL) for text in ("3. Mai", "05. Mrz", "Mar-05", "'-5", "'=1+1")
      for column in ("value", "range", "patient_id", "accession")),
    # numbers: digit for digit, or as text
    *(("value", text, f"NM {text}", ALL) for text in ("0.10", "-3", "-0", "-0.50", "0", LONG, f"0.{LONG}", "100")),
    *(("value", text, f"NM {text}", TEXT) for text in ("+3", "00012", "007.50")),
    *(("value", text, f"ST {text}", TEXT) for text in (".5", "5.")),
    *(("value", text, f"ST {text}", ALL) for text in
      ("4,5", "1,234", "1.234,5", "<4,5", "\u22123", "\u20133", "\uff14.\uff15", "\u0664", "\u22645", "\u22655")),
    # comparators, titres, degrees, ranges
    ("value", "<5", "SN <^5", ALL),
    ("value", "<5.0", "SN <^5.0", ALL),
    ("value", "> 200", "SN >^200", ALL),
    ("value", "<=5", "SN <=^5", ALL),
    ("value", ">=0.10", "SN >=^0.10", ALL),
    ("value", "1:128", "SN ^1^:^128", TEXT),
    ("value", "2+", "SN ^2^+", TEXT),
    ("value", "1+", "SN ^1^+", TEXT),
    *(("value", text, f"ST {text}", ALL) for text in
      ("+", "++", "+++", "1 : 128", "3.5-5.1", "3,5 - 5,1", "5.1-3.5", "bis 5", "neg", "TRUE", "Infinity",
       "2026-08-01", "12:30", "01/02/2026", "=1+1")),
    *(("range", text, text, ALL) for text in
      ("3.5-5.1", "3,5 - 5,1", "<5", "< 5", ">=60", "bis 5", "5.1-3.5", "3.5\u20135.1", "-5--1", "neg")),
    *(("range", text, said, ALL) for text, said in {
        "0.270^4.20": "0.270-4.20", "98^^106": "98-106", "^5": "<5", "60^": ">60",
        "60^^": ">60", "60^^^^": "60", "^60^^^": "<60", "neg^": "neg", "3,5^5,1": "3,5-5,1", "-5^-1": "-5--1",
        "5.1^3.5": "5.1-3.5", "0.270 ^ 4.20": "0.270-4.20"}.items()),
    # identifiers
    *((column, text, text, ALL) for text in ("0004711", "0", "4711.0", "-3", "\uff14\uff17", LONG, "47\u200b11",
                                            "A-1/2")
      for column in ("patient_id", "accession")),
    ("code", "0012", "0012", ALL),
    # blanks
    *((column, blank.format(GOOD[column]), GOOD[column], ALL) for blank in BLANKS
      for column in ("patient_id", "family", "accession", "unit", "range")),
    *((column, blank.format(GOOD[column]), GOOD[column], TEXT) for blank in BLANKS
      for column in ("code", "flag", "status", "sex")),
    *(("value", blank.format("4.5"), "NM 4.5", TEXT) for blank in BLANKS),
    *(("value", blank.format("<5"), "SN <^5", TEXT) for blank in BLANKS),
    *(("value", blank.format("NULL"), "! spoilt", ALL) for blank in BLANKS),
    *(("patient_id", blank.format("1.67683E+15"), "! spoilt", ALL) for blank in BLANKS),
    *(("collected", blank.format("2026-02-01"), "20260201", TEXT) for blank in BLANKS),
    *((column, f" {GOOD[column]} ", REFUSED, ("fhir",)) for column in ("code", "flag")),  # FHIR has none there
    # control characters, and the quotes that delete
    *((column, "a\x07b", REFUSED, ALL) for column in ("patient_id", "accession", "code", "value", "unit", "note")),
    *((column, "a\x85b", "! control", ALL) for column in ("patient_id", "accession", "value", "unit", "note")),
    *((column, '""', "! null", ALL) for column in ("patient_id", "accession", "code", "value", "unit", "note")),
    # words for flags, sexes and statuses
    *(("flag", word, code, TEXT) for word, code in {
        "High": "H", "LOW": "L", "h": "H", "abnormal": "A", "Normal": "N", "erhöht": "H", "élevé": "H", "alto": "H",
        "basso": "L", "niski": "L", "verlaagd": "L", "critical high": "HH", "unauffällig": "N", "ll": "LL",
        "*": "*", "+": "+", "xyz": "xyz"}.items()),
    *(("sex", word, code, TEXT) for word, code in {
        "w": "F", "weiblich": "F", "männlich": "M", "divers": "O", "femme": "F", "Hombre": "M", "maschio": "M",
        "kobieta": "F", "vrouw": "F", "f": "F", "unknown": "U"}.items()),
    *(("sex", word, "! sex", TEXT) for word in ("h", "v", "xyz", "1", "2")),
    *(("status", word, code, ("json", "csv")) for word, code in {
        "endgültig": "F", "vorläufig": "P", "définitif": "F", "corretto": "C", "Final": "F"}.items()),
    *(("status", word, REFUSED, TEXT) for word in ("xyz", "#N/A")),
    # dates
    *((column, text, said, ALL) for column in ("birth", "collected") for text, said in {
        "2026-02-01": "20260201", "2026-02": "202602"}.items()),
    ("birth", "2026", "2026", ALL),
    ("collected", "2026", "2026", tuple(form for form in ALL if form != "csv")),
    ("collected", "2026", REFUSED, ("csv",)),  # or a quarter past eight
    *((column, text, REFUSED, ALL) for column in ("birth", "collected") for text in
      ("0001-01-01", "1799-12-31", "0930",  # nothing, no patient's, and half past nine
       "2026-02-30", "2026-13-01", "20260230", "0000-00-00", "00000000", "1900-01-00", "01/02/2026", "01.02.2026",
       "26-02-01", "01.02.26", "1/2/26", "1.Feb 2026", "45000", "2026-02-01T25:00", "\uff12\uff10\uff12\uff16-02-01",
       "#N/A")),
    *(("collected", text, said, TEXT) for text, said in {
        "2026-02-01T09:30": "202602010930", "202602010930": "202602010930",
        "2026-02-01T09:30+01:00": "202602010930+0100", "2026-02-01T09:30:15Z": "20260201093015+0000"}.items()),
    ("collected", "2026-02-01T09:30:15Z", "20260201093015+0000", ("fhir",)),
]  # fmt: skip


def held(form: str, column: str) -> dict[str, str]:
    """The texts of the table for a column of a format, with what each must become."""
    return {text: said for name, text, said, forms in TABLE if name == column and form in forms}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("column", FIELDS)
def test_a_text_means_the_same_in_every_format(column, form):
    told = {text: (became(FORMATS[form], column, text), said) for text, said in held(form, column).items()}
    wrong = {text: two for text, two in told.items() if not (two[0] == two[1] or two[1] == two[0][:2] == REFUSED)}
    assert not wrong


@pytest.mark.parametrize("column", FIELDS)
def test_no_guard_touches_a_message_that_is_ready(column):
    """Ready HL7 is trusted: its bytes go out, and a number that is none by HL7 is remarked on."""
    for text in {text for name, text, _, _ in TABLE if name == column}:
        data = as_hl7({**GOOD, column: text})
        (item,) = read(data).items
        assert isinstance(item, ReadyItem), text
        assert item.body == data


def test_what_is_no_number_in_the_table_is_remarked_on_in_a_ready_message():
    for text, said in held("json", "value").items():
        data = as_hl7({**GOOD, "value": text}).replace(b"|ST|", b"|NM|")
        (item,) = read(data).items
        number = (said.startswith("NM") and bare(text) == text.strip(" ")) or text in (".5", "5.") or said == "! null"
        assert [one.code for one in item.remarks] == ([] if number else ["hl7.value-type"]), text
        assert item.body == data


NUMBERS_AS_TEXT = {
    **dict.fromkeys(("4,5", "<4,5", "0,125", "-3,5"), "value.decimal-comma"),
    **dict.fromkeys(("\u22123", "\uff14.\uff15", "\u0664", "\u22645", "\u2212\u0663"), "value.number-signs"),
}


@pytest.mark.parametrize("form", FORMATS)
def test_a_number_that_is_sent_as_text_is_told(form):
    for text, code in NUMBERS_AS_TEXT.items():
        assert [one.code for one in read(FORMATS[form]({**GOOD, "value": text}), "a.csv").remarks] == [code], text
    for text in ("10E5", "1,234", "3.5-5.1", "Größe 5", "5\u00b2", "\u00bd", "±5"):
        assert not read(FORMATS[form]({**GOOD, "value": text}), "a.csv").remarks, text


def test_a_decimal_comma_is_one_between_the_digits_of_ascii_only():
    inputs = configured(csv=[{"decimal_comma": "true"}])
    wide = "\uff14,\uff15"
    for text, said in {"4,5": "|NM|K||4.5|", "<4,5": "|SN|K||<^4.5|", wide: f"|ST|K||{wide}|"}.items():
        assert any(said in line for line in outcome(as_csv({**GOOD, "value": text}), "a.csv", inputs)), text


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("column", ["patient_id", "accession", "code"])
def test_what_nobody_sees_inside_a_number_is_told_and_sent(column, form):
    (remark,) = read(FORMATS[form]({**GOOD, column: "47\u200b11"}), "a.csv").remarks
    assert (remark.code, remark.severity) == ("report.unseen", "warning")
    assert became(FORMATS[form], column, "47\u200b11") == "47\u200b11"
    words = {"family": "\u0645\u06cc\u200c\u062f", "note": "a\u200bb"}
    assert not read(FORMATS[form]({**GOOD, **words}), "a.csv").remarks


def test_headings_and_blank_cells_of_a_table_have_no_characters_that_nobody_sees_either():
    table = as_csv(GOOD)
    head, _, row = table.partition(b"\r\n")
    unseen = "\u200b".encode()
    told = outcome(head.replace(b"value;", b"value" + unseen + b";") + b"\r\n" + row, "a.csv", Inputs())
    assert told == outcome(table, "a.csv", Inputs())
    assert outcome(table + unseen + b";" * head.count(b";") + b"\r\n", "a.csv", Inputs()) == told


CODED = {
    ("NULL", "T"): "! spoilt", ("#N/A", "T"): "! spoilt", ("05. Mrz", "T"): "! spoilt", ("K7", "#WERT!"): "! spoilt",
    ("K7", "NULL"): "CWE K7", ("K7\u200b", "T"): "CWE K7^T", ("0012", "T"): "CWE 0012^T",
}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "csv", "fhir"])
def test_the_code_of_a_value_is_held_to_the_same(form):
    told = {pair: became(FORMATS[form], "value", pair[0], value_text=pair[1]) for pair in CODED}
    assert told == CODED


def test_the_other_parts_of_a_coded_value_are_looked_at_too():
    report = json.loads(as_json(GOOD))
    result = report["orders"][0]["results"][0]
    for value in ({"text": "NULL"}, {"code": "", "text": "#REF!"}, {"code": "A", "alt": {"code": "#N/A"}},
                  {"code": "A", "original": "#N/A"}, [{"code": "A"}, {"code": "null"}]):  # fmt: skip
        result["value"] = value
        assert "! report.spoilt" in outcome(json.dumps(report).encode(), "", Inputs()), value
    result["value"] = {"code": "A", "text": "a", "system": "NULL", "alt": {"code": "none", "text": "b"}}
    lines = outcome(json.dumps(report).encode(), "", Inputs())
    assert any("|A^a^^^b|" in line for line in lines)
    assert any("2 times" in line or "report.nothing" in line for line in lines)


RANGES = {
    "^": {"text": "0.27^4.20"}, "low and words": {"low": 3.50, "text": "adult"},
    "words that say it": {"low": "3.5", "high": "5.1", "text": "3.5 to 5.1"},
    "no word": {"low": "3.5", "high": "5.1", "text": "NULL"}, "words": {"text": "adult"},
}  # fmt: skip


def test_limits_of_a_range_and_its_words_go_out_together():
    report = json.loads(as_json(GOOD))
    told = {}
    for name, span in RANGES.items():
        report["orders"][0]["results"][0]["range"] = span
        (line,) = [line for line in outcome(json.dumps(report).encode(), "", Inputs()) if line.startswith("OBX")]
        told[name] = line.split("|")[7]
    assert told == {
        "^": "0.27-4.20", "low and words": ">3.5 adult", "words that say it": "3.5 to 5.1", "no word": "3.5-5.1",
        "words": "adult",
    }  # fmt: skip


ISSUED = {
    "F1|LAB": "F1^LAB", " F1 | LAB ": "F1^LAB", "F1|LAB|1.2.3": "F1^LAB^1.2.3^ISO", "F1|NULL": "F1",
    "F1|NULL|1.2.3": "F1^^1.2.3^ISO", "NULL|LAB": "! spoilt", "1.67683E+15|LAB": "! spoilt", "F1|#N/A": "! spoilt",
    "F1\u200b|LAB": "F1^LAB",
}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_number_and_who_gave_it_out_are_looked_at_apart(form):
    assert {text: became(FORMATS[form], "accession", text) for text in ISSUED} == ISSUED


def test_a_number_of_json_is_written_out_and_keeps_its_digits():
    data = as_json(GOOD).replace(b'"4.5"', b"1.50e3")
    assert any("|NM|K||1500|" in line for line in outcome(data, "", Inputs()))


def test_a_word_for_nothing_is_told_once_for_its_key():
    data = b"\n".join(as_json({**GOOD, "unit": "NULL", "accession": f"A{n}"}) for n in range(3))
    (remark,) = read(data).remarks
    assert (remark.code, remark.place, remark.severity) == (
        "report.nothing", "line 1.orders[0].results[0].unit", "warning",
    )  # fmt: skip
    assert "3 times" in remark.text


def test_a_site_may_have_a_word_for_nothing_as_a_result():
    (item,) = read(as_json({**GOOD, "value": "None"})).items
    assert isinstance(item, BadItem)
    assert "words_for_nothing" in item.findings[0].hint
    inputs = configured(words_for_nothing=["NULL", "nan"])
    assert any("|ST|K||None|" in line for line in outcome(as_json({**GOOD, "value": "None"}), "", inputs))


@pytest.mark.parametrize("form", FORMATS)
def test_a_family_called_null_keeps_its_name(form):
    make = FORMATS[form]
    assert became(make, "family", "Null", given="Ada") == "Null"
    assert became(make, "family", "Null", given="NULL") == became(make, "family", "Null") == ""
    assert became(make, "given", "NULL", family="Doe") == "Doe^^^^^^L"


def test_a_doctor_called_null_does_too():
    report = json.loads(as_json(GOOD))
    order = report["orders"][0]
    order["orderer"] = {"id": "12", "family": "Null", "given": "Ada"}
    assert any("|12^Null^Ada^" in line for line in outcome(json.dumps(report).encode(), "", Inputs()))
    order["orderer"] = {"id": "12", "family": "Null"}
    lines = outcome(json.dumps(report).encode(), "", Inputs())
    assert any("|12|" in f"{line}|" for line in lines)
    assert any("report.nothing" in line for line in lines)


def corrected(form: str) -> bytes:
    """One order with a final result and its correction."""
    if form == "json":
        report = json.loads(as_json(GOOD))
        report["orders"][0]["results"].append({"test": {"code": "K"}, "value": "4.7", "status": "C"})
        return json.dumps(report).encode()
    if form == "csv":
        first, second = as_csv(GOOD), as_csv({**GOOD, "value": "4.7", "status": "C"})
        return first + second.partition(b"\r\n")[2]
    if form == "astm":
        return as_astm(GOOD).replace(b"C|1|", b"R|2|^^^K|4.7|||||C\rC|1|")
    bundle = json.loads(as_fhir(GOOD))
    second = json.loads(json.dumps(bundle["entry"][1]))
    second["fullUrl"] = "urn:uuid:2"
    second["resource"] |= {"status": "corrected"}
    bundle["entry"].append(second)
    bundle["entry"][0]["resource"]["result"].append({"reference": "urn:uuid:2"})
    return json.dumps(bundle).encode()


@pytest.mark.parametrize("form", FORMATS)
def test_a_correction_beside_what_it_corrects_is_refused_in_every_format(form):
    assert "! result.corrected-beside" in outcome(corrected(form), "a.csv", Inputs())


@pytest.mark.parametrize("form", FORMATS)
def test_a_family_name_is_one_only_where_people_may_have_it(form):
    for word, said in {"Null": "Null", "None": "None", "Nan": "Nan", "N/A": "", "(null)": "", "[NULL]": ""}.items():
        assert became(FORMATS[form], "family", word, given="Jane") == said, word


def test_results_that_are_all_corrected_are_runs_as_they_were_before():
    """A corrected report of a test run twice, or of two germs: each is what the HIS has under its OBX-4."""
    two = as_astm(GOOD).replace(b"|N||F", b"|N||C").replace(b"C|1|", b"R|2|^^^K|4.7|||||C\rC|1|")
    bundle = json.loads(corrected("fhir"))
    bundle["entry"][1]["resource"]["status"] = "amended"
    for data in (two, json.dumps(bundle).encode()):
        rows = [line.split("|") for line in outcome(data, "", Inputs()) if line.startswith("OBX")]
        assert [(row[4], row[11]) for row in rows] == [("1", "C"), ("2", "C")]
    bundle["entry"][1]["resource"]["status"] = "entered-in-error"
    assert "! result.corrected-beside" in outcome(json.dumps(bundle).encode(), "", Inputs())


def in_two_orders(status: str, **other: object) -> dict[str, bytes]:
    """One test in two orders of one number and code, the second of this status; `other` sets the second apart."""
    report = json.loads(as_json(GOOD))
    (order,) = report["orders"]
    (result,) = order["results"]
    second = {**order, "results": [{**result, "value": "4.7", "status": status}], **other}
    again = b"O|2|A1||^^^P\rR|1|^^^K|4.7|||||" + status.encode() + b"\rL|1"
    return {
        "json": json.dumps({**report, "orders": [order, second]}).encode(),
        "astm": as_astm(GOOD).replace(b"L|1", again),
    }


@pytest.mark.parametrize("form", ["json", "astm"])
def test_a_correction_in_another_order_of_one_number_is_refused_too(form):
    assert "! result.corrected-beside" in outcome(in_two_orders("C")[form], "", Inputs())


def test_an_order_of_another_specimen_has_a_correction_of_its_own():
    for other in ({"filler": "F9"}, {"accession": "A9", "filler": ""}, {"specimens": [{"id": "S2", "type": "BLD"}]},
                  {"test": {"code": "Q"}}):  # fmt: skip
        assert outcome(in_two_orders("C", **other)["json"], "", Inputs())[-1] == ""


@pytest.mark.parametrize("form", ["json", "astm"])
def test_a_test_that_stands_twice_in_two_orders_of_one_number_is_told(form):
    def repeated(data):
        (item,) = read(data).items
        built = Builder(builtin()).build(item.report, control_id="C1", now=NOW, attachments={})
        return [one.code for one in built.warnings if one.code == "result.repeated"]

    assert repeated(in_two_orders("F")[form]) == ["result.repeated"]
    assert repeated(in_two_orders("F", filler="F9")["json"]) == []


@pytest.mark.parametrize("text", [">=4 10^3/uL", "<2.5 x^y", "10^9/L", "4^5^6"])
def test_a_caret_in_the_words_of_a_range_stays(text):
    result = {"test": {"code": "A", "system": "L"}, "value": "1", "range": text}
    order = {"filler": "F1", "test": {"code": "P", "system": "L"}, "results": [result]}
    data = {"schema": "lab-result/1", "patient": {"ids": [{"id": "1"}]}, "orders": [order]}
    (item,) = read(json.dumps(data).encode()).items
    assert item.report.orders[0].results[0].range == text
