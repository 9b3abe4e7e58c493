"""How each destination stands, and the verdict on it.

Holds: `DestinationStatus`, the facts of one, as far as the journal has them, and the rules that make them OK or not.
Promises: what a destination's closed hours explain is no alarm: its link, its silence, and the age of what waits.
Never: connects; it gives what the agent has seen.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final, Literal, Protocol

from lab_sender.operations import wording
from lab_sender.operations.values import HoldKind, Instant, Value, about

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.config.sections import His
    from lab_sender.journal import View

Level = Literal["OK", "WARNING", "CRITICAL"]
LEVELS: Final[tuple[Level, ...]] = ("OK", "WARNING", "CRITICAL")
"""The verdicts; their numbers are the exit codes of `status`."""
OLD_S: Final = 600.0
"""The age from which a waiting message is an alarm; closed hours, and so long after them, it is none."""


class DestinationStatus(Value, frozen=True):
    """How one destination stands. Without a running agent nothing is known of its link and troubles."""

    name: Annotated[str, about("Its name in the configuration.")]
    status: Annotated[Level, about("The verdict on it alone.")]
    news: Annotated[tuple[str, ...], about("What led to it, in words; the gravest first.")]
    configured: Annotated[bool, about("The configuration has it; if not, the journal still has messages for it.")]
    his: Annotated[str | None, about("Where the agent delivers to: `host:port`; null: it is not configured.")]
    address: Annotated[str | None, about("Which address is in use now; null: none.")]
    connections: Annotated[int, about("How many connections it has.")]
    connections_up: Annotated[int, about("How many of them are up.")]
    link: Annotated[
        str, about("The connection that is worst off: up, idle, waiting, down; none without an agent.")
    ]
    link_code: Annotated[str | None, about("Its last trouble or answer.")]
    link_detail: Annotated[str | None, about("The same in words.")]
    link_since_ms: Annotated[Instant | None, about("Since when it is like that, in ms since 1970 UTC.")]
    next_try_ms: Annotated[Instant | None, about("When it is tried next, in ms since 1970 UTC.")]
    closed_until_ms: Annotated[Instant | None, about("Until when it is closed (`closed`), in ms since 1970 UTC.")]
    opened_ms: Annotated[
        Instant | None, about("When it was opened, if less than ten minutes ago, in ms since 1970 UTC.")
    ]
    trouble: Annotated[str | None, about("The code of the last trouble, until a message is accepted.")]
    unanswered_s: Annotated[
        float | None, about("How long it has answered nobody, if above two ACK times while something waits.")
    ]
    hold: Annotated[HoldKind | None, about("Who holds its lane.")]
    hold_reason: Annotated[str | None, about("Why.")]
    hold_since_ms: Annotated[Instant | None, about("Since when, in ms since 1970 UTC.")]
    hold_messages: Annotated[tuple[int, ...], about("The messages that it is held for.")]
    waiting: Annotated[int, about("Messages for it that are not delivered yet.")]
    oldest_waiting_s: Annotated[float | None, about("For how many seconds the oldest of them waits.")]
    quarantined: Annotated[int, about("Messages for it in quarantine.")]
    acked: Annotated[int, about("Messages delivered to it.")]
    commit_only: Annotated[int, about("Of these, those that it has only stored: its application is silent.")]
    contradicted: Annotated[int, about("Of these, those that it took back since.")]
    last_ack_ms: Annotated[Instant | None, about("When it accepted a message last, in ms since 1970 UTC.")]


class OfALane(Protocol):
    """What the verdict on a lane is made of."""

    @property
    def link(self) -> str: ...
    @property
    def link_code(self) -> str | None: ...
    @property
    def connections(self) -> int: ...
    @property
    def closed_until_ms(self) -> int | None: ...
    @property
    def opened_ms(self) -> int | None: ...
    @property
    def trouble(self) -> str | None: ...
    @property
    def unanswered_s(self) -> float | None: ...
    @property
    def hold(self) -> HoldKind | None: ...
    @property
    def waiting(self) -> int: ...
    @property
    def oldest_waiting_s(self) -> float | None: ...


def of_destination(config: Config, name: str, view: View | None, *, running: bool) -> DestinationStatus:
    """Gather the facts of one destination."""
    from lab_sender.journal import LaneRow
    from lab_sender.mllp.connection import address_of

    configured = config.destinations.get(name)
    his = address_of(configured.his) if configured is not None else ""
    lane, counts, oldest, acked_ms, contradicted = LaneRow(name), dict[str, int](), None, None, 0
    if view is not None:
        lane = next((each for each in view.lanes() if each.destination == name), lane)
        counts, contradicted = view.counts(name), view.contradictions(name)
        oldest, acked_ms = view.oldest_waiting_ms(name), view.last_ack_ms(name)
        if running and configured is not None:
            his = view.his_in_force(name) or his
    probe_ms = lane.next_try_ms if lane.link == "held" else None
    if lane.link == "held" or not running:  # the hold is a fact of its own; a killed agent's is stale
        lane = replace(lane, link="idle" if running else "none", link_code="", link_detail="")
    if not running:
        lane = replace(lane, address="", connections_up=0)
    waiting = counts.get("spooled", 0) + counts.get("sending", 0)
    silent_s = wording.age_s(lane.silent_since_ms) if waiting and running else None
    patient_s = 2 * configured.his.ack_timeout_s if configured is not None else OLD_S
    closed_until, opened = _hours(configured.his) if configured is not None else (None, None)
    return _judged(
        DestinationStatus(
            name=name,
            status="OK",
            news=(),
            configured=configured is not None,
            his=his or None,
            address=lane.address or None,
            connections=lane.connections if running else configured.his.connections if configured is not None else 1,
            connections_up=lane.connections_up,
            link=lane.link,
            link_code=lane.link_code or None,
            link_detail=lane.link_detail or None,
            link_since_ms=lane.link_since_ms,
            next_try_ms=lane.next_try_ms if lane.link == "down" else probe_ms if lane.hold else None,
            closed_until_ms=closed_until,
            opened_ms=opened,
            trouble=lane.trouble or None if running else None,
            unanswered_s=silent_s if (silent_s or 0) > patient_s else None,
            hold=lane.hold or None,
            hold_reason=lane.hold_reason or None,
            hold_since_ms=lane.hold_since_ms,
            hold_messages=lane.held_for,
            waiting=waiting,
            oldest_waiting_s=None if oldest is None else round(wording.age_s(oldest) or 0.0, 1),
            quarantined=counts.get("quarantined", 0),
            acked=counts.get("acked", 0),
            commit_only=counts.get("commit-only", 0),
            contradicted=contradicted,
            last_ack_ms=acked_ms,
        ),
        running=running,
    )


def judge_lane(lane: OfALane, *, running: bool) -> tuple[list[str], list[str]]:
    """Return what is critical about a lane, and what is to be warned of."""
    critical, warning = list[str](), list[str]()
    if lane.hold:
        critical.append(f"the lane is held by {wording.HELD_BY[lane.hold]}")
    if lane.closed_until_ms is not None:
        return critical, warning
    if running and lane.link == "down":
        warning.append(f"the link is down ({lane.link_code})")
    if running and lane.link == "waiting" and lane.connections > 1 and _is_ours(lane.link_code):
        warning.append(f"no answer on one of {lane.connections} connections ({lane.link_code})")
    if lane.unanswered_s is not None:
        warning.append(f"the HIS has answered nothing for {wording.age(lane.unanswered_s)} ({lane.trouble})")
    if lane.opened_ms is None and (lane.oldest_waiting_s or 0) > OLD_S:
        critical.append(f"the oldest message waits for {wording.age(lane.oldest_waiting_s)}")
    return critical, warning


def judge_messages(quarantined: int, contradicted: int) -> list[str]:
    """Return what of the messages is to be warned of."""
    news = [f"{quarantined} in quarantine"] if quarantined else []
    if contradicted:
        news.append(f"{wording.plural(contradicted, 'delivered message')} contradicted by the HIS since")
    return news


def _is_ours(code: str | None) -> bool:
    """Say whether a link's code is one of ours (`ack.timeout`), and not what the HIS has answered (`AE 207`)."""
    return code is not None and code[:1].islower()


