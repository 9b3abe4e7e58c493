"""Parts of a report to HL7 composite data types.

Holds: one function per data type: HD, EI, CX, CE/CWE, XPN, XAD, XTN, XCN, XON, CNN.
Promises: each returns the ER7 text of one field repetition, "" for a part that says nothing; components stand in the
order of chapter 2A, one line each.
Never: reads a site's table; plain text is taken for a code only where the version's own table has it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ..results.model import (
    Address,
    Authority,
    Coded,
    Identifier,
    Name,
    OrderNumber,
    Organization,
    Person,
)
from .encoder import Writer, join

_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_CLIA: Final = re.compile(r"[0-9]{2}D[0-9]{7}")
_NO_CODES: Final[frozenset[str]] = frozenset()


_AUTHORITY: Final = ("authority",) * 3
_CODED: Final = ("code", "text", "system", "alt.code", "alt.text", "alt.system")
_NAME: Final = ("family", "given", "middle", "suffix", "prefix", "degree")
_ADDRESS: Final = ("street", "other", "city", "state", "zip", "country")
_PERSON: Final = ("id", "family", "given", "middle", "suffix", "prefix")
_NO_AUTHORITY: Final = ("", "", "")


def authority(w: Writer, given: str | Authority, field: int, at: str) -> Sequence[str]:
    """HD as its three parts: they are components in one data type and subcomponents in another."""
    if not given:
        return _NO_AUTHORITY
    if isinstance(given, str):
        parts = read_authority(given)
    else:
        parts = given.namespace, given.id, given.type or _authority_type(given.id)
    return w.texts(parts, field, at, _AUTHORITY)


def entity(w: Writer, number: str | OrderNumber, field: int, at: str, separator: str = "^") -> str:
    """EI: an order or specimen number. Text is `id|authority`, as in an authority."""
    if not number:
        return ""
    if isinstance(number, str):
        identifier, _, issuer = number.partition("|")
        parts = w.text(identifier, field, at), *authority(w, issuer, field, at)
    else:
        parts = w.text(number.id, field, at, "id"), *authority(w, number.authority, field, at)
    return join(parts, separator)


def identifier(w: Writer, given: str | Identifier, field: int, at: str) -> str:
    """CX: a patient, account or visit number. Text is `id|authority`."""
    if not given:
        return ""
    if isinstance(given, str):
        number, _, issuer = given.partition("|")
        given = Identifier(number, issuer)
    return join(
        (
            w.text(given.id, field, at, "id"),
            "",  # check digit
            "",  # check digit scheme
            join(authority(w, given.authority, field, at), "&"),
            w.text(given.type, field, at, "type"),
        ),
        "^",
    )


def coded(w: Writer, given: Coded, field: int, at: str, *, cwe: bool = False, separator: str = "^") -> str:
    """CE, or CWE with the text as it was originally said."""
    alt = given.alt
    values: tuple[str, ...] = given.code, given.text, given.system
    if alt is not None:
        values += alt.code, alt.text, alt.system
    written = w.joined(values, field, at, _CODED[: len(values)], separator)
    if not given.original:
        return written
    original = w.text(given.original, field, at, "original")
    if not cwe:
        w.fault(
            "coded.original", "This field has no place for the original text.", field, at, "original",
            hint="Put it into `text`, or into a note.",
        )  # fmt: skip
    return written + separator * (8 - written.count(separator)) + original


def code_or_text(
    w: Writer,
    given: str | Coded,
    field: int,
    at: str,
    *,
    cwe: bool = False,
    table: str = "",
    codes: frozenset[str] = _NO_CODES,
) -> str:
    """CE or CWE; a plain string is a code where `codes` of HL7 `table` has it, and text where not."""
    if not given:
        return ""
    if isinstance(given, str):
        if given in codes:
            return f"{w.text(given, field, at)}^^{table}"
        return "^" + w.text(given, field, at)
    return coded(w, given, field, at, cwe=cwe)


def name(w: Writer, given: Name, field: int, at: str, kind: str) -> str:
    """XPN of name type `kind` (table 0200)."""
    values = given.family, given.given, given.middle, given.suffix, given.prefix, given.degree
    parts = w.texts(values, field, at, _NAME)
    return "^".join((*parts, kind)) if any(parts) else ""


def address(w: Writer, given: Address | None, field: int, at: str) -> str:
    """XAD."""
    if given is None:
        return ""
    values = given.street, given.other, given.city, given.state, given.zip, given.country
    return w.joined(values, field, at, _ADDRESS, "^")


def phone(w: Writer, given: str, field: int, at: str, use: str = "PRN") -> str:
    """XTN of use `use` (table 0201). A number stands in component 1, where older receivers look, and in 12."""
    if not given:
        return ""
    number = w.text(given, field, at)
    if "@" in given:
        return f"^NET^Internet^{number}"
    return f"{number}^{use}^PH^^^^^^^^^{number}"


def person(w: Writer, given: Person | None, field: int, at: str) -> str:
    """XCN."""
    if given is None:
        return ""
    return join(
        (
            *_person(w, given, field, at),
            "",  # degree
            "",  # source table
            join(authority(w, given.authority, field, at), "&"),
            "L" if given.family else "",  # name type: legal
            "",  # check digit
            "",  # check digit scheme
            w.text(given.type, field, at, "type"),
        ),
        "^",
    )


def interpreter(w: Writer, given: Person | None, field: int, at: str) -> str:
    """NDL with its first component only: the person, as CNN."""
    if given is None:
        return ""
    if given.type:
        w.fault(
            "person.type", "OBR-32 has no place for the type of an identifier.", field, at, "type", severity="warning"
        )
    degree_and_table = "", ""
    return join((*_person(w, given, field, at), *degree_and_table, *authority(w, given.authority, field, at)), "&")


def organization(w: Writer, given: Organization | None, field: int, at: str) -> str:
    """XON; its number stands in component 10 (text), as component 3 is numeric."""
    if given is None:
        return ""
    return join(
        (
            w.text(given.name, field, at, "name"),
            "",  # name type
            "",  # id number
            "",  # check digit
            "",  # check digit scheme
            join(authority(w, given.authority, field, at), "&"),
            "XX" if given.id else "",  # identifier type: organization identifier
            "",  # assigning facility
            "",  # name representation
            w.text(given.id, field, at, "id"),
        ),
        "^",
    )


@lru_cache(1024)
def read_authority(text: str) -> tuple[str, str, str]:
    """Split `namespace|universal id|type` into the parts of an HD; a lone OID is a universal id."""
    if _OID.fullmatch(text):
        return "", text, "ISO"
    namespace, _, rest = text.partition("|")
    universal, _, kind = rest.partition("|")
    return namespace, universal, kind or _authority_type(universal)


def _person(w: Writer, given: Person, field: int, at: str) -> Sequence[str]:
    values = given.id, given.family, given.given, given.middle, given.suffix, given.prefix
    return w.texts(values, field, at, _PERSON)


def _authority_type(universal: str) -> str:
    if not universal:
        return ""
    if _OID.fullmatch(universal):
        return "ISO"
    return "CLIA" if _CLIA.fullmatch(universal) else "L"
