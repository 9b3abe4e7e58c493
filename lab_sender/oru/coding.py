"""Codes of a report to CE and CWE, as the site wants them.

Holds: the Coding of a site (code maps, order of two codes, names of coding systems, form of units), and the functions
that write a code.
Promises: code, text and system stay together, and no code goes out under the name of another system; a code that a
map lacks goes out as it is, or is a finding.
Never: guesses; plain text is a code only where a map or the version's own table has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, NamedTuple

from lab_sender.hl7.escape import escaping
from lab_sender.hl7.tables import FLAG_WORDS, FLAGS
from lab_sender.oru.status_words import unmapped
from lab_sender.report.model import Coded

if TYPE_CHECKING:
    from lab_sender.config.profile import MappedCode, SiteProfile
    from lab_sender.oru.writer import Writer

_NO_CODES: Final[frozenset[str]] = frozenset()
_CODED: Final = ("code", "text", "system", "alt.code", "alt.text", "alt.system")
_PLAIN: Final = ("",) * 6  # a code given as plain text has no steps further in
_LOINC: Final = frozenset(("LN", "LOINC"))  # the name of table 0396, and the one that many write
_UCUM: Final = "UCUM"
_LOCAL: Final = "L"
_UCUM_CODE: Final = re.compile(r"[!-~]+").fullmatch  # UCUM: printable ASCII without blanks
_KINDS: Final = ("test", "unit", "value", "specimen_type")


class _Code(NamedTuple):
    """A code with its text and system; `step` is its place in a Coded (`""` or `alt.`)."""

    code: str
    text: str
    system: str
    step: str = ""


class Translation(NamedTuple):
    """What goes out for a Coded: components 1 to 6, the place of each, and the settings that changed them.

    `missing`: a map that must have every code lacks this one.
    """

    values: tuple[str, ...]
    keys: tuple[str, ...]
    settings: tuple[str, ...]
    missing: bool


class Coding:
    """What a site profile wants of codes."""

    def __init__(self, given: SiteProfile) -> None:
        codes = given.settings.codes
        self._order = codes.order
        self._systems = codes.systems
        self._units = codes.units
        self._maps = given.maps
        self._escaping = escaping(given.settings.delimiters)
        self._written = lru_cache(4096)(self._usual)
        self._strict = {
            kind: (getattr(codes.maps, kind).unmapped or codes.unmapped) == "error"
            for kind in type(codes.maps).model_fields
        }
        asked = {kind: kind in given.maps for kind in _KINDS}
        asked["test"] |= codes.order != "as-reported"
        asked["unit"] |= codes.units != "as-reported"
        self._translate: dict[str, Callable[[tuple[str, ...]], Translation]] = {
            kind: lru_cache(4096)(partial(self._translation, kind))
            for kind in (*_KINDS, "")
            if codes.systems or asked.get(kind)
        }
        self._flags = given.maps.get("flag")
        self._sex = {word.strip().lower(): one.code for word, one in given.maps.get("sex", {}).items()}
        self.active = bool(self._translate or self._flags or self._sex)

    def write(
        self, w: Writer, kind: str, values: tuple[str, ...], keys: tuple[str, ...], field: int, at: str, by: str
    ) -> str:
        """Write components 1 to 6 as the site wants them; `keys` are the steps of `values` within `at`."""
        known = None if w.explains else self._written(kind, values, by)
        if known is not None:
            return known
        translate = self._translate.get(kind)
        if translate is None:
            return w.joined(values, field, at, keys, by)
        done = translate(values)
        if done.missing:
            unmapped(w, field, at, f"codes.maps.{kind}", keys[0])
        for setting in done.settings:
            w.credit(field, setting)
        return w.joined(done.values, field, at, done.keys if keys is _CODED else keys, by)

    def _usual(self, kind: str, values: tuple[str, ...], separator: str) -> str | None:
        """Return what `write` writes; None where that may become a finding, or needs an escape."""
        translate = self._translate.get(kind)
        done = translate(values) if translate else None
        if done and done.missing:
            return None
        return self._escaping.joined(done.values if done else values, separator)

    def sex(self, w: Writer, word: str) -> str:
        """Return the code of table 0001 that the map has for a word of the site; "" where it has none."""
        mapped = self._sex.get(word.strip().lower())
        if mapped:
            w.credit(8, "codes.maps.sex")
        return mapped or ""

    def flag(self, w: Writer, flag: str, at: str) -> MappedCode | None:
        """Return what the map has for a flag; None where it has nothing."""
        mapped = self._flags.get(flag) if self._flags else None
        if mapped is not None:
            w.credit(8, "codes.maps.flag")
        elif self._flags and self._strict["flag"]:
            unmapped(w, 8, at, "codes.maps.flag")
        return mapped

    def _translation(self, kind: str, values: tuple[str, ...]) -> Translation:
        first = _Code(*values[:3])
        second = _Code(values[3], values[4], values[5], "alt.") if any(values[3:]) else None
        settings: list[str] = []
        missing = False
        if (first.code or first.text or second) and kind in self._maps:
            pair = self._mapped(kind, first, second)
            missing = pair is None
            if pair:
                first, second = pair
                settings.append(f"codes.maps.{kind}")
        if kind == "test" and self._order != "as-reported":
            wanted = _in_order(self._order, first, second)
            missing = missing or (wanted is None and self._strict[kind] and bool(first.code))
            if wanted and wanted != (first, second):
                first, second = wanted
                settings.append("codes.order")
        elif kind == "unit" and self._units != "as-reported" and (first.code or first.text):
            alone = _Code(first.code or first.text, "", ""), None
            wanted = alone if self._units == "code" else _in_ucum(first, second)
            missing = missing or wanted is None
            if wanted and wanted != (first, second):
                first, second = wanted
                settings.append("codes.units")
        parts = (first,) if second is None else (first, second)
        systems = [self._systems.get(part.system, part.system) for part in parts]
        if any(part.system != system for part, system in zip(parts, systems, strict=True)):
            settings.append("codes.systems")
        return Translation(
            tuple(leaf for part, system in zip(parts, systems, strict=True) for leaf in (*part[:2], system)),
            tuple(f"{part.step}{key}" for part in parts for key in _CODED[:3]),
            tuple(settings),
            missing and self._strict.get(kind, False),
        )

    def _mapped(self, kind: str, first: _Code, second: _Code | None) -> tuple[_Code, _Code | None] | None:
        """Return the translation, and the code that stays beside it; None where the map has neither code."""
        table = self._maps[kind]
        for own, other in ((first, second), (second, first)):
            if own is None:
                continue
            found = table.get(f"{own.system}|{own.code}") or table.get(own.code or own.text)
            if found is not None:
                keeps = found.code == own.code or kind == "unit" or _is_local(own.system)
                system = found.system or (own.system if keeps else _LOCAL)
                made = _Code(found.code, found.text or own.text, system, own.step)
                rest = [one for one in (own, other) if one and one.code and one[::2] != made[::2]]
                if kind == "unit" and not own.system:
                    rest = []  # a unit given as plain text is no code beside its translation
                rest.sort(key=lambda one: _is_loinc(one) == _is_loinc(made))  # the other kind of code first
                return made, rest[0] if rest else None
        return None


def compile_coding(given: SiteProfile) -> Coding | None:
    """Return the Coding of a profile, or None where it wants nothing."""
    coding = Coding(given)
    return coding if coding.active else None


def coded(w: Writer, given: Coded, field: int, at: str, *, kind: str = "", separator: str = "^") -> str:
    """CE, or CWE with the original text, for which a CE has no component.

    `kind` names the profile's code map: test, unit, value, specimen_type.
    """
    alt = given.alt
    values: tuple[str, ...] = given.code, given.text, given.system
    if alt is not None:
        values += alt.code, alt.text, alt.system
    if w.coding is None:
        written = w.joined(values, field, at, _CODED, separator)
    else:
        written = w.coding.write(w, kind, values, _CODED, field, at, separator)
    if not given.original:
        return written
    original = w.text(given.original, field, at, "original")
    return written + separator * (8 - written.count(separator)) + original


def code_or_text(
    w: Writer,
    given: str | Coded,
    field: int,
    at: str,
    *,
    kind: str = "",
    table: str = "",
    codes: frozenset[str] = _NO_CODES,
) -> str:
    """CE or CWE; a plain string is a code where `codes` of HL7 `table` has it, and text where not."""
    if not given:
        return ""
    if isinstance(given, str):
        values = (given, "", table) if given in codes else ("", given, "")
        return _joined(w, kind, values, field, at)
    return coded(w, given, field, at, kind=kind)


def unit_code(w: Writer, given: str | Coded, field: int, at: str) -> str:
    """CE or CWE of a unit; a plain string is its code."""
    if not given:
        return ""
    if isinstance(given, str):
        return _joined(w, "unit", (given, "", ""), field, at)
    return coded(w, given, field, at, kind="unit")


def flag_codes(w: Writer, given: list[str]) -> str:
    """OBX-8, as IS or CWE; a flag that the profile translates may be any text."""
    if not given:
        return ""
    table = w.site.dialect.coded_words.get("OBX-8", "")
    written = []
    for i, flag in enumerate(given):
        at = f"flags[{i}]"
        mapped = w.coding.flag(w, flag, at) if w.coding else None
        if mapped is not None:
            written.append(w.joined(tuple(mapped) if table else (mapped.code,), 8, at, _PLAIN, "^"))
            continue
        code = flag if flag in FLAGS else FLAG_WORDS.get(" ".join(flag.split()).lower(), flag)
        if code not in FLAGS:
            w.fault("flag.unknown", "HL7 table 0078 has no such flag.", 8, at, severity="warning")
        written.append(w.joined((code, "", table if code in FLAGS else ""), 8, at, _PLAIN, "^"))
    return "~".join(filter(None, written))


def _joined(w: Writer, kind: str, values: tuple[str, ...], field: int, at: str) -> str:
    """Write a code that was given as plain text."""
    if w.coding is None:
        return w.joined(values, field, at, _PLAIN, "^")
    return w.coding.write(w, kind, values, _PLAIN, field, at, "^")


def _in_order(order: str, first: _Code, second: _Code | None) -> tuple[_Code, _Code | None] | None:
    """Return two codes as `order` wants them; None where there is none of the kind that it wants."""
    loinc = order.startswith("loinc")
    wanted = next((one for one in (first, second) if one and one.code and _is_loinc(one) == loinc), None)
    if wanted is None:
        return (first, second) if order.endswith("first") else None
    other = second if wanted is first else first
    if order.endswith("first"):
        return wanted, other
    return wanted._replace(text=wanted.text or (other.text if other else "")), None


def _in_ucum(first: _Code, second: _Code | None) -> tuple[_Code, _Code | None] | None:
    """Return a unit as code^text^UCUM; None where it cannot be UCUM."""
    if first.system in ("", _UCUM) and _UCUM_CODE(first.code or first.text):
        return first._replace(code=first.code or first.text, text=first.text or first.code, system=_UCUM), second
    if second is not None and second.system == _UCUM and second.code:
        return second._replace(text=second.text or first.text or second.code), first
    return None


def _is_loinc(one: _Code) -> bool:
    return one.system.upper() in _LOINC


def _is_local(system: str) -> bool:
    """Return whether a system's name means no more than `local` (table 0396: L, 99zzz)."""
    return system in ("", _LOCAL) or system.startswith("99")
