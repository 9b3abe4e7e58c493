"""Alerts: what goes out now, who has it, and whether the channels work.

Holds: the list with "I have it", and the trial of the channels.
Promises: counts, codes and ids only; an address of a channel is never shown.
Never: decides what is an alert.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.operations.alerts import asked as alerts
from lab_sender.operations.alerts.asked import AlertsTest
from lab_sender.operations.rights_of import Right
from lab_sender.operations.web.asked import Answer, Asked, Page, screen
from lab_sender.operations.web.doing import who_of
from lab_sender.operations.web.words import advice

_PHASES: Final = {"firing": "goes out", "pending": "may follow", "ending": "is passing"}


def _alerts(asked: Asked) -> Answer:
    return _page(asked, None)


def _page(asked: Asked, tried: AlertsTest | None) -> Page:
    found = alerts.listing(asked.site.installation)
    values: dict[str, Any] = {
        "found": found,
        "firing": [each for each in found.alerts if each.phase == "firing"],
        "open": [each for each in found.alerts if each.phase == "firing" and not each.taken_by],
        "phases": _PHASES,
        "tried": tried,
        "several": len(asked.site.installation.config.destinations) > 1,
        "advice": lambda code: advice(code)[1],
        "is_live": tried is None,
    }
    return Page("alerts.html", "Alerts", values)


def _take(asked: Asked) -> Response:
    """Somebody has an alert: it is not sent again until it gets worse."""
    number = asked.text("alert")
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        raise LabSenderError("alerts.no-such", "there is no such alert.", hint="It may be over.")
    with asked.site.audit.around(asked.visitor, "alert-taken", target=number):
        alerts.take(asked.site.installation, [int(number)], who_of(asked.visitor))
    asked.site.look_again()
    return RedirectResponse("/alerts" if asked.text("back") == "/alerts" else "/", 303)


def _try(asked: Asked) -> Answer:
    with asked.site.audit.around(asked.visitor, "alerts-test") as detail:
        tried = alerts.trial(asked.site.installation)
        detail.append(f"sent {sum(each.sent for each in tried.channels)} of {len(tried.channels)}")
    return _page(asked, tried)


ROUTES: Final[tuple[Route, ...]] = (
    screen("/alerts", _alerts),
    screen("/alerts/take", _take, right=Right.ACT, posts=True),
    screen("/alerts/test", _try, right=Right.ADMINISTER, posts=True),
)
