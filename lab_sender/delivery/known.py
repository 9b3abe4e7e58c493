"""Does a refusal prove that the HIS has this very message already?

Holds: the reading of "duplicate" and "already received", as codes and as words.
Promises: yes only where nothing else can be meant: code 205 alone, about no field but MSH-10, or words that say it of
the message or its control id, and name nothing else (a patient, an order, a specimen, a field, another id). Linear in
the first `MOST_CHARACTERS` of the words; the rest is not read.
Never: decides what follows.

Code 205 (HL7 table 0357) says that "the ID of the patient, order, etc., already exists": only ERR-2 knows which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

MOST_CHARACTERS: Final = 2048
"""How much of a HIS's words is read by rules: it is enough for a sentence, and a stack trace has no end."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_KNOWN: Final = "205"
_OF_CONTENT: Final = _set("100 101 102 103 104 200 201 202 203 204 206")
"""Codes of table 0357 that speak of the content, or of a record: beside one of them no word is a proof."""

_WORD: Final = re.compile(r"[a-z0-9]+")
_FIELD: Final = re.compile(r"\b(?!msh)[a-z][a-z0-9]{2}[-.^][0-9]")
_CONTROL_ID: Final = re.compile(
    r"\b(?:(?:message )?control ?(?:id(?:entifier)?|number)|message id(?:entifier)?|msh[ .^-](?:1\^)?10)\b"
)
_ID, _OWN = "theid", "ourid"
_SHORTEST_ID: Final = 6
"""A shorter control id may be part of any text."""
_SUBJECTS: Final = frozenset((_ID, _OWN, "message", "messages", "msg"))
_DUPLICATE: Final = _set("duplicate duplicated duplicates dup")
_ADVERBS: Final = _set("already previously before earlier")
_DONE: Final = _set(
    "received processed exists exist existing known stored filed accepted imported seen handled present used"
    " delivered acknowledged consumed loaded"
)
_BETWEEN: Final = _set(
    "is was has have had been be being a an the this that with of for same it its which hl7 oru r01 incoming inbound"
    " found detected value key entry identifier by us and in system database here"
)
_NOT: Final = _set("not no never non without cannot isn wasn hasn didn")
_UNDONE: Final = _set(
    "rejected refused failed failure failures discarded deleted cancelled canceled purged removed invalid withdrawn"
    " aborted error errors errored pending dropped ignored incomplete another different other differs differ"
)
_OTHER_NOUNS: Final = _set(
    "patient patients person mrn name names order orders placer filler accession accessions specimen specimens sample"
    " samples observation observations result results test tests report reports document documents segment segments"
    " field fields visit encounter episode case account user users provider physician doctor insurance group header"
    " type code codes item items tube container barcode panel analyte pid obx obr orc spm nte pv1 pd1 tq1 evn zds"
    " set number numbers record records identifiers ids version event facility application client"
)


def proves_known(
    *, errors: Iterable[str], own_errors: Sequence[str], locations: Iterable[str], text: str, control_id: str
) -> bool:
    """Say whether these codes (ERR-3, ERR-1, MSA-6), the HIS's own (ERR-5), places and words are a proof."""
    if not all(_is_msh_10(place) for place in locations):
        return False
    text = text[:MOST_CHARACTERS].lower()
    words = _words(text, control_id)
    if _FIELD.search(text) or any(map(_names_another, words)):
        return False
    claims = _claims(words)
    if any(_denied(words, *claim) for claim in claims):
        return False
    codes = set(errors)
    if codes == {_KNOWN} and not own_errors:
        return True
    return not codes & _OF_CONTENT and any(_is_of_the_message(words, *claim) for claim in claims)


def _is_msh_10(location: str) -> bool:
    """ERR-2 is `MSH^1^10` (segment, number, field) and components; some write `MSH^10`, `MSH-10` or `MSH`."""
    place = location.strip().upper()
    if not place or place == "MSH" or re.match(r"MSH(?:\[1?\])?[-.]10(?![0-9])", place):
        return True
    parts = re.split(r"[^A-Z0-9]", place)
    field = parts[2] if len(parts) > 2 else parts[-1]
    return parts[0] == "MSH" and field == "10" and (len(parts) == 2 or parts[1] in ("", "1"))


def _words(text: str, control_id: str) -> list[str]:
    """Part the text into words; the many names of a control id, and our own id itself, become one word each."""
    if len(control_id) >= _SHORTEST_ID:
        own = re.escape(control_id.lower())
        text = re.sub(rf"(?<![a-z0-9]){own}(?![a-z0-9])", f" {_OWN} ", text)
    return _WORD.findall(_CONTROL_ID.sub(f" {_ID} ", text.replace("_", " ")))


def _names_another(word: str) -> bool:
    is_an_id = len(word) >= _SHORTEST_ID and any(map(str.isdigit, word))
    return word in _OTHER_NOUNS or is_an_id


def _claims(words: list[str]) -> list[tuple[int, int]]:
    """Return where it says duplicate, already received, received before: the first word and the one behind it."""
    found = []
    for at, word in enumerate(words):
        if word in _DUPLICATE:
            found.append((at, at + 1))
        elif word in _ADVERBS:
            done = at + 2 if words[at + 1 : at + 2] == ["been"] else at + 1
            if done < len(words) and words[done] in _DONE:
                found.append((at, done + 1))
            elif at and words[at - 1] in _DONE:
                found.append((at - 1, at + 1))
    return found


def _denied(words: list[str], at: int, end: int) -> bool:
    """`not a duplicate`; or `already received and rejected`: then the first copy was refused."""
    taken_back = not _UNDONE.isdisjoint(words[end:])
    return taken_back or not _NOT.isdisjoint(words[max(0, at - 3) : at])


def _is_of_the_message(words: list[str], at: int, end: int) -> bool:
    """Say whether the next word of weight, on one side, is the message or its id."""
    ahead = next((word for word in reversed(words[max(0, at - 6) : at]) if word not in _BETWEEN), "")
    behind = next((word for word in words[end : end + 6] if word not in _BETWEEN), "")
    return ahead in _SUBJECTS or (words[at] in _DUPLICATE and behind in _SUBJECTS)
