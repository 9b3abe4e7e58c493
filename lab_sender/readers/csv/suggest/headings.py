# ruff: noqa: E501  (a table reads best with one to a line)
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
from lab_sender.readers.csv.wide import OF_TEST
from lab_sender.report.columns import DATES, KNOWN, NAMES, OF_PATIENT, TIMES_OF_DAY, normal

# Our names, then headings that may be any of them.
_SEVERAL: Final = """
collected, received, reported, analysed                       | Date, Datum, Fecha, Data, Datum/Zeit, Datum/Uhrzeit, Date/heure, Fecha/hora
collected_time, received_time, reported_time, analysed_time   | Time, Zeit, Uhrzeit, Hora, Heure, Ora, Tijd
specimen_id, accession, patient_id                            | ID, Nr, No, Number, Nummer, Numero, Num
accession, placer                                             | Order, Order ID, Order No, Order Nr, Order Number, Request, Request ID, Request Number
accession, placer                                             | Auftrag, Auftragsnummer, Auftrags-Nr, Auftrag Nr
accession, placer                                             | Demande, N° demande, Nº demande, Numéro demande, Numéro de demande
accession, placer                                             | Dossier, N° dossier, Nº dossier, Numéro dossier, Numéro de dossier
accession, placer                                             | Petición, N° petición, Nº petición, Número petición, Número de petición, Solicitud, Episodio
specimen_id, specimen                                         | Probe, Muestra, Échantillon, Prélèvement, Campione, Monster, Tube, Röhrchen
ward, facility                                                | Station, Abteilung, Service, Servicio, Department, Unité
"""
_MEANS_SEVERAL: Final[Mapping[str, tuple[str, ...]]] = {
    normal(heading): tuple(map(str.strip, names.split(",")))
    for names, _, headings in (line.partition("|") for line in _SEVERAL.strip().splitlines())
    for heading in headings.split(",")
}
_OF_PATIENT: Final = frozenset(("pat", "patient", "patienten", "paciente", "paziente", "utente"))
_SMALL: Final = frozenset(
    ("the", "of", "de", "del", "du", "des", "der", "die", "das", "d", "l", "la", "le", "el", "do", "da")
)
_PART: Final = re.compile(r"[^\W_]+")
_MANY: Final = frozenset(("note", "order_note"))
_SEX: Final = re.compile(r"[^\W\d_]{1,10}")


def columns_lines(columns: Sequence[Column], *, wide: bool = False) -> list[Line]:
    """Say of each column what it is, or may be; `wide`: other columns are a test each.

    Columns of one heading have a line each, which is the same but for their cells.
    """
    known = {column.index: KNOWN.get(normal(column.heading)) for column in columns}
    known = _whole_names(columns, known)
    times = Counter(name for name in known.values() if name and name not in _MANY)
    taken = set(times)
    called = Counter(column.heading for column in columns if column.cells or known[column.index])
    lines = []
    for column in columns:
        name = known[column.index]
        if called[column.heading] > 1 and name not in _MANY:
            lines.append(_one_heading(column, called[column.heading]))
        elif name and times[name] > 1:
            lines.append(_twice(column, name))
        elif wide and name in OF_TEST:
            lines.append(_of_row(column, name))
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
    if not name:
        why = f'known, and a message has no place for it; "" says that you know; {column.filled}'
        return Line(column.heading, name, "empty", why)
    if KNOWN.get(normal(column.heading)) == name:
        why = "known, alone or beside its date" if name in TIMES_OF_DAY else "known"
        return Line(column.heading, name, "empty" if name in TIMES_OF_DAY else "known", f"{why}; {column.filled}")
    return Line(column.heading, name, "guess", f"guess: the other part of the name has a column; {column.said}")


def _open(column: Column) -> Line:
    candidates = _MEANS_SEVERAL.get(normal(column.heading), ())
    if candidates:
        which = ", ".join(candidates[:-1]) + f" or {candidates[-1]}"
        return Line(column.heading, "", "open", f'{which}? or "": not wanted; {column.said}')
    if not column.heading:
        return Line("", "", "open", f"a column without a heading; not wanted, or have it named; {column.said}")
    return Line(column.heading, "", "open", f'what is it? "" is not wanted; {column.said}')


def _of_row(column: Column, name: str) -> Line:
    why = f'{name} of which test? order_note, or "": not wanted; {column.said}'
    return Line(column.heading, "", "open", why)


def _twice(column: Column, name: str) -> Line:
    why = f'another column stands for {name} too: one is something else, or not wanted (""); {column.said}'
    return Line(column.heading, "", "open", why)


def _one_heading(column: Column, number: int) -> Line:
    what = f"{number} columns are called so" if column.heading else f"{number} columns without a heading"
    why = f'{what}: "" passes over all of them; else have the export name them apart; {column.said}'
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
    """Tell whether cells are what a column of ours holds, as far as their form shows."""
    if name in DATES:
        return column.all_are("date")
    if name in TIMES_OF_DAY:
        return column.all_are("time", "date")
    if name == "sex":
        return all(_SEX.fullmatch(cell) for cell in column.cells)
    if name in NAMES or name in ("family", "given", "unit"):
        return not any(cell.isdigit() for cell in column.cells)
    return True
