"""What the careful writer knows of a message: where each field comes from, and which settings had a part in it."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given as drawn
from kit.examples import examples
from kit.strategies import reports

from lab_sender.config.profile import builtin
from lab_sender.oru import Builder
from lab_sender.oru.writer import CarefulWriter, Writer
from oru.sites import NOW, report, site

ASKED = {
    "time_zone": "Europe/Dublin",
    "charset": "8859/1",
    "text": {"structured": "ST", "multiline": "repeat", "unencodable": "question-mark"},
    "times": {"unknown_collection": "0000", "fields": {"OBR-22": {"precision": "minute"}}},
    "identifiers": {"order": ["MR"], "send": ["MR", "NI"], "copies": {"PID-18": "MR"}},
    "codes": {
        "order": "local-first",
        "units": "ucum",
        "systems": {"LN": "LOINC"},
        "maps": {
            "test": {"inline": {"718-7": "HB"}},
            "flag": {"inline": {"HIGH": "H"}},
            "result_status": {"inline": {"final": "F"}},
        },
    },
}
GIVEN = report(
    {"test": {"code": "718-7", "system": "LN"}, "value": "<5", "unit": "g/dL", "flags": ["HIGH"], "status": "final"},
    {"value": "a\nb Ω", "observed": "2024-08-19"},
    patient={"ids": [{"id": "N", "type": "NI"}, {"id": "M", "type": "MR"}], "birth": "1980-01-01"},
    collected="",
    reported="2024-08-19T09:30:15Z",
)


def written(builder, report_, kind=CarefulWriter):
    w = kind(builder.site, "row 7")
    builder.write(w, report_, control_id="C1", now=NOW, attachments={})
    return w


def test_settings_that_had_a_part():
    assert written(site(**ASKED), GIVEN).settings == {
        "PID-3": ["identifiers.order", "identifiers.send"],
        "PID-18": ["identifiers.copies"],
        "OBR[1]-7": ["times.unknown_collection"],
        "OBR[1]-22": ["times.fields.OBR-22"],
        "OBX[1]-3": ["codes.maps.test", "codes.systems"],
        "OBX[1]-5": ["text.structured"],
        "OBX[1]-6": ["codes.units"],
        "OBX[1]-8": ["codes.maps.flag"],
        "OBX[1]-11": ["codes.maps.result_status"],
        "OBX[2]-5": ["text.multiline", "text.unencodable"],
    }
    assert written(site(), GIVEN).settings == {}


def test_sources():
    w = written(site(**ASKED), GIVEN)
    assert w.source("PID-18", "patient") == "row 7.patient.ids[1]"
    assert w.source("PID-7", "patient") == "row 7.patient.birth"
    assert w.source("OBR[1]-22", "orders[0]") == "row 7.orders[0].reported"
    assert w.source("OBX[1]-3", "orders[0].results[0]") == "row 7.orders[0].results[0].test"
    assert w.source("OBX[2]-14", "orders[0].results[1]") == "row 7.orders[0].results[1].observed"


@pytest.mark.long
@examples(25)
@drawn(reports())
def test_both_writers_write_the_same(report_):
    """However a profile's settings are looked at, quickly or carefully, the lines are the same."""
    for builder in (site(), site(**ASKED | {"charset": "UNICODE UTF-8"})):
        quick = written(builder, report_, Writer)
        careful = written(builder, report_)
        assert quick.lines == careful.lines
        assert [one for one in careful.findings if not one.code.startswith("charset.")] == quick.findings


def test_a_profile_goes_to_the_helper_process():
    profile = pickle.loads(pickle.dumps(builtin(**ASKED)))
    assert written(Builder(profile), GIVEN).lines == written(site(**ASKED), GIVEN).lines
