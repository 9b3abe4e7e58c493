"""A field of a later version that the HIS takes all the same stays where it stands."""

from __future__ import annotations

import datetime

import pytest

from lab_sender.config.profile import builtin
from lab_sender.oru import Builder
from lab_sender.report.model import Coded, Identifier, Order, Organization, Patient, Report, Result

REPORT = Report(
    Patient(ids=[Identifier("1", type="MR")]),
    [
        Order(
            Coded("T"),
            filler="F1",
            reported="2026-11-22",
            collected="2026-11-22",
            results=[Result(Coded("T"), value="1", lab=Organization(name="True Lab"))],
        )
    ],
)
FILL = [{"field": "OBX-23", "value": "City", "when": "OBX-23 absent"}]


@pytest.mark.parametrize(
    ("settings", "producer", "laboratory"),
    [
        ({}, "^True Lab", ""),
        ({"preadopted": ["OBX-23"]}, "", "True Lab"),
        ({"preadopted": ["OBX-23"], "set": FILL}, "", "True Lab"),
        ({"set": FILL}, "", "True Lab"),
    ],
)
def test_one_laboratory_in_one_place(settings, producer, laboratory):
    """2.3.1 has no OBX-23, and its generic profile says OBX-15; two places would name two laboratories."""
    now = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    built = Builder(builtin("generic-2.3.1", **settings)).build(REPORT, control_id="1", now=now, attachments={})
    (obx,) = (line.split("|") for line in built.body.decode().split("\r") if line.startswith("OBX"))
    obx += [""] * (24 - len(obx))
    assert obx[15] == producer
    assert obx[23] == laboratory
