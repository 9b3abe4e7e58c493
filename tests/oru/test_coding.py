"""What a site's maps and code settings make of codes, in real bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_sender.errors import LabSenderError
from oru.sites import built, fields, refused, report, site

LOINC = {"code": "718-7", "text": "Hb [Mass/vol]", "system": "LN"}
LOCAL = {"code": "HB", "text": "Haemoglobin", "system": "L"}
BOTH = {**LOINC, "alt": LOCAL}
TURNED = {**LOCAL, "alt": LOINC}
LOINC_ONLY = {"code": "718-7", "system": "LN"}


def maps(kind, unmapped="", **inline):
    return {"maps": {kind: {"inline": inline, "unmapped": unmapped}}}


def test_code(codes, test):
    """Return OBX-3 and OBR-4 of a test, which are written alike."""
    builder = site(codes=codes)
    given = report({"test": test}, test=test)
    (obx,), (obr,) = fields(builder, given, "OBX", 3), fields(builder, given, "OBR", 4)
    assert obx == obr
    return obx


test_code.__test__ = False


@pytest.mark.parametrize(
    ("order", "test", "written"),
    [
        ("as-reported", BOTH, "718-7^Hb [Mass/vol]^LN^HB^Haemoglobin^L"),
        ("as-reported", TURNED, "HB^Haemoglobin^L^718-7^Hb [Mass/vol]^LN"),
        ("loinc-first", BOTH, "718-7^Hb [Mass/vol]^LN^HB^Haemoglobin^L"),
        ("loinc-first", TURNED, "718-7^Hb [Mass/vol]^LN^HB^Haemoglobin^L"),
        ("local-first", BOTH, "HB^Haemoglobin^L^718-7^Hb [Mass/vol]^LN"),
        ("local-first", TURNED, "HB^Haemoglobin^L^718-7^Hb [Mass/vol]^LN"),
        ("local-first", LOINC, "718-7^Hb [Mass/vol]^LN"),
        ("loinc-first", {**LOCAL, "alt": {**LOINC, "system": "LOINC"}}, "718-7^Hb [Mass/vol]^LOINC^HB^Haemoglobin^L"),
        ("loinc-only", BOTH, "718-7^Hb [Mass/vol]^LN"),
        ("loinc-only", TURNED, "718-7^Hb [Mass/vol]^LN"),
        ("local-only", BOTH, "HB^Haemoglobin^L"),
        ("local-only", TURNED, "HB^Haemoglobin^L"),
        # The text of the code that is left off, where the other has none: a result needs a name.
        ("loinc-only", {**LOCAL, "alt": LOINC_ONLY}, "718-7^Haemoglobin^LN"),
        # Nothing of the wanted kind: what there is goes out.
        ("loinc-only", LOCAL, "HB^Haemoglobin^L"),
        ("local-only", LOINC, "718-7^Hb [Mass/vol]^LN"),
        ("local-only", {**LOINC, "alt": {"text": "no code"}}, "718-7^Hb [Mass/vol]^LN^^no code"),
    ],
)
def test_order_of_codes(order, test, written):
    assert test_code({"order": order}, test) == written


@pytest.mark.parametrize(("order", "test"), [("loinc-only", LOCAL), ("local-only", LOINC)])
def test_a_code_of_the_only_kind_that_is_missing(order, test):
    builder = site(codes={"order": order, "unmapped": "error"})
    assert refused(builder, report({"test": test}, test=BOTH)) == [
        ("code.unmapped", "orders[0].results[0].test.code", "OBX[1]-3")
    ]


@pytest.mark.parametrize(
    ("inline", "test", "written"),
    [
        # LOINC to the HIS's: a code of its own is not named LOINC; the LOINC code stays as second.
        ({"718-7": "H1"}, LOINC, "H1^Hb [Mass/vol]^L^718-7^Hb [Mass/vol]^LN"),
        ({"718-7": "H1^Hb HIS^99HIS"}, LOINC, "H1^Hb HIS^99HIS^718-7^Hb [Mass/vol]^LN"),
        ({"718-7": "H1^Hb HIS^99HIS"}, BOTH, "H1^Hb HIS^99HIS^718-7^Hb [Mass/vol]^LN"),
        # Local to LOINC: the local code stays as second.
        ({"HB": "718-7^^LN"}, LOCAL, "718-7^Haemoglobin^LN^HB^Haemoglobin^L"),
        # A local code under a local name keeps that name.
        ({"HB": "H1"}, LOCAL, "H1^Haemoglobin^L^HB^Haemoglobin^L"),
        # Of two codes, the second place is for the one of the other kind.
        ({"HB": "H1"}, BOTH, "H1^Haemoglobin^L^718-7^Hb [Mass/vol]^LN"),
        ({"HB": "H1"}, TURNED, "H1^Haemoglobin^L^718-7^Hb [Mass/vol]^LN"),
        # System|code is looked up first; the main code before the other.
        ({"LN|718-7": "A", "718-7": "B"}, LOINC, "A^Hb [Mass/vol]^L^718-7^Hb [Mass/vol]^LN"),
        ({"L|718-7": "A"}, LOINC, "718-7^Hb [Mass/vol]^LN"),
        ({"HB": "A", "718-7": "B"}, BOTH, "B^Hb [Mass/vol]^L^718-7^Hb [Mass/vol]^LN"),
        # The same code with another text.
        ({"718-7": "718-7^Hb^LN"}, BOTH, "718-7^Hb^LN^HB^Haemoglobin^L"),
        # A test that has a name only is looked up by it.
        ({"Haemoglobin": "718-7^Hb^LN"}, {"text": "Haemoglobin"}, "718-7^Hb^LN"),
        ({"718-8": "A"}, LOINC, "718-7^Hb [Mass/vol]^LN"),
        ({"718-7": "a|b^c&d"}, LOINC, "a\\F\\b^c\\T\\d^L^718-7^Hb [Mass/vol]^LN"),
    ],
)
def test_map_of_tests(inline, test, written):
    assert test_code(maps("test", **inline), test) == written


@pytest.mark.parametrize(
    ("order", "written"),
    [
        ("loinc-first", "718-7^Hb [Mass/vol]^LN^H1^Hb [Mass/vol]^L"),
        ("local-first", "H1^Hb [Mass/vol]^L^718-7^Hb [Mass/vol]^LN"),
        ("local-only", "H1^Hb [Mass/vol]^L"),
    ],
)
def test_a_translation_is_put_in_order(order, written):
    assert test_code({"order": order, **maps("test", **{"718-7": "H1"})}, BOTH) == written


def test_unmapped_is_an_error_that_names_the_place_and_not_the_code():
    builder = site(codes=maps("test", "error", **{"718-7": "H1", "P": "P1"}))
    given = report({"test": LOINC}, {"test": {"code": "SECRET-9"}})
    with pytest.raises(Exception, match="orders\\[0\\]") as caught:
        built(builder, given)
    assert "SECRET" not in str(caught.value)
    assert refused(builder, given) == [("code.unmapped", "orders[0].results[1].test.code", "OBX[2]-3")]
    one_map = {"maps": {"test": {"inline": {"718-7": "H1", "P": "P1"}, "unmapped": "local"}}, "unmapped": "error"}
    assert fields(site(codes=one_map), given, "OBX", 3)[1] == "SECRET-9"


def test_systems_have_their_names_on_the_wire():
    codes = {"systems": {"LN": "LOINC", "L": "99LAB", "UCUM": "", "HL70487": "HL7SPEC"}}
    builder = site(codes=codes)
    given = report(
        {"test": BOTH, "value": {"code": "A", "system": "LN"}, "unit": {"code": "g/dL", "system": "UCUM"}},
        test=TURNED,
        specimens=[{"id": "S", "type": "SER"}],
        reason=[{"code": "R", "system": "L"}],
    )
    assert fields(builder, given, "OBX", 3) == ["718-7^Hb [Mass/vol]^LOINC^HB^Haemoglobin^99LAB"]
    assert fields(builder, given, "OBR", 4) == ["HB^Haemoglobin^99LAB^718-7^Hb [Mass/vol]^LOINC"]
    assert fields(builder, given, "OBX", 5) == ["A^^LOINC"]
    assert fields(builder, given, "OBX", 6) == ["g/dL"]
    assert fields(builder, given, "SPM", 4) == ["SER^^HL7SPEC"]
    assert fields(builder, given, "OBR", 31) == ["R^^99LAB"]


UCUM = {"code": "g/dL", "text": "gram per decilitre", "system": "UCUM"}
OWN = {"code": "GDL", "text": "g/dl", "system": "L"}


@pytest.mark.parametrize(
    ("units", "inline", "unit", "written"),
    [
        ("as-reported", {}, "10^9/L", "10\\S\\9/L"),
        ("as-reported", {}, UCUM, "g/dL^gram per decilitre^UCUM"),
        ("code", {}, UCUM, "g/dL"),
        ("code", {}, {"text": "g/dl"}, "g/dl"),
        ("code", {}, "10^9/L", "10\\S\\9/L"),
        ("code", {}, "", ""),
        ("ucum", {}, "g/dL", "g/dL^g/dL^UCUM"),
        ("ucum", {}, "10^9/L", "10\\S\\9/L^10\\S\\9/L^UCUM"),
        ("ucum", {}, "", ""),
        ("ucum", {}, UCUM, "g/dL^gram per decilitre^UCUM"),
        ("ucum", {}, {**OWN, "alt": UCUM}, "g/dL^gram per decilitre^UCUM^GDL^g/dl^L"),
        # What cannot be UCUM is not called UCUM.
        ("ucum", {}, OWN, "GDL^g/dl^L"),
        ("ucum", {}, "µg/L", "µg/L"),
        ("ucum", {}, "mm Hg", "mm Hg"),
        ("as-reported", {"g/dl": "g/dL"}, "g/dl", "g/dL"),
        ("as-reported", {"g/dl": "g/dL^gram per decilitre^UCUM"}, "g/dl", "g/dL^gram per decilitre^UCUM"),
        ("as-reported", {"GDL": "g/dL^^UCUM"}, OWN, "g/dL^g/dl^UCUM^GDL^g/dl^L"),
        ("ucum", {"µg/L": "ug/L"}, "µg/L", "ug/L^ug/L^UCUM"),
        ("ucum", {"µg/L": "ug/L^µg/L"}, "µg/L", "ug/L^µg/L^UCUM"),
        ("code", {"GDL": "g/dL^^UCUM"}, OWN, "g/dL"),
    ],
)
def test_units(units, inline, unit, written):
    builder = site(codes={"units": units, **maps("unit", **inline)})
    assert fields(builder, report({"unit": unit}), "OBX", 6) == [written]


@pytest.mark.parametrize("codes", [{"units": "ucum", "unmapped": "error"}, maps("unit", "error", **{"g/dl": "g/dL"})])
def test_a_unit_that_must_be_translated(codes):
    assert refused(site(codes=codes), report({"unit": "µg/L"}, {"unit": ""})) == [
        ("code.unmapped", "orders[0].results[0].unit", "OBX[1]-6")
    ]


def test_values():
    codes = maps("value", POS="10828004^Positive^SCT", **{"SCT|260385009": "NEG"})
    given = report(
        {"value": {"code": "POS", "text": "positive"}},
        {"value": {"code": "260385009", "text": "Negative", "system": "SCT"}},
        {"value": "POS", "type": "CWE"},
        {"value": "POS"},  # a text of type auto is a text
        {"value": [{"code": "POS"}, {"code": "IND"}]},
    )
    assert fields(site(codes=codes), given, "OBX", 5) == [
        "10828004^Positive^SCT^POS^positive",
        "NEG^Negative^L^260385009^Negative^SCT",
        "10828004^Positive^SCT",
        "POS",
        "10828004^Positive^SCT^POS~IND",
    ]
    strict = site(codes=maps("value", "error", POS="10828004^Positive^SCT"))
    assert refused(strict, given) == [
        ("code.unmapped", "orders[0].results[1].value.code", "OBX[2]-5"),
        ("code.unmapped", "orders[0].results[4].value[1].code", "OBX[5]-5"),
    ]


def test_specimen_types():
    codes = maps("specimen_type", SER="119364003^Serum specimen^SCT", Blut="119297000^Blood^SCT")
    kinds = ["SER", {"code": "SER", "system": "L"}, "Blut", "Urin"]
    given = report({}, specimens=[{"id": str(n), "type": kind} for n, kind in enumerate(kinds)])
    assert fields(site(codes=codes), given, "SPM", 4) == [
        "119364003^Serum specimen^SCT^SER^^HL70487",
        "119364003^Serum specimen^SCT^SER^^L",
        "119297000^Blood^SCT",
        "^Urin",
    ]
    strict = site(codes=maps("specimen_type", "error", SER="119364003", Blut="119297000"))
    assert refused(strict, given) == [("code.unmapped", "orders[0].specimens[3].type", "SPM[4]-4")]


def test_flags():
    codes = maps("flag", HIGH="H", LOW="L", N="NORM^normal^99HIS")
    given = report({"flags": ["HIGH"]}, {"flags": ["H"]}, {"flags": ["N", "LOW"]}, {"flags": ["ODD"]})
    assert fields(site(codes=codes), given, "OBX", 8) == ["H", "H", "NORM~L", "ODD"]
    assert [one.field for one in built(site(codes=codes), given).warnings] == ["OBX[4]-8"]
    coded = site(codes=codes, version="2.7")
    assert fields(coded, given, "OBX", 8) == ["H", "H^^HL70078", "NORM^normal^99HIS~L", "ODD"]
    assert refused(site(codes=maps("flag", "error", HIGH="H")), given) == [
        ("code.unmapped", "orders[0].results[1].flags[0]", "OBX[2]-8"),
        ("code.unmapped", "orders[0].results[2].flags[0]", "OBX[3]-8"),
        ("code.unmapped", "orders[0].results[2].flags[1]", "OBX[3]-8"),
        ("code.unmapped", "orders[0].results[3].flags[0]", "OBX[4]-8"),
    ]


def statuses(builder, given):
    return fields(builder, given, "OBR", 25), fields(builder, given, "OBX", 11)


@pytest.mark.parametrize(
    ("order_map", "result_map", "order", "results", "sent"),
    [
        # Elation: A says amended. The roll-up goes by the meaning.
        ({"C": "A"}, {}, "final", ["corrected", "F"], (["A"], ["C", "F"])),
        ({"corrected": "A"}, {}, "corrected", ["C"], (["A"], ["C"])),
        # The word of the order is not said any more when its results made another code of it.
        ({"final": "Z9"}, {}, "final", ["C"], (["C"], ["C"])),
        ({"final": "Z9"}, {}, "final", ["F"], (["Z9"], ["F"])),
        # A word of the site's own gets its meaning from the map.
        ({"validiert": "F"}, {"Validiert": "F"}, "validiert", ["validiert", "VALIDIERT "], (["F"], ["F", "F"])),
        ({}, {"amended": "A", "X": "Y"}, "", ["amended", "X"], (["C"], ["A", "Y"])),
        # A result without a status of its own has the order's.
        ({}, {"F": "V"}, "final", [""], (["F"], ["V"])),
    ],
)
def test_statuses(order_map, result_map, order, results, sent):
    codes = {"maps": {"order_status": {"inline": order_map}, "result_status": {"inline": result_map}}}
    given = report(*[{"status": one, "value": None if one == "X" else "1"} for one in results], status=order)
    assert statuses(site(codes=codes), given) == sent


def test_statuses_that_have_no_translation():
    builder = site(codes=maps("result_status", "error", F="F"))
    assert refused(builder, report({"status": "P"})) == [
        ("code.unmapped", "orders[0].results[0].status", "OBX[1]-11")
    ]
    assert refused(builder, report({"status": "bogus"})) == [
        ("status.unknown", "orders[0].results[0].status", "OBX[1]-11")
    ]


def test_a_status_that_nobody_knows_the_meaning_of():
    with pytest.raises(LabSenderError) as caught:
        site(codes=maps("result_status", vidimiert="V9"))
    assert caught.value.code == "profile.map"


def test_the_code_of_a_parent_result_is_that_of_the_result():
    builder = site(codes=maps("test", **{"600-7": "BC^Blood culture^L"}))
    given = report({}, parent={"observation": {"code": "600-7", "system": "LN"}, "sub_id": "1", "filler": "F0"})
    assert fields(builder, given, "OBR", 26) == ["BC&Blood culture&L&600-7&&LN^1"]


words = st.text(st.sampled_from("ABab19^|~&\\"), min_size=1, max_size=4)
pieces = st.fixed_dictionaries({"code": words, "text": words, "system": st.sampled_from(["LN", "L", "99X", ""])})


@given(
    pieces, st.none() | pieces,
    st.dictionaries(words.map(lambda w: w.replace("^", "") or "x"), st.sampled_from(["A", "B^b", "C^^LN"])),
    st.sampled_from(["as-reported", "loinc-first", "local-first", "loinc-only", "local-only"]),
)  # fmt: skip
def test_no_code_is_made_up(main, other, inline, order):
    """Whatever the settings, each code that goes out is the report's or the map's, with a system that is its own."""
    test = main | ({"alt": other} if other else {})
    written = test_code({"order": order, **maps("test", **inline)}, test).split("^")
    written += [""] * (6 - len(written))
    own = {(one["code"], one["system"]) for one in (main, other) if one}
    mapped = {line.split("^")[0] for line in inline.values()}
    for code, system in ((written[0], written[2]), (written[3], written[5])):
        plain = code.replace("\\S\\", "^").replace("\\F\\", "|").replace("\\R\\", "~").replace("\\T\\", "&")
        plain = plain.replace("\\E\\", "\\")
        assert not code or (plain, system) in own or (code in mapped and (system != "LN" or code == "C"))
