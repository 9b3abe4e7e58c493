# ruff: noqa: E501  (a table reads best with one to a line)
"""Tables: how bytes become rows, rows become reports, and what is refused rather than guessed."""

from __future__ import annotations

import csv
import inspect
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples

from lab_sender.config.inputs import InputSettings
from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.oru import Builder
from lab_sender.patterns import Pattern
from lab_sender.readers import BadItem, ReportItem, read
from lab_sender.readers.csv.places import rows_text
from lab_sender.readers.csv.reader import CsvReader
from lab_sender.readers.guards.words import bare
from lab_sender.readers.json.reader import JsonReader
from lab_sender.readers.settings import CsvFormat, Inputs, SkipRule
from lab_sender.report.columns import COLUMNS, FAMILIES, HEADINGS, KNOWN, PASSED_OVER, normal
from lab_sender.report.headings import IN_LANGUAGES
from lab_sender.report.model import Range

BUILDER = Builder(builtin())
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEAD = "patient_id,family,accession,code,text,value,unit,collected"
ROW = "P1,Secretfamily,A1,HGB,Haemoglobin,0.10,g/dL,2026-08-19T09:30"


def table(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *rows, "")).encode()


def items_of(data: bytes, **form):
    return read(data, "a.csv", Inputs(csv=(CsvFormat(**form),)) if form else Inputs()).items


def reports_of(data: bytes, **form):
    items = items_of(data, **form)
    assert all(isinstance(item, ReportItem) for item in items), items
    return [item.report for item in items]


def found(data: bytes, **form) -> list[tuple[str, str]]:
    """Code and place of every finding of a file or of its reports."""
    try:
        items = items_of(data, **form)
    except FileError as error:
        findings = error.findings
    else:
        findings = [finding for item in items if isinstance(item, BadItem) for finding in item.findings]
    assert all(finding.hint for finding in findings)
    return [(finding.code, finding.place) for finding in findings]


def changed(row: str = ROW, head: str = HEAD, **cells: str) -> str:
    """A row with some cells changed."""
    names = head.split(",")
    return ",".join(cells.get(name, cell) for name, cell in zip(names, row.split(","), strict=True))


# ------------------------------------------------------------- bytes to rows


def test_a_table_becomes_reports():
    data = table(ROW, changed(code="HCT", value="<2"), changed(accession="A2", patient_id="P2", family="B"))
    first, second = items_of(data)
    assert (first.place, second.place) == ("rows 2-3", "row 4")
    (order, other) = first.report.orders
    assert (order.filler, order.collected, order.test.code) == ("A1", "2026-08-19T09:30", "HGB")
    assert [result.value for result in (*order.results, *other.results)] == ["0.10", "<2"]
    assert second.report.patient.ids[0].id == "P2"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_same_whatever_it_is_written_in(delimiter, encoding, line_end):
    text = (HEAD + "\n" + ROW.replace("Secretfamily", "Jürgensen") + "\n").replace(",", delimiter)
    (report,) = reports_of(text.replace("\n", line_end).encode(encoding))
    assert report.patient.name.family == "Jürgensen"
    assert report == reports_of(table(ROW.replace("Secretfamily", "Jürgensen")))[0]


def test_the_digest_is_of_what_is_said():
    turned = [",".join(reversed(line.split(","))) for line in (HEAD, ROW)]
    digests = {
        items_of(data)[0].digest
        for data in (table(ROW), table(ROW).replace(b",", b";"), table(turned[1], head=turned[0]), table("", ROW))
    }
    assert len(digests) == 1
    assert digests != {items_of(table(changed(value="0.1")))[0].digest}


def test_junk_before_the_header_and_rows_counted_as_a_spreadsheet_does():
    data = b'Export "of" 19.08.2026\r\n\r\n' + table(ROW, '"', head=HEAD).replace(b'\n"', b"")
    assert items_of(data)[0].place == "row 4"
    quoted = table('P1,S,A1,HGB,"two\nlines",5,g/dL,', changed(accession="A2"))
    assert [item.place for item in items_of(quoted)] == ["row 2", "row 3"]


def test_quotes_delimiters_and_lines_in_cells():
    head = HEAD + ",note"
    (report,) = reports_of(table('P1,"Secret, ""the"" family",A1,HGB,x,5,"g/dL",,"one\ntwo"', head=head))
    assert report.patient.name.family == 'Secret, "the" family'
    assert report.orders[0].results[0].notes == ["one\ntwo"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_blanks_between_a_delimiter_and_a_quote_are_no_part_of_a_cell(delimiter):
    """Else the quotes go out: the patient "P1", and a text "0.10" where a number was meant."""
    cells = [name if n == 0 else f' "{name}"' for n, name in enumerate(HEAD.split(","))]
    row = [' "P1"', ' "Doe, Jane"', ' "A1"', '"HGB"', "  x", ' "0.10"', ' "g/dL"', ' ""']
    (report,) = reports_of((delimiter.join(cells) + "\n" + delimiter.join(row) + "\n").encode())
    (order,) = report.orders
    (result,) = order.results
    assert (report.patient.ids[0].id, report.patient.name.family, order.filler) == ("P1", "Doe, Jane", "A1")
    assert (result.test.code, result.test.text, result.value, result.unit) == ("HGB", "x", "0.10", "g/dL")


def test_two_columns_of_one_heading_are_told_that_no_setting_tells_them_apart():
    """To pass the heading over would pass over both: a unit, or the result, without a word."""
    error = refused(table(ROW + ",mg", head=HEAD + ",Unit"))
    assert (error.code, error.place) == ("csv.column-twice", "row 1 column I")
    assert "no setting" in error.hint
    assert '""' not in error.hint
    assert '""' in refused(table(ROW + ",mg", head=HEAD + ",Units")).hint


@pytest.mark.parametrize("end", [",", ",,", ", ,"])
def test_a_header_that_ends_with_a_delimiter_has_whole_rows(end):
    assert len(reports_of(table(ROW, changed(accession="A2") + ",", head=HEAD + end))) == 2
    assert found(table(ROW.rpartition(",")[0], head=HEAD + end))[0][0] == "csv.ragged"
    assert found(table(ROW, ROW + ",x", head=HEAD + end)) == [("csv.column-unknown", "row 1")]
    assert found(table(ROW, head=HEAD + ","), columns={"": "note"}) == [("csv.ragged", "row 2")]


@pytest.mark.parametrize("footer", ["Total: 1 result", "Total,,,,,1,,", "Total,,,,,1"])
def test_a_line_below_the_table_is_refused_with_what_settles_it(footer):
    data = table(ROW, footer)
    hints = [one.hint for item in items_of(data) for one in item.findings if one.place.startswith("row 3")]
    assert hints
    assert all("skip_rows" in hint for hint in hints)
    rule = SkipRule("patient_id", Pattern("^Total"))
    assert len(reports_of(data, skip_rows=(rule,))) == 1


@pytest.mark.parametrize("twin", ["P1", "", " P1 "])
def test_a_column_twice_that_says_the_same_is_one(twin):
    """A query that joins two tables writes them."""
    head = HEAD + ",patient_id"
    (report,) = reports_of(table(f"{ROW},{twin}", head=head))
    assert [one.id for one in report.patient.ids] == ["P1"]
    assert found(table(f"{ROW},P2", head=head)) == [("csv.column-twice", "row 1 column I")]
    assert found(table(ROW + ",P1", changed(patient_id="", accession="A2") + ",P1", head=head)) == [("csv.column-twice", "row 1 column I")]
    assert len(reports_of(table(ROW + ",z,z", head=HEAD + ",Foo,Foo"), columns={"Foo": "note"})[0].orders[0].results[0].notes) == 1


def test_a_dos_end_mark_blank_lines_and_a_header_twice_are_no_rows():
    assert len(reports_of(table("", ROW, " ,,,,,,,", HEAD, changed(accession="A2")) + b"\x1a")) == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (table('P1,"Secretfamily,A1,HGB,x,5,g/dL,', ROW), [("csv.quoting", "row 2")]),
        (table(ROW, 'P1,"Secret"family,A1,HGB,x,5,g/dL,'), [("csv.quoting", "row 3")]),
        (table(ROW.replace("Secret", "\x81")).replace("\x81".encode(), b"\x81"), [("csv.encoding", "byte 62")]),
        (table(ROW)[:-4].replace(b"HGB", b"H\x02B"), [("file.binary", "byte 79")]),
        (table(), [("csv.no-row", "row 1")]),
        (table("1,2,3", head="alpha,beta,gamma"), [("csv.header", "row 1")]),
        (table(ROW, "patient_id,accession,unit,flag,text,value,code,x", ROW), [("csv.header", "row 3")]),
        (table("S1,P1,5", HEAD, ROW, head="Sample ID,Patient ID,Result"), [("csv.header", "row 1")]),
        (b"patient_id\nP1\n", [("file.unknown-format", "byte 0")]),
    ],
)
def test_a_file_in_doubt_is_refused_as_a_whole(data, expected):
    assert found(data) == expected


