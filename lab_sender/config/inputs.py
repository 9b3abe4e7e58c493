"""The section `inputs` of config.yaml: how files are read whose content alone does not tell.

Holds: one frozen model per reader that has settings.
Promises: a model that exists is consistent; its names are those of docs/CONFIGURATION.md.
Never: reads a file.
"""

from __future__ import annotations

import fnmatch
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from lab_sender.config.dialects import dialect, dialect_names
from lab_sender.config.text.scalars import (
    REGEX,
    SWITCH,
    Scalar,
    Section,
    at_odds,
    matching,
    pattern,
    section,
    setting,
    whole,
    wrong,
)
from lab_sender.config.wide import WideSettings
from lab_sender.patterns import Pattern
from lab_sender.report.columns import COLUMNS, KNOWN, OF_ONE_ROW, normal
from lab_sender.report.names import NameForm
from lab_sender.report.nothing import WORDS_FOR_NOTHING
from lab_sender.spelling import did_you_mean

PDF_GROUPS = (
    "patient_id", "authority", "family", "given", "birth", "sex", "filler", "placer", "code", "text", "system",
)  # fmt: skip
"""What the name of a PDF can say."""


def _file_name(text: str) -> Pattern:
    name = pattern(text)
    unknown = sorted(name.groups - set(PDF_GROUPS))
    if unknown:
        raise wrong(f"has a group of unknown name: {unknown[0]}", f"known are {', '.join(PDF_GROUPS)}")
    if not {"filler", "patient_id"} <= name.groups:
        raise wrong(
            "does not find out whose result it is",
            r"it needs the groups filler and patient_id, for example (?P<patient_id>[^_]+)_(?P<filler>[^_]+)\.pdf",
        )
    return name


_FILE_NAME = Scalar(_file_name, {"type": "string", "format": "regex"})
_CODED_TEXT = r"[^|~\\&\r\n^]+(\^[^|~\\&\r\n^]*){0,2}"
_CODED = matching(_CODED_TEXT, "must be CODE^TEXT^SYSTEM")


def _column(text: str) -> str:
    if text and text not in COLUMNS:
        ours = KNOWN.get(normal(text))
        asked = f"our name of it is {ours}" if ours else did_you_mean(text, COLUMNS)
        raise wrong("is no column we know", asked or "docs/files/csv.md lists them")
    return text


def _default_column(text: str) -> str:
    if _column(text) in OF_ONE_ROW:
        hint = "map a column of the file to it under columns"
        if text == "patient_id":
            hint += ", or take the specimen's number for the patient's: patient_from: specimen-id"
        raise wrong("cannot have a default: every row of the file would get it, whosever it is", hint)
    return text


def _name_form(text: str) -> str:
    if not text:
        return text
    try:
        NameForm(text)
    except ValueError as error:
        raise wrong(f"is no form of names: it {error}", 'write for example "{family}, {given}" in quotes') from None
    return text


_COLUMN = Scalar(_column, {"type": "string", "enum": ["", *COLUMNS]})
_DEFAULT_COLUMN = Scalar(
    _default_column, {"type": "string", "enum": [name for name in ("", *COLUMNS) if name not in OF_ONE_ROW]}
)
_NAME_FORM = Scalar(_name_form, {"type": "string"})
_DATE_FORM = matching(
    r"DD([./ -]?)MM\1(YYYY|YY)|MM([./ -]?)DD\3(YYYY|YY)|(YYYY|YY)([./ -]?)MM\6DD",
    "must be a form of dates", "such as DD/MM/YYYY, MM/DD/YYYY or DD.MM.YY",
)  # fmt: skip


_OF_ASCII = Literal[
    "", "utf-8", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257", "cp437", "cp850", "cp852", "iso8859-1",
    "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9", "iso8859-15", "mac-roman", "shift-jis", "gb18030",
]  # fmt: skip
"""Encodings in which a byte below 128 at the beginning of a character is ASCII's."""


class SkipSettings(Section):
    """Rows that are no patient's."""

    column: Annotated[str, matching(r".*\S.*", "must name a column")] = setting(
        ..., "The column that tells: its heading in the file, or our name."
    )
    matches: Annotated[Pattern, REGEX] = setting(
        ..., "Regular expression found in the cell, as ^(QC|NEG|POS); upper and lower case are the same."
    )


