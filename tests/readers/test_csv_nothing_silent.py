"""Tables: what a cell says comes out in the message, refuses the file or its row, or is named in a remark."""

from __future__ import annotations

import csv
import io
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.inputs import CsvFormat
from lab_sender.readers import Inputs
from lab_sender.report.columns import (
    COLUMNS,
    DATES,
    HEADINGS,
    KNOWN,
    NAMES,
    OF_ORDER,
    OF_PATIENT,
    OF_VISIT,
    PASSED_OVER,
    TIMES_OF_DAY,
    normal,
)
from lab_sender.report.headings import IN_LANGUAGES
from readers.test_cases import outcome

FORM = CsvFormat(name="{family}, {given}", orderer_name="{family}, {given}")
NEEDED = ("patient_id", "accession", "specimen", "order_code", "code", "value", "unit")
CHOICES = {
    "sex": "FMO", "class": "IOE", "status": "FP", "order_status": ["final", "preliminary"], "priority": "SAR",
    "section": ["CH", "HM"], "flag": ["H", "L", "HH", "N"], "patient_id_type": ["MR", "PI"], "pdf": ["r.pdf"],
    "email": ["doe77@example.org"], "order_system": "L", "system": "L", "local_system": ["99LAB"],
    "value_system": ["99VAL"],
}  # fmt: skip
"""Columns of codes."""
BESIDE = {
    "patient_id_type": "patient_id", "patient_authority": "patient_id", "orderer_authority": "orderer_id",
    "lab_authority": "lab_id", "local_system": "local_code", "value_system": "value_text",
    "specimen_site": "specimen",
}  # fmt: skip
"""Columns that say something of another one, which has to be there."""
TIMES = DATES | TIMES_OF_DAY.keys()
"""Columns that go into a field together."""
SHARED = {*OF_PATIENT, *OF_VISIT, *OF_ORDER}


@st.composite
def tables(draw):
    """Headings, our names of them, and rows of one order in which every text is its own."""
    numbers = itertools.count(1)
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS.keys() - {"pdf"})), unique=True, max_size=25))
    names = list(dict.fromkeys([*NEEDED, *names, *(BESIDE[name] for name in names if name in BESIDE)]))
    for time, date in TIMES_OF_DAY.items():
        if time in names and date not in names:
            names.append(date)
    for name, before in NAMES.items():
        if name in names:
            names = [each for each in names if each not in (before + "family", before + "given")]
    if "value_text" in names:
        names.remove("unit")

    def cell(name):
        number = next(numbers)
        if name in CHOICES:
            return draw(st.sampled_from(list(CHOICES[name])))
        if name in TIMES_OF_DAY:
            return f"1{number % 10}:{10 + number % 50}"
        if name in DATES:
            return f"2025-0{draw(st.integers(1, 9))}-{10 + number % 19}"
        if name in NAMES:
            return f"Ulna#n{number}#, Ada#n{number + 0.5}#"
        if name in ("low", "high"):
            return f"{number}.{draw(st.integers(0, 9))}"
        return draw(st.sampled_from(["Ulna", "Ärzte", "A&B", "x^y", "50 %"])) + f"#n{number}#"

    shared = {name: cell(name) for name in names if name in SHARED}
    rows = [
        {name: shared[name] if name in shared else cell(name) for name in names}
        for _ in range(draw(st.integers(1, 3)))
    ]
    names = draw(st.permutations(names))
    return [draw(st.sampled_from(headings(name, names))) for name in names], names, rows


def headings(name: str, names: list[str]) -> list[str]:
    """All that a column may be called; a time of day beside its date by our name, so that they are of one thing."""
    if name in TIMES_OF_DAY or f"{name}_time" in names:
        return [name]
    others = [word for columns in IN_LANGUAGES.values() for word in columns.get(name, ())]
    return [name, *HEADINGS[name], *others]


def written(heads: list[str], names: list[str], rows: list[dict[str, str]], delimiter: str = ";") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(heads)
    writer.writerows([row[name] for name in names] for row in rows)
    return text.getvalue().encode()