def test_an_encoding_and_a_delimiter_can_be_declared():
    data = table(ROW.replace("Secret", "Žižek")).replace(b",", b"|").decode().encode("cp1250")
    (report,) = reports_of(data, encoding="cp1250", delimiter="|")
    assert report.patient.name.family == "Žižekfamily"
    assert found(table(ROW), delimiter="tab") == [("csv.header", "row 1")]


# ----------------------------------------------------------------- headings


@pytest.mark.parametrize(
    "head",
    [
        "Sample ID;Patient ID;Assay;Result;Unit;Reference Range;Flag;Date/Time;Operator ID;Reagent Lot;Instrument SN;Notes",
        "SampleID;patientId;Test Name;TEST RESULT;Units;Ref. Range;Flags;Start Time;operator;reagent_lot;Device ID;Remarks",
        "Sample Number;PATIENT-ID;Analyte;Result Value;UOM;range;Abnormal Flag;Date Time;Operator;;Analyzer;Comment",
    ],
)
def test_analyser_exports_are_known(head):
    cells = "S1;P1;WBC;6.1;10*9/L;4.0-10.0;H;2026-08-19 09:30;op1;;XN1;seen"
    (report,) = reports_of(f"{head}\n{cells}\n".encode())
    (order,) = report.orders
    (result,) = order.results
    assert (order.filler, order.specimens, order.test.text) == ("S1", [], "WBC")
    assert (result.value, result.unit, result.range, result.flags) == ("6.1", "10*9/L", "4.0-10.0", ["H"])
    assert (result.analysed, result.observer.id, result.device, result.notes) == (
        "2026-08-19 09:30",
        "op1",
        "XN1",
        ["seen"],
    )


SAME = "P1;Doe;Jane;31.01.1980;F;S1;WBC;6.1;10*9/L;4.0-10.0;H;seen;20.08.2026;09:30"


@pytest.mark.parametrize(
    "head",
    [
        "Pat.-Nr.;Nachname;Vorname;Geburtsdatum;Geschlecht;Proben-Nr.;Test-Kürzel;Ergebnis;Einheit;Referenzbereich;"
        "Pathologisch;Bemerkung;Entnahmedatum;Entnahmezeit",
        "PATIENTENNUMMER;Familienname;Vornamen;Geb.-Datum;Geschlecht;Probennummer;Testkuerzel;Resultat;Einheiten;Normwerte;"
        "H/L;Kommentar;Abnahmedatum;Abnahmeuhrzeit",
        "N° patient;Nom de famille;Prénom;Date de naissance;Sexe;N° d'échantillon;Code analyse;Résultat;Unité;"
        "Valeurs de référence;Drapeau;Commentaire;Date de prélèvement;Heure de prélèvement",
        "Numero patient;Nom usuel;Prenom;Date naissance;SEXE;Numero echantillon;Code du test;Valeur;Unites;Valeurs normales;"
        "Drapeaux;Remarques;Date prelevement;Heure prelevement",
        "Nº de paciente;Apellidos;given;Fecha de nacimiento;Sexo;Número de muestra;Código de prueba;Resultado;Unidades;"
        "Valores de referencia;Banderas;Observaciones;Fecha de extracción;Hora de extracción",
        "Codice paziente;Cognome;given;Data di nascita;Sesso;ID campione;Codice esame;Risultato;Unità di misura;"
        "Valori di riferimento;Flag;Commento;Data prelievo;Ora prelievo",
        "Patiëntnummer;Achternaam;Voornaam;Geboortedatum;Geslacht;Monsternummer;Testcode;Uitslag;Eenheid;"
        "Referentiewaarden;Vlag;Opmerking;Afnamedatum;Afnametijd",
        "Número do paciente;Sobrenome;Primeiro nome;Data de nascimento;Sexo;ID da amostra;Código do exame;Resultado;"
        "Unidade;Valores de referência;Bandeira;Observação;Data da coleta;Hora da coleta",
    ],
)
def test_exports_of_other_languages_are_known(head):
    (report,) = reports_of(f"{head}\n{SAME}\n".encode())
    name, (order,) = report.patient.name, report.orders
    (result,) = order.results
    assert (report.patient.ids[0].id, name.family, name.given, report.patient.birth) == ("P1", "Doe", "Jane", "1980-01-31")
    assert (report.patient.sex, order.filler, order.collected) == ("F", "S1", "2026-08-20T09:30")
    assert (result.test.code, result.value, result.unit, result.range) == ("WBC", "6.1", "10*9/L", "4.0-10.0")
    assert (result.flags, result.notes) == (["H"], ["seen"])


@pytest.mark.parametrize(
    "heading", ["Order Number", "Auftragsnummer", "Date", "Datum", "Time", "ID", "No.", "Min", "Max", "Von", "Alarm", "Estado"]
)
def test_a_heading_that_means_two_things_is_not_known(heading):
    assert refused(table(f"{ROW},1", head=f"{HEAD},{heading}")).code == "csv.column-unknown"


def test_a_map_and_defaults_for_anything_else():
    data = b"Probe;PatKennung;Zahl;Zimmer\nA1;P1;14,1;12\n"
    form = {
        "columns": {"Probe": "accession", "patkennung": "patient_id", "ZAHL": "value", "Zimmer": ""},
        "defaults": {"code": "GLU", "system": "L", "unit": "mmol/L"},
        "decimal_comma": True,
    }
    (report,) = reports_of(data, **form)
    (result,) = report.orders[0].results
    assert (result.test.code, result.test.system, result.value, result.unit) == ("GLU", "L", "14.1", "mmol/L")
    assert found(data, **form, files="b*.csv")[0][0] == "csv.header"


def test_the_first_format_that_fits_the_name_is_used():
    formats = tuple(CsvFormat(files=files, defaults={"unit": files}) for files in ("x*", "Cobas*.CSV", "*"))
    data = table(ROW.replace("g/dL", ""))
    for name, unit in (("cobas7.csv", "Cobas*.CSV"), ("a.csv", "*"), ("", "*")):
        (item,) = read(data, name, Inputs(csv=formats)).items
        assert item.report.orders[0].results[0].unit == unit


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("patient_id,Sample ID,Sample Number,code,value", [("csv.column-twice", "row 1 column C")]),
        ("patient_id,accession,code,value,untis", [("csv.column-unknown", "row 1")]),
        ("patient_id,accession,code,value,Rack", [("csv.column-unknown", "row 1")]),
        ("patient_id,accession,code,value,", [("csv.column-unknown", "row 1")]),
        ("accession,code,value,x,y", [("csv.column-missing", "row 1"), ("csv.column-unknown", "row 1")]),
        ("patient_id,x,code,y,z", [*[("csv.column-missing", "row 1")] * 2, ("csv.column-unknown", "row 1")]),
        ("patient_id,accession,code,value,Instrument ID", []),
    ],
)
def test_a_column_that_may_hold_a_result_is_never_lost(head, expected):
    assert found(table("1,2,3,4,5", head=head)) == expected


