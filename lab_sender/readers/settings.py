"""How a site's files are read, where their content alone cannot tell.

Holds: the settings of each reader that has some.
Promises: plain values that can be sent to another process.
Never: reads a configuration; the agent turns config.yaml's `inputs` into these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lab_sender.patterns import Pattern
from lab_sender.report.nothing import WORDS_FOR_NOTHING


@dataclass(frozen=True, slots=True)
class AstmInput:
    """How ASTM records are read, where analyzers differ.

    `patient_from` says what to do with an order without a patient. `specimen_id` is field and component of the O
    record; `test_parts` are the components of R-3 and O-5 that make up a test's code, joined by `-` (none: the
    fourth, else the fifth, else the first). `panel` is what was ordered where an O record names several tests or
    none: code, text, system. Results whose code fits one of `skip` (patterns as of file names) are not sent.
    `no_value` says what becomes of a result without a value whose status does not tell why. `patient_ids` are the
    fields of the P record that hold ids, `name_parts` what the components of P-6 are ("" is nothing).
    `processing` is what H-12 says of the whole message, by its upper-case code. `value_part` is the component of R-4
    that is the value where several are filled (0: none is, they are in doubt); with `titers`, two counts are 1:128.
    `ignore` are the fields and components that are known and not wanted: `R-5.2`, `O-11`. An empty `encoding` is
    UTF-8, else Windows-1252.
    """

    patient_from: Literal["required", "specimen-id"] = "required"
    tests_system: str = "L"
    specimen_id: tuple[int, int] = (3, 1)
    test_parts: tuple[int, ...] = ()
    panel: tuple[str, str, str] | None = None
    skip: tuple[str, ...] = ()
    no_value: Literal["refuse", "flag", "skip"] = "refuse"
    patient_ids: tuple[int, ...] = (3, 4, 5)
    name_parts: tuple[str, ...] = ("family", "given", "middle", "suffix", "prefix")
    processing: Mapping[str, Literal["patient", "control"]] = field(default_factory=dict)
    value_part: int = 0
    titers: bool = False
    ignore: frozenset[str] = frozenset()
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Hl7Input:
    """How ready HL7 is read.

    Whether its last segment must have an end, what a lone line feed in it becomes, and what becomes of a message that
    asks for no answer.
    """

    end: Literal["required", "optional"] = "required"
    line_feed: Literal["refuse", "escape"] = "refuse"
    no_answer: Literal["refuse", "send"] = "refuse"


@dataclass(frozen=True, slots=True)
class PdfInput:
    """What a PDF that no report names belongs to.

    `name` finds the ids of a PDF alone in its file name; `test` is what was ordered there. `beside` says what a
    PDF is that has the base name of a report: `ignore` nothing; `attach` part of it, if it is there; `wait` part
    of it, and the report waits for it.
    """

    name: Pattern | None = None
    test: tuple[str, str, str] = ("11502-2", "Laboratory report", "LN")
    beside: Literal["ignore", "attach", "wait"] = "ignore"


@dataclass(frozen=True, slots=True)
class SkipRule:
    """Rows of a table that are no patient's: those whose cell in `column` (a heading, or our name) has a match."""

    column: str
    matches: Pattern


@dataclass(frozen=True, slots=True)
class WideTest:
    """What is the same in all rows of a test's column. Without a code, its heading is that."""

    code: str = ""
    text: str = ""
    system: str = ""
    unit: str = ""
    range: str = ""


@dataclass(frozen=True, slots=True)
class Wide:
    """Tables with a column for each test.

    `tests` is the heading of each to what it is. `flags` is the heading of a test's flags, with `{test}` for its own;
    without that, what the column behind a test is called. `units` says where a test's unit stands.
    """

    tests: Mapping[str, WideTest]
    flags: str = ""
    units: Literal["none", "heading", "row"] = "none"


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How tables are read whose file name fits `files`.

    `columns` is heading to our name ("" passes the column over), `defaults` our name to the text of a blank cell.
    `dates` are forms like DD/MM/YYYY, tried in order. An empty `delimiter` or `encoding` is found out. `name` and
    `orderer_name` are forms of whole names (report.names), "" where none is declared. `patient_from` says what to do
    with a row that names no patient.
    """

    files: str = "*"
    columns: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ""
    encoding: str = ""
    skip_rows: tuple[SkipRule, ...] = ()
    dates: tuple[str, ...] = ()
    decimal_comma: bool = False
    name: str = ""
    orderer_name: str = ""
    patient_from: Literal["required", "specimen-id"] = "required"
    wide: Wide | None = None


@dataclass(frozen=True, slots=True)
class FhirInput:
    """How FHIR is read: `systems` is the URI of a coding or identifier system to the site's name for it.

    That is a name of table 0396 for codes, a namespace or `NAMESPACE|OID` for identifiers. `number` says what may be
    the laboratory's number of a report; `pass_over` names kinds of resources, and elements of them, that are not
    sent, and of which that is known.
    """

    systems: Mapping[str, str] = field(default_factory=dict)
    number: Literal["identifier", "report-id"] = "identifier"
    pass_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inputs:
    """The settings of all readers. The first format of `csv` that fits a file's name is used.

    `nothing` are the words, in lower case, that stand for nothing.
    """

    csv: tuple[CsvFormat, ...] = ()
    astm: AstmInput = field(default_factory=AstmInput)
    pdf: PdfInput = field(default_factory=PdfInput)
    fhir: FhirInput = field(default_factory=FhirInput)
    hl7: Hl7Input = field(default_factory=Hl7Input)
    nothing: frozenset[str] = frozenset(word.lower() for word in WORDS_FOR_NOTHING)
