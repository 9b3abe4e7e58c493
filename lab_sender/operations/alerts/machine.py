"""What is sent, and when: a pure state machine over the conditions of an installation.

Holds: `step`, from what was known and what is wrong now to what is known, and the one bundle that goes out.
Promises: sent on entry, on getting worse, on growing, again where nobody has taken it, and once when it is over, only
if it was sent. What lasts shorter than its delay is not sent; nor, beside it, what another alert explains.
Never: looks at anything, sends, keeps, or asks for the time.

ok -> pending (its delay) -> firing -> ending (it must stay away for a minute) -> over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from lab_sender.config.alerts import Alerts
from lab_sender.operations.conditions import SEVERITIES, Condition, Severity

UNSEEN: Final = "status.unreadable"
"""Where nobody can look; with a machine's name, there: what was wrong there is not over."""
BUNDLE_MS: Final = 30_000
"""What changes within it goes out as one."""
AWAY_MS: Final = 60_000
"""How long a condition must stay away to be over."""
_GROWS_MS: Final = 15 * 60_000
"""How often it is sent that more of the same has come."""
_HOUR_MS: Final = 3_600_000
_BEYOND_MS: Final = 10 * 60_000
"""How often what is critical goes out beyond the most an hour."""
_GROWING: Final = frozenset(("quarantine", "message.contradicted"))
_BY_CAUSE: Final = frozenset(
    (
        "agent.stuck", "alerts.channel-failed", "certificate.ends", "intake.quiet", "intake.stuck", "lane.held",
        "node.away", "node.unwatched", "outbox.missing", "outbox.unreachable", "outbox.unreadable", "quarantine",
        "waiting.old",
    )
)  # fmt: skip
"""Where each cause is an alert by itself; elsewhere the cause may change while it lasts."""
_SEEN_BY_AGENT: Final = frozenset(
    (
        "agent.stuck", "config.not-in-force", "his.silent", "intake.stuck", "intake.waits", "journal.unavailable",
        "keeper.waits", "link.down", "link.troubled", "link.waiting",
    )
)  # fmt: skip
"""What nobody knows while no agent runs: it is not over then."""
_EXPLAINS: Final[Mapping[str, frozenset[str]]] = {
    "agent.none": _SEEN_BY_AGENT | {"waiting.old"},
    "journal.behind": frozenset(("agent.none",)),
    "journal.missing": frozenset(("agent.none",)),
    "outbox.missing": frozenset(("agent.none",)),
    "outbox.unreachable": frozenset(("outbox.unreadable", "intake.stuck", "intake.waits")),
    "journal.unavailable": frozenset(("agent.stuck", "intake.waits", "keeper.waits", "intake.stuck")),
    "lane.held": frozenset(("waiting.old", "his.silent", "his.unanswering", "link.waiting", "link.troubled")),
    "link.down": frozenset(("waiting.old", "his.silent", "his.unanswering", "link.waiting", "link.troubled")),
    "his.silent": frozenset(("waiting.old", "his.unanswering", "link.troubled")),
}
"""What explains what, of one destination or of all: it is not sent beside it, unless it is graver."""

_GONE: Final = "gone"
"""The cause of an agent that did not end in good order: that is sent as soon as if something waited."""

Phase = Literal["pending", "firing", "ending"]
Kind = Literal["begun", "worse", "more", "again", "over"]


class Key(NamedTuple):
    """What makes an alert the same one."""

    code: str
    destination: str
    cause: str
    node: str = ""
    """The machine that it is about, of several; "": all share it."""


class Alert(Struct, frozen=True):
    """One condition, since it was seen first until it is over.

    `sent` is the gravest level that went out, `sent_number` how many it was then; `taken_by` who has said "I
    have it". `gone_ms` is since when it is away.
    """

    key: Key
    level: Severity
    phase: Phase
    since_ms: int
    text: str
    number: int | None = None
    gone_ms: int | None = None
    sent: Severity | None = None
    sent_ms: int = 0
    sent_number: int = 0
    taken_by: str = ""
    taken_ms: int | None = None


class Notice(NamedTuple):
    """What is sent of one alert; `level` is that of the text: whoever hears of it hears of its end too."""

    kind: Kind
    level: Severity
    alert: Alert