def test_a_doubtful_column_can_be_passed_over_or_mapped():
    data = table("P1,A1,A1,GLU,5,7", head="patient_id,Sample ID,Sample Number,code,value,Second Result")
    passed_over = {"Sample Number": "", "Second Result": "note"}
    (report,) = reports_of(data, columns=passed_over)
    assert report.orders[0].results[0].notes == ["7"]
    assert found(data, columns=passed_over | {"Gone": "unit"}) == [("csv.column-missing", "row 1")]
    assert not found(table("P1,A1,GLU,5,0", head="patient_id,accession,code,value,"), columns={"": ""})


def test_headings_are_told_apart():
    """One heading never stands for two columns, in whatever language, and ours are among those known."""
    headings = [normal(one) for name in COLUMNS for one in (name, *HEADINGS[name])] + [
        normal(one) for one in PASSED_OVER
    ]
    assert len(headings) == len(set(headings))
    for language, columns in IN_LANGUAGES.items():
        own = [(normal(one), name) for name, words in columns.items() for one in words]
        assert len(own) == len(dict(own)), language
        assert columns.keys() <= COLUMNS.keys()
        assert all(KNOWN[heading] == name for heading, name in own)
        headings += dict(own)
    assert set(headings) == KNOWN.keys()
    assert all(family.marks <= KNOWN.keys() for family in FAMILIES)


# ------------------------------------------------------------ rows to reports


def test_a_specimen_is_told_where_more_is_known_of_it_than_the_order_s_number():
    head = "patient_id,accession,specimen_id,specimen,code,value"
    rows = ("P1,A1,S1,Blood,X,1", "P1,A2,,119297000,X,1", "P1,A3,A3,,X,1", "P1,A4,S4,,X,1", "P1,,S5,,X,1")
    told = [report.orders[0].specimens for report in reports_of(table(*rows, head=head))]
    assert [len(specimens) for specimens in told] == [1, 1, 0, 1, 0]
    assert (told[0][0].id, told[0][0].type, told[1][0].type.system) == ("S1", "Blood", "SCT")


def test_orders_of_an_accession_by_what_was_ordered_in_the_order_of_the_file():
    head = "patient_id,accession,order_code,order_text,code,value,collected,reported,order_note,pdf"
    (report,) = reports_of(
        table(
            "P1,A1,CBC,Blood count,WBC,6.1,2026-08-19,2026-08-20T10:00,n,",
            "P1,A1,,,CRP,5,2026-08-19,,,",
            "P1,A1,CBC,Blood count,RBC,4.1,2026-08-19,2026-08-20T11:30,m,r.pdf",
            "P1,A1,GLU,,GLU,5.0,2026-08-19T08:00,,,",
            "P1,A1,GLU,,GLU,7.0,2026-08-19T10:00,,,",
            head=head,
        )
    )
    said = [(order.test.code, [result.test.code for result in order.results]) for order in report.orders]
    assert said == [("CBC", ["WBC", "RBC"]), ("CRP", ["CRP"]), ("GLU", ["GLU"]), ("GLU", ["GLU"])]
    blood = report.orders[0]
    assert (blood.reported, blood.notes) == ("2026-08-20T11:30", ["n", "m"])
    assert [attachment.path for attachment in blood.attachments] == ["r.pdf"]


def test_rows_of_one_accession_need_not_stand_together():
    data = table(ROW, changed(accession="A2"), changed(code="HCT"))
    assert [item.place for item in items_of(data)] == ["rows 2, 4", "row 3"]


def test_two_patients_in_one_accession_refuse_it_and_others_go_on():
    data = table(
        ROW, changed(accession="A2"), changed(patient_id="P2", code="X"), changed(code="Y", family="SECRETFAMILY")
    )
    bad, good = items_of(data)
    assert isinstance(good, ReportItem)
    assert [(one.code, one.place) for one in bad.findings] == [("csv.patients", "row 4 column patient_id")]
    assert "Row 2 " in bad.findings[0].text
    assert bad.place == "rows 2, 4-5"
    assert found(table(ROW, changed(patient_id="p1", code="X"))) == [("csv.patients", "row 3 column patient_id")]


def test_what_contradicts_in_one_order_refuses_it():
    head = "patient_id,accession,order_code,code,value,orderer_id,reported"
    rows = ("P1,A1,CBC,WBC,6,D1,2026-08-19T10:00", "P1,A1,CBC,RBC,4,,", "P1,A1,CBC,HGB,4,D2,2026-08-19")
    assert found(table(*rows[:2], head=head)) == []
    assert found(table(*rows, head=head)) == [("csv.conflict", "row 4 column orderer_id")]
    mixed = ("P1,A1,CBC,WBC,6,D1,2026-08-19T10:00", "P1,A1,CBC,RBC,4,,2026-08-19T10:00Z")
    assert found(table(*mixed, head=head)) == [("csv.conflict", "row 3 column reported")]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"patient_id": " "}, "patient_id"),
        ({"accession": ""}, "accession"),
        ({"code": "", "text": ""}, "code"),
        ({"value": ""}, "value"),
    ],
)
def test_what_a_row_must_say(cells, expected):
    assert ("csv.missing", f"row 3 column {expected}") in found(table(ROW, changed(**cells)))


def test_a_result_that_was_not_had_needs_no_value():
    head = HEAD + ",status"
    (report,) = reports_of(table(changed(value="") + ",X", head=head))
    assert report.orders[0].results[0].value is None


@pytest.mark.parametrize(
    ("row", "incomplete"),
    [
        ("P1,Secretfamily,A1,HCT,x,5,g/dL,2026-08-19,9", ["rows 2-3"]),  # more cells: an unquoted delimiter
        ("P1,Secretfamily,A1,HCT", ["rows 2-3"]),  # cut off
        ("P2,Doe", ["row 4"]),  # names no accession: may belong to the row above
        ("P1,Secretfamily,,HCT,x,5,g/dL,2026-08-19", ["row 4"]),  # no accession
    ],
)
def test_a_row_that_cannot_be_read_holds_back_what_it_may_belong_to(row, incomplete):
    data = table(ROW, changed(code="HCT"), changed(accession="A2"), row, changed(accession="A3"))
    held = [
        item.place
        for item in items_of(data)
        if isinstance(item, BadItem) and item.findings[0].code == "csv.incomplete"
    ]
    assert held == incomplete
    assert isinstance(items_of(data)[-1], ReportItem)


def test_trailing_delimiters_are_no_cells():
    assert len(reports_of(table(ROW + ",, ,"))) == 1


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"value": "#N/A"}, "value"),
        ({"collected": "########"}, "collected"),
        ({"patient_id": "4.78E+06"}, "patient_id"),
    ],
)
def test_what_a_spreadsheet_has_spoilt(cells, column):
    assert ("csv.spoilt", f"row 2 column {column}") in found(table(changed(**cells)))


def test_zeros_kept_from_a_spreadsheet():
    (report,) = reports_of(table(changed(patient_id='="0012345"')))
    assert report.patient.ids[0].id == "0012345"
    assert reports_of(table(changed(patient_id='"=""0012345"""'))) == [report]
    (report,) = reports_of(table('P1,F,A1,X,"<a b=""c"">",5,,'))
    assert report.orders[0].results[0].test.text == '<a b="c">'
    (report,) = reports_of(table(changed(value="1.5E+06")))
    assert report.orders[0].results[0].value == "1.5E+06"


def test_the_same_row_twice_is_not_sent_twice():
    assert found(table(ROW, changed(code="X"), ROW)) == [("csv.row-twice", "row 4")]


