"""Columns with data that nobody has named.

Holds: what is said of them, and the line of config.yaml that names them.
Promises: all of them at once; the line, taken as it stands, passes them over, and with our names in it maps them.
Never: names a heading that may be a patient's: only those of a table that has a result in each row and more headings
that we know than any line has by chance, and none with a date or a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from lab_sender.errors import Finding
from lab_sender.readers.csv.table import Table, is_header
from lab_sender.report.columns import normal
from lab_sender.spelling import either, meant

_LONGEST: Final = 40  # characters of a heading
_MOST_NAMED: Final = 50
_RESULT_IN_A_ROW: Final = (("accession", "specimen_id"), ("code", "text"), ("value",))
_OF_TIME: Final = frozenset(
    ("date", "time", "datum", "zeit", "uhrzeit", "heure", "fecha", "hora", "data", "ora", "tijd")
)
_MORE_THAN_A_NAME: Final = re.compile("[:=,;@]")
_NUMBER_OR_DATE: Final = re.compile(r"\d{4}|\d[./:-]\d|^\W*\d[\d\W]*$")


def unknown_columns(
    table: Table, indexes: Sequence[int], known: Mapping[str, str], found: Collection[str], *, declared: bool
) -> Finding:
    """Say which columns nobody has named.

    `known` is heading -> our name, `found` our names of the other columns; `declared`: the site has a format that
    fits the file.
    """
    named = _may_be_named(table, known, found)
    lettered, keys = [], []
    for index in indexes[:_MOST_NAMED]:
        heading = " ".join(table.header[index].split())
        if heading and not (named and _is_plain(heading)):
            lettered.append(column_letter(index))
            continue
        shown = _quoted(heading) if heading else "(no heading)"
        lettered.append(f"{column_letter(index)} {shown}{_near(heading, known)}")
        keys.append(f'{_quoted(heading)}: ""')
    more = f" and {len(indexes) - _MOST_NAMED} more" if len(indexes) > _MOST_NAMED else ""
    of_time = any(normal(table.header[index]) in _OF_TIME for index in indexes)
    times = "A date and its time of day are two columns, such as analysed and analysed_time. " if of_time else ""
    columns = ", ".join(dict.fromkeys(keys)) or 'HEADING: ""'
    where = (
        f"Add to columns of the format under inputs.csv that fits this file: {columns}"
        if declared
        else f"Write in config.yaml: inputs: {{csv: [{{columns: {{{columns}}}}}]}}"
    )
    return Finding(
        "csv.column-unknown",
        f"There is data in columns that nobody has named: {', '.join(lettered)}{more}.",
        place=f"row {table.header_row}",
        hint=f'Say once what each is: our name (docs/files/csv.md), or "" if it is not to be sent. {times}{where}',
    )


def column_letter(index: int) -> str:
    """Name a column as a spreadsheet does: A, B ... Z, AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _may_be_named(table: Table, known: Mapping[str, str], found: Collection[str]) -> bool:
    """Tell whether the header surely is one, and none of its headings a patient's."""
    one_result_a_row = all(any(name in found for name in names) for names in _RESULT_IN_A_ROW)
    return (
        one_result_a_row
        and is_header(table.header, known)
        and not any(_NUMBER_OR_DATE.search(heading) for heading in table.header)
    )


def _is_plain(heading: str) -> bool:
    """Tell whether a heading is a name alone: `Patient: Doe` is more."""
    return len(heading) <= _LONGEST and heading.isprintable() and not _MORE_THAN_A_NAME.search(heading)


def _near(heading: str, known: Mapping[str, str]) -> str:
    names = dict.fromkeys(filter(None, (known[one] for one in meant(normal(heading), known))))
    return f" (nearly {either(names)})" if names else ""


def _quoted(heading: str) -> str:
    """Write a heading as YAML reads it."""
    return json.dumps(heading, ensure_ascii=False)
