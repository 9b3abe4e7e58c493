"""The state of an installation, and the verdict on it.

Holds: the facts, gathered from the folders, the lock and the journal, and the rules that make them OK or not; those
of one destination are of lanes.py, those of one outbox of outboxes.py.
Promises: neither the agent nor a journal need be there; nothing is made or changed by looking.
Never: waits for the HIS; it gives what the agent has seen.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Final

from msgspec.structs import asdict, replace

from lab_sender.operations import wording
from lab_sender.operations.destinations import chosen
from lab_sender.operations.installation import Installation
from lab_sender.operations.lanes import (
    LEVELS,
    DestinationStatus,
    Level,
    OfALane,
    judge_lane,
    judge_messages,
    last_trouble,
    not_configured,
    of_destination,
)
from lab_sender.operations.outboxes import OutboxStatus, of_outbox
from lab_sender.operations.outboxes import claimed as claimed_in
from lab_sender.operations.values import FORMAT, HoldKind, Instant, Value, about

_AWAY = "outbox.unreachable"
LOW_DISK_BYTES: Final = 512 << 20
"""What the journal's disk should have free at least."""


class Facts(Value, frozen=True):
    """What is known of an installation. Without a running agent nothing of its link and troubles is.

    What is of one destination (`his`, `link`, `trouble`, `hold` and the like) is that of the one that is worst off.
    """

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
    outbox: Annotated[str, about("The outbox; of several the first.")]
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
    closed_until_ms: Annotated[Instant | None, about("Until when the HIS is closed, in ms since 1970 UTC.")]
    opened_ms: Annotated[
        Instant | None, about("When it was opened, if less than ten minutes ago, in ms since 1970 UTC.")
    ]
    destinations: Annotated[tuple[DestinationStatus, ...], about("Each destination by itself.")]
    outboxes: Annotated[tuple[OutboxStatus, ...], about("Each outbox by itself.")]

    @property
    def connections(self) -> int:
        """How many connections lead to the only destination."""
        return self.destinations[0].connections if len(self.destinations) == 1 else 1


class Status(Facts, frozen=True, tag_field=FORMAT, tag="lab-sender/status/1"):
    """What `status` shows."""

    status: Annotated[Level, about("The verdict, the worst of all destinations'; the exit code is 0, 1 or 2.")]
    news: Annotated[tuple[str, ...], about("What led to it, in words; the gravest first.")]


def status(installation: Installation, *, to: Sequence[str] = ()) -> Status:
    """Look, and judge; `to` names the destinations that it is about. Raises ConfigError, UnknownDestination."""
    facts = look(installation, to)
    level, news = judge(facts)
    return Status(**asdict(facts), status=level, news=tuple(news))


def look(installation: Installation, to: Sequence[str] = ()) -> Facts:
    """Gather the facts; neither the agent nor a journal need be there."""
    from lab_sender.agent.removed import removed

    config = installation.config
    running = installation.agent_runs()
    names = chosen(config, to)
    boxes = [of_outbox(installation, each) for each in config.outboxes]
    claimed = [claimed_in(each) for each in config.outboxes]  # before the journal is asked: it may take them up
    trouble = filing = digest = ""
    unreadable = 0
    if installation.has_journal:
        with installation.view() as view:
            if running:
                digest = view.config_in_force()
                trouble, filing = view.intake_trouble(), view.filing_trouble()
            known = view.claimed_names()
            claimed = [[one for one in paths if one.name not in known and os.path.exists(one)] for paths in claimed]
            unreadable = view.counts().get("unreadable", 0)
            left = () if to else removed(config.destinations, view)
            lanes = [
                of_destination(config, name, view, running=running)
                for name in (*names, *(each.name for each in left))
            ]
    else:
        lanes = [of_destination(config, name, None, running=running) for name in names]
    outboxes = [replace(box, unread_files=len(paths)) for box, paths in zip(boxes, claimed, strict=True)]
    worst = max(lanes, key=lambda lane: LEVELS.index(lane.status))
    readable = [box.files for box in outboxes if box.files is not None]
    return Facts(
        running=running,
        his=worst.his or "",
        config_file=config.path.name,
        config_changed=digest != "" and not config.is_of(digest),
        link=worst.link,
        link_code=worst.link_code,
        link_detail=worst.link_detail,
        link_since_ms=worst.link_since_ms,
        next_try_ms=worst.next_try_ms,
        trouble=worst.trouble,
        unanswered_s=worst.unanswered_s,
        hold=worst.hold,
        hold_reason=worst.hold_reason,
        hold_since_ms=worst.hold_since_ms,
        hold_messages=worst.hold_messages,
        outbox=outboxes[0].folder,
        outbox_files=sum(readable) if len(readable) == len(outboxes) else None,
        untaken=_sum(box.untaken for box in outboxes),
        overdue=_sum(box.overdue for box in outboxes),
        unread_files=sum(box.unread_files for box in outboxes),
        intake_trouble=_AWAY if any(box.away for box in outboxes) else trouble or None,
        filing_trouble=filing or None,
        waiting=sum(lane.waiting for lane in lanes),
        oldest_waiting_s=max(
            (lane.oldest_waiting_s for lane in lanes if lane.oldest_waiting_s is not None), default=None
        ),
        quarantined=sum(lane.quarantined for lane in lanes),
        unreadable=unreadable,
        acked=sum(lane.acked for lane in lanes),
        commit_only=sum(lane.commit_only for lane in lanes),
        contradicted=sum(lane.contradicted for lane in lanes),
        last_ack_ms=max((lane.last_ack_ms for lane in lanes if lane.last_ack_ms), default=None),
        journal=installation.has_journal,
        journal_bytes=installation.journal_bytes,
        disk_free_bytes=_disk_free(installation),
        closed_until_ms=worst.closed_until_ms,
        opened_ms=worst.opened_ms,
        destinations=tuple(lanes),
        outboxes=tuple(outboxes),
    )


