"""Real FHIR files: each is built into a message, or refused for a reason that is right."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from kit.corpus import CORPUS, need_corpus
from kit.examples import examples

from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, ReportItem, read

NOW = datetime(2026, 1, 1, tzinfo=UTC)

# What becomes of each file: its OBX lines (OBX-3.1, OBX-5.1, OBX-11) where it is built, place and code where not.
# Provenance without target, Endpoint without payload type and extensions that are no OID refuse nothing: no result
# needs them. Answers that an order only supports (ServiceRequest.supportingInfo) are the orderer's; they stay.
COVID = [("260415000", "F"), ("N", "F"), ("N", "F"), ("Y", "F"), ("N", "F")]
EXPECTED = {
    # One result of one order; five answers to questions at order entry stand with the order, not the report.
    "reportstream_SR_UP_02262024.fhir": [("95406-5", "260373001", "F")],
    "reportstream_fakePII.fhir": [("94500-6", "260373001", "F")],
    # A final report of three names no observation, so its patient's report is not whole; one observation of the
    # file is named by none: refused too, for it would be lost.
    "reportstream_bundle_diagnostic_report_no_observations.fhir": {
        "entry[29].resource.result": "fhir.no-result",
        "entry[8].resource": "fhir.stray",
    },
    # The test and four answers, all named by the report. 94558-5 stands so in the file.
    "reportstream_bundle_multiple_observations.fhir": [
        ("94558-5", *COVID[0]), ("95418-0", *COVID[1]), ("95417-2", *COVID[2]), ("95421-4", *COVID[3]),
        ("95419-8", *COVID[4]),
    ],
    "reportstream_qual_test_0.fhir": [
        ("94558-4", *COVID[0]), ("95418-0", *COVID[1]), ("95417-2", *COVID[2]), ("95421-4", *COVID[3]),
        ("95419-8", *COVID[4]),
    ],
    # Nothing says when it was collected, but the report's period does.
    "reportstream_qual_test_3.fhir": [
        ("94558-4", *COVID[0]), ("95418-0", *COVID[1]), ("95417-2", *COVID[2]), ("95421-4", *COVID[3]),
        ("95419-8", *COVID[4]),
    ],
    "reportstream_valid.fhir": [
        ("94558-4", *COVID[0]), ("95418-0", *COVID[1]), ("95417-2", *COVID[2]), ("95421-4", *COVID[3]),
        ("95419-8", *COVID[4]),
    ],
    # Codes without a system, and tests that are only a text: sent as they stand.
    "reportstream_valid2.fhir": [
        ("94558-4", *COVID[0]), ("95418-0", *COVID[1]), ("", *COVID[2]), ("", *COVID[3]), ("95419-8", *COVID[4]),
    ],
}  # fmt: skip

need_corpus(module=True)

FILES = {path.name: path.read_bytes() for path in sorted((CORPUS / "fhir").iterdir())}
BUILDER = Builder(builtin())


def build(item: ReportItem) -> list[list[str]]:
    message = BUILDER.build(item.report, control_id="1", now=NOW, attachments=item.documents, place=item.place)
    return [line.split("|") for line in message.body.decode().split("\r")[:-1]]


def test_every_file_has_its_expectation():
    assert FILES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_file(name):
    reading = read(FILES[name])
    assert reading.kind == "fhir"
    if isinstance(EXPECTED[name], dict):
        assert all(isinstance(item, BadItem) for item in reading.items)
        assert EXPECTED[name] == {one.place: one.code for item in reading.items for one in item.findings}
        return
    (item,) = reading.items
    observed = [line for line in build(item) if line[0] == "OBX"]
    assert EXPECTED[name] == [(line[3].split("^")[0], line[5].split("^")[0], line[11]) for line in observed]


def test_a_real_file_field_by_field():
    (item,) = read(FILES["reportstream_valid2.fhir"]).items
    lines = {line[0] + line[1]: line for line in build(item)}
    pid, obr, obx, spm = (lines[name] for name in ("PID1", "OBR1", "OBX1", "SPM1"))
    assert pid[3] == "09d12345-0987-1234-1234-111b1ee0879f^^^Winchester_House^PI"
    assert (pid[5], pid[7], pid[8]) == ("Bunny^Bugs^C^^^^L", "19000101", "M")
    assert pid[11] == "12345 Main St^^San Jose^CA^95125^USA^^^06085"  # the last is Address.district, the county
    assert obr[2] == obr[3] == "1234d1d1-95fe-462c-8ac6-46728dba581c^Winchester_House"
    assert (obr[7], obr[22], obr[25]) == ("20210802000000-0500", "20210802000000-0500", "F")
    assert obr[16].startswith("1679892871^Doolittle^Doctor")
    assert obx[3].split("^")[2:] == ["LN", "12345", "Covid 19 Test", "Local"]
    assert (obx[5], obx[8]) == ("260415000^Not detected^SCT", "N")
    assert obx[23].startswith("Winchester House^")
    assert spm[4] == "445297001^Swab of internal nose^SCT"


# ---------------------------------------------------------------- damaged files

PARSED = {name: json.loads(data) for name, data in FILES.items()}
JUNK = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from([None, [], {}, [None], [[]], ["x"], [{}], "#x", {"reference": "#"}]),
    st.sampled_from(["Patient/1", "2026-13-01", "final", '{"resourceType": "Patient"}', "entered-in-error"]),
)


def places(value, path=()):
    """Every place in a JSON value that can be changed."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


PLACES = {name: list(places(value)) for name, value in PARSED.items()}


@st.composite
def damaged(draw):
    """A real file with some elements replaced, left out, or renamed."""
    name = draw(st.sampled_from(sorted(PARSED)))
    value = json.loads(FILES[name])
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(PLACES[name]))
        inner = value
        try:
            for step in way:
                inner = inner[step]
            if draw(st.booleans()):
                inner[last] = draw(JUNK)
            elif draw(st.booleans()):
                del inner[last]
            else:
                inner[draw(st.sampled_from(["modifierExtension", "valueString", "hasMember", "zzz"]))] = inner[last]
        except (LookupError, TypeError):
            continue
    return json.dumps(value).encode()


@pytest.mark.long
@examples(150, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_a_damaged_file_is_built_or_refused(data):
    try:
        items = read(data).items
    except FileError:
        return
    for item in items:
        if isinstance(item, ReportItem):
            try:
                build(item)
            except FileError:
                continue
        else:
            assert isinstance(item, BadItem)
            assert item.findings