def _one_meaning(columns: dict[str, str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for heading, name in columns.items():
        if said.setdefault(" ".join(heading.casefold().split()), name) != name:
            raise at_odds("gives one heading two meanings", "headings are compared without case; keep one of them")
    return columns


class CsvSettings(Section):
    """One format of tables, for files of some name."""

    files: Annotated[str, matching(r"[^/\\]+", "must be a pattern of file names", 'for example "cobas*.csv"')] = (
        setting("*", "Names of the files of this format; the first format that fits a name is used.")
    )
    columns: Annotated[dict[str, Annotated[str, _COLUMN]], AfterValidator(_one_meaning)] = setting(
        {}, 'Heading in the file: our name; "" passes a column over. Headings we know need no line.'
    )
    defaults: dict[Annotated[str, _DEFAULT_COLUMN], str] = setting(
        {}, "Our name: text of a cell that is blank or not there."
    )
    name: Annotated[str, _NAME_FORM] = setting(
        "",
        'What stands in a column of whole names: "{family}, {given}". Parts: family, given, middle, suffix, prefix.',
    )
    orderer_name: Annotated[str, _NAME_FORM] = setting(
        "", "The same of the names of those who ordered."
    )
    patient_from: Literal["required", "specimen-id"] = setting(
        "required",
        "Where a row names no patient: refuse it, or take its specimen_id for the patient's (only where your HIS "
        "finds the patient by it).",
    )
    delimiter: Literal["", ",", ";", "tab", "|"] = setting("", "What stands between cells. Empty: found out.")
    encoding: Literal[_OF_ASCII, "utf-16"] = setting(
        "", "Encoding of a file without a byte order mark. Empty: UTF-8 if it is that, else cp1252."
    )
    skip_rows: tuple[SkipSettings, ...] = setting((), "Rows that are no patient's, such as quality control.")
    dates: tuple[Annotated[str, _DATE_FORM], ...] = setting(
        (), "Forms of numeric dates, tried in order: DD/MM/YYYY, DD.MM.YY ... Empty: found out where certain."
    )
    decimal_comma: Annotated[bool, SWITCH] = setting(False, "Numbers have a decimal comma: 14,1 is 14.1.")
    wide: WideSettings | None = setting(None, "For tables with a column for each test: which columns are tests.")


def _each_used(formats: tuple[CsvSettings, ...]) -> tuple[CsvSettings, ...]:
    """Refuse a format behind one that fits all of its files; of patterns with `?` or `[` nobody can say that."""
    names = [one.files.lower() for one in formats]
    for n, name in enumerate(names):
        for first in names[:n]:
            if name == first or (set(first).isdisjoint("?[") and fnmatch.fnmatchcase(name, first)):
                raise at_odds(
                    f'has a format that is never used: "{first}" stands above "{name}" and fits all of its files',
                    "put the narrower one first; or one format, if they are the same",
                )
    return formats


def _dialect(text: str) -> str:
    if text and text not in dialect_names():
        raise wrong("is no dialect we know", f"known are {', '.join(dialect_names())}")
    return text


_DIALECT = Scalar(_dialect, {"type": "string", "enum": ["", *dialect_names()]})
_CODE = matching(r"[A-Za-z0-9]{1,8}", "must be a code of H-12", "such as PR")
_ASTM_PLACE = matching(
    r"[HPORCL]-[1-9][0-9]?(\.[1-9][0-9]?)?", "must be a field or component of a record", "such as O-11 or R-5.2"
)


class AstmSettings(Section):
    """ASTM E1394 / LIS2-A2 records."""

    dialect: Annotated[str, _DIALECT] = setting(
        "", "Settings for the analyzers of one maker; every other line here comes first, and ignore adds to it."
    )
    patient_from: Literal["required", "specimen-id"] = setting(
        "required",
        "Where the patient record has no id: refuse the order, or take its specimen id for the patient's (only "
        "where your HIS finds the patient by it).",
    )
    tests_system: Annotated[str, matching(r"[A-Za-z0-9.]+", "must name a coding system", "for example L or LN")] = (
        setting("L", "Coding system of the test codes; L is the laboratory's own. Code maps of the profile see it.")
    )
    specimen_id: Annotated[
        str, matching(r"O-[1-9][0-9]?\.[1-9]", "must be a place in the O record", "such as O-4.3")
    ] = setting("O-3.1", "Field and component of the order record that hold the specimen's number.")
    test_parts: tuple[Annotated[int, whole(1, 20)], ...] = setting(
        (),
        "Components of R-3 and O-5 that make up the test's code, joined by a dash. Empty: the fourth; where it is "
        "blank the fifth, then the first.",
    )
    panel: Annotated[str, matching("|" + _CODED_TEXT, "must be CODE^TEXT^SYSTEM")] = setting(
        "", "What was ordered, for an order record that names several tests or none: CODE^TEXT^SYSTEM."
    )
    skip: tuple[str, ...] = setting((), 'Codes of results that are not sent, as patterns such as "SCAT_*".')
    no_value: Literal["refuse", "flag", "skip"] = setting(
        "refuse",
        "A result without a value (a judgement of the analyzer): refuse it, send its flag as its value, or skip it.",
    )
    patient_ids: tuple[Literal["P-3", "P-4", "P-5"], ...] = setting(
        ("P-3", "P-4", "P-5"), "Fields of the patient record that hold identifiers, in the order of PID-3."
    )
    name_parts: tuple[Literal["", "family", "given", "middle", "suffix", "prefix"], ...] = setting(
        ("family", "given", "middle", "suffix", "prefix"), 'What the components of P-6 are; "" is nothing.'
    )
    processing: dict[Annotated[str, _CODE], Literal["patient", "control"]] = setting(
        {}, "Codes of H-12 that LIS2-A2 does not have: results of patients, or of quality control (passed over)."
    )
    value_part: Annotated[int, whole(0, 20)] = setting(
        0, "Component of R-4 that is the value where several are filled. 0: such a value is refused."
    )
    titers: Annotated[bool, SWITCH] = setting(False, "Two counts in R-4 are a titer: 1^128 is 1:128.")
    encoding: _OF_ASCII = setting("", "Encoding of the files. Empty: UTF-8 if they are that, else cp1252.")
    ignore: tuple[Annotated[str, _ASTM_PLACE], ...] = setting(
        (), "Fields and components that are known and not wanted: [O-11, R-5.2]. They neither refuse nor are told."
    )

    @model_validator(mode="before")
    @classmethod
    def _in_its_dialect(cls, data: object) -> object:
        """Take what the dialect says where the site says nothing; what is ignored adds up."""
        if not isinstance(data, dict) or data.get("dialect") not in dialect_names():
            return data
        said = dialect(data["dialect"])
        ignored = data.get("ignore", [])
        both = {"ignore": [*said.get("ignore", []), *ignored]} if isinstance(ignored, list | tuple) else {}
        return {**said, **data, **both}


class PdfSettings(Section):
    """PDF files that no report names."""

    name: Annotated[Pattern | None, _FILE_NAME] = setting(
        None,
        "Regular expression of a whole file name, with named groups: a PDF that fits is a result of its own.",
    )
    test: Annotated[str, _CODED] = setting(
        "11502-2^Laboratory report^LN",
        "What was ordered, for a PDF alone whose name does not say: CODE^TEXT^SYSTEM.",
    )
    beside: Literal["ignore", "attach", "wait"] = setting(
        "ignore",
        "A PDF of a report's base name (F1.pdf beside F1.hl7). attach: goes with it, if it is there. wait: every "
        "report of a file of its own waits for one, up to intake.attachment_wait. ignore: only what a report names.",
    )


_ELEMENT = matching(
    r"[A-Z][A-Za-z]+(\.[A-Za-z_]+(\([A-Za-z0-9._-]+\))?)*", "must name a kind of resource, or an element of it",
    "such as Observation.issued",
)  # fmt: skip


class FhirSettings(Section):
    """FHIR R4 resources."""

    systems: dict[str, Annotated[str, matching(r"[^|^~\\&\r\n]+(\|[0-9.]+)?", "must be NAME or NAME|OID")]] = setting(
        {},
        "Your names for the URIs of coding systems (HL7 table 0396) and of identifiers (NAME or NAME|OID). "
        "Well-known ones need none.",
    )
    number: Literal["identifier", "report-id"] = setting(
        "identifier",
        "The laboratory's number of a report. report-id: its id, where it has no identifier and a correction of it "
        "keeps its id.",
    )
    pass_over: tuple[Annotated[str, _ELEMENT], ...] = setting(
        (),
        "What you know is not sent, and need not hear of: a kind of resource, or an element of it, such as "
        "Observation.issued.",
    )


class InputSettings(Section):
    """How files are read."""

    csv: Annotated[tuple[CsvSettings, ...], AfterValidator(_each_used)] = setting(
        (), "Formats of tables beyond those we know; the first that fits is used."
    )
    astm: AstmSettings = section(AstmSettings)
    pdf: PdfSettings = section(PdfSettings)
    fhir: FhirSettings = section(FhirSettings)
    words_for_nothing: tuple[str, ...] = setting(
        WORDS_FOR_NOTHING,
        "What programs write where there is nothing: it refuses a value, a number, a code; elsewhere it is nothing.",
    )
