"""Did you mean ...?

Holds: `meant`, which finds the known words that an unknown one is a slip for, and the question that names them.
Promises: a slip is one letter wrong, missing or too many, or two that changed places, in a word of four letters and
more; case, blanks, dashes and underscores do not count. All known words that are one slip away are named.
Never: asks by likeness: the known word that looks most like an unknown one may be another truth (EST for CEST,
requested for resulted). A digit is no slip, nor is another last letter (observed, observer).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LEAST_LETTERS = 4


def meant(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the known words of which `word` is another spelling, or else a slip; in their order."""
    plain = _plain(word)
    spelled = {each: _plain(each) for each in known}
    same = tuple(each for each, its in spelled.items() if its == plain)
    if same or sum(map(str.isalpha, plain)) < _LEAST_LETTERS:
        return same
    return tuple(each for each, its in spelled.items() if _is_slip(plain, its))


def did_you_mean(word: str, known: Iterable[str], quote: str = "") -> str:
    """Ask for what `word` may be a slip for: `did you mean 'port'?`; "" where nothing is near."""
    names = [f"{quote}{each}{quote}" for each in meant(word, known)]
    return f"did you mean {either(names)}?" if names else ""


def either(names: Iterable[str]) -> str:
    """Write `a`, `a or b`, `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _plain(word: str) -> str:
    return re.sub(r"[-_ ]", "", word.casefold())


def _is_slip(typed: str, known: str) -> bool:
    """Say whether one letter was changed, left out, put in, or swapped with its neighbour; no digit among them."""
    if abs(len(typed) - len(known)) > 1 or re.findall("[0-9]", typed) != re.findall("[0-9]", known):
        return False
    at = next((n for n, (a, b) in enumerate(zip(typed, known, strict=False)) if a != b), min(len(typed), len(known)))
    mine, its = typed[at:], known[at:]
    if len(mine) == len(its):
        swapped = mine[:2] == its[1::-1] and mine[2:] == its[2:]
        return swapped or (mine[1:] == its[1:] and len(mine) > 1)
    return mine[1:] == its or mine == its[1:]
