"""The state of an installation, and the verdict on it.

Holds: the facts, gathered from the folders, the lock and the journal; those of one destination are of lanes.py, those
of one outbox of outboxes.py, and the rules that make them OK or not of conditions.py.
Promises: neither the agent nor a journal need be there; nothing is made or changed by looking.
Never: waits for the HIS; it gives what the agent has seen.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec.structs import asdict, replace

from lab_sender.operations import wording
from lab_sender.operations.conditions import (
    AWAY,
    LEVELS,
    Cause,
    Condition,
    Level,
    Limits,
    Moment,
    in_order,
    judge,
    judge_destination,
    level_of,
    news_of,
)
from lab_sender.operations.destinations import chosen
from lab_sender.operations.figures import figures, full_in_s
from lab_sender.operations.installation import Installation
from lab_sender.operations.lanes import DestinationStatus, of_destination
from lab_sender.operations.machines import others_alive
from lab_sender.operations.nodes import NodeStatus, SharedOutbox, names_in_journal, nodes_of, shared_outboxes
from lab_sender.operations.outboxes import OutboxStatus, look_at, still_claimed, with_claimed
from lab_sender.operations.values import FORMAT, HoldKind, Instant, Value, about

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.journal import View


class Facts(Value, frozen=True):
    """What is known of an installation. Without a running agent nothing of its link and troubles is.

    What is of one destination (`his`, `link`, `trouble`, `hold` and the like) is that of the one that is worst off.
    """

    at_ms: Annotated[Instant, about("When it was looked, in ms since 1970 UTC.")]
    running: Annotated[bool, about("An agent runs.")]
    agent_seen_ms: Annotated[Instant | None, about("When an agent was at work last, in ms since 1970 UTC.")]
    agent_ended: Annotated[
        Literal["stopped", "gone"] | None,
        about("How the last agent ended: stopped in good order, or gone without a word; null: not known."),
    ]
    silent: Annotated[dict[str, float], about("Parts of the agent that have done nothing for so many seconds.")]
    journal_trouble: Annotated[str | None, about("Why the journal cannot be written, by its code.")]
    journal_trouble_since_ms: Annotated[Instant | None, about("Since when, in ms since 1970 UTC.")]
    journal_lack: Annotated[
        str | None, about("Why the journal is not the one that knows what is done here, by its code; null: it is.")
    ]
    journal_lack_text: Annotated[str | None, about("The same in words.")]
    his: Annotated[str, about("Where the running agent delivers to, else where the next one will: `host:port`.")]
    config_file: Annotated[str, about("The name of the configuration's file.")]
    config_changed: Annotated[bool, about("It, or a file that it names, is not the one that the agent runs with.")]
    retention_trouble: Annotated[str | None, about("Why the last night could not delete what was due, by its code.")]
    config_refused: Annotated[
        str | None, about("Why the agent has not taken it when it was asked to, by its code; null: it was not asked.")
    ]
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
    unreadable_by: Annotated[tuple[Cause, ...], about("The same by why.")]
    acked: Annotated[int, about("Delivered messages.")]
    commit_only: Annotated[int, about("Of these, those that the HIS has only stored: its application is silent.")]
    contradicted: Annotated[int, about("Of these, those that the HIS took back since.")]
    last_ack_ms: Annotated[Instant | None, about("When a message was accepted last, in ms since 1970 UTC.")]
    rate_per_min: Annotated[float, about("Messages delivered a minute, over the last five.")]
    today: Annotated[dict[str, int], about("What came of the tries since midnight, by outcome.")]
    journal: Annotated[bool, about("There is a journal.")]
    journal_bytes: Annotated[int, about("Its size on the disk.")]
    disk_free_bytes: Annotated[int | None, about("What is free on its disk.")]
    disk_full_in_s: Annotated[
        float | None, about("In how many seconds it is full, if it fills as in the last days; null: not known.")
    ]
    audit_broken: Annotated[int | None, about("The first row of the page's audit that is not as it was written.")]
    closed_until_ms: Annotated[Instant | None, about("Until when the HIS is closed, in ms since 1970 UTC.")]
    opened_ms: Annotated[
        Instant | None, about("When it was opened, if less than ten minutes ago, in ms since 1970 UTC.")
    ]
    nodes: Annotated[tuple[NodeStatus, ...], about("The machines whose agents share the journal; else none.")]
    destinations: Annotated[tuple[DestinationStatus, ...], about("Each destination by itself.")]
    outboxes: Annotated[tuple[OutboxStatus, ...], about("Each outbox by itself.")]

    @property
    def oldest_s(self) -> float | None:
        """For how long the oldest waits: a message, or a file that is none yet."""
        ages = [self.oldest_waiting_s, *(each.oldest_file_s for each in self.outboxes)]
        return max((each for each in ages if each is not None), default=None)

    @property
    def connections(self) -> int:
        """How many connections lead to the only destination."""
        return self.destinations[0].connections if len(self.destinations) == 1 else 1


class Status(Facts, frozen=True, tag_field=FORMAT, tag="lab-sender/status/1"):
    """What `status` shows."""

    status: Annotated[Level, about("The verdict, the worst of all destinations'; the exit code is 0, 1 or 2.")]
    news: Annotated[tuple[str, ...], about("What led to it, in words; the gravest first.")]
    conditions: Annotated[tuple[Condition, ...], about("The same one by one; the gravest first.")]


def status(installation: Installation, *, to: Sequence[str] = (), limits: Limits | None = None) -> Status:
    """Look, and judge; `to` names the destinations that it is about. Raises ConfigError, UnknownDestination."""
    facts = look(installation, to, limits)
    conditions = judge(facts, limits, installation.config.folders.node)
    return Status(
        **asdict(facts),
        status=level_of(conditions),
        news=_news(facts, conditions),
        conditions=conditions,
    )


def one_destination(installation: Installation, name: str) -> DestinationStatus:
    """Gather the facts of one destination; no outbox is looked at, whose share may hang. Raises NoJournal."""
    with installation.view() as view:
        nodes = nodes_of(installation.config, view, shared_outboxes(installation.config, view))
        works = installation.agent_runs() or bool(others_alive(nodes))
        return of_destination(installation.config, name, view, running=works)


def look(installation: Installation, to: Sequence[str] = (), limits: Limits | None = None) -> Facts:
    """Gather the facts; neither the agent nor a journal need be there. The lanes are judged by `limits`."""
    from lab_sender.journal import now_ms
    from lab_sender.premises.beat import silent_parts
    from lab_sender.premises.removed import removed

    config = installation.config
    running = installation.agent_runs()
    beat, at_ms = installation.last_beat(), now_ms()
    names = chosen(config, to)
    lack = installation.lack_of_journal()
    seen = look_at(installation)  # before the journal is asked: it may take up what was claimed
    unread: list[list[int | None]] = [list(each.claimed.values()) for each in seen]
    trouble = filing = digest = refused = retention = ""
    unreadable_by = tuple[Cause, ...]()
    taken: Mapping[str, int] = {}
    nodes: Sequence[NodeStatus] = ()
    shared: Mapping[str, SharedOutbox] = {}
    full_s: float | None = None
    size = 0
    if has_journal := installation.has_journal:
        with installation.view() as view:
            if running:
                digest = view.config_in_force()
                trouble, filing = view.intake_trouble(), view.filing_trouble()
                reload = view.last_reload()
                refused = reload.code if reload is not None and not reload.in_force else ""
            retention = view.retention_trouble() if config.retention is not None else ""
            known = view.claimed_names()
            unread = [
                still_claimed(outbox, each.claimed, known)
                for outbox, each in zip(config.outboxes, seen, strict=True)
            ]
            unreadable_by = tuple([Cause(*each) for each in view.unreadable_by()])
            taken = _taken(config, view, view.taken_ms())
            numbers = figures(view, at_ms)
            full_s, size = full_in_s(view.room()), installation.journal_bytes(view)
            left = () if to else removed(config.destinations, view)
            shared = shared_outboxes(config, view)
            nodes = nodes_of(config, view, shared)
            audit_broken = installation.audit_broken(view)
            senders = {name: node.name for node in nodes for name in node.sends_to}
            works = running or bool(others_alive(nodes))
            lanes = [
                of_destination(
                    config, name, view, running=works, numbers=numbers.get(name), node=senders.get(name)
                )
                for name in (*names, *(each.name for each in left))
            ]
    else:
        audit_broken, works = installation.audit_broken(None), running
        lanes = [of_destination(config, name, None, running=works) for name in names]
    moment = Moment(at_ms, running=works, limits=limits or Limits())
    lanes = [_judged(lane, moment) for lane in lanes]
    outboxes = [
        with_claimed(look.status, came_ms, taken.get(each.name), shared.get(each.name))
        for look, came_ms, each in zip(seen, unread, config.outboxes, strict=True)
    ]
    worst = max(lanes, key=lambda lane: (LEVELS.index(lane.status), lane.hold is not None))
    changed = digest != "" and not config.is_of(digest)
    refused = (installation.unread or (refused if changed else "")) if digest else ""
    readable = [box.files for box in outboxes if box.files is not None]
    return Facts(
        at_ms=moment.at_ms,
        running=running,
        agent_seen_ms=beat.at_ms if beat else None,
        agent_ended=None if running or beat is None else "stopped" if beat.ended else "gone",
        silent=silent_parts(beat) if running else {},
        journal_trouble=beat.journal or None if running and beat else None,
        journal_trouble_since_ms=beat.journal_since_ms if running and beat else None,
        journal_lack=lack.code if lack is not None else None,
        journal_lack_text=lack.text if lack is not None else None,
        his=worst.his or "",
        config_file=config.path.name,
        config_changed=changed,
        retention_trouble=retention or None,
        config_refused=refused or None,
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
        intake_trouble=AWAY if any(box.away for box in outboxes) else trouble or None,
        filing_trouble=filing or None,
        waiting=sum(lane.waiting for lane in lanes),
        oldest_waiting_s=max(
            (lane.oldest_waiting_s for lane in lanes if lane.oldest_waiting_s is not None), default=None
        ),
        quarantined=sum(lane.quarantined for lane in lanes),
        unreadable=sum(each.number for each in unreadable_by),
        unreadable_by=unreadable_by,
        acked=sum(lane.acked for lane in lanes),
        commit_only=sum(lane.commit_only for lane in lanes),
        contradicted=sum(lane.contradicted for lane in lanes),
        last_ack_ms=max((lane.last_ack_ms for lane in lanes if lane.last_ack_ms), default=None),
        rate_per_min=round(sum(lane.rate_per_min for lane in lanes), 1),
        today=_sum(lane.today for lane in lanes),
        journal=has_journal,
        journal_bytes=size,
        disk_free_bytes=_disk_free(installation),
        disk_full_in_s=full_s,
        audit_broken=audit_broken,
        closed_until_ms=worst.closed_until_ms,
        opened_ms=worst.opened_ms,
        nodes=tuple(nodes),
        destinations=tuple(lanes),
        outboxes=tuple(outboxes),
    )


def _judged(lane: DestinationStatus, moment: Moment) -> DestinationStatus:
    conditions = in_order(judge_destination(lane, moment))
    return replace(lane, status=level_of(conditions), news=tuple(news_of(conditions)))


def _news(now: Facts, conditions: Sequence[Condition]) -> tuple[str, ...]:
    """Return what led to the verdict; where nothing is wrong, how the links are and how much waits."""
    several = len(now.destinations) > 1
    news = news_of(conditions, several=several)
    if level_of(conditions) == "OK":
        links = ", ".join(f"{each.name if several else 'link'} {_link(each)}" for each in now.destinations)
        news.insert(0, f"{links}, {now.waiting} waiting")
    return tuple(news)


def _link(lane: DestinationStatus) -> str:
    closed = lane.closed_until_ms
    return lane.link if closed is None else wording.closed_until(closed)


def _taken(config: Config, view: View, by_name: Mapping[str, int]) -> Mapping[str, int]:
    """Return when a file was taken last, by outbox: what a single one had, under whatever name, is its own."""
    if config.folders.node:  # the others' are in it too
        names = names_in_journal(config, view)
        return {name: by_name[written] for name, written in names.items() if written in by_name}
    only = config.outboxes[0].name if len(config.outboxes) == 1 else None
    return by_name if only is None or not by_name else {only: max(by_name.values())}


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
