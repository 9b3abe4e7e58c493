"""One set of guards: a text means the same in every format, or it is refused in every format."""

from __future__ import annotations

import csv
import io
import json

import pytest

from lab_sender.readers import BadItem, Inputs, read
from readers.test_cases import configured, outcome

GOOD = {
    "patient_id": "4711", "sex": "F", "accession": "A1", "code": "K", "value": "4.5", "unit": "mmol/L",
    "range": "3.5-5.1", "flag": "N", "status": "F", "note": "ok",
}  # fmt: skip


def as_json(said: dict[str, str]) -> bytes:
    result = {"test": {"code": said["code"]}, "flags": [said["flag"]], "notes": [said["note"]]}
    result |= {key: said[key] for key in ("value", "unit", "range", "status")}
    order = {"filler": said["accession"], "test": {"code": "P"}, "results": [result]}
    patient = {"ids": [{"id": said["patient_id"]}], "sex": said["sex"]}
    return json.dumps({"patient": patient, "orders": [order]}).encode()


def as_csv(said: dict[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*said, "order_code"], delimiter=";")
    writer.writeheader()
    writer.writerow({**said, "order_code": "P"})
    return text.getvalue().encode()


def as_astm(said: dict[str, str]) -> bytes:
    records = [
        r"H|\^&|||X|||||||P|LIS2-A2|20260101120000",
        f"P|1|{said['patient_id']}||||||{said['sex']}",
        f"O|1|{said['accession']}||^^^P",
        f"R|1|^^^{said['code']}|{said['value']}|{said['unit']}|{said['range']}|{said['flag']}||{said['status']}",
        f"C|1|I|{said['note']}|G",
        "L|1|N",
    ]
    return "\r".join(records).encode()


def as_fhir(said: dict[str, str]) -> bytes:
    """Words for flags, sexes and statuses are codes in FHIR, which its own tables hold."""
    subject = {"identifier": {"value": said["patient_id"]}}
    observation = {
        "resourceType": "Observation", "status": "final", "subject": subject,
        "code": {"coding": [{"code": said["code"]}]}, "note": [{"text": said["note"]}],
        "referenceRange": [{"text": said["range"]}], "interpretation": [{"coding": [{"code": said["flag"]}]}],
    }  # fmt: skip
    quantity = {"unit": said["unit"]}
    value, bare = said["value"], said["value"].lstrip("<")
    if bare.replace(".", "", 1).isdecimal():
        comparator = {"comparator": "<"} if bare != value else {}
        observation["valueQuantity"] = quantity | comparator | {"value": float(bare)}
    else:
        observation["valueString"] = value
    report = {
        "resourceType": "DiagnosticReport", "status": "final", "subject": subject,
        "code": {"coding": [{"code": "P"}]}, "identifier": [{"value": said["accession"]}],
        "result": [{"reference": "urn:uuid:1"}],
    }  # fmt: skip
    entries = [{"resource": report}, {"fullUrl": "urn:uuid:1", "resource": observation}]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


FORMATS = {"json": as_json, "csv": as_csv, "astm": as_astm, "fhir": as_fhir}
FIELDS = {"patient_id": ("PID", 3), "sex": ("PID", 8), "accession": ("OBR", 3), "code": ("OBX", 3),
          "value": ("OBX", 5), "unit": ("OBX", 6), "range": ("OBX", 7), "flag": ("OBX", 8), "status": ("OBX", 11),
          "note": ("NTE", 3)}  # fmt: skip


def became(make, column: str, text: str) -> str:
    """What stands in the message for a text in a column; `spoilt` where it was refused as that."""
    told = outcome(make({**GOOD, column: text}), "a.csv", Inputs())
    refused = [line for line in told if line.startswith("! ")]
    if refused:
        return refused[0].rpartition(".")[2]
    segment, field = FIELDS[column]
    rows = [line.split("|") for line in told if line.startswith(segment)]
    if not rows:
        return ""
    kind = f"{rows[0][2]} " if column == "value" else ""
    value = rows[0][field] if field < len(rows[0]) else ""
    return kind + (value.partition("^")[0] if column in ("code", "unit") else value)