def judge(now: Facts) -> tuple[Level, list[str]]:
    """Return the verdict, and what led to it; of several destinations each problem names its own."""
    several = len(now.destinations) > 1
    critical, warning = list[str](), list[str]()
    for name, lane in _lanes(now):
        grave, odd = judge_lane(lane, running=now.running)
        critical += _named(name, grave)
        warning += _named(name, odd)
    waits = now.waiting + (now.outbox_files or 0) + now.unread_files
    if not now.running:
        kept = wording.plural(waits, "message or file waits", "messages or files wait")
        if waits:
            critical.insert(sum(lane.hold is not None for _, lane in _lanes(now)), f"no agent runs and {kept}")
        else:
            warning.insert(0, "no agent runs")
    for each in now.destinations:
        critical += _named(each.name, not_configured(each))
    if now.config_changed:
        warning.append(wording.not_in_force(now.config_file))
    if several:
        for each in now.destinations:
            warning += _named(each.name, judge_messages(each.quarantined, each.contradicted))
        if now.unreadable:
            warning.append(f"{wording.plural(now.unreadable, 'unreadable file')} in quarantine")
    else:
        warning += judge_messages(now.quarantined + now.unreadable, now.contradicted)
    if now.intake_trouble == _AWAY:
        critical += _named_outboxes(now, lambda each: each.away, "cannot be reached")
    elif now.intake_trouble:
        warning.append(f"intake is blocked ({now.intake_trouble})")
    elif now.outbox_files is None:
        warning += _named_outboxes(now, lambda each: each.files is None, "cannot be read")
    if now.filing_trouble:
        warning.append(f"filing is blocked ({now.filing_trouble})")
    if now.overdue:
        many = wording.plural(sum(now.overdue.values()), "entry of the outbox is", "entries of the outbox are")
        warning.append(f"{many} not taken ({wording.counted(now.overdue)}; `list --outbox`)")
    if now.disk_free_bytes is not None and now.disk_free_bytes < LOW_DISK_BYTES:
        warning.append(f"{wording.size(now.disk_free_bytes)} of disk left")
    news = critical + warning
    if not news:
        links = ", ".join(f"{name or 'link'} {_link(lane)}" for name, lane in _lanes(now))
        news = [f"{links}, {now.waiting} waiting"]
    for name, lane in _lanes(now):
        news += _named(name, last_trouble(lane, news))
    return LEVELS[2 if critical else 1 if warning else 0], news


def _lanes(now: Facts) -> Sequence[tuple[str, OfALane]]:
    """Return the lanes with the names that problems need: none where there is one lane only."""
    return [(each.name, each) for each in now.destinations] if len(now.destinations) > 1 else [("", now)]


def _named(name: str, news: Iterable[str]) -> list[str]:
    return [f"{name}: {each}" if name else each for each in news]


def _named_outboxes(now: Facts, which: Callable[[OutboxStatus], bool], what: str) -> list[str]:
    if len(now.outboxes) < 2:
        return [f"the outbox {what}"]
    return [f"the outbox {each.folder} {what}" for each in now.outboxes if which(each)]


def _link(lane: OfALane) -> str:
    closed = lane.closed_until_ms
    return lane.link if closed is None else wording.closed_until(closed)


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for each in counts:
        total.update(each)
    return dict(total)


def _disk_free(installation: Installation) -> int | None:
    try:
        return shutil.disk_usage(installation.journal_path.parent).free
    except OSError:
        return None
