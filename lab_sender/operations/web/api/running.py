"""What the API tells and does about the agent itself: alerts, who has them, reload.

Holds: one operation for each.
Promises: counts, codes and ids only. An act has its row of the audit before it is done.
Never: decides what is an alert, or edits the configuration.
"""

from __future__ import annotations

from typing import Final

from lab_sender.operations.alerts import asked as alerts
from lab_sender.operations.alerts.asked import AlertsListing, AlertTaken
from lab_sender.operations.reload import Reloaded
from lab_sender.operations.rights_of import Right
from lab_sender.operations.web.api.core import Answer, Call, Operation, Parameter
from lab_sender.operations.web.doing import reload, who_of


def _alerts(call: Call) -> Answer:
    return alerts.listing(call.site.installation)


def _take(call: Call) -> Answer:
    with call.site.audit.around(call.visitor, "alert-taken", target=call.path["id"]):
        taken = alerts.take(call.site.installation, [int(call.path["id"])], who_of(call.visitor))
    call.site.look_again()
    return taken


def _reload(call: Call) -> Answer:
    return reload(call.site, call.visitor)


OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation("GET", "/api/v1/alerts", "alerts", "What is, or may become, an alert.", Right.SEE, _alerts,
              AlertsListing),
    Operation(
        "POST", "/api/v1/alerts/{id:int}/take", "alert-take", "Say that somebody has an alert: it is not repeated.",
        Right.ACT, _take, AlertTaken,
        parameters=(Parameter("id", "path", "As the list has it.", {"type": "integer"}, required=True),),
    ),
    Operation(
        "POST", "/api/v1/reload", "reload", "Bring the configuration in force that is on the disk, whole or not.",
        Right.ADMINISTER, _reload, Reloaded,
    ),
)  # fmt: skip