def test_rows_are_skipped_only_by_a_rule_of_the_site():
    data = table(ROW, changed(accession="NEG1", patient_id="", family="", value=""), changed(accession="QC 7"))
    assert [code for code, _ in found(data)] == ["csv.missing", "csv.missing"]
    rule = SkipRule("Accession", Pattern("^(QC|NEG)", ignore_case=True))
    (item,) = items_of(data, skip_rows=(rule,))
    assert item.place == "row 2"
    (remark,) = read(data, "", Inputs(csv=(CsvFormat(skip_rows=(rule,)),))).remarks
    assert (remark.code, remark.place, remark.text[:6]) == ("csv.rows-skipped", "rows 3-4", "2 rows")
    total = SkipRule("patient_id", Pattern("^Total"))
    assert len(items_of(data + b"Total: 3\n", skip_rows=(rule, total))) == 1
    assert found(data, skip_rows=(SkipRule("Type", rule.matches),)) == [("csv.column-missing", "row 1")]
    assert found(table(changed(accession="QC")), skip_rows=(rule,)) == [("csv.no-row", "row 1")]


def test_a_row_with_a_cell_too_many_is_skipped_by_its_first_cell_alone():
    """Behind a delimiter without quotes each cell stands in the next one's column: that of a name where a rule looks."""
    rule = SkipRule("accession", Pattern("^QC"))
    shifted = ROW.replace("Secretfamily", "Secret, QC Jane")
    assert found(table(changed(accession="A2"), shifted.replace(", ", ",")), skip_rows=(rule,))[-1] == ("csv.ragged", "row 3")
    first = SkipRule("patient_id", Pattern("^QC"))
    assert len(items_of(table(ROW, "QC" + shifted), skip_rows=(first,))) == 1


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("3.5", "5.1", "3.5-5.1"), ("3.5", "", ">3.5"), ("", "5.1", "<5.1"), ("0", "0", "0-0"), ("-5", "", ">-5"),
        ("", "<5.1", "<5.1"), (">3", "", ">3"), ("-", "5.1", "<5.1"), ("-", "-", ""), ("\u2013", "\u2014", ""),
        ("negativ", "", "negativ"), ("negativ", "negativ", "negativ"), ("", "neg", "neg"), ('"3,5"', "", ">3,5"),
    ],
)  # fmt: skip
def test_a_limit_that_is_no_number_gets_no_sign(low, high, expected):
    """`<<5`, `>negativ` and `---` are no ranges."""
    (report,) = reports_of(table(f"P1,A1,K,4,{low},{high}", head="patient_id,accession,code,value,low,high"))
    body = BUILDER.build(report, control_id="C1", now=NOW, attachments={}).body.decode()
    (obx,) = [line.split("|") for line in body.split("\r") if line.startswith("OBX")]
    assert obx[7] == expected


@pytest.mark.parametrize("title", ["[Results]", "[Sample Results],,,,,,,", "[Data]\t", "\n[HEADER]"])
def test_a_title_in_brackets_makes_no_json_of_a_table(title):
    data = f"{title}\n".encode() + table(ROW)
    reading = read(data, "a.csv")
    assert (reading.kind, len(reading.items)) == ("csv", 1)
    assert [one.code for one in reading.remarks] == ["csv.lines-above"]


@pytest.mark.parametrize("data", [b"[null]\n", b"[true]\n", b"[abc", b"[Results", b"[]\n", b"[1]\n", b'["a"]\n'])
def test_other_brackets_are_json(data):
    assert JsonReader().recognises(data, 0)
    assert not CsvReader().recognises(data, 0)


@pytest.mark.parametrize("between", ["", ",,,,,,,", "QC results,,,,,,,", "QC results"])
def test_another_table_below_is_no_results(between):
    """Its rows would go out as patients: one of the number "Level", with the result "SD"."""
    other = ["Lot,Level,Analyte of QC,Mean,SD,CV,By,Valid", "L1,2,Glu,5.1,0.2,x,y,z"]
    data = table(ROW, changed(accession="A2"), between, *other)
    assert found(data) == [("csv.header", "row 5")]
    rule = SkipRule("patient_id", Pattern("^(Lot|QC|L1)"))
    assert len(items_of(data, skip_rows=(rule,))) == 2


def test_a_site_whose_numbers_are_letters_is_no_other_table():
    rows = [changed(patient_id=name, accession=f"A{name}", value="neg", collected="") for name in ("ABC", "DEF")]
    assert len(reports_of(table(*rows))) == 2
    assert len(reports_of(table(ROW, changed(patient_id="TEST", accession="A")))) == 2  # it has a value, and a date


def test_a_document_is_named_plainly():
    data = table("P1,A1,X,../../etc/passwd", head="patient_id,accession,order_code,pdf")
    assert found(data) == [] or found(data)[0][0] == "json.attachment-path"
    (item,) = items_of(data)
    assert isinstance(item, BadItem)


def test_what_the_builder_finds_is_told_by_row_and_column():
    head = "Patient_ID,accession,order_code,Assay,Result Value,status,birth"
    data = table("P1,A1,CBC,WBC,6,F,1980-13-01", "P1,A2,CBC,RBC,4,F,", "P1,A1,CBC,RBC,4,Q,", head=head)
    item = items_of(data)[0]
    with pytest.raises(FileError) as caught:
        BUILDER.build(item.report, control_id="1", now=NOW, attachments={}, place=item.place)
    places = {each.code: each.place for each in item.located(caught.value.findings) if each.severity == "error"}
    assert places == {"time.impossible": "rows 2, 4 column birth", "status.unknown": "row 4 column status"}
    assert item.places.find("orders[0].results[1].value") == "row 4 column Result Value"
    assert item.places.find("orders[0].results[0].test.text") == "row 2 column Assay"
    assert item.places.find("orders[0].test") == "rows 2, 4 column order_code"
    assert item.places.find("patient.ids[0].id") == "rows 2, 4 column Patient_ID"
    assert item.places.find("orders[0].collected") == "rows 2, 4"


def test_rows_in_words():
    assert rows_text([2]) == "row 2"
    assert rows_text([2, 3, 4, 9, 11, 12]) == "rows 2-4, 9, 11-12"
    assert rows_text(range(2, 30, 2)) == "rows 2, 4, 6, 8, 10 and 9 more"


# ------------------------------------------------------ names, patients, times


NAMED = "patient_id,Name,accession,code,value"


def test_a_whole_name_is_taken_apart_by_its_form():
    data = table('P1,"Doe, Jane",A1,K,5', 'P1,"DOE,  Jane",A1,Na,140', head=NAMED)
    (report,) = reports_of(data, name="{family}, {given}")
    assert (report.patient.name.family, report.patient.name.given) == ("Doe", "Jane")
    (item,) = items_of(data, name="{family}, {given}")
    assert item.places.find("patient.name.given") == "rows 2-3 column Name"


def test_a_whole_name_that_does_not_fit_refuses_its_row():
    data = table("P1,Jane Doe,A1,K,5", 'P2,"Smith, Eve",A2,K,5', "P3,NULL,A3,K,5", head=NAMED)
    assert found(data, name="{family}, {given}") == [("csv.name", "row 2 column Name")]
    assert [type(item) for item in items_of(data, name="{family}, {given}")] == [BadItem, ReportItem, ReportItem]


@pytest.mark.parametrize(
    ("head", "row", "likely"),
    [
        (NAMED, "P1,Doe^Jane,A1,K,5", ["{family}, {given}", "{given} {family}"]),
        (f"{NAMED},Vorname", "P1,Doe,A1,K,5,Jane", ["{family}"]),
        (f"{NAMED},Cognome", "P1,Jane,A1,K,5,Doe", ["{given}"]),
    ],
)
def test_a_whole_name_without_a_form_is_refused_with_the_line_to_write(head, row, likely):
    finding = refused(table(row, head=head))
    assert (finding.code, finding.place) == ("csv.name-form", "row 1 column B")
    assert re.findall(r'name: "([^"]*)"', finding.hint) == likely
    if len(likely) == 1:
        (report,) = reports_of(table(row, head=head), name=likely[0])
        assert (report.patient.name.family, report.patient.name.given) == ("Doe", "Jane")
    assert not found(table("P1,,A1,K,5" + "," * head.count("Vorname") + "," * head.count("Cognome"), head=head))


