"""The verdict on the facts."""

from __future__ import annotations

from typing import Any

import pytest

from lab_sender.operations.conditions import Cause, Limits, judge, level_of, news_of
from lab_sender.operations.figures import Certificate
from lab_sender.operations.lanes import DestinationStatus
from lab_sender.operations.nodes import NodeStatus
from lab_sender.operations.outboxes import OutboxStatus
from lab_sender.operations.status import Facts, Level

NOW = 1_790_000_000_000
DAY = 86_400_000
LANE: dict[str, Any] = {
    "name": "his", "status": "OK", "news": (), "configured": True, "his": "his.example:2575", "address": None,
    "connections": 1, "connections_up": 1, "link": "up", "link_code": None, "link_detail": None,
    "link_since_ms": NOW - 60_000, "next_try_ms": None, "closed_until_ms": None, "opened_ms": None, "trouble": None,
    "unanswered_s": None, "hold": None, "hold_reason": None, "hold_since_ms": None, "hold_messages": (), "waiting": 0,
    "oldest_waiting_s": None, "quarantined": 0, "quarantined_by": (), "acked": 7, "commit_only": 0,
    "contradicted": 0, "last_ack_ms": NOW, "node": None,
    "connected_since_ms": NOW - 60_000, "rate_per_min": 0.0, "ack_ms": None, "ack_p95_ms": None,
    "eta_s": None, "unknown_tries": 0, "today": {}, "certificates": (),
}  # fmt: skip
OUTBOX: dict[str, Any] = {
    "folder": "/outbox", "to": ("his",), "away": False, "hangs": False, "files": 0, "oldest_file_s": None,
    "taken_s": None, "expected_s": None, "untaken": {}, "overdue": {}, "unread_files": 0,
}  # fmt: skip
SHARED: dict[str, Any] = {
    "at_ms": NOW, "running": True, "config_file": "config.yaml", "config_changed": False, "config_refused": None,
    "retention_trouble": None, "nodes": (),
    "outbox": "/outbox",
    "untaken": {}, "overdue": {}, "unread_files": 0, "intake_trouble": None, "filing_trouble": None,
    "agent_seen_ms": NOW - 500, "agent_ended": None, "silent": {}, "journal_trouble": None,
    "journal_trouble_since_ms": None, "unreadable": 0, "unreadable_by": (),
    "journal_lack": None, "journal_lack_text": None,
    "journal": True, "journal_bytes": 1, "disk_free_bytes": 1 << 40, "disk_full_in_s": None,
    "audit_broken": None,
}  # fmt: skip


def machine(name: str, silent_s: float, *, here: bool = False, stopped: bool = False, **more: bool) -> NodeStatus:
    """One of several machines."""
    known = {"away": silent_s > 10, "unwatched": False, "alerts": False} | more
    return NodeStatus(name, "0", here, NOW, silent_s, stopped, **known, sends_to=(), receives=())


def facts(*lanes: dict[str, Any], outboxes: tuple[dict[str, Any], ...] = ({},), **changed: Any) -> Facts:
    """Make the facts of a well installation but for what is given; what is of a lane goes to the lane."""
    of_lane = {name: changed.pop(name) for name in list(changed) if name in LANE and name not in SHARED}
    destinations = tuple(DestinationStatus(**{**LANE, **each}) for each in lanes or (of_lane,))
    boxes = tuple(OutboxStatus(**{**OUTBOX, **each}) for each in outboxes)
    mirrored = {name: getattr(destinations[0], name) for name in Facts.__struct_fields__ if name in LANE}
    files = sum(each.files or 0 for each in boxes)
    values = mirrored | SHARED | {"outbox_files": files, "destinations": destinations, "outboxes": boxes} | changed
    return Facts(**values)


