"""How each destination stands.

Holds: `DestinationStatus`, the facts of one, as far as the journal has them.
Promises: a HIS counts as silent only as long as something waits that it could have answered.
Never: connects, or judges: it gives what the agent has seen.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec.structs import replace

from lab_sender.operations import wording
from lab_sender.operations.conditions import OLD_S, Cause, Level
from lab_sender.operations.figures import Certificate, Figures, certificates
from lab_sender.operations.values import HoldKind, Instant, Value, about

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.config.sections import His
    from lab_sender.journal import View


class DestinationStatus(Value, frozen=True):
    """How one destination stands. Without a running agent nothing is known of its link and troubles."""

    name: Annotated[str, about("Its name in the configuration.")]
    status: Annotated[Level, about("The verdict on it alone.")]
    news: Annotated[tuple[str, ...], about("What led to it, in words; the gravest first.")]
    configured: Annotated[bool, about("The configuration has it; if not, the journal still has messages for it.")]
    his: Annotated[str | None, about("Where the agent delivers to: `host:port`; null: it is not configured.")]
    node: Annotated[
        str | None, about("The machine whose agent sends there, where several share the journal; null: none does.")
    ]
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
    quarantined_by: Annotated[tuple[Cause, ...], about("The same by why they are there.")]
    acked: Annotated[int, about("Messages delivered to it.")]
    commit_only: Annotated[int, about("Of these, those that it has only stored: its application is silent.")]
    contradicted: Annotated[int, about("Of these, those that it took back since.")]
    last_ack_ms: Annotated[Instant | None, about("When it accepted a message last, in ms since 1970 UTC.")]
    connected_since_ms: Annotated[
        Instant | None, about("Since when a connection stands, whatever is done over it, in ms since 1970 UTC.")
    ]
    rate_per_min: Annotated[float, about("Messages delivered a minute, over the last five.")]
    ack_ms: Annotated[float | None, about("How long the HIS took for an ACK then, in ms, on average.")]
    ack_p95_ms: Annotated[
        float | None, about("In how many ms 95 of 100 ACKs came, over the last hour; at most a quarter too much.")
    ]
    eta_s: Annotated[float | None, about("In how many seconds all that waits is out at that rate; null: not known.")]
    unknown_tries: Annotated[int, about("Tries of the last ten minutes that had no answer.")]
    today: Annotated[dict[str, int], about("What came of the tries since midnight, by outcome.")]
    certificates: Annotated[tuple[Certificate, ...], about("Until when its TLS certificates are good.")]


def of_destination(
    config: Config,
    name: str,
    view: View | None,
    *,
    running: bool,
    numbers: Figures | None = None,
    node: str | None = None,
) -> DestinationStatus:
    """Gather the facts of one destination; `node` is the machine whose agent sends there.

    `status` and `news` are for whoever judges.
    """
    from lab_sender.journal import LaneRow

    configured = config.destinations.get(name)
    his = configured.his.address if configured is not None else ""
    lane, counts, oldest, acked_ms, contradicted = LaneRow(name), dict[str, int](), None, None, 0
    causes = tuple[Cause, ...]()
    if view is not None:
        lane = next((each for each in view.lanes() if each.destination == name), lane)
        counts, contradicted = view.counts(name), view.contradictions(name)
        oldest, acked_ms = view.oldest_waiting_ms(name), view.last_ack_ms(name)
        causes = tuple(Cause(*each) for each in view.quarantined_by(name))
        if running and configured is not None:
            his = view.his_in_force(name) or his
    next_try_ms = lane.next_try_ms if lane.link == "down" or (lane.link == "held" and lane.hold) else None
    if lane.link == "held" or not running:  # the hold is a fact of its own; a killed agent's is stale
        link = "none" if not running else "up" if lane.connected_ms else "idle"
        lane = replace(lane, link=link, link_code="", link_detail="")
    if not running:
        lane = replace(lane, address="", connections_up=0, connected_ms=None)
    numbers = numbers or Figures()
    tls = configured.his.tls if configured is not None else None
    waiting = counts.get("spooled", 0) + counts.get("sending", 0)
    silent_s = wording.age_s(lane.silent_since_ms) if waiting and running else None
    if silent_s is not None and oldest is not None:
        silent_s = min(silent_s, wording.age_s(oldest) or 0.0)
    patient_s = 2 * configured.his.ack_timeout_s if configured is not None else OLD_S
    closed_until, opened = _hours(configured.his) if configured is not None else (None, None)
    return DestinationStatus(
        name=name,
        status="OK",
        news=(),
        configured=configured is not None,
        his=his or None,
        node=node,
        address=lane.address or None,
        connections=lane.connections if running else configured.his.connections if configured is not None else 1,
        connections_up=lane.connections_up,
        link=lane.link,
        link_code=lane.link_code or None,
        link_detail=lane.link_detail or None,
        link_since_ms=lane.connected_ms if lane.link == "up" and lane.connected_ms else lane.link_since_ms,
        next_try_ms=next_try_ms if lane.hold != "operator" else None,  # nothing is tried then
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
        quarantined_by=causes,
        acked=counts.get("acked", 0),
        commit_only=counts.get("commit-only", 0),
        contradicted=contradicted,
        last_ack_ms=acked_ms,
        connected_since_ms=lane.connected_ms,
        rate_per_min=numbers.rate_per_min,
        ack_ms=numbers.ack_ms,
        ack_p95_ms=numbers.ack_p95_ms,
        eta_s=None if lane.hold or lane.link == "down" or not running else numbers.eta_s(waiting),
        unknown_tries=numbers.unknown,
        today=dict(numbers.today),
        certificates=tuple(certificates(tls.certificate, lane.peer_ends_ms)) if tls is not None else (),
    )


def _hours(his: His) -> tuple[int | None, int | None]:
    """Return until when a destination is closed, and when it was opened if that was a moment ago; in ms."""
    from lab_sender.config.closed import closed_until

    now = datetime.datetime.now().astimezone()
    closed = closed_until(his.closed, now)
    opened = closed_until(his.closed, now - datetime.timedelta(seconds=OLD_S)) if closed is None else None
    return _ms(closed), _ms(opened)


def _ms(at: datetime.datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def why_it_waits(lane: DestinationStatus | None) -> str:
    """Say what a message waits for that no other one keeps back."""
    if lane is not None and lane.hold == "brake":
        if lane.link == "none":
            return "It waits in order: the brake holds sending, and no agent runs that would try by itself."
        return (
            "It waits in order: the brake holds sending. The agent tries by itself, and it goes out when the HIS"
            " takes one, or when somebody resumes."
        )
    if lane is not None and lane.hold:
        return "It waits in order: sending is on hold, and it goes out when somebody resumes."
    if lane is not None and lane.link == "none":
        return "It waits in order: no agent runs, and it goes out when one does."
    if lane is not None and lane.closed_until_ms is not None:
        return f"It waits in order: the HIS is {wording.closed_until(lane.closed_until_ms)}, and it goes out then."
    if lane is not None and lane.link == "down":
        return "It waits in order: the HIS cannot be reached, and it goes out by itself when it is back."
    return "It waits its turn and goes out by itself."
