"""How lab-sender stands, and the verdict on it.

Holds: the facts, gathered from the folders, the lock and the journal, and the rules that make them OK or not.
Promises: neither the agent nor a journal need be there; nothing is made or changed by looking.
Never: waits for the HIS; it says what the agent has seen.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.intake.untaken import Untaken


_OLD_S = 600.0


_AWAY = "outbox.unreachable"


_LOW_DISK_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Status:
    """What `status` tells. Ages in seconds; `link` is the agent's own word, stale where none runs."""

    running: bool
    link: str
    link_code: str
    link_detail: str
    link_since_ms: int | None
    next_try_ms: int | None
    hold: str
    hold_reason: str
    hold_since_ms: int | None
    outbox_files: int | None
    waiting: int
    oldest_waiting_s: float | None
    quarantined: int
    unreadable: int
    acked: int
    last_ack_ms: int | None
    intake_trouble: str
    journal: bool
    journal_bytes: int
    disk_free_bytes: int | None
    contradicted: int = 0
    """Delivered messages of which the HIS has said otherwise since."""
    commit_only: int = 0
    """Delivered messages that the HIS's application never answered: it has only stored them."""
    hold_messages: tuple[int, ...] = ()
    trouble: str = ""
    """The code of the last trouble, until a message is accepted."""
    filing_trouble: str = ""
    """The code of what the keeper waits for before it can file."""
    unanswered_s: float | None = None
    """How long the HIS has answered nobody while something waits, where that is more than two ACK times."""
    unread_files: int = 0
    """Claimed files that the journal does not have yet: a report without attachments, a PDF without its report."""
    untaken: dict[str, int] = field(default_factory=dict)
    """What lies in the outbox, by why it has not been taken."""
    overdue: dict[str, int] = field(default_factory=dict)
    """Of these, what lies there for longer than a complete file would."""


def look(installation: Installation) -> Status:
    """Gather the facts; neither the agent nor a journal need be there."""
    from lab_sender.agent.wiring import DESTINATION
    from lab_sender.intake.untaken import FILES, overdue_s
    from lab_sender.journal import LaneRow

    running = installation.agent_runs()
    intake = installation.config.intake
    lying = None if installation.outbox_is_away else lies_in_outbox(installation.config)
    long_s = overdue_s(intake.settle_s, intake.attachment_wait_s)
    unread = _claimed(installation.config)  # before the journal is asked: what it takes up meanwhile is known to it
    lane, counts, oldest, acked_ms, trouble, filing = LaneRow(DESTINATION), dict[str, int](), None, None, "", ""
    contradicted = 0
    next_probe = None
    if installation.has_journal:
        with installation.view() as view:
            lane = next((each for each in view.lanes() if each.destination == DESTINATION), lane)
            next_probe = lane.next_try_ms if lane.link == "held" else None
            if lane.link == "held" or not running:  # the hold is told by itself; a killed agent's last word is stale
                lane = replace(lane, link="idle" if running else "none", link_code="", link_detail="")
            counts = view.counts()
            contradicted = view.contradictions()
            oldest = view.oldest_waiting_ms()
            acked_ms = view.last_ack_ms()
            trouble, filing = view.intake_trouble(), view.filing_trouble()
            known = view.claimed_names()
            unread = [path for path in unread if path.name not in known and path.exists()]
    waiting = counts.get("spooled", 0) + counts.get("sending", 0)
    silent_s = wording.age_s(lane.silent_since_ms) if waiting and running else None
    return Status(
        running=running,
        link=lane.link,
        link_code=lane.link_code,
        link_detail=lane.link_detail,
        link_since_ms=lane.link_since_ms,
        next_try_ms=lane.next_try_ms if lane.link == "down" else next_probe if lane.hold else None,
        hold=lane.hold,
        hold_reason=lane.hold_reason,
        hold_since_ms=lane.hold_since_ms,
        outbox_files=None if lying is None else sum(each.why in FILES for each in lying),
        untaken=dict(Counter(each.why for each in lying or ())),
        overdue=dict(Counter(each.why for each in lying or () if each.age_s >= long_s)),
        waiting=waiting,
        oldest_waiting_s=None if oldest is None else round(wording.age_s(oldest) or 0.0, 1),
        quarantined=counts.get("quarantined", 0),
        unreadable=counts.get("unreadable", 0),
        acked=counts.get("acked", 0),
        last_ack_ms=acked_ms,
        intake_trouble=_AWAY if installation.outbox_is_away else trouble if running else "",
        filing_trouble=filing if running else "",
        journal=installation.has_journal,
        journal_bytes=installation.journal_bytes,
        disk_free_bytes=_disk_free(installation),
        contradicted=contradicted,
        commit_only=counts.get("commit-only", 0),
        hold_messages=lane.held_for,
        trouble=lane.trouble if running else "",
        unanswered_s=silent_s if (silent_s or 0) > 2 * installation.config.his.ack_timeout_s else None,
        unread_files=len(unread),
    )