class State(Struct, frozen=True):
    """What is known: the alerts; when bundles went out in the last hour; since when something waits for the next."""

    alerts: Mapping[Key, Alert] = field(default_factory=dict)
    sent_ms: tuple[int, ...] = ()
    open_ms: int | None = None


def step(
    state: State,
    conditions: Iterable[Condition],
    now_ms: int,
    settings: Alerts,
    *,
    is_quiet: bool = False,
    is_known: bool = True,
) -> tuple[State, tuple[Notice, ...]]:
    """Return what is known now, and what goes out; nothing else is sent until the next step.

    `is_known` false: nobody could look; `conditions` has what is wrong with that, and all else stays as it was.
    """
    alerts = _seen(state.alerts, list(conditions), now_ms, settings, is_known=is_known)
    alerts = {key: each for key, each in alerts.items() if not _is_over_unsent(each, now_ms)}
    due = [each for each in _due(alerts, now_ms, settings) if not is_quiet or each.level == "CRITICAL"]
    # by the clock of the wall: one that was set back leaves nothing in the future
    sent_ms = tuple(at for at in state.sent_ms if 0 <= now_ms - at < _HOUR_MS)
    open_ms = None if not due else now_ms if state.open_ms is None else min(state.open_ms, now_ms)
    if not due or not _goes_out(due, now_ms, now_ms - (open_ms or now_ms), sent_ms, settings.most_an_hour):
        return State(alerts, sent_ms, open_ms), ()
    for notice in due:
        _note_sent(alerts, notice, now_ms)
    return State(alerts, (*sent_ms, now_ms), None), tuple(due)


def key_of(condition: Condition) -> Key:
    """Return what makes a condition the same one from look to look."""
    cause = (condition.cause or "") if condition.code in _BY_CAUSE else ""
    return Key(condition.code, condition.destination or "", cause, condition.node or "")


def rank(level: Severity | None) -> int:
    """Return how grave a level is; none is less than all."""
    return -1 if level is None else SEVERITIES.index(level)


def _seen(
    known: Mapping[Key, Alert], conditions: Collection[Condition], now_ms: int, settings: Alerts, *, is_known: bool
) -> dict[Key, Alert]:
    """Bring what was known up to what is seen now."""
    alerts = {key: _not_ahead(each, now_ms) for key, each in known.items()}
    sent = [each for each in conditions if settings.sends(each.code)]
    for condition in sent:
        key = key_of(condition)
        before = alerts.get(key)
        since_ms = min(now_ms, now_ms if condition.since_ms is None else condition.since_ms)
        since_ms = since_ms if before is None else min(before.since_ms, since_ms)
        level = _level(condition, (now_ms - since_ms) / 1000, settings)
        number = condition.number
        alert = before or Alert(key, condition.level, "pending", since_ms, "")
        if alert.sent_number and number is not None:
            alert = replace(alert, sent_number=min(alert.sent_number, number))
        alerts[key] = replace(
            alert,
            level=level or (alert.level if alert.sent else condition.level),
            phase="firing" if level or alert.sent else "pending",
            since_ms=since_ms,
            text=condition.text,
            number=number,
            gone_ms=None,
        )
    here = {key_of(each) for each in sent}
    blind = {each.node or "" for each in conditions if each.code == "agent.none"}
    unseen = {each.node for each in conditions if each.node and each.code == UNSEEN}
    for key, alert in alerts.items():
        is_off = not settings.sends(key.code)
        frozen = not is_known or (key.code in _SEEN_BY_AGENT and not blind.isdisjoint(("", key.node)))
        if key not in here and alert.gone_ms is None and (is_off or not (frozen or key.node in unseen)):
            alerts[key] = replace(alert, phase="ending", gone_ms=now_ms)
    return alerts


def _not_ahead(alert: Alert, now_ms: int) -> Alert:
    """Have nothing in the future: the clock was set back, or another machine has noted it whose clock is ahead."""
    if max(alert.sent_ms, alert.gone_ms or 0) <= now_ms:
        return alert
    gone_ms = alert.gone_ms if alert.gone_ms is None else min(alert.gone_ms, now_ms)
    return replace(alert, sent_ms=min(alert.sent_ms, now_ms), gone_ms=gone_ms)


