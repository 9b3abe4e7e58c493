"""`lab-result/1` files: a report, an array of reports, or one report a line (NDJSON).

Holds: decoding, a file's report boundaries, and the number rule: every number keeps its text.
Promises: one bad report of an array or of NDJSON is a `BadItem`; the others go on. A key that
stands twice quarantines the file: one of its two values would be lost in silence.
Never: repairs JSON, or guesses what an unknown key meant.

The common way is three passes in C (decode to structs, decode to plain values, encode those without white
space) and one walk over the results. What is wrong with a report is found out only after it failed.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar

import msgspec

from lab_sender.errors import FileError, Finding, bounded
from lab_sender.hl7.numerals import json_number
from lab_sender.readers.items import BadItem, Item, ReportItem, few_bad
from lab_sender.readers.json.faults import duplicate_keys, shape_faults
from lab_sender.readers.rules import rule_faults
from lab_sender.report.model import Range, Report

_REPORT = msgspec.json.Decoder(Report, float_hook=json_number)
_PLAIN = msgspec.json.Decoder(float_hook=str)
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_ELEMENT = msgspec.json.Decoder(msgspec.Raw)
_COMPACT = msgspec.json.Encoder()

_T = TypeVar("_T")

_START = re.compile(rb"\[(?!(?!null|true|false)[A-Za-z][\w .-]*\][;,\t| ]*[\r\n])|\{(?!\\rtf)")
"""An object or array; a line `[Results]` is the title of a table."""
_REASON = re.compile(r"JSON is malformed: (?P<reason>.*) \(byte (?P<byte>\d+)\)")
_UNDECODABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""Of what is not UTF-8, msgspec before 0.23 raises the last."""
_MORE = re.compile(rb"\S")
_MINUS_ZERO = re.compile(rb"[:,\[\s]-0[\s,\]}]")
_DEEPEST = 100
"""Objects and lists inside one another."""
_TOO_DEEP = "The JSON is nested too deep to be a report."


class JsonReader:
    """A report, or an array of reports."""

    kind = "json"

    def recognises(self, data: bytes, start: int, /) -> bool:
        return _START.match(data, start) is not None

    def read(self, data: bytes, _name: str, /) -> list[Item]:
        return decoded(data, _array if data.lstrip().startswith(b"[") else _single)


class NdjsonReader:
    """One report a line."""

    kind = "ndjson"

    def recognises(self, data: bytes, start: int, /) -> bool:
        """Look whether the first line is a whole JSON object and more follows."""
        end = data.find(b"\n", start)
        first = data[start:end].rstrip() if end > 0 and data.startswith(b"{", start) else b""
        if not first.endswith(b"}") or not _MORE.search(data, end):
            return False
        try:
            _ELEMENT.decode(first)
        except _UNDECODABLE:
            return False
        return True

    def read(self, data: bytes, _name: str, /) -> list[Item]:
        return decoded(data, _lines)


def decoded(data: bytes, decode: Callable[[bytes], _T]) -> _T:
    """Decode a file. Raises `FileError` when it is not JSON in UTF-8 as a whole."""
    try:
        return decode(data)
    except _UNDECODABLE as error:
        raise _not_json(data, error) from None


def _single(data: bytes) -> list[Item]:
    return [_report(data, "")]


def _array(data: bytes) -> list[Item]:
    elements = _ELEMENTS.decode(data)
    if not elements:
        raise FileError.of("json.no-report", "The array holds no report.")
    return few_bad(_item(bytes(element), f"[{n}]") for n, element in enumerate(elements))


def _lines(data: bytes) -> list[Item]:
    lines = enumerate(io.BytesIO(data), 1)
    return few_bad(_item(line.removesuffix(b"\n"), f"line {n}") for n, line in lines if not line.isspace())


# ---------------------------------------------------------------- one report


def _item(raw: bytes, place: str) -> ReportItem | BadItem:
    """Read one report among several."""
    try:
        return _report(raw, place)
    except _UNDECODABLE as error:
        code, reason, byte = _syntax(raw, error)
        if _first_not_utf8(raw, before=byte) is not None:  # then the file is not
            raise
        findings: tuple[Finding, ...] = (Finding(code, f"{reason} (Byte {byte} of this report.)", place=place),)
    except FileError as error:
        findings = error.findings
    return BadItem(place, findings, hashlib.sha256(raw).digest())


def _report(raw: bytes, place: str) -> ReportItem | BadItem:
    try:
        report = _REPORT.decode(raw)
        compact = _COMPACT.encode(_PLAIN.decode(raw))
    except msgspec.ValidationError:
        return _second_look(raw, place)
    findings: list[Finding] = []
    # As many colons in the file as in what was decoded: no key was there twice. Only a colon that is
    # itself escaped (\u003a) could hide one.
    if raw.count(b":") != compact.count(b":") or (b"\\" in raw and b"\\u003" in raw):
        findings += duplicate_keys(raw, place)
    if _keep_number_text(report) and _MINUS_ZERO.search(raw):
        report = _from_texts(raw, place)
    findings += rule_faults(report, place)
    digest = hashlib.sha256(compact).digest()
    return BadItem(place, bounded(findings), digest) if findings else ReportItem(place, report, digest)


