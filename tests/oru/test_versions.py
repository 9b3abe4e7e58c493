"""Any report in any version by any built-in profile: what is said is there, or it is a finding."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

import msgspec
import pytest
from hypothesis import Phase, given
from hypothesis import strategies as st
from kit.examples import examples
from kit.strategies import codes, maybe_time, order_numbers, organizations, people, reports, specimens, text

from lab_sender.config.profile import builtin, builtin_names
from lab_sender.config.profile.model import VERSIONS
from lab_sender.errors import FileError, LabSenderError
from lab_sender.hl7.escape import unescape
from lab_sender.oru import Builder
from lab_sender.report import model
from oru import hl7apy_faults as hl7apy

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NOWHERE = {(model.Report, "id")}
"""What no field is for."""
NO_SHRINKING = {"phases": [Phase.explicit, Phase.reuse, Phase.generate]}
SAME = {
    "PID": (3, 7, 11),
    "OBR": (2, 3, 4, 16, 22, 24, 25, 26, 28, 29),
    "OBX": (1, 3, 4, 6, 7, 11, 14),
}
"""Fields that read the same in every version."""
NOT_SENT = {"schema", "type", "status", "sex", "patient_class", "path", "mime", "system"}
"""Keys whose value is not sent as it is: words that become codes, and coding systems, which a note does without."""


@cache
def builder(name, version=""):
    """Return a Builder, or None where the profile cannot be had in that version."""
    try:
        return Builder(builtin(name, version=version) if version else builtin(name))
    except LabSenderError:
        return None


def build(maker, report):
    files = {one.path: b"%PDF-1.4 %%EOF" for order in report.orders for one in order.attachments}
    return maker.build(report, control_id="0ABC", now=NOW, attachments=files).body.decode()


@st.composite
def whole_reports(draw):
    """Draw a report that may use the parts of the model which old versions have no field for."""
    report = draw(reports(with_attachments=True))
    patient = report.patient
    patient.race = draw(st.lists(st.sampled_from(["2106-3", "some text"]) | codes(), max_size=2))
    patient.ethnicity = draw(st.sampled_from(["", "N"]) | codes())
    patient.account = draw(st.sampled_from(["", "A77|BILLING"]))
    patient.died = draw(maybe_time)
    for kin in patient.next_of_kin:
        kin.phones = ["+49 341 123457"]
    for order in report.orders:
        order.requested, order.collected_until = draw(maybe_time), draw(maybe_time)
        order.group = draw(st.just("") | order_numbers)
        order.orderer_phone = draw(st.sampled_from(["", "+49 341 123458", "a@example.org"]))
        order.orderer_facility = draw(st.none() | organizations)
        if order.orderer_facility:
            order.orderer_facility.director = None  # a warning: ORC has no field for it
        order.reason = draw(st.lists(text() | codes(cwe=True), max_size=2))
        order.copy_to = draw(st.lists(people, max_size=2))
        order.timing = draw(st.none() | st.builds(model.Timing, start=maybe_time, end=maybe_time))
        order.specimens = draw(st.lists(specimens, max_size=2))
        for specimen in order.specimens:
            specimen.additive, specimen.method = draw(st.just("") | codes(cwe=True)), draw(st.just("") | text())
            specimen.reject, specimen.notes = draw(st.lists(codes(), max_size=2)), draw(st.lists(text(), max_size=1))
            specimen.collected_until = draw(maybe_time)
        for result in order.results:
            result.method = draw(st.just("") | text() | codes(cwe=True))
            result.device = draw(st.just("") | order_numbers)
            result.observer = draw(st.none() | people)
            result.flags = draw(st.lists(st.sampled_from("LHNAR"), max_size=2, unique=True))
    return report


@pytest.mark.long
@examples(40, **NO_SHRINKING)
@given(whole_reports(), st.sampled_from(builtin_names()), st.sampled_from(("", *VERSIONS)))
def test_any_report_by_any_profile_builds_or_gives_findings(report, name, version):
    maker = builder(name, version)
    assert maker or version, name
    if maker:
        with suppress(FileError):
            assert build(maker, report).startswith("MSH|")


@pytest.mark.long
@examples(20, **NO_SHRINKING)  # hl7apy takes a tenth of a second
@given(whole_reports(), st.sampled_from(VERSIONS))
def test_what_is_said_is_there_in_every_version(report, version):
    for one in report.patient.ids:
        one.type = one.type or "MR"  # required from 2.7 on
    message = build(builder(f"generic-{version}"), report)
    hl7apy.validate(message, version)
    lines, best = (
        [line.split("|") for line in body.split("\r")] for body in (message, build(builder("generic-2.5.1"), report))
    )
    for segment, numbers in SAME.items():
        ours, theirs = ([row + [""] * 60 for row in rows if row[0] == segment] for rows in (lines, best))
        assert [[row[n] for n in numbers] for row in ours] == [[row[n] for n in numbers] for row in theirs]
    fields = re.split(r"[|\r]", message)
    leaves = [
        plain(unescape(leaf)) for field in fields for leaf in (field.replace("^", ""), *re.split("[~^&]", field))
    ]
    for value in said(report):
        assert any(plain(value) in leaf for leaf in leaves), value


def said(thing):
    """Yield the texts of a report that a message must have in it."""
    if isinstance(thing, model.Authority):
        yield thing.namespace or thing.id
    elif isinstance(thing, msgspec.Struct):
        for key, value in zip(thing.__struct_fields__, msgspec.structs.astuple(thing), strict=True):
            if key == "authority" and isinstance(value, str):
                yield value.partition("|")[0]
            elif key not in NOT_SENT and (type(thing), key) not in NOWHERE and not isinstance(value, dict):
                yield from said(value)
    elif isinstance(thing, list):
        for item in thing:
            if not isinstance(item, dict):  # a value's own keys are the oracle's
                yield from said(item)
    elif isinstance(thing, str):
        yield from thing.partition("|")[::2] if re.fullmatch(r"[A-Z0-9-]+\|[A-Z0-9-]+", thing) else thing.split("\n")


def plain(text):
    """Leave only what stays in every form of a value: letters and digits."""
    if re.match(r"\d{4}-\d\d-\d\dT\d\d", text):
        text = text.replace("T", "").replace("Z", "0000")
    return re.sub(r"[\W_]", "", text)


@pytest.mark.parametrize(
    ("version", "places", "note"),
    [
        ("2.3.1", {"OBX-19": "note"}, "Analysed: 2024-08-19 11:00 +0100"),
        ("2.5", {"OBX-23": "note"}, "Performing laboratory: Core \\T\\ Co (05D, CLIA)"),
        ("2.5.1", {"OBX-3.9": "note"}, "Test, original text: Na"),
    ],
)
def test_a_note_says_what_has_no_field(version, places, note):
    lines = with_everything(version, places).split("\r")
    after = lines[next(n for n, line in enumerate(lines) if line.startswith("OBX")) + 1 :]
    notes = [line for line in after if line.startswith("NTE")]
    assert notes[0] == "NTE|1|L|its own"
    assert f"|L|{note}" in "\r".join(notes)
    assert [line.split("|")[1] for line in notes] == [str(number + 1) for number in range(len(notes))]


@pytest.mark.parametrize(
    ("places", "field", "value"),
    [
        ({"OBX-23": "OBX-15"}, "OBX-15", "05D^Core \\T\\ Co^CLIA"),
        ({"OBX-25": "OBX-15"}, "OBX-15", "1^Head^"),
        ({"OBX-23": "OBR-21"}, "OBR-21", "Core \\T\\ Co (05D, CLIA)"),
        ({"OBX-23": "OBR-21.2"}, None, "version"),
        ({"OBX-19": "OBX-12"}, "OBX-12", "202408191100+0100"),
        ({"OBX-24": "OBX-13"}, "OBX-13", "Lab Road, Dublin"),
        ({"PID-18": "PID-4"}, "PID-4", "A77^^^BILLING"),
        ({"PV1-19": "PID-18"}, "PID-18", None),
        ({"OBX-24": "nowhere", "OBX-25": "nowhere"}, "OBX-24", ""),
    ],
)
def test_a_field_goes_where_the_profile_has_its_place(places, field, value):
    if field is None:
        with pytest.raises(LabSenderError) as refused:
            with_everything("2.5.1", places)
        assert refused.value.code == "profile.places"
    elif value is None:
        with pytest.raises(FileError) as taken:
            with_everything("2.5.1", places)
        assert [(one.code, one.place, one.field) for one in taken.value.findings] == [
            ("version.place-taken", "visit.number", "PV1-19")
        ]
    else:
        segment, number = field.split("-")
        lines = with_everything("2.5.1", places).split("\r")
        first = {line[:3]: line.split("|") + [""] * 40 for line in reversed(lines)}
        assert first[segment][int(number)].rstrip("^") == value.rstrip("^")
        segment, number = next(iter(places)).split("-")
        assert first[segment][int(number)] == ""


def test_what_has_no_place_is_a_finding():
    with pytest.raises(FileError) as refused:
        with_everything("2.5.1", {}, type="CE", value={"code": "A", "original": "a"})
    assert [(one.code, one.place, one.field) for one in refused.value.findings if one.severity == "error"] == [
        ("version.no-place", "orders[0].results[0].value", "OBX[1]-5")
    ]
    assert "places: {OBX-5.9: note}" in refused.value.findings[0].hint


def with_everything(version, places, **result):
    """Build a report with a laboratory, an account and an original text; return the message."""
    report = model.Report(
        model.Patient([model.Identifier("1", type="MR")], model.Name("A"), account="A77|BILLING"),
        [
            model.Order(
                model.Coded("P"),
                "F1",
                collected="2024",
                reported="2024",
                results=[
                    model.Result(
                        model.Coded("NA", original="Na"),
                        analysed="2024-08-19T11:00+01:00",
                        notes=["its own"],
                        **({"value": "1"} | result),
                        lab=model.Organization(
                            "Core & Co",
                            "05D",
                            "CLIA",
                            model.Address("Lab Road", city="Dublin"),
                            model.Person("1", family="Head"),
                        ),
                    )
                ],
            )
        ],
        visit=model.Visit("I", number="V1"),
    )
    maker = Builder(builtin(f"generic-{version}", places=places))
    return maker.build(report, control_id="C", now=NOW, attachments={}).body.decode()
