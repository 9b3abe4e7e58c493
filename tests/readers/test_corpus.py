"""Real files: every message goes out byte for byte, or is refused for a reason that is right."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from kit.corpus import CORPUS, need_corpus

from lab_sender.errors import FileError
from lab_sender.readers import BadItem, Inputs, ReadyItem, read
from lab_sender.readers.settings import Hl7Input

# What is refused, and why that is right. Everything else in the corpus is ready to be sent.
REFUSED = {
    # MSH-2 is &&&&: no way to tell a component from a repetition.
    "cdcgov-data-exchange-hl7__037__Lyme_WithBadDelimiters.hl7": "hl7.delimiters",
    # MSH-2 is ^~\\&: copied out of program source with its backslashes doubled; the escape character stands twice.
    "linuxforhealth-hl7v2-fhir-converter__006__Hl7ORUMessageTest.hl7": "hl7.delimiters",
    "linuxforhealth-hl7v2-fhir-converter__007__Hl7ORUMessageTest.hl7": "hl7.delimiters",
    "linuxforhealth-hl7v2-fhir-converter__009__Hl7ORUMessageTest.hl7": "hl7.delimiters",
    "linuxforhealth-hl7v2-fhir-converter__010__Hl7ORUMessageTest.hl7": "hl7.delimiters",
    "linuxforhealth-hl7v2-fhir-converter__012__SegmentUtilTest.hl7": "hl7.delimiters",
    # Patient data only: neither OBR nor OBX.
    "cdcgov-prime-reportstream__021__HL7ReaderTests.hl7": "hl7.no-result",
    "cdcgov-prime-reportstream__026__DLD-to-Location.hl7": "hl7.no-result",
    "cdcgov-prime-reportstream__027__dr-to-period.hl7": "hl7.no-result",
    "cdcgov-prime-reportstream__028__ID-to-Encounter-pv2-22-F.hl7": "hl7.no-result",
    "cdcgov-prime-reportstream__054__Hl7SerializerIntegrationTests.hl7": "hl7.no-result",
    "linuxforhealth-hl7v2-fhir-converter__002__Hl7MessageTest.hl7": "hl7.no-result",
    "linuxforhealth-hl7v2-fhir-converter__024__Hl7PatientFHIRConversionTest.hl7": "hl7.no-result",
    "linuxforhealth-hl7v2-fhir-converter__025__Hl7PatientFHIRConversionTest.hl7": "hl7.no-result",
    # A segment XTR, a segment NNN: ids of no version, as the second line of a text may begin.
    "cdcgov-data-exchange-hl7__024__Lyme_V1.0.2_TM_TC01.hl7": "hl7.broken-line",
    "cdcgov-prime-reportstream__050__UniversalPipelineTestUtils.hl7": "hl7.broken-line",
    # MSH-9 is ORU^R02.
    "cdcgov-prime-reportstream__048__SubmissionReceiverTests.hl7": "hl7.not-oru",
    # BTS-1 says 25, the file holds 20 messages.
    "CDCgov_prime-reportstream__test-0001-input-covid-19.hl7": "hl7.batch-count",
}


OPEN_ENDED = Inputs(hl7=Hl7Input(end="optional"))
"""Many of these files were cut out of program source, and lost their last line end on the way."""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    need_corpus()
    paths = [path for part in ("oru", "files") for path in sorted((CORPUS / part).iterdir()) if path.suffix != ".tsv"]
    return {path.name: path.read_bytes() for path in paths}


def without_envelope(data: bytes) -> bytes:
    """What must go out of a file, found another way: lines of the envelope and framing out, each line ended by CR."""
    lines = re.split(rb"[\r\n]+", data.translate(None, b"\x0b\x1c").removeprefix(b"\xef\xbb\xbf"))
    return b"".join(line + b"\r" for line in lines if line and line[:3] not in (b"FHS", b"BHS", b"BTS", b"FTS"))


def test_every_real_file(files, capsys):
    refused: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for name, data in files.items():
        try:
            items = read(data, name, OPEN_ENDED).items
        except FileError as error:
            refused[name] = error.code
            counts[error.code] += 1
            continue
        for item in items:
            if isinstance(item, BadItem):
                refused[name] = item.findings[0].code
                counts[item.findings[0].code] += 1
        ready = [item for item in items if isinstance(item, ReadyItem)]
        counts["ready"] += len(ready)
        if len(ready) == len(items):
            assert b"".join(item.body for item in ready) == without_envelope(data), name
    with capsys.disabled():
        print(f"\ncorpus: {len(files)} files, " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    assert refused == REFUSED


def test_every_real_result_names_its_order_and_patient(files):
    """Keys hold later reports back behind a quarantined one; a real result nearly always has both."""
    good = {name: data for name, data in files.items() if name not in REFUSED}
    ready = [item for name, data in good.items() for item in read(data, name, OPEN_ENDED).items]
    assert sum(bool(item.orders) for item in ready) > 0.9 * len(ready)
    assert sum(bool(item.patient_key) for item in ready) > 0.9 * len(ready)


def test_without_its_last_line_end_a_real_file_is_taken_for_cut_off(files):
    """The one sign that there is of an upload that broke off. A site whose files are so says `hl7_end: optional`."""
    good = {name: data for name, data in files.items() if name not in REFUSED}
    lasts = {name: read(data).items[-1] for name, data in good.items()}
    codes = {name: [each.code for each in last.findings] for name, last in lasts.items() if isinstance(last, BadItem)}
    assert all(found == ["hl7.cut"] for found in codes.values())
    ends = {name: data.splitlines()[-1][:3] for name, data in good.items() if data[-1:] not in b"\r\n\x1c"}
    assert codes.keys() == {name for name, last in ends.items() if last not in (b"BTS", b"FTS")}
    assert len(codes) > 40
