"""Audit: who saw and did what, and whether a row was changed since.

Holds: the list by cursor, by person and by act, and the walk along the chain.
Promises: a patient's key and a reason are masked for who does not see patients.
Never: changes a row.
"""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from lab_sender.operations.audit import AuditVerdict
from lab_sender.operations.rights_of import Right
from lab_sender.operations.web.asked import Answer, Asked, Page, screen

_LIMIT: Final = 100


def _listed(asked: Asked) -> Answer:
    return _page(asked, None)


def _verified(asked: Asked) -> Answer:
    return _page(asked, asked.site.audit.verify())


def _page(asked: Asked, verdict: AuditVerdict | None) -> Answer:
    who, act = asked.query.get("who", "")[:64], asked.query.get("act", "")[:40]
    before = asked.query.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
    found = asked.site.audit.listing(limit=_LIMIT, before=number, who=who, act=act)
    values = {
        "rows": found.rows,
        "more": found.rows[-1].id if found.more else None,
        "who": who,
        "act": act,
        "verdict": verdict,
        "is_live": number is None and verdict is None,
    }
    return Page("audit.html", "Audit", values)


ROUTES: Final[tuple[Route, ...]] = (
    screen("/audit", _listed, right=Right.ADMINISTER),
    screen("/audit/verify", _verified, right=Right.ADMINISTER, posts=True),
)