def told_of(data: bytes) -> tuple[list[str], str]:
    lines = outcome(data, "a.csv", Inputs(csv=(FORM,)))
    return lines, "\r".join(lines)


def parts_of(name: str, text: str) -> list[str]:
    """What of a cell must stand in the message."""
    if name in DATES:
        return [text.replace("-", "")]
    if name in TIMES_OF_DAY:
        return [text.replace(":", "")]
    if name in NAMES:
        return text.split(", ")
    if name == "order_status":
        return [text[:1].upper()]
    return [text.replace("&", "\\T\\").replace("^", "\\S\\")]


@pytest.mark.long
@examples(150)
@given(tables(), st.sampled_from(",;\t|"))
def test_every_cell_is_in_the_message(table, delimiter):
    lines, told = told_of(written(*table, delimiter))
    assert not [line for line in lines if line.startswith(("! ", "remark"))], lines
    still_open = any(row.get("status") == "P" for row in table[2])
    for row in table[2]:
        for name, text in row.items():
            if name == "order_status" and still_open:
                continue  # OBR-25 says no more than its results do
            for part in parts_of(name, text):
                before, behind = ("", "") if name in TIMES else (r"(?<![\w.])", r"(?![\w.])")
                assert re.search(before + re.escape(part) + behind, told), (name, part)


@pytest.mark.long
@examples(150)
@given(tables(), st.data())
def test_one_unknown_thing_is_refused_or_named(table, data):
    """A column, a cell or a line more: refused, or told in a remark."""
    heads, names, rows = table
    what = data.draw(st.sampled_from(["column", "no heading", "passed over", "cell", "line above"]))
    at = data.draw(st.integers(0, len(names)))
    row = data.draw(st.sampled_from(rows))
    expected = "! csv.column-unknown"
    if what in ("column", "no heading", "passed over"):
        heading = {"column": "Zzz", "no heading": "", "passed over": data.draw(st.sampled_from(PASSED_OVER))}[what]
        if what == "passed over":
            expected = f"remark csv.columns-passed-over: A message has no place for what stands in {heading}."
        heads, names = [*heads[:at], heading, *heads[at:]], [*names[:at], "other", *names[at:]]
        rows = [{**each, "other": "Qqunknown77" if each is row else ""} for each in rows]
    file = written(heads, names, rows)
    if what == "cell":
        expected = "! csv.ragged"
        file = file.rstrip() + b";Qqunknown77"
    if what == "line above":
        expected = "remark csv.lines-above"
        file = b"Qqunknown77\r\n" + file
    lines, _ = told_of(file)
    assert any(line.startswith(expected) for line in lines), lines


def test_the_generator_knows_every_column():
    """A new column is drawn too: it has a word of its own, or stands among the codes and dates."""
    assert CHOICES.keys() | BESIDE.keys() <= COLUMNS.keys()
    assert all(KNOWN[normal(heading)] == name for name in COLUMNS for heading in headings(name, []))


ROW = "patient_id,accession,order_code,code,value"


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (f"{ROW},value_text,status", "P1,A1,CBC,K,,Qq77,X"),
        (f"{ROW},pdf,note", "P1,A1,CBC,,,r.pdf,Qq77"),
        (f"{ROW},pdf,unit", "P1,A1,CBC,,,r.pdf,Qq77"),
        (f"{ROW},pdf,status", "P1,A1,CBC,,,r.pdf,P"),
    ],
)
def test_what_belongs_to_a_result_that_is_not_there_refuses_the_row(head, row):
    lines, _ = told_of(f"{head}\n{row}\n".encode())
    assert "! csv.missing" in lines


def test_no_place_in_a_remark_repeats_a_cell():
    lines, _ = told_of(f"{ROW},Reagent Lot\nP1,A1,CBC,K,5,Qqunknown77\n".encode())
    assert not re.search("Qqunknown77", "\n".join(line for line in lines if line.startswith("remark")))
