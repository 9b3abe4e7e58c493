"""A site's words for the status of results and orders.

Holds: the code map of one kind of status, and the finding for a code that a map lacks.
Promises: the map changes what is sent, never what a status means: roll-up and checks go by the meaning.
Never: accepts a word whose meaning neither HL7's tables nor the map have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lab_sender.errors import SettingError
from lab_sender.hl7.tables import ORDER_STATUS, RESULT_STATUS

if TYPE_CHECKING:
    from lab_sender.config.profile import MappedCode, SiteProfile
    from lab_sender.oru.writer import Writer


class StatusWords:
    """A map of status words or codes: what a word of the site means, and what the HIS is sent for it."""

    def __init__(self, kind: str, table: Mapping[str, MappedCode], known: Mapping[str, str], *, strict: bool) -> None:
        self._setting = f"codes.maps.{kind}"
        self._table = {word.strip().lower(): mapped.code for word, mapped in table.items()}
        self._known = {word.lower(): code for word, code in known.items()}
        self._strict = strict

    def known(self, word: str) -> bool:
        """Tell whether the word, or what the map makes of it, is a status of HL7."""
        return word.strip().lower() in self._known or bool(self.meaning(word))

    def meaning(self, word: str) -> str:
        """Return the HL7 code that the map has for a word of the site; "" where it has none."""
        return self._known.get(self._table.get(word.strip().lower(), "").lower(), "")

    def sent(self, w: Writer, word: str, code: str, field: int) -> str:
        """Return what is sent for a status: the map's word for the report's own word, or for the roll-up's code."""
        bare = word.strip().lower()
        if (self._known.get(bare) or self.meaning(bare)) != code or bare not in self._table:
            bare = code.lower()
        mapped = self._table.get(bare)
        if mapped is not None:
            w.credit(field, self._setting)
            return mapped
        if self._strict and code:
            unmapped(w, field, "status", self._setting)
        return code


def compile_words(given: SiteProfile, kind: str) -> StatusWords | None:
    """Return the words of `kind` (order_status, result_status), or None where the profile has no map of them."""
    codes = given.settings.codes
    table = given.maps.get(kind)
    known = ORDER_STATUS if kind == "order_status" else RESULT_STATUS
    strict = (getattr(codes.maps, kind).unmapped or codes.unmapped) == "error"
    return StatusWords(kind, table, known, strict=strict) if table else None


def mistakes_in_words(given: SiteProfile, kind: str) -> Iterator[SettingError]:
    """Find the lines of a map of `kind` that say of no word what it means."""
    words = compile_words(given, kind)
    for word in given.maps.get(kind, ()) if words else ():
        if words is not None and not words.known(word):
            yield SettingError(
                "profile.map", f"codes.maps.{kind}.{word}",
                "It translates a word that we do not know to a code we do not know.",
                hint="One of them must be a status of HL7, or nobody knows what the result is.",
            )  # fmt: skip


def unmapped(w: Writer, field: int, at: str, setting: str, key: str = "") -> None:
    """Note that a map lacks a code though it must have every one."""
    w.fault(
        "code.unmapped", "The profile has no translation for this code.", field, at, key,
        hint=f"Add it to {setting}, or set `unmapped` to local.",
    )  # fmt: skip
