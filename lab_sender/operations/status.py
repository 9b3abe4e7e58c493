"""The state of an installation, and the verdict on it.

Holds: the facts, gathered from the folders, the lock and the journal, and the rules that make them OK or not.
Promises: neither the agent nor a journal need be there; nothing is made or changed by looking.
Never: waits for the HIS; it gives what the agent has seen.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec.structs import asdict

from lab_sender.operations import wording
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, HoldKind, Instant, Value, about

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.intake.untaken import Untaken

Level = Literal["OK", "WARNING", "CRITICAL"]
LEVELS: Final[tuple[Level, ...]] = ("OK", "WARNING", "CRITICAL")
"""The verdicts; their numbers are the exit codes of `status`."""
_OLD_S = 600.0
_AWAY = "outbox.unreachable"
LOW_DISK_BYTES: Final = 512 << 20
"""What the journal's disk should have free at least."""


class Facts(Value, frozen=True):
    """What is known of an installation. Without a running agent nothing of its link and troubles is."""

    running: Annotated[bool, about("An agent runs.")]
    his: Annotated[str, about("Where the running agent delivers to, else where the next one will: `host:port`.")]
    config_file: Annotated[str, about("The name of the configuration's file.")]
    config_changed: Annotated[bool, about("It, or a file that it names, is not the one that the agent runs with.")]
    link: Annotated[str, about("The connection: up, idle, waiting, down; none without an agent.")]
    link_code: Annotated[str | None, about("Its last trouble or answer.")]
    link_detail: Annotated[str | None, about("The same in words.")]
    link_since_ms: Annotated[Instant | None, about("Since when it is like that, in ms since 1970 UTC.")]
    next_try_ms: Annotated[Instant | None, about("When the HIS is tried next, in ms since 1970 UTC.")]
    trouble: Annotated[str | None, about("The code of the last trouble, until a message is accepted.")]
    unanswered_s: Annotated[
        float | None, about("How long the HIS has answered nobody, if above two ACK times while something waits.")
    ]
    hold: Annotated[HoldKind | None, about("Who holds the lane.")]
    hold_reason: Annotated[str | None, about("Why.")]
    hold_since_ms: Annotated[Instant | None, about("Since when, in ms since 1970 UTC.")]
    hold_messages: Annotated[tuple[int, ...], about("The messages that it is held for.")]
    outbox: Annotated[str, about("The outbox.")]
    outbox_files: Annotated[int | None, about("Files in the outbox that will be taken; null: it cannot be read.")]
    untaken: Annotated[dict[str, int], about("What lies in the outbox, by why it has not been taken.")]
    overdue: Annotated[dict[str, int], about("Of these, what lies there for longer than a complete file would.")]
    unread_files: Annotated[int, about("Files that were claimed and have not become messages yet.")]
    intake_trouble: Annotated[str | None, about("Why intake is blocked.")]
    filing_trouble: Annotated[str | None, about("Why filing is blocked.")]
    waiting: Annotated[int, about("Messages that are not delivered yet.")]
    oldest_waiting_s: Annotated[float | None, about("For how many seconds the oldest of them waits.")]
    quarantined: Annotated[int, about("Messages in quarantine.")]
    unreadable: Annotated[int, about("Files in quarantine that could not be read.")]
    acked: Annotated[int, about("Delivered messages.")]
    commit_only: Annotated[int, about("Of these, those that the HIS has only stored: its application is silent.")]
    contradicted: Annotated[int, about("Of these, those that the HIS took back since.")]
    last_ack_ms: Annotated[Instant | None, about("When a message was accepted last, in ms since 1970 UTC.")]
    journal: Annotated[bool, about("There is a journal.")]
    journal_bytes: Annotated[int, about("Its size on the disk.")]
    disk_free_bytes: Annotated[int | None, about("What is free on its disk.")]


class Status(Facts, frozen=True, tag_field=FORMAT, tag="lab-sender/status/1"):
    """What `status` shows."""

    status: Annotated[Level, about("The verdict; the exit code is 0, 1 or 2.")]
    news: Annotated[tuple[str, ...], about("What led to it, in words; the gravest first.")]


def status(installation: Installation) -> Status:
    """Look, and judge. Raises ConfigError."""
    facts = look(installation)
    level, news = judge(facts)
    return Status(**asdict(facts), status=level, news=tuple(news))


