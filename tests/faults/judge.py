"""The judge: what must hold at a site at rest, whatever happened before.

Holds: the invariants I1 to I6 of reference/reliability.md (I7, no patient data in logs, is asked of the whole test
run by tests/conftest.py).
Promises: asks the disk, the journal and the HIS, never the agent.
"""

from __future__ import annotations

import re

from faults.bench import Site
from lab_sender import files
from lab_sender.mllp.standin.server import Received


def judge(
    site: Site, received: list[Received], *, again: dict[str, int] | None = None, power_was_cut: bool = False
) -> int:
    """Assert the invariants of a site at rest; return how many messages the HIS saw once too often.

    `again`: how often a control id is expected at the HIS, where that is not once (refused messages). A power cut
    may take the last attempts out of the journal, so that a second arrival has no attempt before it.
    """
    assert site.rows("PRAGMA integrity_check") == [("ok",)]  # I6
    _judge_folders(site)
    messages = site.rows(
        "SELECT m.id, m.control_id, m.state, w.body FROM message m JOIN wire w ON w.message_id = m.id ORDER BY m.id"
    )
    arrived: dict[str, list[bytes]] = {}
    for each in received:
        arrived.setdefault(each.control_id, []).append(each.body)
    assert arrived.keys() <= {control_id for _, control_id, *_ in messages}
    order = [control_id for _, control_id, *_ in messages if control_id in arrived]
    assert list(arrived) == order, "first arrivals in the journal's order"  # I3
    doubled = 0
    for message_id, control_id, state, body in messages:
        copies = arrived.get(control_id, [])
        assert set(copies) <= {body}, "the journal's bytes, each time"  # I4
        attempts = site.rows(
            "SELECT kind, ack_code, ack FROM attempt WHERE message_id = ? ORDER BY number", message_id
        )
        if state == "acked":
            assert copies, "acked, but the HIS never had it"  # I2
            (ack,) = [ack for kind, code, ack in attempts if kind == "verdict" and code == "AA"]  # I5
            assert re.search(rb"[\r\n]MSA\|AA\|" + re.escape(control_id.encode()) + rb"[\r\n]", ack)
        left = [kind for kind, *_ in attempts if kind != "not-sent"]
        assert power_was_cut or len(copies) <= len(left), "another arrival without an unknown outcome before it"  # I4
        doubled += max(0, len(copies) - (again or {}).get(control_id, 1))
    return doubled


def _judge_folders(site: Site) -> None:
    """I1: each file that was dropped lies in one place, whole, and that is where the journal has it."""
    folders = {
        "sent": site.sent_folder,
        "quarantine": site.quarantine,
        "dismissed": site.quarantine / "dismissed",
        "outbox": site.outbox,
    }
    journal = {}
    for name, place, filed_as, planned in site.rows("SELECT name, folder, filed_as, planned_folder FROM file"):
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
