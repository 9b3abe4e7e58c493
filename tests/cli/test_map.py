# ruff: noqa: E501  (a table reads best with one to a line)
"""`map`: a table of a site's own to the lines of config.yaml that read it.

Each export of EXPORTS is invented after a kind of program. What `map` writes of it, put into config.yaml, makes
`preview` green, or names what is open; and with that decided, `preview` is green.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

OPEN = re.compile(r"^ *# \? (.*)$", re.MULTILINE)
NEEDS = re.compile(r"^ *# ! (.*)$", re.MULTILINE)
READY = b"MSH|^~\\&|LAB||HIS||20261122101500||ORU^R01^ORU_R01|C1|P|2.5.1\rPID|1||4711\rOBR|1||R1|X^X^L\rOBX|1|NM|X^X^L||5.4|||||F\r"
LINE = re.compile(r'^( *)# \? ("(?:[^"\\]|\\.)*"|[\w-]+): (.*?)(?=  # |$)', re.MULTILINE)


@dataclass
class Export:
    """An export: its lines, how they are written, what is open, and what a person decides (heading -> our name)."""

    name: str
    lines: str
    open: tuple[str, ...] = ()
    needs: int = 0
    decided: dict[str, str] = field(default_factory=dict)
    active: tuple[str, ...] = ()
    encoding: str = "utf-8"
    sent: tuple[str, ...] = ()

    @property
    def data(self) -> bytes:
        return self.lines.encode(self.encoding)

    @property
    def cells(self) -> set[str]:
        """Cells of the rows that no heading repeats."""
        header = next(line for line in self.lines.splitlines() if re.search(r"[;,\t|]", line))
        below = self.lines.partition(header)[2]
        cells = {cell.strip(' "') for line in below.splitlines() for cell in re.split(r"[;,\t|]", line)}
        return {cell for cell in cells if len(cell) > 3 and cell.casefold() not in header.casefold()}


EXPORTS = {
    "German LIS": Export(
        "Befunde_20260801.csv",
        "Patientennummer;Nachname;Vorname;Geburtsdatum;Geschlecht;Labornummer;Abnahmedatum;Abnahmezeit;Untersuchung;Ergebnis;Einheit;Normbereich;Bemerkung\n"
        "0004711;Zebra;Änne;01.02.1970;w;F1001;01.08.2026;09:30;Kalium;4,5;mmol/l;3,5-5,1;\n"
        "0004711;Zebra;Änne;01.02.1970;w;F1001;01.08.2026;09:30;Kreatinin;81;µmol/l;45-84;leicht hämolytisch\n",
        encoding="cp1252",
        active=('files: "Befunde_*.csv"', "dates: [DD.MM.YYYY]", "decimal_comma: true"),
        sent=("|NM|^Kalium||4.5|mmol/l|3.5-5.1|", "|19700201|F", "|leicht hämolytisch"),
    ),
    "French spreadsheet": Export(
        "resultats.csv",
        "N° patient;Nom;Prénom;Sexe;N° échantillon;Analyse;Résultat;Unité;Valeurs de référence;Date\n"
        "4711;Zèbre;Anne;F;E1001;Potassium;4,5;mmol/l;3,5-5,1;25/08/2026\n"
        "4712;Girafe;Luc;M;E1002;Potassium;5,25;mmol/l;3,5-5,1;03/08/2026\n",
        open=("Date",),
        decided={"Date": "collected"},
        active=("Nom: family", "dates: [DD/MM/YYYY]", "decimal_comma: true"),
        sent=("||Girafe^Luc^", "|20260803|"),
    ),
    "Spanish LIS": Export(
        "informe-2026-08-01.csv",
        "NHC;Apellidos;Nombre;Fecha de nacimiento;Sexo;Petición;Prueba;Resultado;Unidades;Fecha extracción\n"
        "4711;Cebra Ruiz;Ana;03/02/1970;M;P1001;Potasio;4,5;mmol/L;01/08/2026\n",
        open=("dates", "Petición"),
        needs=1,
        decided={"dates": "[DD/MM/YYYY]", "Petición": "accession"},
        active=("Nombre: given", 'files: "informe-*.csv"'),
        sent=("||Cebra Ruiz^Ana^^^^^L||19700203|", "|20260801|"),
    ),
    "English LIS with whole names": Export(
        "lis_export.csv",
        "MRN,Patient Name,DOB,Sex,Accession Number,Test Code,Test Name,Result,Units,Reference Range,Abnormal Flag,Collection Date\n"
        '4711,"Zebra, Jane",12/31/1970,F,A1001,K,Potassium,4.5,mmol/L,3.5-5.1,N,08/20/2026 09:30\n'
        '4712,"Giraffe, Joe",01/02/1971,M,A1002,K,Potassium,6.1,mmol/L,3.5-5.1,H,08/20/2026 09:40\n',
        active=('name: "{family}, {given}"', "dates: [MM/DD/YYYY]"),
        sent=("||Giraffe^Joe^^^^^L||19710102|M", "|6.1|mmol/L|3.5-5.1|H|"),
    ),
    "whole names without a comma, and columns of the laboratory's own": Export(
        "worklist_7.csv",
        "Patient ID,Full Name,Sample ID,Test,Result,Unit,Rack,Tech Initials,Reviewed\n"
        "4711,Jane Zebra,S1001,Potassium,4.5,mmol/L,12,QXZY,\n"
        "4712,Joe Giraffe,S1002,Potassium,6.1,mmol/L,12,QXZY,\n",
        open=("name", "Rack", "Tech Initials"),
        decided={"name": '"{given} {family}"', "Rack": '""', "Tech Initials": '""'},
        active=('files: "worklist_*.csv"',),
        sent=("||Giraffe^Joe^",),
    ),
    "analyser without patients": Export(
        "RUN00017.txt",
        "Instrument report 17\n\nSample ID|Test|Result|Unit|Flag|Date|Time\nS1001|GLU|5.4|mmol/L||20.08.2026|09:30:15\nS1002|GLU|11.25|mmol/L|H|20.08.2026|09:31:40\nQC-L1|GLU|3.02|mmol/L||20.08.2026|09:33:00\n",
        open=("patient_from", "skip_rows", "Date", "Time"),
        decided={"patient_from": "specimen-id", "skip_rows": '[{column: specimen_id, matches: "^(QC)"}]', "Date": "analysed", "Time": "analysed_time"},
        active=('files: "RUN*.txt"', "dates: [DD.MM.YYYY]"),
        sent=("PID|1||S1002", "|11.25|mmol/L||H|", "20260820093140", "2 of 2 messages", "csv.rows-skipped"),
    ),
    "haematology with a row of units": Export(
        "XN_20260801_0930.tsv",
        "SampleID\tPatientID\tAnalysis Date\tWBC\tWBC_F\tRBC\tRBC_F\tNEU#\tNEU%\n\t\t\t10^9/L\t\t10^12/L\t\t10^9/L\t%\n"
        "S1001\t4711\t2026-08-01\t6.21\t\t4.41\tL\t4.12\t66.3\nS1002\t4712\t2026-08-01\t16.21\tH\t4.83\t\t\t\n",
        active=("units: row", 'flags: "{test}_F"', '"NEU#": {}', '"NEU%": {}', 'files: "XN_*.tsv"'),
        sent=(r"|NM|WBC||16.21|10\S\9/L||H|", "|NM|NEU%||66.3|%|"),
    ),
    "haematology with units in the headings": Export(
        "cbc.csv",
        "Sample No;Patient No;Run Date;WBC(10^9/L);HGB [g/dL];PLT(10^3/µL);Rack Pos;Q-Flag\n"
        "S1001;4711;2026-08-01T09:30;6,21;13,9;233;7;\nS1002;4712;2026-08-01T09:31;5,02;9,9;187;8;30\n",
        encoding="cp1252",
        open=("Rack Pos", "Q-Flag"),
        decided={"Rack Pos": '""', "Q-Flag": "order_note"},
        active=("units: heading", "WBC: {}", "PLT: {}", "decimal_comma: true"),
        sent=(r"|NM|PLT||187|10\S\3/µL|", "|30"),
    ),
    "two columns for one thing, and dates that tell nothing": Export(
        "export 3.csv",
        "PID;Lab No;Assay;Value;UOM;Test Date;Run Date\n4711;A1001;TSH;2.41;mU/L;03/04/2026;03/04/2026\n",
        open=("dates", "Test Date", "Run Date"),
        decided={"dates": "[MM/DD/YYYY]", "Test Date": "analysed", "Run Date": '""'},
        active=('files: "export *.csv"',),
        sent=("|NM|^TSH||2.41|mU/L|", "20260304"),
    ),
    "DOS program": Export(
        "LABOR.TXT",
        "Pat-Nr;Probe-Nr;Analyse;Ergebnis;Einheit;Gerät\n4711;P1001;Kreatinin;81,5;µmol/l;Gerät 7\n",
        encoding="cp850",
        open=("encoding",),
        decided={"encoding": "cp850"},
        active=("decimal_comma: true",),
        sent=("|NM|^Kreatinin||81.5|µmol/l|",),
    ),
    "Polish names in a code page of Windows": Export(
        "wyniki_pl.csv",
        "PID;Family Name;Lab No;Test;Value\n4711;Wa\u0142\u0119sa;A1001;Potas;4.5\n",
        encoding="cp1250",
        open=("encoding",),
        decided={"encoding": "cp1250"},
        sent=("Wa\u0142\u0119sa",),
    ),
    "headings of which we know none": Export(
        "wyniki.csv",
        "Pacjent;Badanie;Wynik;Jedn;Zlecenie\n4711;Potas;4.5;mmol/l;Z1001\n4712;Potas;5.1;mmol/l;Z1002\n",
        open=("patient_from", "columns", "Pacjent", "Badanie", "Wynik", "Jedn", "Zlecenie"),
        needs=3,
        decided={"columns": "", "Pacjent": "patient_id", "Badanie": "text", "Wynik": "value", "Jedn": "unit", "Zlecenie": "accession"},
        sent=("PID|1||4712", "|NM|^Potas||5.1|mmol/l|"),
    ),
}  # fmt: skip


def key_of(line: str) -> str:
    key = line.partition(": ")[0].rstrip(":")
    return key.strip('"')


def decide(text: str, decided: dict[str, str]) -> str:
    """Take `# ? ` away where something was decided, and write it there."""

    def put(match: re.Match[str]) -> str:
        key = match[2].strip('"')
        return f"{match[1]}{match[2]}: {decided[key]}" if key in decided else match[0]

    text = LINE.sub(put, text)
    return re.sub(r"^( *)# \? columns:$", r"\1columns:", text, flags=re.MULTILINE) if "columns" in decided else text


@pytest.fixture
def mapped(here, his):
    """Map an export, put the lines into config.yaml, and preview it."""

    def run(export: Export, *, decided: dict[str, str] | None = None, exits: int | None = None):
        file = here.file(export.name, export.data)
        here.configure(his.port)
        result = here("map", file, exits=exits)
        here.configure(his.port, more=decide(result.stdout, decided or {}))
        return result, here("preview", file, exits=None)

    return run


@pytest.mark.parametrize("name", EXPORTS)
def test_the_yaml_makes_preview_green_or_says_what_is_open(mapped, name):
    export = EXPORTS[name]
    result, preview = mapped(export, exits=1 if export.open else 0)
    assert tuple(map(key_of, OPEN.findall(result.stdout))) == export.open
    assert len(NEEDS.findall(result.stdout)) == export.needs
    for line in export.active:
        assert re.search(rf"^ *(- )?{re.escape(line)}( |$)", result.stdout, re.MULTILINE), line
    assert preview.exit_code == (65 if export.open else 0), preview.output


@pytest.mark.parametrize("name", EXPORTS)
def test_with_the_open_points_decided_preview_is_green(mapped, name):
    export = EXPORTS[name]
    _, preview = mapped(export, decided=export.decided)
    assert preview.exit_code == 0, preview.output
    for part in export.sent:
        assert part in preview.output


@pytest.mark.parametrize("name", EXPORTS)
def test_every_heading_has_a_line_and_no_cell_is_shown(mapped, name):
    export = EXPORTS[name]
    result, _ = mapped(export)
    shown = result.stdout.replace(export.name, "")
    assert [cell for cell in export.cells if cell in shown] == []
    header = next(line for line in export.lines.splitlines() if re.search(r"[;,\t|]", line))
    for heading in re.split(r"[;,\t|]", header):
        bare = re.split(r"[(\[]", heading)[0].strip()
        flag = heading.endswith("_F")
        assert flag or bare in shown, heading


def test_at_least_ten_exports():
    assert len(EXPORTS) >= 10


def test_without_a_configuration_it_works_too(here):
    here.path.unlink()
    export = EXPORTS["English LIS with whole names"]
    assert "MRN: patient_id" in here("map", here.file(export.name, export.data)).stdout
    assert not here.path.exists()


def test_nothing_is_changed(here):
    export = EXPORTS["Spanish LIS"]
    file = here.file(export.name, export.data)
    before = here.tree()
    here("map", file, exits=1)
    assert here.tree() == before


def test_a_format_that_fits_already_is_named(here, his):
    here.configure(his.port, more='inputs:\n  csv:\n    - files: "*.csv"\n')
    export = EXPORTS["German LIS"]
    assert 'above the format "*.csv" there' in here("map", here.file(export.name, export.data)).stdout


def test_what_no_line_can_settle_is_told(here):
    export = EXPORTS["English LIS with whole names"]
    file = here.file(export.name, export.data.replace(b",6.1,", b",#N/A,"))
    result = here("map", file, exits=1)
    assert "csv.spoilt at row 3 column Result" in result.stdout


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.json", b'{"patient": {', "json.syntax"),
        ("a.hl7", READY, "file.no-table"),
        ("a.xlsx", b"PK\x03\x04" + b"x" * 100 + b"xl/workbook.xml", "file.workbook"),
        ("a.csv", b"ZEBRAPATIENT;Anna;4711;K;4.5\nGIRAFFE;Berta;4712;K;4.6\n", "csv.header"),
        ("a.csv", b"ZEBRAPATIENT;Anna;Kalium\nGIRAFFE;Berta;Kalium\n", "csv.header"),
        ("a.csv", b"", "file.empty"),
    ],
)
def test_what_is_no_table_with_headings_is_refused(here, name, data, code):
    result = here("map", here.file(name, data), exits=65)
    assert f"error {code}" in result.stderr
    assert "ZEBRA" not in result.output


def test_a_heading_is_written_so_that_yaml_reads_it(here):
    head = 'Sample ID;Patient ID;Test;Result;"He said ""x"": {y}";${HOME};null;- a;# b'
    file = here.file("a.csv", f"{head}\nS1;P1;K;4.5;a;b;c;d;e\n".encode())
    result = here("map", file, exits=1)
    here.configure(2575, more=result.stdout.replace("# ? ", ""))
    here("preview", file)
