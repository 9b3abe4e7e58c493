"""A person's name in one text, by a declared form such as `{family}, {given}`.

Holds: what a form may be, and the one parser of names by it.
Promises: a name fits a form only if every word of it is in a part. A part next to a blank is one word.
Never: guesses where a family name begins: with a blank or a comma too many the name does not fit.
"""

from __future__ import annotations

import re
from typing import Final

PARTS: Final = ("family", "given", "middle", "suffix", "prefix")
"""The parts of a name that a form can have."""
_PART: Final = re.compile(r"\{([^{}]*)\}")
_MARKS: Final = frozenset(",;^/|")
"""What may stand between two parts, besides a blank, and so in none of them."""


class NameForm:
    """Reads names of one form; `main` is the part that every name must have. Raises ValueError for a wrong form."""

    def __init__(self, form: str) -> None:
        pieces = _PART.split(form)
        self.parts = tuple(pieces[1::2])
        first, *between, last = [one.strip() for one in pieces[0::2]] if self.parts else ["", ""]
        if not self.parts:
            raise ValueError("has no part; one is written {family}")
        if unknown := sorted(set(self.parts) - set(PARTS)):
            raise ValueError(f"has a part of unknown name: {unknown[0]}")
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("has a part twice")
        if first or last:
            raise ValueError("has something before its first part or behind its last")
        if not all(pieces[2:-1:2]) or not set(between) <= _MARKS | {""}:
            raise ValueError("needs a blank, or one of , ; ^ / | between two parts")
        self._between = between
        self._one_word = [
            "" in between[max(n - 1, 0) : n + 1] for n in range(len(self.parts))
        ]  # by what stands before and behind it
        self.main = "family" if "family" in self.parts else self.parts[0]

    def read(self, text: str) -> dict[str, str] | None:
        """Return the filled parts of a name; None where it does not fit, or has no main part."""
        rest, found = text.strip(), []
        for mark in self._between:
            part, there, rest = rest.partition(mark) if mark else _cut_at_blank(rest)
            if not there:
                return None
            found.append(part.strip())
            rest = rest.strip()
        found.append(rest.rstrip("^ ") if "^" in self._between else rest)
        filled = {part: text for part, text in zip(self.parts, found, strict=True) if text}
        return filled if self.main in filled and all(map(self._fits, found, self._one_word)) else None

    @staticmethod
    def _fits(part: str, one_word: bool) -> bool:
        return _MARKS.isdisjoint(part) and (not one_word or len(part.split()) == 1)


def _cut_at_blank(text: str) -> tuple[str, str, str]:
    words = text.split(None, 1)
    return (words[0], " ", words[1]) if len(words) > 1 else (text, "", "")