def _second_look(raw: bytes, place: str) -> ReportItem | BadItem:
    """Find out why a report did not decode. Where nulls are all, it is in order: null is no statement."""
    digest = hashlib.sha256(raw).digest()
    try:
        findings = bounded(chain(shape_faults(raw, place), duplicate_keys(raw, place)))
        if not findings:
            report = _from_texts(raw, place)
            digest = hashlib.sha256(_COMPACT.encode(_PLAIN.decode(raw))).digest()
            findings = bounded(rule_faults(report, place))
    except msgspec.ValidationError:  # a number longer than any decoder takes
        findings = (Finding("json.shape", "This is not a report as lab-result/1 has it.", place=place),)
    return BadItem(place, findings, digest) if findings else ReportItem(place, report, digest)


def _from_texts(raw: bytes, place: str) -> Report:
    """Decode a report whose types are known to be right: numbers as their text, nulls as absent keys."""
    plain = json.loads(raw, parse_int=str, parse_float=json_number)
    return msgspec.convert(without_nulls(plain, place), Report)


def without_nulls(value: Any, place: str, *, level: int = 0) -> Any:
    """Leave out what is null: it states nothing. Lists keep theirs, where FHIR pairs them with extensions.

    Raises FileError for what is nested deeper than any report.
    """
    if level > _DEEPEST:
        raise FileError.of("json.too-deep", _TOO_DEEP, place=place)
    level += 1
    if isinstance(value, dict):
        return {key: without_nulls(inner, place, level=level) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner, place, level=level) for inner in value] if isinstance(value, list) else value


def _keep_number_text(report: Report) -> bool:
    """Turn whole numbers into their text, as the decoder did with all others. True when one of them is 0."""
    zero = False
    for order in report.orders:
        for result in order.results:
            value, span = result.value, result.range
            if value.__class__ is not str and value is not None:
                zero = zero or _holds_zero(value)
                result.value = _as_text(value)
            if isinstance(span, Range):
                zero = zero or _holds_zero([span.low, span.high])
                span.low = "" if span.low is None else _as_text(span.low)
                span.high = "" if span.high is None else _as_text(span.high)
    return zero


def _holds_zero(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_zero, value.values()))
    if isinstance(value, list):
        return any(map(_holds_zero, value))
    return value.__class__ is int and value == 0


def _as_text(value: Any) -> Any:
    if value.__class__ is int:
        return str(value)
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _as_text(inner) for key, inner in value.items() if inner is not None}
    return value


# -------------------------------------------------------------------- syntax


def _not_json(data: bytes, error: Exception) -> FileError:
    code, reason, byte = _syntax(data, error)
    start = _first_not_utf8(data, before=byte)
    if start is None:
        return FileError.of(
            code,
            f"{reason} (Byte {byte} of the file.)",
            place=_line_and_column(data, byte),
            hint="Nothing of this file was sent.",
        )
    return FileError.of(
        "file.encoding",
        f"The file is not UTF-8. (Byte {start} of the file.)",
        place=_line_and_column(data, start),
        hint="JSON must be UTF-8; the writer may have used Windows-1252 or ISO 8859-1.",
    )


def _first_not_utf8(data: bytes, *, before: int) -> int | None:
    """Find the first byte that is not UTF-8, whatever a decoder calls it; a character cut off at the end is none."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        cut = error.end == len(data) and error.reason == "unexpected end of data"
        return error.start if error.start < before and not cut else None
    return None


def _syntax(data: bytes, error: Exception) -> tuple[str, str, int]:
    """Put a decoder's error into a code, a sentence, and a byte offset."""
    if isinstance(error, RecursionError):
        return "json.too-deep", _TOO_DEEP, 0
    matched = _REASON.fullmatch(str(error))
    byte = int(matched["byte"]) if matched else len(data.rstrip())
    if re.search(rb"\\u[dD][89a-fA-F]", data) and _is_json_but_for_surrogates(data):
        return "json.surrogate", "A \\u escape is one half of a surrogate pair, not a character.", byte
    reason = matched["reason"] if matched else "it ends in the middle of a value"
    return "json.syntax", f"This is not JSON: {reason}.", byte


def _is_json_but_for_surrogates(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _line_and_column(data: bytes, byte: int) -> str:
    before = data[:byte]
    line_start = before.rfind(b"\n") + 1
    column = len(before[line_start:].decode("utf-8", "replace")) + 1
    line = before.count(b"\n") + 1
    return f"line {line}, column {column}"
