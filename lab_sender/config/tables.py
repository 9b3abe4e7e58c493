"""The section `inputs.csv` of config.yaml: how tables are read.

Holds: one frozen model for a format of tables and one for a rule on its rows; encodings.
Promises: a format that exists is consistent in itself; each of a list is used for some name of a file.
Never: reads a table.
"""

import fnmatch
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic_core import PydanticCustomError

from lab_sender.config.text.scalars import REGEX, SWITCH, Scalar, matching
from lab_sender.config.text.section import Beside, Section, at_odds, setting, wrong
from lab_sender.config.wide import Wide
from lab_sender.patterns import Pattern
from lab_sender.report.columns import COLUMNS, KNOWN, OF_ONE_ROW, normal
from lab_sender.report.names import NameForm
from lab_sender.spelling import did_you_mean

OF_ASCII = Literal[
    "", "utf-8", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257", "cp437", "cp850", "cp852", "iso8859-1",
    "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9", "iso8859-15", "mac-roman", "shift-jis", "gb18030",
]  # fmt: skip
"""Encodings in which a byte below 128 at the beginning of a character is ASCII's."""


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


class SkipRule(Section):
    """Rows that are no patient's."""

    column: Annotated[str, matching(r".*\S.*", "must name a column")] = setting(
        ..., "The column to look at: its heading in the file, or our name."
    )
    matches: Annotated[Pattern, REGEX] = setting(
        ..., "Regular expression found in the cell, as ^(QC|NEG|POS); upper and lower case are the same."
    )


def _one_meaning(columns: Any) -> Iterator[tuple[PydanticCustomError, tuple[str]]]:
    said: dict[str, Any] = {}
    for heading, name in columns.items() if isinstance(columns, dict) else ():
        if said.setdefault(" ".join(str(heading).casefold().split()), name) != name:
            hint = "headings are compared without case; keep one of them"
            yield at_odds("gives one heading two meanings", hint), (heading,)


class CsvFormat(Section):
    """One format of tables, for files of some name."""

    files: Annotated[str, matching(r"[^/\\]+", "must be a pattern of file names", 'for example "cobas*.csv"')] = (
        setting("*", "Names of the files of this format; the first format that fits a name is used.")
    )
    columns: Annotated[dict[str, Annotated[str, _COLUMN]], Beside(_one_meaning)] = setting(
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
        "Where a row names no patient: quarantine it, or take its specimen_id for the patient's (only where your HIS "
        "finds the patient by it).",
    )
    delimiter: Literal["", ",", ";", "tab", "|"] = setting("", "What stands between cells. Empty: found out.")
    encoding: Literal[OF_ASCII, "utf-16"] = setting(
        "", "Encoding of a file without a byte order mark. Empty: UTF-8 if it is that, else cp1252."
    )
    skip_rows: tuple[SkipRule, ...] = setting((), "Rows that are no patient's, such as quality control.")
    dates: tuple[Annotated[str, _DATE_FORM], ...] = setting(
        (), "Forms of numeric dates, tried in order: DD/MM/YYYY, DD.MM.YY ... Empty: found out where certain."
    )
    decimal_comma: Annotated[bool, SWITCH] = setting(False, "Numbers have a decimal comma: 14,1 is 14.1.")
    wide: Wide | None = setting(None, "For tables with a column for each test: which columns are tests.")


def each_used(formats: Any) -> Iterator[tuple[PydanticCustomError, tuple[int, str]]]:
    """Find the formats behind one that fits all of their files; of patterns with `?` or `[` nobody can say that."""
    names = [_files(one).lower() for one in formats] if isinstance(formats, list | tuple) else []
    for n, name in enumerate(names):
        for first in filter(None, names[:n] if name else ()):
            if name == first or (set(first).isdisjoint("?[") and fnmatch.fnmatchcase(name, first)):
                text = f'is never used: "{first}" stands above "{name}" and fits all of its files'
                yield at_odds(text, "put the narrower one first; or one format, if they are the same"), (n, "files")
                break


def _files(one: Any) -> str:
    """Return the names that a format is for, as written; "" where that cannot be read."""
    files = one.files if isinstance(one, CsvFormat) else one.get("files", "*") if isinstance(one, dict) else ""
    return files if isinstance(files, str) and set(files).isdisjoint("/\\") else ""
