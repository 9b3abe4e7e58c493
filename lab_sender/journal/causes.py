"""What is in quarantine, by its cause.

Holds: `Cause`, and the questions for all causes and for all of one cause.
Promises: costs what is in quarantine, not what the journal has.
Never: tells the HIS's words, or a file's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from lab_sender.journal.database import Reader
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("causes")


class Cause(NamedTuple):
    """One cause: at a destination, "" for files that could not be read; how many, and since and until when.

    `his_code` and `his_error` are MSA-1 and ERR-3 of a refusal. `may_have_left` is how many of them the HIS may have,
    `built` how many have bytes that could go out.
    """

    destination: str
    code: str
    his_code: str
    his_error: str
    number: int
    first_ms: int
    last_ms: int
    may_have_left: int
    built: int


def causes(reader: Reader, destinations: Iterable[str]) -> list[Cause]:
    """Return all causes, the one of the most first."""
    found = [
        Cause(name, *row) for name in destinations for row in reader.rows(_SQL["causes"], {"destination": name})
    ]
    found += [
        Cause("", code, "", "", number, first_ms, last_ms, 0, 0)
        for code, number, first_ms, last_ms in reader.rows(_SQL["causes_of_files"])
    ]
    return sorted(found, key=lambda each: (-each.number, each.first_ms))


def of_cause(
    reader: Reader, destination: str, code: str, his_code: str, his_error: str, newest: int | None = None
) -> tuple[list[int], list[int]]:
    """Return the messages, or where there is no destination the files, of one cause, oldest first.

    Of `newest` only so many, the newest first.
    """
    values: dict[str, str | int] = {"code": code}
    if destination:
        values |= {"destination": destination, "his_code": his_code, "his_error": his_error}
    if newest is None:
        name = "of_cause" if destination else "files_of_cause"
    else:
        name, values = "newest_of_cause" if destination else "newest_files_of_cause", values | {"most": newest}
    found = [row[0] for row in reader.rows(_SQL[name], values)]
    return (found, []) if destination else ([], found)
