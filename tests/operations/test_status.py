"""The verdict on the facts."""

from __future__ import annotations

from typing import Any

import pytest

from lab_sender.operations.status import Facts, Level, judge

WELL: dict[str, Any] = {
    "running": True, "his": "his.example:2575", "config_file": "config.yaml", "config_changed": False, "link": "up",
    "link_code": None, "link_detail": None, "link_since_ms": 0, "next_try_ms": None, "trouble": None,
    "unanswered_s": None, "hold": None, "hold_reason": None, "hold_since_ms": None, "hold_messages": (),
    "outbox": "/outbox", "outbox_files": 0, "untaken": {}, "overdue": {}, "unread_files": 0, "intake_trouble": None,
    "filing_trouble": None, "waiting": 0, "oldest_waiting_s": None, "quarantined": 0, "unreadable": 0, "acked": 7,
    "commit_only": 0, "contradicted": 0, "last_ack_ms": 0, "journal": True, "journal_bytes": 1,
    "disk_free_bytes": 1 << 40, "closed_until_ms": None, "opened_ms": None, "destinations": (), "outboxes": (),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "level", "news"),
    [
        ({}, "OK", "link up, 0 waiting"),
        ({"waiting": 1, "oldest_waiting_s": 601.0}, "CRITICAL", "the oldest message waits for 10 min"),
        ({"waiting": 1, "oldest_waiting_s": 600.0}, "OK", "link up, 1 waiting"),
        ({"hold": "brake"}, "CRITICAL", "the lane is held by the brake"),
        ({"intake_trouble": "outbox.unreachable"}, "CRITICAL", "the outbox cannot be reached"),
        ({"running": False, "outbox_files": 1}, "CRITICAL", "no agent runs and 1 message or file waits"),
        ({"running": False}, "WARNING", "no agent runs"),
        ({"link": "down", "link_code": "connect.refused"}, "WARNING", "the link is down (connect.refused)"),
        ({"unanswered_s": 90.0, "trouble": "ack.timeout"}, "WARNING",
         "the HIS has answered nothing for 90 s (ack.timeout)"),
        ({"config_changed": True, "config_file": "lab.yaml"}, "WARNING",
         "lab.yaml (or a file that it names) changed and is not in force: `lab-sender reload`"),
        ({"quarantined": 2, "unreadable": 1}, "WARNING", "3 in quarantine"),
        ({"contradicted": 1}, "WARNING", "1 delivered message contradicted by the HIS since"),
        ({"intake_trouble": "claim.failed"}, "WARNING", "intake is blocked (claim.failed)"),
        ({"filing_trouble": "keeper.OSError"}, "WARNING", "filing is blocked (keeper.OSError)"),
        ({"outbox_files": None}, "WARNING", "the outbox cannot be read"),
        ({"overdue": {"temporary": 1}}, "WARNING",
         "1 entry of the outbox is not taken (1 temporary; `list --outbox`)"),
        ({"disk_free_bytes": 1 << 20}, "WARNING", "1.0 MiB of disk left"),
    ],
)  # fmt: skip
def test_each_fact_has_its_verdict(changed: dict[str, Any], level: Level, news: str) -> None:
    assert judge(Facts(**{**WELL, **changed})) == (level, [news])


def test_the_gravest_comes_first_and_the_last_trouble_stays() -> None:
    facts = Facts(**{**WELL, "hold": "operator", "quarantined": 1, "trouble": "ack.timeout"})
    assert judge(facts) == (
        "CRITICAL", ["the lane is held by an operator", "1 in quarantine", "last trouble ack.timeout"],
    )  # fmt: skip
