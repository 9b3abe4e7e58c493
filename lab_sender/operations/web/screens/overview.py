"""The overview: how it stands, what needs a person, and hold or resume.

Holds: what is gathered for it, and the acts `hold` and `resume`.
Promises: without an account it shows facts only: no acts, no reasons, no word of the HIS.
Never: asks the HIS, or counts messages: it shows what operations/status found.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.operations import wording
from lab_sender.operations.conditions import LOW_DISK_BYTES, Limits
from lab_sender.operations.lanes import DestinationStatus
from lab_sender.operations.rights_of import Right
from lab_sender.operations.status import Status
from lab_sender.operations.web.asked import Answer, Asked, Page, screen
from lab_sender.operations.web.banner import banner, meaning
from lab_sender.operations.web.doing import hold, reason_of, resume
from lab_sender.operations.web.words import DID, advice

_LAST_ACTS: Final = 8
_OPEN_ACTS: Final = (
    "lane.held", "config.reloaded", "config.refused", "retention.archived", "retention.purged",
)  # fmt: skip
"""The acts whose detail is not of a patient; a reason may be, and so may an answer for which a lane is held."""


class Need(NamedTuple):
    """What needs a person, of one cause."""

    number: int
    what: str
    code: str
    means: str
    todo: str
    since_ms: int | None
    destination: str


def _overview(asked: Asked) -> Answer:
    try:
        now = asked.site.status()
    except LabSenderError as error:
        return Page("unknown.html", "Overview", {"error": error})
    goes = all(map(_goes, now.destinations))
    configured = asked.site.installation.config.destinations
    values: dict[str, Any] = {
        "now": now,
        "minutes": asked.site.delivered(),
        "rate_s": now.rate_per_min / 60 if goes else 0.0,
        "gone_s": max((each.eta_s for each in now.destinations if each.eta_s), default=None) if goes else None,
        "tls": [name for name, each in configured.items() if each.his.tls is not None],
        "banner": banner(now),
        "needs": needs(now),
        "lanes": now.destinations,
        "old_s": Limits().warn_age_s,
        "low_disk_bytes": LOW_DISK_BYTES,
        "held": [each.name for each in now.destinations if each.hold],
        "open": [each.name for each in now.destinations if not each.hold and each.configured],
        "link": worst_off(now),
        "quarantined": now.quarantined + now.unreadable,
        "alerts": asked.site.alerts(),
        "acts": _last_acts(asked) if asked.visitor.may(Right.SEE) else None,
        "meaning": lambda code, destination: meaning(code, destination)[0],
        "held_by": wording.HELD_BY,
        "did": DID,
        "open_acts": _OPEN_ACTS,
    }
    return Page("overview.html", "Overview", values)


def needs(now: Status) -> list[Need]:
    """Return what needs a person, the most of one cause first."""
    shown = {each.name: each.name if len(now.destinations) > 1 else "" for each in now.destinations}
    found = [
        Need(each.number, "message", each.code, *advice(each.code, lane.name), each.since_ms, shown[lane.name])
        for lane in now.destinations
        for each in lane.quarantined_by
    ]
    found += [
        Need(each.number, "unreadable file", each.code, *advice(each.code), each.since_ms, "")
        for each in now.unreadable_by
    ]
    return sorted(found, key=lambda each: -each.number)


def worst_off(now: Status) -> DestinationStatus:
    """Return the destination that is worst off: the one whose link is down, then one that is held."""
    order = ("none", "down", "held", "waiting", "idle", "up")

    def place(each: DestinationStatus) -> int:
        link = order.index(each.link) if each.link in order else 0
        return min(link, order.index("held")) if each.hold else link

    return min(now.destinations, key=place)


def _goes(lane: DestinationStatus) -> bool:
    """Say whether what waits for a destination goes out now."""
    return not lane.waiting or (lane.link == "up" and not lane.hold and lane.closed_until_ms is None)


def _last_acts(asked: Asked) -> list[dict[str, Any]]:
    if not asked.site.installation.has_journal:
        return []
    with asked.site.installation.view() as view:
        return view.last_acts(_LAST_ACTS)


def _hold(asked: Asked) -> Response:
    hold(asked.site, asked.visitor, reason_of(asked), asked.text("destination"))
    return RedirectResponse("/", 303)


def _resume(asked: Asked) -> Response:
    resume(asked.site, asked.visitor, reason_of(asked), asked.text("destination"))
    return RedirectResponse("/", 303)


ROUTES: Final[tuple[Route, ...]] = (
    screen("/", _overview, right=None),
    screen("/hold", _hold, right=Right.ACT, posts=True),
    screen("/resume", _resume, right=Right.ACT, posts=True),
)
