"""FHIR R4 files: a Bundle, a DiagnosticReport, or one of them a line (NDJSON).

Holds: decoding, and the places of a file with several lines.
Promises: numbers keep their text. A key that stands twice quarantines the file: one of its values would be lost. The
FHIR modules and the model library are loaded when the first FHIR file comes.
Never: sends part of a report, or anything that FHIR R4 does not allow.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from lab_sender.config.inputs import FhirInput
from lab_sender.errors import FileError
from lab_sender.readers.items import BadItem, Item, Remark
from lab_sender.readers.json.faults import duplicate_keys
from lab_sender.readers.json.reader import NdjsonReader, decoded, without_nulls

_STRICT = msgspec.json.Decoder(float_hook=str)
_MARK = re.compile(rb'"resourceType"\s*:')


class FhirReader:
    """FHIR R4 resources in JSON."""

    kind = "fhir"

    def __init__(self, settings: FhirInput) -> None:
        self._settings = settings

    def recognises(self, data: bytes, start: int, /) -> bool:
        return data.startswith(b"{", start) and _MARK.search(data, start) is not None

    def read(self, data: bytes, _name: str, /) -> list[Item | Remark]:
        if NdjsonReader().recognises(data, data.index(b"{")):
            lines = enumerate(data.split(b"\n"), 1)
            return [item for n, line in lines if line.strip() for item in self._line(line, f"line {n}")]
        return self._resource(decoded(data, _with_number_texts), data, "")

    def _line(self, line: bytes, place: str) -> list[Item | Remark]:
        """Read one line of several: what is wrong with it concerns no other."""
        try:
            value = decoded(line, _with_number_texts)
        except FileError as error:
            findings = tuple(replace(finding, place=place) for finding in error.findings)
        else:
            try:
                return self._resource(value, line, place)
            except FileError as error:
                findings = error.findings
        return [BadItem(place, findings, hashlib.sha256(line).digest())]

    def _resource(self, value: Any, data: bytes, place: str) -> list[Item | Remark]:
        from lab_sender.readers.fhir.report import read_fhir

        if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
            raise FileError.of("fhir.no-report", "This is not a FHIR resource.", place=place)
        stated = without_nulls(value, place)
        if twice := tuple(duplicate_keys(data, place)):
            raise FileError(twice)
        return read_fhir(stated, place, self._settings)


def _with_number_texts(data: bytes) -> Any:
    _STRICT.decode(data)  # json takes more: NaN, half of a surrogate pair
    return json.loads(data, parse_float=Decimal, parse_int=Decimal)
