"""kill -9 at each place of the way, one by one: what it leaves behind, and how the next start goes on.

Faults 01 to 12. test_killed_at_every_effect.py kills at every effect there is; here is what each place must leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from faults.bench import Site
from faults.ends import KILLED
from faults.judge import judge
from faults.workload import report, unreadable
from lab_sender.mllp.standin.server import StandIn


@dataclass(frozen=True)
class Kill:
    """Where the agent is killed, and what it leaves: the file's folder, its row's place, the message's state."""

    call: str
    when: str
    folder: str
    place: str = ""
    state: str = ""
    nth: int = 1
    within: str = ""
    copies: int = 1
    good: bool = True


KILLS = {
    "fault_01-before-the-claim": Kill("files.rename", "before", "outbox"),
    "fault_02-after-the-claim-before-its-flush": Kill("files.rename", "after", "claimed"),
    "fault_03-before-the-commit": Kill("SpoolBook.spooled", "before", "claimed"),
    "fault_04-in-the-commit": Kill("Store.commit", "before", "claimed", within="SpoolBook.spooled"),
    "fault_04-at-the-end-of-the-commit": Kill(
        "Store.commit", "after", "claimed", "claimed", "spooled", within="SpoolBook.spooled"
    ),
    "fault_05-after-the-commit": Kill("SpoolBook.spooled", "after", "claimed", "claimed", "spooled"),
    "fault_06-before-the-first-byte": Kill("Connection.send", "before", "claimed", "claimed", "sending"),
    "fault_07-in-mid-frame": Kill("Connection.send", "half", "claimed", "claimed", "sending"),
    "fault_08-after-the-last-byte": Kill("Connection.send", "after", "claimed", "claimed", "sending", copies=2),
    "fault_09-after-the-ack": Kill("Connection.receive", "after", "claimed", "claimed", "sending", copies=2),
    "fault_10-after-the-verdict": Kill("DeliveryBook.acked", "after", "claimed", "claimed", "acked"),
    "fault_11-after-the-move": Kill("files.rename", "after", "sent", "claimed", "acked", within="Delivered.file"),
    "fault_12-before-the-move-to-quarantine": Kill("files.move", "before", "claimed", "claimed", good=False),
    "fault_12-before-the-reason-is-written": Kill("files.write_new", "before", "quarantine", "claimed", good=False),
    "fault_12-after-the-reason-is-written": Kill("files.write_new", "after", "quarantine", "claimed", good=False),
}


@pytest.mark.parametrize("kill", KILLS.values(), ids=KILLS)
def test_killed_there(kill: Kill, site: Site, his: StandIn) -> None:
    site.drop("a.json", report("A") if kill.good else unreadable())
    place = {"call": kill.call, "when": kill.when, "nth": kill.nth} | ({"within": kill.within} if kill.within else {})
    assert site.start(killed=place).wait() == KILLED

    folders = {
        "outbox": site.outbox, "claimed": site.claimed, "sent": site.sent_folder, "quarantine": site.quarantine,
    }  # fmt: skip
    lies_in = [
        name
        for name, folder in folders.items()
        for path in (folder.glob("*") if name == "outbox" else folder.rglob("*"))
        if path.name.endswith("a.json")
    ]
    assert lies_in == [kill.folder]
    assert site.rows("SELECT folder FROM file") == ([(kill.place,)] if kill.place else [])
    assert site.rows("SELECT state FROM message") == ([(kill.state,)] if kill.state else [])

    again = site.start()
    site.settle(1)
    assert again.stop() == 0
    if kill.good:
        assert judge(site, his.received) == kill.copies - 1
        assert not [each for each in again.events() if each["level"] in ("error", "critical")]
        assert bool(again.events("lane.interrupted")) == (kill.state == "sending")
    else:
        assert judge(site, his.received) == 0
        assert site.quarantined.keys() == {"a.json", "a.json.reason.txt"}
    assert len(his.received) == (kill.copies if kill.good else 0)