def look(installation: Installation) -> Facts:
    """Gather the facts; neither the agent nor a journal need be there."""
    from lab_sender.agent.wiring import DESTINATION
    from lab_sender.intake.untaken import FILES, overdue_s
    from lab_sender.journal import LaneRow
    from lab_sender.mllp.connection import address_of

    running = installation.agent_runs()
    intake = installation.config.intake
    lying = None if installation.outbox_is_away else lies_in_outbox(installation.config)
    long_s = overdue_s(intake.settle_s, intake.attachment_wait_s)
    unread = _claimed(installation.config)  # before the journal is asked: what it takes up meanwhile is known to it
    lane, counts, oldest, acked_ms, trouble, filing = LaneRow(DESTINATION), dict[str, int](), None, None, "", ""
    contradicted, digest, his = 0, "", ""
    next_probe = None
    if installation.has_journal:
        with installation.view() as view:
            lane = next((each for each in view.lanes() if each.destination == DESTINATION), lane)
            next_probe = lane.next_try_ms if lane.link == "held" else None
            if lane.link == "held" or not running:  # the hold is a fact of its own; a killed agent's is stale
                lane = replace(lane, link="idle" if running else "none", link_code="", link_detail="")
            counts = view.counts()
            contradicted = view.contradictions()
            if running:
                digest, his = view.config_in_force(), view.his_in_force()
            oldest = view.oldest_waiting_ms()
            acked_ms = view.last_ack_ms()
            trouble, filing = view.intake_trouble(), view.filing_trouble()
            known = view.claimed_names()
            unread = [path for path in unread if path.name not in known and path.exists()]
    waiting = counts.get("spooled", 0) + counts.get("sending", 0)
    silent_s = wording.age_s(lane.silent_since_ms) if waiting and running else None
    config, away = installation.config, installation.outbox_is_away
    return Facts(
        running=running,
        his=his or address_of(config.his),
        config_file=config.path.name,
        config_changed=digest != "" and not config.is_of(digest),
        link=lane.link,
        link_code=lane.link_code or None,
        link_detail=lane.link_detail or None,
        link_since_ms=lane.link_since_ms,
        next_try_ms=lane.next_try_ms if lane.link == "down" else next_probe if lane.hold else None,
        trouble=lane.trouble or None if running else None,
        unanswered_s=silent_s if (silent_s or 0) > 2 * config.his.ack_timeout_s else None,
        hold=lane.hold or None,
        hold_reason=lane.hold_reason or None,
        hold_since_ms=lane.hold_since_ms,
        hold_messages=lane.held_for,
        outbox=str(config.outbox),
        outbox_files=None if lying is None else sum(each.why in FILES for each in lying),
        untaken=dict(Counter(each.why for each in lying or ())),
        overdue=dict(Counter(each.why for each in lying or () if each.age_s >= long_s)),
        unread_files=len(unread),
        intake_trouble=_AWAY if away else trouble or None if running else None,
        filing_trouble=filing or None if running else None,
        waiting=waiting,
        oldest_waiting_s=None if oldest is None else round(wording.age_s(oldest) or 0.0, 1),
        quarantined=counts.get("quarantined", 0),
        unreadable=counts.get("unreadable", 0),
        acked=counts.get("acked", 0),
        commit_only=counts.get("commit-only", 0),
        contradicted=contradicted,
        last_ack_ms=acked_ms,
        journal=installation.has_journal,
        journal_bytes=installation.journal_bytes,
        disk_free_bytes=_disk_free(installation),
    )


def judge(now: Facts) -> tuple[Level, list[str]]:
    """Return the verdict, and what led to it."""
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
    if now.config_changed:
        warning.append(wording.not_in_force(now.config_file))
    if now.quarantined or now.unreadable:
        warning.append(f"{now.quarantined + now.unreadable} in quarantine")
    if now.contradicted:
        warning.append(f"{wording.plural(now.contradicted, 'delivered message')} contradicted by the HIS since")
    if now.intake_trouble == _AWAY:
        critical.append("the outbox cannot be reached")
    elif now.intake_trouble:
        warning.append(f"intake is blocked ({now.intake_trouble})")
    elif now.outbox_files is None:
        warning.append("the outbox cannot be read")
    if now.filing_trouble:
        warning.append(f"filing is blocked ({now.filing_trouble})")
    if now.overdue:
        many = wording.plural(sum(now.overdue.values()), "entry of the outbox is", "entries of the outbox are")
        warning.append(f"{many} not taken ({wording.counted(now.overdue)}; `list --outbox`)")
    if now.disk_free_bytes is not None and now.disk_free_bytes < LOW_DISK_BYTES:
        warning.append(f"{wording.size(now.disk_free_bytes)} of disk left")
    news = critical + warning
    if not news:
        news = [f"link {now.link}, {now.waiting} waiting"]
    if now.trouble and now.trouble not in "".join(news):
        news.append(f"last trouble {now.trouble}")
    return LEVELS[2 if critical else 1 if warning else 0], news


def lies_in_outbox(config: Config, *, ask_writers: bool = False) -> list[Untaken] | None:
    """List what no agent has taken yet; None when the outbox cannot be read."""
    from lab_sender.intake.names import Names
    from lab_sender.intake.untaken import untaken

    names = Names(config.intake.temporary, config.intake.marker)
    try:
        return untaken(config.outbox, names, config.folders.ours, ask_writers=ask_writers)
    except FileNotFoundError:
        return []  # no agent has run yet; where one has, `outbox_is_away`
    except OSError:
        return None


def _claimed(config: Config) -> list[Path]:
    """List what lies in claimed/, without attachments whose report is there too (`CLAIMID@REPORTID_NAME`)."""
    from lab_sender import files
    from lab_sender.agent.premises import claimed_folder
    from lab_sender.ids import ClaimName

    try:
        entries = list(files.entries(claimed_folder(config.folders)))
    except OSError:
        return []
    return [Path(entry.path) for entry in entries if ClaimName.parse(entry.name).report_id is None]


def _disk_free(installation: Installation) -> int | None:
    try:
        return shutil.disk_usage(installation.journal_path.parent).free
    except OSError:
        return None
