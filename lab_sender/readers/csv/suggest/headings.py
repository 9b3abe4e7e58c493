"""The headings of a table to what they may be.

Holds: headings that mean several things and what they may be; the guess at a heading with a word too many.
Promises: a guess is one that heading and cells agree on. What may be two things is open, with its candidates. What
stands for the same thing as another column is open too.
Never: guesses by how alike two words are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from lab_sender.readers.csv.suggest.cells import Column
from lab_sender.readers.csv.suggest.suggestion import Line
from lab_sender.report.columns import DATES, KNOWN, NAMES, OF_PATIENT, TIMES_OF_DAY, normal

_DATE: Final = ("collected", "received", "reported", "analysed")
_TIME: Final = tuple(f"{name}_time" for name in _DATE)
_NUMBER: Final = ("specimen_id", "accession", "patient_id")
_ORDER: Final = ("accession", "placer")
_MEANS_SEVERAL: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("date", "datum", "fecha", "data", "datumzeit", "dateheure", "fechahora", "datumuhrzeit"), _DATE),
    **dict.fromkeys(("time", "zeit", "uhrzeit", "hora", "heure", "ora", "tijd"), _TIME),
    **dict.fromkeys(("id", "nr", "no", "number", "nummer", "numero", "num"), _NUMBER),
    **dict.fromkeys(
        (
            "order", "orderid", "orderno", "ordernr", "ordernumber", "auftrag", "auftragsnummer", "auftragsnr",
            "auftragnr", "demande", "ndemande", "nodemande", "numerodemande", "numerodedemande", "dossier", "ndossier",
            "nodossier", "numerodossier", "numerodedossier", "peticion", "npeticion", "nopeticion", "numerodepeticion",
            "numeropeticion", "solicitud", "nosolicitud", "request", "requestid", "requestnumber", "episodio",
        ),
        _ORDER,
    ),
    **dict.fromkeys(("station", "service", "servicio", "abteilung", "department", "unite"), ("ward", "facility")),
}  # fmt: skip
_OF_PATIENT: Final = frozenset(("pat", "patient", "patienten", "paciente", "paziente", "utente"))
_SMALL: Final = frozenset(("the", "of", "de", "del", "du", "des", "der", "die", "das", "d", "l", "la", "le", "el", "do", "da"))  # fmt: skip
_PART: Final = re.compile(r"[^\W_]+")
_MANY: Final = frozenset(("note", "order_note"))
_SEX: Final = re.compile(r"[^\W\d_]{1,10}")


def candidates_of(heading: str) -> tuple[str, ...]:
    """Return what a heading that means several things may be."""
    return _MEANS_SEVERAL.get(normal(heading), ())


def columns_lines(columns: Sequence[Column]) -> list[Line]:
    """Say of each column what it is, or may be."""
    known = {column.index: KNOWN.get(normal(column.heading)) for column in columns}
    known = _whole_names(columns, known)
    times = Counter(name for name in known.values() if name and name not in _MANY)
    taken = set(times)
    lines = []
    for column in columns:
        name = known[column.index]
        if name and times[name] > 1:
            lines.append(_twice(column, name))
        elif name is not None:
            lines.append(_known(column, name))
        elif not column.cells:
            lines.append(Line(column.heading, "", "empty", column.filled))
        elif (guess := _guess(column)) and guess not in taken:
            taken.add(guess)
            lines.append(Line(column.heading, guess, "guess", f"guess: {column.said}"))
        else:
            lines.append(_open(column))
    return lines


def _known(column: Column, name: str) -> Line:
    if KNOWN.get(normal(column.heading)) == name:
        what = "known" if name else 'known, and a message has no place for it; "" says that you know'
        return Line(column.heading, name, "known", f"{what}; {column.filled}")
    return Line(column.heading, name, "guess", f"guess: the other part of the name has a column; {column.filled}")


def _open(column: Column) -> Line:
    candidates = candidates_of(column.heading)
    if candidates:
        which = ", ".join(candidates[:-1]) + f" or {candidates[-1]}"
        return Line(column.heading, "", "open", f'{which}? or "": not wanted; {column.said}')
    if not column.heading:
        return Line("", "", "open", f"a column without a heading; not wanted, or have it named; {column.said}")
    return Line(column.heading, "", "open", f'what is it? "" is not wanted; {column.said}')


def _twice(column: Column, name: str) -> Line:
    why = f'another column stands for {name} too: one is something else, or not wanted (""); {column.said}'
    return Line(column.heading, "", "open", why)


def _whole_names(columns: Sequence[Column], known: Mapping[int, str | None]) -> dict[int, str | None]:
    """Take a column of names beside one of first or of family names for the other part."""
    names = set(known.values())
    other = "family" if "given" in names else "given"
    plain = [column.index for column in columns if known[column.index] == "name"]
    if len(plain) != 1 or len(names & {"family", "given"}) != 1:
        return dict(known)
    return {**known, plain[0]: other}


def _guess(column: Column) -> str:
    """Find the column of a heading that has a word too many, if its cells fit; "" where there is none."""
    words = [word.casefold() for word in _PART.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column.heading))]
    rest = [word for word in words if word not in _OF_PATIENT and word not in _SMALL]
    name = KNOWN.get(normal("".join(rest)), "") if len(rest) < len(words) else ""
    of_patient = not _OF_PATIENT.isdisjoint(words)
    fits = name and (not of_patient or name in OF_PATIENT) and _fits(name, column)
    return name if fits else ""


def _fits(name: str, column: Column) -> bool:
    """Tell whether cells are what a column of ours holds, as far as their form tells."""
    if name in DATES:
        return column.all_are("date")
    if name in TIMES_OF_DAY:
        return column.all_are("time", "date")
    if name == "sex":
        return all(_SEX.fullmatch(cell) for cell in column.cells)
    if name in NAMES or name in ("family", "given", "unit"):
        return not any(cell.isdigit() for cell in column.cells)
    return True