ALL = tuple(FORMATS)
TEXT = ("json", "csv", "astm")
"""The formats in which the writer's words are ours to understand."""
ERRORS = (
    "#WERT!", "#NV", "#VALUE!", "#N/A", "#VALEUR!", "#¡VALOR!", "#RIF!", "#WAARDE!", "#ARG!", "#####", "Err:502",
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
NOTHING = ("NULL", "null", "None", "nan", "N/A", "(null)")
TABLE: list[tuple[str, str, str, tuple[str, ...]]] = [
    *((column, text, "spoilt", ALL) for text in ERRORS
      for column in ("value", "patient_id", "accession", "code", "unit")),
    *((column, text, "spoilt", ALL) for text in NOTHING for column in ("value", "patient_id", "accession", "code")),
    *((column, text, "", ALL) for text in NOTHING for column in ("range", "note")),
    *((column, text, "", TEXT) for text in NOTHING for column in ("flag", "unit")),
    *(("status", text, "spoilt", ("json", "csv")) for text in NOTHING),
    *((column, text, "spoilt", ALL) for text in ("1.67683e+15", "4.78e+06", "1.67683E15", "1,67683E+15", "2E+15")
      for column in ("patient_id", "accession")),
    *(("value", text, "spoilt", ALL) for text in MORE_ERRORS),
    *(("value", text, "spoilt", ALL) for text in MADE_DATES),
    *(("range", text, "spoilt", ALL) for text in MADE_DATES),
    *((column, "'-5", "spoilt", ALL) for column in ("value", "range", "code", "patient_id")),
    *((column, "'00123", "spoilt", ALL) for column in ("patient_id", "accession", "code")),
    *(("code", text, text, ALL) for text in ("SET-05", "MAI-10", "LIS-12", "5-HT", "#WBC")),
    ("accession", "1E5", "1E5", ALL),
    ("value", "3. Mai", "spoilt", ALL),
    ("range", "Mar-05", "spoilt", ALL),
    ("value", "10E5", "ST 10E5", ALL),
    ("value", "1.5e3", "ST 1.5e3", ALL),
    ("value", "4,5", "ST 4,5", ALL),
    ("value", "0.10", "NM 0.10", TEXT),
    ("value", "<5", "SN <^5", TEXT),
    ("value", "<5.0", "SN <^5.0", ALL),
    ("value", "1:128", "SN ^1^:^128", TEXT),
    ("value", "2026-08-01", "ST 2026-08-01", ALL),
    ("value", "12:30", "ST 12:30", ALL),
    *((column, f" {GOOD[column]} ", GOOD[column], ALL) for column in ("patient_id", "accession", "unit", "range")),
    ("code", " K ", "invalid", ("fhir",)),  # FHIR itself has no blanks around a code
    *((column, f" {GOOD[column]} ", GOOD[column], TEXT) for column in ("code", "flag", "status", "sex")),
    *(("flag", word, code, TEXT) for word, code in {
        "High": "H", "LOW": "L", "h": "H", "abnormal": "A", "Normal": "N", "erhöht": "H", "élevé": "H", "alto": "H",
        "basso": "L", "niski": "L", "verlaagd": "L", "critical high": "HH", "unauffällig": "N", "ll": "LL"}.items()),
    *(("sex", word, code, TEXT) for word, code in {
        "w": "F", "weiblich": "F", "männlich": "M", "divers": "O", "femme": "F", "Hombre": "M", "maschio": "M",
        "kobieta": "F", "vrouw": "F"}.items()),
    *(("sex", word, "sex", TEXT) for word in ("h", "v", "xyz")),
    *(("status", word, code, ("json", "csv")) for word, code in {
        "endgültig": "F", "vorläufig": "P", "définitif": "F", "corretto": "C", "Final": "F"}.items()),
    ("range", "0.270^4.20", "0.270-4.20", ("json", "csv", "astm", "fhir")),
    ("range", "98^^106", "98-106", ("json", "csv", "astm", "fhir")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "text", "expected", "form"),
    [(column, text, expected, form) for column, text, expected, forms in TABLE for form in forms],
)
def test_a_text_means_the_same_in_every_format(column, text, expected, form):
    assert became(FORMATS[form], column, text) == expected


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


def test_a_family_called_null_keeps_its_name():
    person = {"ids": [{"id": "1"}], "name": {"family": "Null", "given": "Ada"}}
    data = json.loads(as_json(GOOD)) | {"patient": person}
    assert any("|Null^Ada^" in line for line in outcome(json.dumps(data).encode(), "", Inputs()))
    del person["name"]["given"]
    assert any("PID|1||1||^^^^^^U" in line for line in outcome(json.dumps(data).encode(), "", Inputs()))


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


@pytest.mark.parametrize("text", [">=4 10^3/uL", "<2.5 x^y", "10^9/L", "4^5^6"])
def test_a_caret_in_the_words_of_a_range_stays(text):
    result = {"test": {"code": "A", "system": "L"}, "value": "1", "range": text}
    order = {"filler": "F1", "test": {"code": "P", "system": "L"}, "results": [result]}
    data = {"schema": "lab-result/1", "patient": {"ids": [{"id": "1"}]}, "orders": [order]}
    (item,) = read(json.dumps(data).encode()).items
    assert item.report.orders[0].results[0].range == text