def judge(now: Status) -> tuple[int, list[str]]:
    """Return 0, 1 or 2, and what led to it."""
    critical, warning = list[str](), list[str]()
    if now.hold:
        critical.append(f"the lane is held by {wording.HELD_BY[now.hold]}")
    waits = now.waiting + (now.outbox_files or 0) + now.unread_files
    if not now.running:
        kept = wording.plural(waits, "message or file waits", "messages or files wait")
        (critical if waits else warning).append(f"no agent runs{f' and {kept}' if waits else ''}")
    elif now.link == "down":
        warning.append(f"the link is down ({now.link_code})")
    if now.unanswered_s is not None:
        warning.append(f"the HIS has answered nothing for {wording.age(now.unanswered_s)} ({now.trouble})")
    if (now.oldest_waiting_s or 0) > _OLD_S:
        critical.append(f"the oldest message waits for {wording.age(now.oldest_waiting_s)}")
    if now.quarantined or now.unreadable:
        warning.append(f"{now.quarantined + now.unreadable} in quarantine")
    if now.contradicted:
        warning.append(f"{wording.plural(now.contradicted, 'delivered message')} contradicted by the HIS since")
    if now.intake_trouble == _AWAY:
        critical.append("the outbox cannot be reached")
    elif now.intake_trouble:
        warning.append(f"intake waits ({now.intake_trouble})")
    elif now.outbox_files is None:
        warning.append("the outbox cannot be read")
    if now.filing_trouble:
        warning.append(f"filing waits ({now.filing_trouble})")
    if now.overdue:
        many = wording.plural(sum(now.overdue.values()), "entry", "entries")
        warning.append(f"{many} of the outbox lie untaken ({wording.counted(now.overdue)}; `list --outbox`)")
    if now.disk_free_bytes is not None and now.disk_free_bytes < _LOW_DISK_BYTES:
        warning.append(f"{wording.size(now.disk_free_bytes)} of disk left")
    news = critical + warning
    if not news:
        news = [f"link {now.link}, {now.waiting} waiting"]
    if now.trouble and now.trouble not in "".join(news):
        news.append(f"last trouble {now.trouble}")
    return (2 if critical else 1 if warning else 0), news


def lies_in_outbox(config: Config, *, ask_writers: bool = False) -> list[Untaken] | None:
    """List what no agent has taken yet; None when the outbox cannot be read."""
    from lab_sender.agent.wiring import own_folders
    from lab_sender.intake.names import Names
    from lab_sender.intake.untaken import untaken

    names = Names(config.intake.temporary, config.intake.marker)
    try:
        return untaken(config.outbox, names, own_folders(config), ask_writers=ask_writers)
    except FileNotFoundError:
        return []  # no agent has run yet; where one has, `outbox_is_away`
    except OSError:
        return None


def _claimed(config: Config) -> list[Path]:
    """List what lies in claimed/, without attachments whose report is there too (`CLAIMID@REPORTID_NAME`)."""
    from lab_sender import files

    try:
        entries = list(files.entries(config.folders.work / "claimed"))
    except OSError:
        return []
    return [Path(entry.path) for entry in entries if "@" not in entry.name.partition("_")[0]]


def _disk_free(installation: Installation) -> int | None:
    try:
        return shutil.disk_usage(installation.journal_path.parent).free
    except OSError:
        return None
