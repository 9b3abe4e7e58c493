"""Order and result status, and their agreement.

Holds: words to tables 0123 and 0085, and the roll-up of results into OBR-25.
Promises: OBR-25 fits the results below it: with a correction it is C; a final order with open results is P, one whose
results are all cancelled is X.
Never: changes a result's own status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from lab_sender.hl7.tables import CORRECTIONS, ORDER_STATUS, RESULT_FROM_ORDER, RESULT_STATUS
from lab_sender.oru.status_words import StatusWords

_OPEN: Final = frozenset("IOPRS")
_REPORTED: Final = frozenset("CFP")


def order_status(word: str, words: StatusWords | None = None) -> str:
    """Return the OBR-25 that the order itself states; "" for a word that neither HL7 nor the site's `words` have."""
    return ORDER_STATUS.get(word) or _code(word, ORDER_STATUS) or (words.meaning(word) if words else "")


def result_status(word: str, order: str, words: StatusWords | None = None) -> str:
    """Return the OBX-11 of a result, from the order's OBR-25 where it has none; "" for an unknown word."""
    if not word:
        return RESULT_FROM_ORDER.get(order, "")
    return RESULT_STATUS.get(word) or _code(word, RESULT_STATUS) or (words.meaning(word) if words else "")


def roll_up(stated: str, results: Iterable[str]) -> str:
    """Return the OBR-25 that agrees with the OBX-11 of the order's results."""
    below = set(results)
    if stated == "X":
        return stated
    if below & CORRECTIONS:
        return "C"
    if stated != "F":
        return stated
    if below == {"X"}:
        return "X"
    return "P" if below & _OPEN else stated


def contradicts(stated: str, results: Iterable[str]) -> bool:
    """Return whether a cancelled order reports a result all the same."""
    return stated == "X" and not _REPORTED.isdisjoint(results)


def _code(word: str, table: Mapping[str, str]) -> str:
    bare = word.strip()
    return table.get(bare.lower()) or table.get(bare.upper(), "")