def _level(condition: Condition, age_s: float, settings: Alerts) -> Severity | None:
    """Return the level at which a condition of that age is sent; None: not yet."""
    delay = settings.delay(condition.code)
    if condition.level == "CRITICAL" and age_s >= delay.critical_s:
        return "CRITICAL"
    if age_s < (min(delay) if condition.cause == _GONE else delay.warning_s):
        return None
    return "INFO" if condition.level == "INFO" else "WARNING"


def _is_over_unsent(alert: Alert, now_ms: int) -> bool:
    """Say whether an alert is over of which nobody has heard: nor do they hear of its end."""
    return alert.sent is None and _is_away(alert, now_ms)


def _is_away(alert: Alert, now_ms: int) -> bool:
    return alert.gone_ms is not None and now_ms - alert.gone_ms >= AWAY_MS


def _due(alerts: Mapping[Key, Alert], now_ms: int, settings: Alerts) -> Iterator[Notice]:
    """Yield what is to be sent, the gravest first."""
    found = [each for alert in alerts.values() if (each := _notice(alert, now_ms, settings)) is not None]
    known = {alert.key: rank(alert.sent) for alert in alerts.values()}
    known |= {each.alert.key: rank(each.level) for each in found if each.kind in ("begun", "worse")}
    found.sort(key=lambda each: (-rank(each.level), each.kind == "over", each.alert.since_ms, each.alert.key))
    for notice in found:
        if notice.kind == "over" or not _is_explained(notice, known):
            yield notice


def _notice(alert: Alert, now_ms: int, settings: Alerts) -> Notice | None:
    """Return what is to be sent of one alert by itself."""
    if alert.phase == "ending":
        return Notice("over", alert.sent or "INFO", alert) if _is_away(alert, now_ms) else None
    if alert.phase == "pending":
        return None
    if rank(alert.level) > rank(alert.sent):
        return Notice("begun" if alert.sent is None else "worse", alert.level, alert)
    age_ms = now_ms - alert.sent_ms
    if alert.taken_by or alert.sent is None:
        return None
    repeat_s = settings.repeat.critical_s if alert.level == "CRITICAL" else settings.repeat.warning_s
    if age_ms >= repeat_s * 1000:
        return Notice("again", alert.level, alert)
    if alert.key.code in _GROWING and (alert.number or 0) > alert.sent_number and age_ms >= _GROWS_MS:
        return Notice("more", alert.level, alert)
    return None


def _is_explained(notice: Notice, known: Mapping[Key, int]) -> bool:
    """Say whether another alert that is sent explains this one, and is as grave."""
    code, destination, _, node = notice.alert.key
    return any(
        code in _EXPLAINS.get(other.code, ())
        and other.node in ("", node)
        and other.destination in ("", destination)
        and grave >= rank(notice.level)
        for other, grave in known.items()
    )


def _goes_out(due: Collection[Notice], now_ms: int, open_for_ms: int, sent_ms: tuple[int, ...], most: int) -> bool:
    """Say whether the bundle goes out now: after half a minute; at once where something new is critical."""
    last_ms = max(sent_ms, default=None)
    rested_ms = now_ms - last_ms if last_ms is not None else _HOUR_MS
    urgent = any(each.level == "CRITICAL" and each.kind in ("begun", "worse") for each in due)
    if len(sent_ms) >= most:
        return urgent and rested_ms >= _BEYOND_MS
    return rested_ms >= BUNDLE_MS and (urgent or open_for_ms >= BUNDLE_MS)


def _note_sent(alerts: dict[Key, Alert], notice: Notice, now_ms: int) -> None:
    """Note that it was sent."""
    alert = notice.alert
    if notice.kind == "over":
        del alerts[alert.key]
        return
    sent = notice.level if rank(notice.level) > rank(alert.sent) else alert.sent
    noted = replace(alert, sent=sent, sent_ms=now_ms, sent_number=alert.number or 0)
    alerts[alert.key] = replace(noted, taken_by="", taken_ms=None) if notice.kind == "worse" else noted