def test_a_form_that_names_a_column_of_its_own_is_told():
    data = table("P1,Doe,A1,K,5,Jane", head=f"{NAMED},given")
    assert found(data, name="{family}, {given}") == [("csv.column-twice", "row 1 column F")]


def test_who_ordered_by_a_whole_name():
    head = "patient_id,accession,code,value,Doctor"
    assert refused(table("P1,A1,K,5,Dr. House", head=head)).code == "csv.name-form"
    (report,) = reports_of(table("P1,A1,K,5,Dr. House", head=head), orderer_name="{prefix} {family}")
    assert (report.orders[0].orderer.family, report.orders[0].orderer.prefix) == ("House", "Dr.")


def test_an_export_without_patients_where_the_specimen_says_whose_it_is():
    head = "Sample_ID,Test_Code,Result"
    missing = refused(table("S1,HB,12.5", head=head))
    assert missing.code == "csv.column-missing"
    assert "patient_from: specimen-id" in missing.hint
    first, second = reports_of(table("S1,HB,12.5", "S2,HB,3", "S1,WBC,4", head=head), patient_from="specimen-id")
    assert [one.patient.ids[0].id for one in (first, second)] == ["S1", "S2"]
    assert len(first.orders) == 2
    head = "accession,Test_Code,Result"
    assert refused(table("A1,HB,1", head=head), patient_from="specimen-id").code == "csv.column-missing"


def test_a_specimen_s_number_never_stands_beside_a_patient_s():
    head = "patient_id,specimen_id,code,value"
    data = table("P1,S1,K,5", ",S1,Na,140", ",S2,K,5", "P3,,K,5", head=head)
    told = found(data, patient_from="specimen-id")
    assert told[:2] == [("csv.patients", "row 3 column patient_id"), ("csv.incomplete", "row 4")]
    head = "accession,specimen_id,code,value"
    twice = table("A1,S1,K,5", "A1,S2,Na,140", head=head)
    assert found(twice, patient_from="specimen-id") == [("csv.patients", "row 3 column specimen_id")]


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("2026-01-23", "10:30:00", "2026-01-23 10:30:00"),
        ("20260123", "9:05", "20260123 09:05"),
        ("23.01.2026", "9:05", "2026-01-23T09:05"),
        ("1/23/2026", "2:05 PM", "2026-01-23T14:05"),
        ("23 Jan 2026", "14:05Z", "2026-01-23T14:05Z"),
        ("2026-01-23", "14:05+01:00", "2026-01-23 14:05+01:00"),
        ("2026-01-23", "", "2026-01-23"),
        ("2026-01-23", "NULL", "2026-01-23"),
        ("", "", ""),
        ("", "10:30", "csv.date"),
        ("NULL", "10:30", "csv.date"),
        ("2026-01-23 00:01", "10:30", "csv.date"),
        ("20260123T1030", "10:30", "csv.date"),
        ("2026-01-23", "1030", "csv.date"),
        ("2026-01-23", "later", "csv.date"),
        ("2026-01-23", "10:30 EST", "csv.date-zone"),
        ("01/02/2026", "10:30", "csv.date-order"),
    ],
)
def test_a_date_and_its_time_of_day_in_two_columns(date, time, expected):
    head = "patient_id,accession,code,value,Collection Date,Collection Time"
    (item,) = items_of(table(f"P1,A1,K,5,{date},{time}", head=head))
    assert expected == (item.report.orders[0].collected if isinstance(item, ReportItem) else item.findings[0].code)


def test_words_for_nothing_in_names_and_times_are_told():
    head = "patient_id,accession,code,value,Name,Doctor,collected,collected_time"
    data = table("P1,A1,K,5,NULL,null,2026-01-23,NULL", "P2,A2,K,5,NULL,,NULL,NULL", head=head)
    inputs = Inputs(csv=(CsvFormat(name="{family}, {given}", orderer_name="{prefix} {family}"),))
    remarks = read(data, "a.csv", inputs).remarks
    assert {each.code for each in remarks} == {"report.nothing"}
    assert sorted(each.place for each in remarks) == [
        "row 2 column Doctor", "row 2 column Name", "row 2 column collected_time", "row 3 column collected",
    ]  # fmt: skip
    assert sum("2 times" in each.text for each in remarks) == 2
    data = table("P1,A1,K,5,NULL,Doe", head="patient_id,accession,code,value,Nome,Cognome")
    (item,) = items_of(data, name="{given}")
    assert (item.report.patient.name.family, item.report.patient.name.given) == ("Doe", "")


def test_a_time_of_day_stands_beside_its_own_date_only():
    head = "patient_id,accession,code,value"
    row = "P1,A1,K,5,2026-01-23 10:30"
    alone = reports_of(table(row, head=f"{head},Result Time"))[0]
    assert alone.orders[0].results[0].analysed == "2026-01-23 10:30"
    pair = table("P1,A1,K,5,2026-01-23,10:30", head=f"{head},Result Date,Start Time")
    assert found(pair) == [("csv.column-twice", "row 1 column F")]
    assert reports_of(pair, columns={"Start Time": "analysed_time"})[0].orders[0].results[0].analysed[-5:] == "10:30"
    said = {"Datum": "analysed", "Zeit": "analysed_time"}
    (report,) = reports_of(table("P1,A1,K,5,2026-01-23,10:30", head=f"{head},Datum,Zeit"), columns=said)
    assert report.orders[0].results[0].analysed == "2026-01-23 10:30"
    assert "analysed_time" in refused(table("P1,A1,K,5,1,2", head=f"{head},Datum,Zeit")).hint
    only = table("P1,A1,K,5,10:30", head=f"{head},Zeit")
    assert found(only, columns={"Zeit": "analysed_time"}) == [("csv.date", "row 2 column Zeit")]
    assert found(table("P1,A1,K,5,10:30", head=f"{head},Messzeit")) == [("csv.date", "row 2 column Messzeit")]


@pytest.mark.parametrize("text", ["0930", "1415", "2015"])
def test_a_time_of_day_without_marks_is_no_year(text):
    head = "patient_id,accession,code,value"
    assert found(table(f"P1,A1,K,5,{text}", head=f"{head},Test Time")) == [("csv.date", "row 2 column Test Time")]
    assert found(table(f"P1,A1,K,5,{text}", head=f"{head},collected")) == [("csv.date", "row 2 column collected")]
    (report,) = reports_of(table(f"P1,A1,K,5,{text}", head=f"{head},birth"))
    assert report.patient.birth == text


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("2026-08-19 00:00:00.000", "1899-12-30 09:30:00.000", "2026-08-19 09:30:00.000"),
        ("2026-08-19T00:00:00", "09:30:00", "2026-08-19 09:30:00"),
        ("19.08.2026 00:00:00", "30.12.1899 09:30:00", "2026-08-19T09:30:00"),
        ("8/19/2026 12:00:00 AM", "1/1/1900 9:30:00 AM", "2026-08-19T09:30:00"),
        ("19.08.2026 0:00", "9:30", "2026-08-19T09:30"),
        ("2026-08-19 00:00", "00:00", "2026-08-19 00:00"),
    ],
)
def test_a_database_puts_midnight_behind_dates_and_day_zero_before_times(date, time, expected):
    head = "patient_id,accession,code,value,Collection Date,Collection Time"
    (report,) = reports_of(table(f"P1,A1,K,5,{date},{time}", head=head))
    assert report.orders[0].collected == expected


@pytest.mark.parametrize(("date", "time"), [
    ("2026-08-19 00:01", "09:30"), ("2026-08-19T00:00Z", "09:30"), ("2026-08-19 00:00", "2026-08-19 09:30"),
    ("2026-08-19 12:00 PM", "09:30"), ("2026-08-19 10:00:00", "09:30"),
])  # fmt: skip
def test_a_date_with_a_time_beside_another_time_is_refused(date, time):
    head = "patient_id,accession,code,value,Collection Date,Collection Time"
    (one,) = found(table(f"P1,A1,K,5,{date},{time}", head=head))
    assert one == ("csv.date", "row 2 column Collection Time")