def last_trouble(lane: OfALane, news: list[str]) -> list[str]:
    """Return a lane's last trouble, unless the news has it."""
    return [f"last trouble {lane.trouble}"] if lane.trouble and lane.trouble not in "".join(news) else []


def not_configured(lane: DestinationStatus) -> list[str]:
    """Say that the configuration has a destination no more that the journal has messages for."""
    return [] if lane.configured else ["the configuration has this destination no more (destination.removed)"]


def _judged(lane: DestinationStatus, *, running: bool) -> DestinationStatus:
    from msgspec.structs import replace as changed

    critical, warning = judge_lane(lane, running=running)
    critical = not_configured(lane) + critical
    warning += judge_messages(lane.quarantined, lane.contradicted)
    news = critical + warning
    news += last_trouble(lane, news)
    level = LEVELS[2 if critical else 1 if warning else 0]
    return changed(lane, status=level, news=tuple(news))


def _hours(his: His) -> tuple[int | None, int | None]:
    """Return until when a destination is closed, and when it was opened if that was a moment ago; in ms."""
    from lab_sender.config.closed import closed_until

    now = datetime.datetime.now().astimezone()
    closed = closed_until(his.closed, now)
    opened = closed_until(his.closed, now - datetime.timedelta(seconds=OLD_S)) if closed is None else None
    return _ms(closed), _ms(opened)


def _ms(at: datetime.datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