@pytest.mark.parametrize(
    ("changed", "level", "news"),
    [
        ({}, "OK", []),
        ({"nodes": (machine("b", 61.0),)}, "WARNING", ["the agent of b was not heard of for 61 s"]),
        ({"nodes": (machine("b", 59.0), machine("c", 8 * DAY / 1000))}, "OK", []),
        ({"nodes": (machine("b", 1.0, unwatched=True),)}, "WARNING",
         ["the page's process of b does not run: nobody sees what is wrong there"]),
        ({"running": False, "waiting": 3, "nodes": (machine("a", 9.0, here=True), machine("b", 1.0))}, "WARNING",
         ["no agent runs"]),
        ({"nodes": (machine("b", 61.0, stopped=True), machine("a", 61.0, here=True))}, "OK", []),
        (
            {"nodes": (machine("b", 1.0),), "outboxes": ({"shared": True},)},
            "CRITICAL", ["no machine receives what comes to the outbox"],
        ),
        ({"nodes": (machine("b", 1.0),), "outboxes": ({"shared": True, "node": "b"},)}, "OK", []),
        ({"nodes": (machine("b", 1.0, stopped=True),), "outboxes": ({"shared": True},)}, "OK", []),
        ({"waiting": 1, "oldest_waiting_s": 601.0}, "CRITICAL", ["the oldest message waits for 10 min"]),
        ({"waiting": 1, "oldest_waiting_s": 301.0}, "WARNING", ["the oldest message waits for 5 min"]),
        ({"waiting": 1, "oldest_waiting_s": 300.0}, "OK", []),
        ({"hold": "brake"}, "CRITICAL", ["the lane is held by the brake"]),
        ({"hold": "operator"}, "WARNING", ["the lane is held by an operator"]),
        ({"outboxes": ({"away": True},)}, "CRITICAL", ["the outbox cannot be reached"]),
        ({"outboxes": ({"away": True, "hangs": True, "files": None},)}, "CRITICAL", ["the outbox does not answer"]),
        ({"running": False, "outboxes": ({"missing": True},)}, "CRITICAL",
         ["the outbox is not there, and no journal is: no agent has worked here yet, or they were moved",
          "no agent runs"]),
        ({"running": False, "outboxes": ({"files": 1},)}, "CRITICAL", ["no agent runs and 1 message or file waits"]),
        ({"running": False}, "WARNING", ["no agent runs"]),
        ({"silent": {"lane": 40.0}}, "CRITICAL", ["the part lane of the agent has done nothing for 40 s"]),
        ({"silent": {"agent": 40.0}}, "CRITICAL", ["the agent has done nothing for 40 s"]),
        ({"silent": {"intake": 40.0}}, "WARNING", ["the part intake of the agent has done nothing for 40 s"]),
        ({"journal_trouble": "journal.full", "silent": {"lane": 40.0}}, "CRITICAL",
         ["the journal cannot be written (journal.full)"]),
        ({"journal_lack": "journal.elsewhere", "journal_lack_text": "another journal."}, "CRITICAL",
         ["another journal"]),
        ({"link": "down", "link_code": "connect.refused"}, "WARNING", ["the link is down (connect.refused)"]),
        ({"link": "down", "link_code": "connect.refused", "link_since_ms": NOW - 1_900_000}, "CRITICAL",
         ["the link is down (connect.refused)"]),
        ({"unanswered_s": 90.0, "trouble": "ack.timeout"}, "WARNING",
         ["the HIS has answered nothing for 90 s (ack.timeout)"]),
        ({"config_changed": True, "config_file": "lab.yaml"}, "WARNING",
         ["lab.yaml (or a file that it names) changed and is not in force: `lab-sender reload`"]),
        ({"retention_trouble": "retention.no-archive"}, "WARNING",
         ["what is due to be deleted could not be (retention.no-archive); it is tried again"]),
        ({"config_changed": True, "config_refused": "reload.needs-restart"}, "WARNING",
         ["config.yaml was changed and not taken (reload.needs-restart): the one before is in force"]),
        ({"quarantined_by": (Cause("refused", 2, NOW),), "unreadable_by": (Cause("json.syntax", 1, NOW),)}, "WARNING",
         ["2 in quarantine (refused)", "1 unreadable file in quarantine (json.syntax)"]),
        ({"quarantined_by": (Cause("refused", 2, NOW), Cause("order.stale", 1, NOW))}, "WARNING",
         ["3 in quarantine (2 refused, 1 order.stale)"]),
        ({"contradicted": 1}, "WARNING", ["1 delivered message contradicted by the HIS since"]),
        ({"intake_trouble": "claim.failed"}, "WARNING", ["intake is blocked (claim.failed)"]),
        ({"filing_trouble": "keeper.OSError"}, "WARNING", ["filing is blocked (keeper.OSError)"]),
        ({"outboxes": ({"files": None},)}, "WARNING", ["the outbox cannot be read"]),
        ({"outboxes": ({"files": 2, "oldest_file_s": 601.0, "taken_s": 700.0},)}, "CRITICAL",
         ["nothing was taken from the outbox for 10 min, and 2 files lie there"]),
        ({"outboxes": ({"files": 2, "oldest_file_s": 601.0, "taken_s": 10.0},)}, "CRITICAL",
         ["the oldest file of the outbox waits for 10 min"]),
        ({"outboxes": ({"files": 1, "oldest_file_s": 301.0, "taken_s": 10.0},)}, "WARNING",
         ["the oldest file of the outbox waits for 5 min"]),
        ({"unknown_tries": 3}, "OK", []),
        ({"unknown_tries": 4}, "WARNING", ["4 tries without an answer in 10 minutes"]),
        ({"certificates": (Certificate("own", NOW + 31 * DAY),)}, "OK", []),
        ({"certificates": (Certificate("own", NOW + 20 * DAY),)}, "OK", ["our certificate ends in 20 days"]),
        ({"certificates": (Certificate("peer", NOW + 10 * DAY),)}, "WARNING",
         ["the HIS's certificate ends in 10 days"]),
        ({"certificates": (Certificate("own", NOW + DAY),)}, "CRITICAL", ["our certificate ends in 24 h"]),
        ({"certificates": (Certificate("own", NOW - DAY),)}, "CRITICAL", ["our certificate has ended"]),
        ({"overdue": {"temporary": 1}}, "WARNING",
         ["1 entry of the outbox is not taken (1 temporary; `list --outbox`)"]),
        ({"disk_free_bytes": 4 << 30}, "WARNING", ["4.0 GiB of disk left"]),
        ({"disk_free_bytes": 1 << 20}, "CRITICAL", ["1.0 MiB of disk left"]),
        ({"disk_full_in_s": 2.5 * 86_400}, "WARNING",
         ["the journal's disk is full in 2 days if it goes on filling as now"]),
        ({"disk_full_in_s": 3.0 * 86_400}, "OK", []),
        ({"audit_broken": 12}, "WARNING", ["row 12 of the page's audit is not as it was written, or is gone"]),
        ({"outboxes": ({"expected_s": 7200.0, "taken_s": 7201.0},)}, "WARNING",
         ["no file has come to the outbox for 2 h"]),
        ({"outboxes": ({"expected_s": 7200.0, "taken_s": 7200.0},)}, "OK", []),
        ({"outboxes": ({"expected_s": None, "taken_s": 72_000.0},)}, "OK", []),
        ({"outboxes": ({"expected_s": 7200.0, "taken_s": None},)}, "OK", []),
        ({"outboxes": ({"expected_s": 60.0, "taken_s": 99.0, "files": 1, "oldest_file_s": 9.0},)}, "OK", []),
        ({"running": False, "outboxes": ({"expected_s": 60.0, "taken_s": 99.0},)}, "WARNING", ["no agent runs"]),
        ({"trouble": "connect.refused"}, "OK", ["last trouble connect.refused"]),
        ({"link": "down", "link_code": "dns.unknown", "closed_until_ms": NOW + 1000, "waiting": 9,
          "oldest_waiting_s": 9000.0, "unanswered_s": 9000.0}, "OK", []),
        ({"opened_ms": NOW - 1000, "waiting": 9, "oldest_waiting_s": 9000.0}, "OK", []),
    ],
)  # fmt: skip
def test_each_fact_has_its_verdict(changed: dict[str, Any], level: Level, news: list[str]) -> None:
    conditions = judge(facts(**changed))
    assert (level_of(conditions), news_of(conditions)) == (level, news)