@pytest.mark.parametrize("birth", ["1980-01-31 00:00:00", "31.01.1980 00:00", "1/31/1980 12:00:00 AM", "1980-01-31T00:00:00.000"])
def test_a_birth_at_midnight_is_a_date(birth):
    (report,) = reports_of(table(f"P1,A1,K,5,{birth}", head="patient_id,accession,code,value,birth"))
    assert report.patient.birth == "1980-01-31"
    exact = table("P1,A1,K,5,2026-01-31 00:05", head="patient_id,accession,code,value,birth")
    assert reports_of(exact)[0].patient.birth == "2026-01-31 00:05"


# -------------------------------------------------------------------- dates


def collected(*dates: str, **form) -> list[str]:
    rows = [changed(accession=f"A{n}", collected=f'"{date}"') for n, date in enumerate(dates)]
    items = items_of(table(*rows), **form)
    return [
        item.report.orders[0].collected if isinstance(item, ReportItem) else item.findings[0].code for item in items
    ]


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("12/20/2021 14:00", "2021-12-20T14:00"),
        ("7/10/2023 8:51", "csv.date-order"),
        ("2023-07-10T08:51-04:00", "2023-07-10T08:51-04:00"),
        ("January 31, 2020", "2020-01-31"),
        ("Jan 31 2020 2:05 pm", "2020-01-31T14:05"),
        ("31-Dec-2020 12:00:30 AM", "2020-12-31T00:00:30"),
        ("1. Sept 2020", "2020-09-01"),
        ("31/01/2020", "2020-01-31"),
        ("31.1.2020, 08:15:02.25", "2020-01-31T08:15:02.25"),
        ("2021/3/4 9:30 +01:00", "2021-03-04T09:30+01:00"),
        ("04/04/2021", "2021-04-04"),
        ("20211220", "20211220"),
        ("12/20/2021 14:00 UTC", "2021-12-20T14:00Z"),
        ("", ""),
        ("12/20/2021 14:00 MST", "csv.date-zone"),
        ("12/20/21", "csv.date"),
        ("12/20/2021 14", "csv.date"),
        ("12/20/2021 14:00 PM", "csv.date"),
        ("31/31/2020", "csv.date"),
        ("02/30/2020", "csv.date"),
        ("Janvier 3, 2020", "csv.date"),
        ("Ma 3, 2020", "csv.date"),
        ("yesterday", "csv.date"),
    ],
)
def test_dates(date, expected):
    assert collected(date) == [expected]


def test_the_order_of_day_and_month_is_never_guessed():
    assert collected("01/02/2020") == ["csv.date-order"]
    assert collected("01/02/2020", "01/31/2020") == ["2020-01-02", "2020-01-31"]
    assert collected("01/02/2020", "31/01/2020") == ["2020-02-01", "2020-01-31"]
    assert collected("01/02/2020", "31/01/2020", "01/31/2020") == ["csv.date-order", "2020-01-31", "2020-01-31"]
    assert collected("01/02/2020", dates=("DD/MM/YYYY",)) == ["2020-02-01"]
    assert collected("01/02/2020", dates=("MM/DD/YYYY",)) == ["2020-01-02"]
    assert collected("31/01/2020", dates=("MM/DD/YYYY",)) == ["csv.date"]
    assert collected("31/01/2020", dates=("MM-DD-YYYY",)) == ["csv.date"]
    assert collected("010220 ", "01.02.20 9:30", dates=("DD.MM.YY", "DDMMYY")) == ["2020-02-01", "2020-02-01T09:30"]
    assert collected("2020-01-02", dates=("DD/MM/YYYY",)) == ["2020-01-02"]


@pytest.mark.parametrize(
    ("date", "declared", "forms"),
    [
        ("12.05.1950", (), ["DD.MM.YYYY"]),
        ("12.05.50 9:30", (), ["DD.MM.YY"]),
        ("6/9/22", (), ["DD/MM/YY", "MM/DD/YY"]),
        ("06/09/22", (), ["DD/MM/YY", "MM/DD/YY", "YY/MM/DD"]),
        ("12/20/21 2:05 PM", (), ["MM/DD/YY"]),
        ("20-12-21", (), ["DD-MM-YY", "YY-MM-DD"]),
        ("31122021", (), ["DDMMYYYY"]),
        ("311221", (), ["DDMMYY", "YYMMDD"]),
        ("1/2/2020", (), ["DD/MM/YYYY", "MM/DD/YYYY"]),
        ("12.05.1950", ("MM/DD/YYYY",), ["MM/DD/YYYY, DD.MM.YYYY"]),
        ("12/20/21", ("MM/DD/YYYY",), ["MM/DD/YYYY, MM/DD/YY"]),
    ],
)
def test_the_hint_on_a_date_is_of_its_own_marks_and_works_to_the_letter(date, declared, forms):
    form = {"dates": declared} if declared else {}
    finding = items_of(table(changed(collected=date)), **form)[0].findings[0]
    offered = re.findall(r"\[([^]]*)\]", finding.hint)
    assert offered == forms
    for each in offered:
        settings = InputSettings.model_validate({"csv": [{"dates": each.split(", ")}]}).csv[0]
        assert collected(date, dates=settings.dates)[0].startswith(("19", "20"))


def test_a_birth_of_two_digits_is_not_helped_by_a_form():
    data = table("P1,A1,X,5,20.12.45", head="patient_id,accession,code,value,birth")
    (item,) = items_of(data)
    assert [(one.code, one.hint) for one in item.findings] == [("csv.date", "Correct the export.")]


def test_a_birth_needs_its_century():
    data = table("P1,A1,X,5,01/02/45", head="patient_id,accession,code,value,birth")
    assert found(data, dates=("DD/MM/YY",)) == [("csv.date", "row 2 column birth")]


# --------------------------------------------------------------- Hypothesis

_cells = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8)
    .map(bare)
    .filter(lambda text: text.casefold() not in Inputs().nothing and not text.startswith("'"))
)
_some = _cells.filter(lambda text: text != "")


@st.composite
def _flat_rows(draw):
    """Rows of one accession, by our names; what they share they share."""
    shared = {name: draw(_cells) for name in ("given", "orderer_family", "lab", "facility_city", "ward")}
    shared |= {
        "patient_id": draw(_some),
        "family": draw(_some),
        "accession": draw(_some.filter(lambda text: "|" not in text)),  # behind a bar stands who gave it out
        "order_code": draw(_some),
        "birth": "1980-01-01",
    }
    own = ("text", "unit", "flag", "sub_id", "value", "note", "value_system")
    return [shared | {"code": f"C{n}"} | {name: draw(_some) for name in own} for n in range(draw(st.integers(1, 4)))]


@examples(60)
@given(_flat_rows(), st.sampled_from(",;\t|"), st.randoms())
def test_a_report_flattened_to_rows_reads_back(rows, delimiter, random):
    names = list(rows[0])
    random.shuffle(names)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    (report,) = reports_of(text.getvalue().encode())
    (order,) = report.orders
    first = rows[0]
    assert (report.patient.ids[0].id, report.patient.name.family) == (first["patient_id"], first["family"])
    assert (report.patient.name.given, report.patient.birth) == (first["given"], "1980-01-01")
    assert (order.filler, order.test.code) == (first["accession"], first["order_code"])
    for row, result in zip(rows, order.results, strict=True):
        assert (result.test.code, result.test.text) == (row["code"], row["text"])
        assert result.value == {"code": row["value"], "text": "", "system": row["value_system"]}
        assert (result.unit, result.sub_id, result.notes) == (row["unit"], row["sub_id"], [row["note"]])
        assert result.flags == [flag.strip() for flag in re.split("[;~]", row["flag"]) if flag.strip()]


