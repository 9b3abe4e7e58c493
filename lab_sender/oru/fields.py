"""Parts of a report to whole fields.

Holds: fields that several segments have: repetitions, codes by the field's data type, telephone numbers.
Promises: a field that is coded in the version is written as a code, a plain one as plain text.
Never: adds a segment.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab_sender.hl7.er7 import join
from lab_sender.oru import datatypes as dt
from lab_sender.oru.coding import code_or_text
from lab_sender.oru.writer import Writer
from lab_sender.report.model import Coded, OrderNumber, Phone


def repeat(repetitions: list[str]) -> str:
    """Join repetitions of a field, leaving out the empty ones."""
    return "~".join(filter(None, repetitions)) if repetitions else ""


def code(w: Writer, item: str | Coded, field: int, at: str, table: str = "", *, kind: str = "") -> str:
    """CE or CWE; plain text that `table` has is a code. `kind` names the profile's code map."""
    if not item:
        return ""
    return code_or_text(w, item, field, at, kind=kind, table=table, codes=w.site.grammar.table(table))


def codes(w: Writer, items: list[str | Coded], field: int, at: str, table: str = "") -> str:
    """Repetitions of CE or CWE."""
    return repeat([code(w, item, field, f"{at}[{i}]", table) for i, item in enumerate(items)])


def word(w: Writer, code: str, field: int) -> str:
    """Write a code of hl7/tables.py: alone, or as CWE with its table where the version wants that."""
    table = w.site.dialect.coded_words.get(f"{w.segment}-{field}")
    return f"{code}^^{table}" if table and code else code


def typed(w: Writer, number: str, kind: str) -> str:
    """Add to a CX, in a field for one kind of number, its type (table 0203) where the version requires one."""
    lacks = number and number.count("^") < 4
    if not lacks or not w.site.grammar.components("CX")[4].least:
        return number
    return number + "^" * (4 - number.count("^")) + kind


def words(w: Writer, text: str, field: int, at: str) -> str:
    """ST, or the text of a CWE where the version has made the field coded."""
    if not text:
        return ""
    plain = w.site.grammar.fields(w.segment)[field - 1].datatype == "ST"
    return w.text(text, field, at) if plain else "^" + w.text(text, field, at)


def phones(w: Writer, numbers: Sequence[str | Phone], field: int) -> str:
    """Repetitions of XTN."""
    return repeat([dt.phone(w, number, field, f"phones[{i}]") for i, number in enumerate(numbers)])


def pair(w: Writer, placer: str | OrderNumber, filler: str | OrderNumber, field: int, *at: str) -> str:
    """EIP: placer's and filler's number, each an EI of subcomponents."""
    return join((dt.entity(w, placer, field, at[0], "&"), dt.entity(w, filler, field, at[1], "&")), "^")
