"""Parts of a report to HL7 composite data types.

Holds: one function per data type: HD, EI, XPN, XAD, XTN, XCN, XON, CNN.
Promises: each returns the ER7 text of one repetition, "" for an empty part; components stand in the order of
chapter 2A, one line each.
Never: chooses between codes or identifiers; coding.py and identity.py do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from lab_sender.hl7.er7 import join
from lab_sender.oru.writer import Writer
from lab_sender.report.model import Address, Authority, Name, OrderNumber, Organization, Person, Phone

_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_CLIA: Final = re.compile(r"[0-9]{2}D[0-9]{7}")
_AUTHORITY: Final = ("authority",) * 3
_NAME: Final = ("family", "given", "middle", "suffix", "prefix", "degree")
_ADDRESS: Final = ("street", "other", "city", "state", "zip", "country")
_WITH_COUNTY: Final = (*_ADDRESS, "type", "other_designation", "county")
_EQUIPMENT: Final = ("PH", "CP", "FX", "BP", "SAT")  # those of table 0202 that have a number
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


def name(w: Writer, given: Name, field: int, at: str, kind: str) -> str:
    """XPN of name type `kind` (table 0200). A degree stands in component 6, or in 14 where 6 is withdrawn."""
    values = given.family, given.given, given.middle, given.suffix, given.prefix, given.degree
    parts = w.texts(values, field, at, _NAME)
    if not any(parts):
        return ""
    *parts, degree = parts
    if degree and w.site.dialect.degree == 14:
        return "^".join((*parts, "", kind, *[""] * 6, degree))
    return "^".join((*parts, degree, kind))


def address(w: Writer, given: Address | None, field: int, at: str) -> str:
    """XAD."""
    if given is None:
        return ""
    values = given.street, given.other, given.city, given.state, given.zip, given.country
    if given.county:
        return w.joined((*values, "", "", given.county), field, at, _WITH_COUNTY, "^")
    return w.joined(values, field, at, _ADDRESS, "^")


def phone(w: Writer, given: str | Phone, field: int, at: str, use: str = "PRN") -> str:
    """XTN of use `use` (table 0201). A number stands in component 1, in 12, or in both, as the version has it."""
    if not given:
        return ""
    if isinstance(given, Phone):
        kind = given.type or "PH"
        if kind not in _EQUIPMENT:
            w.fault("phone.type", "HL7 table 0202 has no such telephone.", field, f"{at}.type",
                    hint=f"Known: {', '.join(_EQUIPMENT)}.")  # fmt: skip
        given, at = given.number, f"{at}.number"
    else:
        kind = "PH"
    number = w.text(given, field, at)
    if "@" in given:
        return f"^NET^Internet^{number}"
    places = w.site.dialect.phone
    first, last = (number if place in places else "" for place in (1, 12))
    return f"{first}^{use}^{kind}^^^^^^^^^{last}".rstrip("^")


def plain_phone(w: Writer, number: str, field: int) -> str:
    """XTN as it is, or TN, the bare number, where the version has that."""
    bare = number and w.site.grammar.fields(w.segment)[field - 1].datatype == "TN"
    return number.partition("^")[0] if bare else number


def person(w: Writer, given: Person | None, field: int, at: str) -> str:
    """XCN."""
    if given is None:
        return ""
    if isinstance(given.authority, str):
        values = given.id, given.family, given.given, given.middle, given.suffix, given.prefix, given.type
        parts = *values, *(read_authority(given.authority) if given.authority else _NO_AUTHORITY)
        if w.plain("".join(parts)):
            return _xcn(parts)
    return _xcn(
        (
            *_person(w, given, field, at),
            w.text(given.type, field, at, "type"),
            *authority(w, given.authority, field, at),
        )
    )


@lru_cache(1024)
def _xcn(parts: tuple[str, ...]) -> str:
    """Join the parts of an XCN: id and name, the identifier's type, the authority."""
    name_type = "L" if parts[1] else ""  # legal
    nothing = ""  # degree and source table; check digit and its scheme
    return join((*parts[:6], nothing, nothing, join(parts[7:], "&"), name_type, nothing, nothing, parts[6]), "^")


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
    if isinstance(given.authority, str):
        parts = given.name, given.id, *(read_authority(given.authority) if given.authority else _NO_AUTHORITY)
        if w.plain("".join(parts)):
            return _xon(parts)
    return _xon(
        (
            w.text(given.name, field, at, "name"),
            w.text(given.id, field, at, "id"),
            *authority(w, given.authority, field, at),
        )
    )


@lru_cache(1024)
def _xon(parts: tuple[str, ...]) -> str:
    """Join the parts of an XON: name, number, the authority."""
    identifier_type = "XX" if parts[1] else ""  # organization identifier
    # 2 to 5: name type, number, check digit and its scheme; 8, 9: assigning facility, name representation
    return join((parts[0], *[""] * 4, join(parts[2:], "&"), identifier_type, "", "", parts[1]), "^")


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