def test_the_gravest_comes_first_and_the_last_trouble_stays() -> None:
    conditions = judge(facts(hold="brake", quarantined_by=(Cause("refused", 1, NOW),), trouble="ack.timeout"))
    assert news_of(conditions) == [
        "the lane is held by the brake", "1 in quarantine (refused)", "last trouble ack.timeout",
    ]  # fmt: skip
    assert [each.level for each in conditions] == ["CRITICAL", "WARNING", "INFO"]


def test_of_several_destinations_each_condition_names_its_own() -> None:
    down = {"link": "down", "link_code": "connect.refused", "link_since_ms": NOW - 5000}
    conditions = judge(facts({"name": "his"}, {"name": "portal", **down}))
    (only,) = conditions
    assert (only.code, only.level, only.destination, only.cause, only.since_ms) == (
        "link.down", "WARNING", "portal", "connect.refused", NOW - 5000,
    )  # fmt: skip
    assert news_of(conditions, several=True) == ["portal: the link is down (connect.refused)"]


def test_a_condition_is_the_same_one_whatever_it_counts() -> None:
    """Alerts go by code, destination and cause: an older message, or one more, is no new alarm."""
    first = judge(facts(waiting=3, oldest_waiting_s=400.0))
    later = judge(facts(waiting=5, oldest_waiting_s=900.0))
    names = [[(each.code, each.destination, each.cause) for each in some] for some in (first, later)]
    assert names == [[("waiting.old", "his", "message")]] * 2
    assert [each[0].since_ms for each in (first, later)] == [NOW - 400_000, NOW - 900_000]
    assert [each[0].number for each in (first, later)] == [3, 5]


def test_the_ages_can_be_set() -> None:
    limits = Limits(warn_age_s=5.0, critical_age_s=20.0)
    assert [level_of(judge(facts(waiting=1, oldest_waiting_s=s), limits)) for s in (5.0, 6.0, 21.0)] == [
        "OK", "WARNING", "CRITICAL",
    ]  # fmt: skip


def test_of_several_machines_what_is_of_one_alone_has_its_name() -> None:
    here, other = machine("a", 1.0, here=True), machine("b", 1.0)
    certificates = (Certificate("own", NOW + DAY), Certificate("peer", NOW + DAY))
    wrong = {"disk_free_bytes": 0, "hold": "brake", "certificates": certificates, "running": False}
    found = judge(facts(nodes=(here, other), **wrong))
    assert {(each.code, each.cause if each.code == "certificate.ends" else None, each.node) for each in found} == {
        ("disk.low", None, "a"), ("lane.held", None, None), ("certificate.ends", "own", "a"),
        ("certificate.ends", "peer", None), ("agent.none", None, "a"),
    }  # fmt: skip
    alone = judge(facts(nodes=(here, machine("b", 11.0)), **wrong))
    assert next(each.node for each in alone if each.code == "agent.none") is None, "no agent runs anywhere"
    assert {each.node for each in judge(facts(**wrong))} == {None}
    new = {each.code: each.node for each in judge(facts(nodes=(other,), **wrong), here="a")}
    assert (new["agent.none"], new["disk.low"]) == ("a", "a"), "its agent has never run"
