"""Safety of results: a late, stale or silently changed report does not replace a good one at the HIS."""

from __future__ import annotations

import json
from collections.abc import Callable

from kit.patients import FAMILY, PATIENT_ID, VALUE

from faults.bench import Site
from faults.processes import until
from lab_sender.mllp.standin.server import StandIn

CBC = {"code": "58410-2", "text": "CBC", "system": "LN"}


def report(reported: str, status: str, *results: tuple[str, str, str]) -> bytes:
    """A report of one and the same order; `results` are code, value, status."""
    told = [
        {"test": {"code": code, "text": code, "system": "LN"}, "value": value, "unit": "g/dL", "status": own}
        for code, value, own in results
    ]
    order = {"filler": "F1|LAB", "test": CBC, "reported": reported, "status": status, "results": told}
    patient = {"ids": [{"id": PATIENT_ID, "type": "MR"}], "name": {"family": FAMILY}}
    return json.dumps({"schema": "lab-result/1", "patient": patient, "orders": [order]}).encode()


FINAL = report("2024-01-03T10:00:00Z", "final", ("718-7", "14.1", "final"), ("6690-2", "5.2", "final"))
LATE = report("2024-01-03T08:00:00Z", "preliminary", ("718-7", VALUE, "preliminary"))
SILENT = report("2024-01-03T11:00:00Z", "final", ("718-7", "11.1", "final"), ("6690-2", "5.2", "final"))
CORRECTED = report("2024-01-03T12:00:00Z", "corrected", ("718-7", "11.1", "corrected"), ("6690-2", "5.2", "final"))


def told(his: StandIn) -> list[tuple[str, list[str]]]:
    """OBR-25 of each message at the HIS, with the values it has."""
    messages = [each.body.decode().split("\r") for each in his.received]
    return [
        (
            next(line.split("|")[25] for line in lines if line.startswith("OBR")),
            [line.split("|")[5] for line in lines if line.startswith("OBX")],
        )
        for lines in messages
    ]


def test_a_late_and_a_silent_one_are_set_aside_and_a_correction_goes_through(site: Site, his: StandIn) -> None:
    for order, (name, data) in enumerate(
        [("1.json", FINAL), ("2.json", LATE), ("3.json", SILENT), ("4.json", CORRECTED)]
    ):
        site.drop(name, data, order=order)
    agent = site.start()
    site.settle(4)
    assert told(his) == [("F", ["14.1", "5.2"]), ("C", ["11.1", "5.2"])]
    assert set(site.sent) == {"1.json", "4.json"}
    reasons = {name: text.decode() for name, text in site.quarantined.items() if name.endswith(".reason.txt")}
    assert "correction.older" in reasons["2.json.reason.txt"]
    assert "correction.silent-change" in reasons["3.json.reason.txt"]
    with site.operator() as operator:
        operator.release(2, force=True)
    his.wait_for(3)
    assert told(his)[2] == ("P", [VALUE])
    until(lambda: set(site.sent) == {"1.json", "2.json", "4.json"}, "the released file is with those sent")
    assert agent.stop() == 0


def test_held_it_keeps_the_correction_back_until_somebody_decides(
    make_site: Callable[..., Site], his: StandIn
) -> None:
    site = make_site(his.port, corrections="{suspicious: hold}")
    for order, (name, data) in enumerate([("1.json", FINAL), ("2.json", SILENT), ("3.json", CORRECTED)]):
        site.drop(name, data, order=order)
    agent = site.start()
    his.wait_for(1)
    agent.says("file.quarantined")
    assert site.rows("SELECT id, state FROM message WHERE id > 1") == [(2, "quarantined"), (3, "spooled")]
    with site.operator() as operator:
        operator.release(2)
    site.settle(3)
    assert [status for status, _ in told(his)] == ["F", "F", "C"]
    assert agent.stop() == 0


def test_sent_it_is_said_in_the_log(make_site: Callable[..., Site], his: StandIn) -> None:
    site = make_site(his.port, corrections="{suspicious: send, send: changed}")
    agent = site.start()
    for number, (name, data) in enumerate([("1.json", FINAL), ("2.json", SILENT), ("3.json", CORRECTED)], 1):
        site.drop(name, data)
        his.wait_for(number)
        site.settle(number)
    agent.says("message.suspicious")
    assert told(his) == [("F", ["14.1", "5.2"]), ("F", ["11.1"]), ("C", ["11.1"])]
    assert site.rows("SELECT state, code FROM message WHERE id = 2") == [("acked", "correction.silent-change")]
    assert agent.stop() == 0