_LINES = st.lists(
    st.one_of(st.just(HEAD), st.just(ROW), st.sampled_from(["QC", "Total: 5", '"', ',"', "01/02/2020", "\x00", "\xff"]),
              st.text(st.sampled_from('PA1,;|\t" \'.x/\n\r'), max_size=40)),
    max_size=8,
)  # fmt: skip
_FORMS = st.builds(
    CsvFormat,
    columns=st.dictionaries(
        st.sampled_from(["code", "x", "", "Unit"]), st.sampled_from(["", "value", "note"]), max_size=2
    ),
    delimiter=st.sampled_from(["", ",", ";", "tab"]),
    encoding=st.sampled_from(["", "utf-8", "utf-16", "shift-jis", "cp437"]),
    skip_rows=st.sampled_from([(), (SkipRule("code", Pattern("H")),)]),
    dates=st.sampled_from([(), ("DD.MM.YY",)]),
)


@examples(300)
@given(_LINES.map("\n".join), st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-16-le"]), _FORMS)
def test_whatever_the_bytes_nothing_but_a_file_error(text, encoding, form):
    try:
        items = CsvReader((form,)).read(text.encode(encoding, "replace"), "a.csv")
    except FileError as error:
        findings = error.findings
    else:
        findings = [finding for item in items if isinstance(item, BadItem) for finding in item.findings]
        assert items
    assert not any("Secretfamily" in finding.line() for finding in findings)


# ---------------------------------------------------------------- the guide

# ------------------------------------- what would be lost, or become another result


def test_a_row_above_the_header_refuses_the_file():
    """A spreadsheet that sorts the header too puts it below the numbers."""
    rows = changed(patient_id="100"), changed(patient_id="200", accession="A2")
    data = "\n".join((*rows, HEAD, changed(patient_id="X9", accession="A3"), "")).encode()
    assert found(data) == [("csv.header", "row 1")]
    assert found(data, skip_rows=(SkipRule("patient_id", Pattern("^[12]00")),)) == []


def test_a_preamble_as_wide_as_the_table_is_no_row():
    data = "\n".join(("Analyser,XN-1000,,,,,,", "Run,7,of,2026-08-19,,,,", HEAD, ROW, "")).encode()
    assert len(reports_of(data)) == 1


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_quotes_that_swallow_rows_refuse_the_file(delimiter):
    """An analyser that does not quote: between two cells that begin and end with a quote, patients are lost."""
    rows = [changed(unit='"g/dL'), changed(patient_id="P2", accession="A2"), changed(accession="A3", unit='g/dL"')]
    data = table(*rows).replace(b",", delimiter.encode())
    assert found(data) == [("csv.quoting", "row 2")]


def test_a_comment_of_several_lines_with_delimiters_is_a_comment():
    (report,) = reports_of(table(f'{ROW},"a, b\n\nc, d, e"', head=f"{HEAD},comment"))
    assert report.orders[0].results[0].notes == ["a, b\n\nc, d, e"]


@pytest.mark.parametrize("text", ["3-Feb", "05. Mrz", "Dec-10", "12. Okt", "7. Mai"])
def test_dates_that_a_spreadsheet_made_are_refused(text):
    assert found(table(changed(value=text))) == [("csv.spoilt", "row 2 column value")]


def test_a_dot_among_decimal_commas_is_not_guessed_at():
    head, tail = HEAD.replace(",", ";"), ROW.replace(",", ";")
    rows = tail.replace("0.10", "14,1"), tail.replace("0.10", "250.000").replace("A1", "A2")
    data = table(*rows, head=head)
    assert found(data) == found(data, decimal_comma=True) == [("csv.number", "row 3 column value")]
    assert not found(table(tail.replace("0.10", "250.000"), head=head))
    assert not found(table(rows[0], tail.replace("A1", "A2"), head=head), decimal_comma=True)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        *((span, ["csv.number"]) for span in ("3,5-5,1", "(3,5 - 5,1)", "3,5\u20135,1", "<0,5", "[4-10,5]", "-2,0-2,0")),
        *((span, []) for span in ("1,000-4,000", "3.5-5.1", "siehe 1,5", "")),
    ],
)
def test_a_decimal_comma_in_a_range_or_limit_makes_a_dot_doubtful_too(span, expected):
    """Platelets of 250.000 beside `3,5-5,1` are 250 thousand; a HIS would read 250."""
    head = "patient_id,accession,code,value,range"
    data = table("P1,A1,PLT,250.000,", f'P1,A2,K,5,"{span}"', head=head)
    assert [code for code, _ in found(data)] == expected
    limits = table('P1,A1,PLT,250.000,,"5,1"', head="patient_id,accession,code,value,low,high")
    assert found(limits) == [("csv.number", "row 2 column value")]


def test_dates_with_slashes_settle_nothing_for_dates_with_dots():
    data = table(changed(collected="12/20/2026"), changed(collected="01.02.2026", accession="A2"))
    assert found(data) == [("csv.date-order", "row 3 column collected")]


def test_a_correction_beside_what_it_corrects_is_refused():
    data = table(f"{changed(value='5')},F", f"{changed(value='6')},C", head=f"{HEAD},status")
    assert found(data) == [("result.corrected-beside", "row 3 column status")]
    assert not found(table(f"{changed(value='5')},F", f"{changed(value='6')},F", head=f"{HEAD},status"))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [("3.5,5.1,", "3.5-5.1"), ("3.5,5.1,adult", "3.5-5.1 adult"), (",5.1,adult", "<5.1 adult"),
     ("5,10,age 15 to 105", "5-10 age 15 to 105"), ("3.5,5.1,3.5 to 5.1", "3.5 to 5.1"), (",,adult", "adult")],
)  # fmt: skip
def test_limits_beside_a_range_in_words_are_not_lost(cells, expected):
    (report,) = reports_of(table(f"{ROW},{cells}", head=f"{HEAD},low,high,range"))
    body = BUILDER.build(report, control_id="1", now=NOW, attachments={}).body
    assert next(line for line in body.split(b"\r") if line.startswith(b"OBX")).split(b"|")[7].decode() == expected


def test_a_power_of_ten_stays_a_text():
    (result,) = reports_of(table(changed(value="10E5")))[0].orders[0].results
    assert (result.value, result.type) == ("10E5", "auto")  # which oru/ sends as ST


@pytest.mark.parametrize(
    "cells", [{"family": "M\u00e4rz"}, {"family": "K\u00f6hler"}, {"unit": "\u00b5mol/l"}, {"unit": "/\u00b5l"}]
)
def test_dos_code_pages_are_noticed(cells):
    data = table(changed(**cells))
    assert found(data.decode().encode("cp850")) == [("csv.encoding", "line 2")]
    assert not found(data.decode().encode("cp850"), encoding="cp850")
    assert not found(data.decode().encode("cp1252"))


@pytest.mark.parametrize(
    ("family", "encoding"),
    [("Wa\u0142\u0119sa", "cp1250"), ("\u017b\u00f3\u0142kiewicz", "cp1250"), ("WA\u0141\u0118SA", "cp1250"), ("\u0418\u0432\u0430\u043d\u043e\u0432", "cp1251")],
)
def test_polish_and_cyrillic_words_are_no_windows_1252(family, encoding):
    data = table(changed(family=family)).decode().encode(encoding)
    assert found(data) == [("csv.encoding", "line 2")]
    assert reports_of(data, encoding=encoding)[0].patient.name.family == family


def remarks_of(data: bytes, **form) -> list[tuple[str, str]]:
    formats = (CsvFormat(**form),) if form else ()
    return [(one.code, one.place) for one in read(data, "a.csv", Inputs(csv=formats)).remarks]


