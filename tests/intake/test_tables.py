"""A table from the outbox into the journal: each accession a message, and what was left out is told."""

from __future__ import annotations

import pytest
from kit.core import rows

from intake.test_intake import Station
from lab_sender.config.inputs import CsvFormat, SkipRule
from lab_sender.patterns import Pattern
from lab_sender.readers import Inputs

MESSAGES = "SELECT state, reason FROM message ORDER BY id"
HEAD = b"patient_id,accession,order_code,code,value,status\n"


def test_each_accession_is_a_message_and_a_bad_one_takes_no_other_with_it(tmp_path, journal, caplog):
    rule = SkipRule(column="accession", matches=Pattern("^QC"))
    inputs = Inputs(csv=(CsvFormat(files="x*", columns={"gone": "unit"}), CsvFormat(skip_rows=(rule,))))
    station = Station(tmp_path, journal, inputs=inputs)
    table = HEAD + b"P1,F1,CBC,WBC,6,F\nP2,F2,CBC,WBC,6,Q\nQ,QC,CBC,WBC,6,F\nP3,F3,CBC,WBC,6,F\nP1,F1,CBC,RBC,4,F\n"
    with caplog.at_level("INFO"):
        station.put("a.csv", table)
        station.look()
    (first, _), (second, reason), (third, _) = rows(journal, MESSAGES)
    assert (first, second, third) == ("spooled", "quarantined", "spooled")
    assert reason.startswith("status.unknown at row 3 column status (OBX[1]-11)")
    told = [record.fields for record in caplog.records if record.getMessage() == "file.remark"]
    assert [(each["code"], each["place"], each["times"]) for each in told] == [
        ("csv.rows-skipped", "row 4", 1),
        ("order.time", "rows 2, 6", 2),
        ("order.time", "row 5", 2),
    ]


@pytest.mark.parametrize("again", [b"\r\n", b"\n\n"])
def test_the_same_table_again_is_no_new_result(tmp_path, journal, again):
    station = Station(tmp_path, journal)
    table = HEAD + b"P1,F1,CBC,WBC,6,F\nP1,F1,CBC,RBC,4,F\n"
    station.put("a.csv", table)
    station.put("b.csv", table.replace(b"\n", again).replace(b",", b"\t"))
    station.look()
    assert sorted(state for state, _ in rows(journal, MESSAGES)) == ["duplicate", "spooled"]


def test_one_test_twice_in_an_accession_is_two_orders(tmp_path, journal):
    station = Station(tmp_path, journal)
    head = b"patient_id,accession,order_code,code,value,collected\n"
    station.put("a.csv", head + b"P1,F1,GLU,GLU,5,2026-08-19T08:00\nP1,F1,GLU,GLU,7,2026-08-19T10:00\n")
    station.look()
    ((state, reason),) = rows(journal, MESSAGES)
    assert (state, reason) == ("spooled", "")
