"""The judge: what must hold at a site at rest, whatever happened before.

Holds: the invariants I1 to I6 of reference/reliability.md (I7, no patient data in logs, is asked of the whole test
run by tests/conftest.py).
Promises: asks the disk, the journal and the HIS, never the agent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from faults.bench import Site
from lab_sender import files
from lab_sender.mllp.standin.server import Received


def judge(
    site: Site,
    received: list[Received] | Mapping[str, list[Received]],
    *,
    again: dict[str, int] | None = None,
    power_was_cut: bool = False,
) -> int:
    """Assert the invariants of a site at rest; return how many messages a HIS saw once too often.

    `received`: what came to the only destination, or to each. `again`: how often a control id is expected at its
    HIS, where that is not once (refused messages). A power cut may take the last attempts out of the journal, so that
    a second arrival has no attempt before it.
    """
    assert site.rows("PRAGMA integrity_check") == [("ok",)]  # I6
    _judge_folders(site)
    by_destination = received if isinstance(received, Mapping) else {"his": received}
    known = {name for (name,) in site.rows("SELECT DISTINCT destination FROM message")}
    assert known <= by_destination.keys()
    return sum(
        _judge_destination(site, name, came, again or {}, power_was_cut=power_was_cut)
        for name, came in by_destination.items()
    )


def _judge_destination(
    site: Site, destination: str, received: list[Received], again: dict[str, int], *, power_was_cut: bool
) -> int:
    messages = site.rows(
        "SELECT m.id, m.control_id, m.state, w.body FROM message m JOIN wire w ON w.message_id = m.id"
        " WHERE m.destination = ? AND m.id > ? ORDER BY m.id",
        destination,
        site.history,
    )
    tried: dict[int, list[tuple[Any, ...]]] = {}
    for message_id, *attempt in site.rows(
        "SELECT a.message_id, a.kind, a.ack_code, a.ack FROM attempt a JOIN message m ON m.id = a.message_id"
        " WHERE m.destination = ? AND m.id > ? ORDER BY a.message_id, a.number",
        destination,
        site.history,
    ):
        tried.setdefault(message_id, []).append(tuple(attempt))
    arrived: dict[str, list[bytes]] = {}
    for each in received:
        arrived.setdefault(each.control_id, []).append(each.body)
    assert arrived.keys() <= {control_id for _, control_id, *_ in messages}
    assert not out_of_order(site, destination, received), "first arrivals in the journal's order"  # I3
    doubled = 0
    for message_id, control_id, state, body in messages:
        copies = arrived.get(control_id, [])
        assert set(copies) <= {body}, "the journal's bytes, each time"  # I4
        attempts = tried.get(message_id, [])
        if state == "acked":
            assert copies, "acked, but the HIS never had it"  # I2
            (ack,) = [ack for kind, code, ack in attempts if kind == "verdict" and code == "AA"]  # I5
            assert re.search(rb"[\r\n]MSA\|AA\|" + re.escape(control_id.encode()) + rb"[\r\n]", ack)
        left = [kind for kind, *_ in attempts if kind != "not-sent"]
        assert power_was_cut or len(copies) <= len(left), "another arrival without an unknown outcome before it"  # I4
        doubled += max(0, len(copies) - again.get(control_id, 1))
    return doubled


def out_of_order(site: Site, destination: str, received: list[Received]) -> int:
    """Count first arrivals that came before one of an older message.

    Over one connection every older message counts; over several those of the same key. One without a key, or with
    several, comes after all that are older and before all that are newer. Over one connection, with one that came
    while the brake held, the brake asked whether the HIS is well: only those of its own orders count.
    """
    to = None if isinstance(site.to, int) else site.to[destination]
    rank: dict[str, tuple[int, float]] = {}
    for each in received:
        rank.setdefault(each.control_id, (len(rank), each.at))
    is_one = to is None or to.connections == 1
    holds = _holds(site, destination) if is_one else []
    newest: dict[object, int] = {}
    newest_of_all = newest_barrier = -1
    wrong = 0
    for control_id, patient, orders in _keys(site, destination):
        if control_id not in rank:
            continue
        at, at_s = rank[control_id]
        if is_one:
            keys, is_barrier = orders, not any(since_s <= at_s <= until_s for since_s, until_s in holds)
        else:
            keys = orders if to is not None and to.order_by == "order" else patient
            is_barrier = len(keys) != 1
        of_keys = max((newest.get(key, -1) for key in keys), default=-1)
        wrong += at < (newest_of_all if is_barrier else max(newest_barrier, of_keys))
        newest_of_all = max(newest_of_all, at)
        if is_barrier and not is_one:
            newest_barrier = max(newest_barrier, at)
        newest |= {key: max(newest.get(key, -1), at) for key in keys}
    return wrong


def _keys(site: Site, destination: str) -> list[tuple[str, list[str], list[str]]]:
    """Return the messages of a destination in the journal's order: control id, its patient and its orders."""
    rows = site.rows(
        "SELECT m.control_id, m.patient_key, GROUP_CONCAT(DISTINCT o.order_key) FROM message m"
        " LEFT JOIN message_order o ON o.message_id = m.id WHERE m.destination = ? AND m.control_id <> ''"
        " AND m.id > ? GROUP BY m.id ORDER BY m.id",
        destination,
        site.history,
    )
    return [
        (control_id, [patient] if patient else [], orders.split(",") if orders else [])
        for control_id, patient, orders in rows
    ]


def _holds(site: Site, destination: str) -> list[tuple[float, float]]:
    """Return from when until when the brake held a destination, in seconds; the journal's milliseconds are cut."""
    holds: list[tuple[float, float]] = []
    for kind, at_ms in site.rows(
        "SELECT kind, at_ms FROM event WHERE destination = ? AND kind LIKE 'lane.%' ORDER BY id", destination
    ):
        if kind == "lane.brake":
            holds.append((at_ms / 1000, math.inf))
        elif kind == "lane.resumed" and holds:
            holds[-1] = (holds[-1][0], min(holds[-1][1], (at_ms + 1) / 1000))
    return holds


def _judge_folders(site: Site) -> None:
    """I1: each file that was dropped lies in one place, whole, and that is where the journal has it."""
    folders = {
        "sent": site.sent_folder,
        "quarantine": site.quarantine,
        "dismissed": site.quarantine / "dismissed",
        "outbox": site.outbox,
    }
    journal = {}
    dropped_files = "SELECT name, folder, filed_as, planned_folder FROM file WHERE source_id > ?"
    for name, place, filed_as, planned in site.rows(dropped_files, site.history):
        assert not planned, "no move is half done"
        journal[folders[place] / filed_as] = name
    on_disk = {
        path
        for folder in (*folders.values(), site.claimed, site.outbox)
        for path in (folder.rglob("*") if folder != site.outbox else folder.glob("[!.]*"))
        if path.is_file() and not path.name.endswith(".reason.txt")
    }
    assert on_disk == journal.keys(), "every file where the journal says, and no other"
    contents = sorted((name, path.read_bytes()) for path, name in journal.items())
    dropped = [(files.valid_name(name), data) for name, datas in site.dropped.items() for data in datas]
    assert contents == sorted(dropped)
    reasons = {path.name for path in site.quarantine.glob("*.reason.txt")}
    assert reasons == {f"{path.name}.reason.txt" for path in journal if path.parent == site.quarantine}