@pytest.mark.parametrize(
    ("family", "encoding"), [("Dvo\u0159\u00e1k", "cp1250"), ("Ni\u00e8vre", "cp1252"), ("Y\u0131ld\u0131z", "cp1254"), ("\u0160imi\u0107", "cp1250")]
)
def test_letters_that_may_be_others_are_told_until_the_encoding_is(family, encoding):
    data = table(ROW, changed(family=family, accession="A2", patient_id="P2")).decode().encode(encoding)
    assert remarks_of(data) == [("csv.encoding-guessed", "line 3")]
    assert not remarks_of(data, encoding=encoding)
    assert not remarks_of(table(changed(family=family)))


@pytest.mark.parametrize("text", ["M\u00fcller-L\u00fcdenscheid\u00df", "Ren\u00e9", "\u00c4\u00d6\u00dc\u00e4\u00f6\u00fc\u00df", "10\u00b3/\u00b5l", "Glukose\u00b9"])
def test_letters_that_are_the_same_in_all_are_not_told(text):
    assert not remarks_of(table(changed(family=text)).decode().encode("cp1252"))


def refused(data: bytes, **form):
    """The one finding of a refused file."""
    with pytest.raises(FileError) as caught:
        items_of(data, **form)
    (finding,) = caught.value.findings
    return finding


def test_columns_that_nobody_has_named_refuse_the_file_once_all_of_them():
    data = table(f"{ROW},7,,HAEMOLYSED,3,x", head=f"{HEAD},Rack,Tray,Error,untis,")
    finding = refused(data)
    assert (finding.code, finding.place) == ("csv.column-unknown", "row 1")
    assert 'named: I "Rack", K "Error", L "untis" (nearly unit), M (no heading).' in finding.text
    said = yaml.safe_load(finding.hint.partition("Write in config.yaml: ")[2])
    formats = InputSettings.model_validate(said["inputs"]).csv
    assert formats[0].columns == {"Rack": "", "Error": "", "untis": "", "": ""}
    assert len(reports_of(data, columns=formats[0].columns)) == 1
    finding = refused(data, columns={"Error": "note"})
    assert finding.hint.endswith('inputs.csv that fits this file: "Rack": "", "untis": "", "": ""')


@pytest.mark.parametrize(
    "head",
    [
        "patient_id,accession,text,Patient Doe,unit",  # tests below each other, a column for each patient
        "patient_id,accession,text,value,4711",
        "patient_id,accession,text,value,Doe 12.05.1950",
        "patient_id,accession,text,value," + "long " * 10,
        "patient_id,accession,text,value,Patient: Doe",
    ],
)
def test_a_heading_that_may_be_a_patient_s_is_told_by_its_letter(head):
    try:
        reports_of(table("P1,A1,K,5,x", head=head))
    except FileError as error:
        (finding,) = [each for each in error.findings if each.code == "csv.column-unknown"]
    assert re.search(r"named: [DE]\.$", finding.text)
    assert 'columns: {HEADING: ""}' in finding.hint


def test_columns_without_data_pass_and_so_does_data_of_skipped_rows_only():
    rows = ROW + ",,", "QC" + ROW + ",7,", HEAD + ",Rack,Tray"
    data = table(*rows, head=f"{HEAD},Rack,Tray")
    assert refused(data).code == "csv.column-unknown"
    assert len(reports_of(data, skip_rows=(SkipRule("patient_id", Pattern("^QC")),))) == 1


def test_a_sign_alone_is_a_heading():
    data = table(f"{ROW},7,8", head=f"{HEAD},#,%")
    assert 'I "#", J "%"' in refused(data).text
    assert reports_of(data, columns={"#": "", "%": "note"})[0].orders[0].results[0].notes == ["8"]


def test_what_is_passed_over_is_told():
    data = table(f"{ROW},7,,x", head=f"{HEAD},Reagent Lot,ICU,instrument_id")
    (remark,) = read(data).remarks
    assert (remark.code, remark.place, remark.severity) == ("csv.columns-passed-over", "row 1", "warning")
    assert remark.text.endswith(" in Reagent Lot, Instrument ID.")
    known = {"Reagent Lot": "", "Instrument ID": ""}
    assert not read(data, "a.csv", Inputs(csv=(CsvFormat(columns=known),))).remarks


def test_a_test_that_has_a_name_only_is_told():
    head = "patient_id,accession,Assay,value"
    data = table("P1,A1,GLU,5", "P2,A2,GLU,6", head=head)
    (remark,) = read(data).remarks
    assert (remark.code, remark.place, "2 times" in remark.text) == ("csv.test-without-code", "row 2 column Assay", True)
    (report, _) = reports_of(data, columns={"Assay": "code"})
    assert report.orders[0].test.code == "GLU"
    assert not read(data, "a.csv", Inputs(csv=(CsvFormat(columns={"Assay": "code"}),))).remarks


def test_lines_above_the_header_are_told():
    (remark,) = read(b"sep=,\nExport of the day\n\nXN-1000,7\n" + table(ROW)).remarks
    assert (remark.code, remark.place, remark.text[:11]) == ("csv.lines-above", "rows 2, 4", "2 lines are")


def test_numbers_with_a_comma_that_go_out_as_text_are_told():
    data = table(ROW.replace(",", ";").replace("0.10", "14,1"), head=HEAD.replace(",", ";"))
    (remark,) = read(data).remarks
    assert (remark.code, remark.place, remark.severity) == ("value.decimal-comma", "row 2 column value", "warning")
    assert not read(data, "a.csv", Inputs(csv=(CsvFormat(decimal_comma=True),))).remarks


def test_a_platelet_count_is_no_snomed_code():
    """The headings of an order and a specimen are everybody's: they make no table one of SimpleReport."""
    head = "patient_id,accession_number,ordered_test_code,test_performed_code,specimen_type_code,result,unit"
    (report,) = reports_of(table("P1,A1,CBC,PLT,Blood,250000,/uL", head=head))
    result = report.orders[0].results[0]
    assert (result.value, result.test.system) == ("250000", "")
    head += ",testing_lab_CLIA,date_result_released"
    (report,) = reports_of(table("P1,A1,CBC,777-3,Blood,250000,/uL,99D1,08/19/2026", head=head))
    assert report.orders[0].results[0].value == "250000"


def test_another_header_is_found_wherever_its_headings_stand():
    assert found(table(ROW, "Nr,Rack,unit,patient_id,accession,Foo,x,2026-08-19")) == [("csv.header", "row 3")]


GUIDE = (Path(__file__).parents[2] / "docs" / "files" / "csv.md").read_text(encoding="utf-8")


def test_the_guide_has_every_column_and_its_example_can_be_read():
    for name, text in COLUMNS.items():
        assert f"| `{name}` | {text} | {', '.join(HEADINGS[name])} |" in GUIDE, name
    for name in COLUMNS:
        words = dict.fromkeys(one for columns in IN_LANGUAGES.values() for one in columns.get(name, ()))
        assert not words or f"| `{name}` | {', '.join(words)} |" in GUIDE, name
    assert f"Known, and passed over with a remark: {', '.join(PASSED_OVER)}." in GUIDE
    (report,) = reports_of(GUIDE.split("```csv\n")[1].split("```")[0].encode())
    assert len(report.orders[0].results) == 2


def test_the_guide_has_every_code():
    code = "".join(path.read_text(encoding="utf-8") for path in Path(inspect.getfile(CsvReader)).parent.glob("*.py"))
    told = set(re.findall(r'"(csv\.[a-z-]+)"', code)) - {"csv.rows-skipped"}
    assert len(told) > 12
    assert all(f"`{each}`" in GUIDE for each in told)


@pytest.mark.parametrize("low", ["RefLow", "Ref Low", "Ref. Low", "Normal Low", "range_low", "Low Limit"])
def test_limits_and_flags_have_their_usual_headings(low):
    head = f"{HEAD},{low},{low.replace('Low', 'High').replace('low', 'high')},H/L"
    (result,) = reports_of(table(f"{ROW},3.5,5.1,H", head=head))[0].orders[0].results
    assert (result.range, result.flags) == (Range("3.5", "5.1"), ["H"])
