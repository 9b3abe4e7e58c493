"""Messages: what is searched for, found, kept and taken along as a table.

Holds: the search by address (nothing of a patient) and by form (anything), saved searches, the export.
Promises: what was typed into the box is never in an address, nor kept where it may be a patient's. A search for a
patient, and each export, is a row of the audit before anything is sent. What a visitor may not see is masked in the
table and in the export alike.
Never: finds by itself; operations/search does.
"""

from __future__ import annotations

import csv
import io
import json
import time
from typing import Any, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.journal.database import now_ms
from lab_sender.operations.export import COLUMNS, PATIENT_COLUMNS, as_cells, rows_of
from lab_sender.operations.web.asked import Answer, Asked, Page, screen
from lab_sender.operations.web.asking import RANGES, STATES, NotAsked, Query, ways, wider
from lab_sender.operations.web.listed import listed

_MOST_EXPORTED: Final = 50_000
_MOST_SAVED: Final = 20


def _by_address(asked: Asked) -> Answer:
    """Show the newest, or those that an address names: it has words of states and codes only."""
    query = Query.read({**asked.query, "q": "", "kind": ""})
    return _shown(asked, query, asked.query.get("before"), is_live="before" not in asked.query)


def _by_form(asked: Asked) -> Answer:
    saved = asked.text("saved")
    query = _saved(asked).get(saved, Query()) if saved else Query.read(asked.form)
    return _shown(asked, query, asked.text("before") or None, is_live=False)


def _shown(asked: Asked, query: Query, before: str | None, *, is_live: bool) -> Answer:
    sees = asked.visitor.sees_patients
    wrong, found = "", None
    try:
        found = listed(asked.site.installation, query, sees=sees, before=before)
    except NotAsked as error:
        wrong = f"{error.text[:1].upper()}{error.text[1:]} {error.hint}"
    for each in found.meanings if found is not None and sees else ():
        if each.patient:
            asked.site.audit.note(asked.visitor, "search", patient=each.patient)
    if found is not None and query.q and not before and found.only is not None:
        return RedirectResponse(found.only.path, 303)
    values: dict[str, Any] = {
        "query": query,
        "found": found,
        "wrong": wrong,
        "is_live": is_live,
        "is_older": before is not None,
        "ranges": {name: words for name, (words, _) in RANGES.items()},
        "states": STATES,
        "wider": wider(query, sees=sees) if found is not None and not found.rows else [],
        "saved": list(_saved(asked)),
        "destinations": list(asked.site.installation.config.destinations),
    }
    return Page("messages.html", "Messages", values)


# ------------------------------------------------------------- the export


def _export(asked: Asked) -> Response:
    query, sees = Query.read(asked.form), asked.visitor.sees_patients
    asked_for = ways(query, now_ms(), sees=sees)
    found = listed(asked.site.installation, query, sees=sees, limit=1)
    kinds = {each.kind for each in found.meanings}
    chosen = [each for each in asked_for if each.kind in kinds] or asked_for[:1]
    if len(chosen) > 1 or any(each.points for each in chosen):
        text = "it is not clear what is to be exported: the word is several things."
        raise NotAsked("export.ambiguous", text, hint="Choose one of them on the page, then export.")
    asked.site.audit.note(asked.visitor, "export", detail="patient data" if sees else "masked")
    names = (*COLUMNS, *(PATIENT_COLUMNS if sees else ()))
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(names)
    rows = rows_of(asked.site.installation, chosen[0].search, patient_data=sees, remarks=[])
    for number, row in enumerate(rows, 1):
        if number > _MOST_EXPORTED:
            text = f"that is more than {_MOST_EXPORTED:,} rows, so nothing was exported."
            raise NotAsked("export.too-many", text, hint="Choose a shorter time, or type `lab-sender export`.")
        table.writerow(as_cells(asked.visitor.masked(row)))
    name = f"lab-sender-{time.strftime('%Y%m%d-%H%M%S')}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(out.getvalue().encode(), media_type="text/csv; charset=utf-8", headers=headers)


# ------------------------------------------------------------- saved searches


def _saved(asked: Asked) -> dict[str, Query]:
    rows = asked.site.records.rows(
        "SELECT name, search FROM saved_search WHERE account = ? ORDER BY name", (asked.visitor.name,)
    )
    known = {name: Query.read(json.loads(text)) for name, text in rows}
    return {name: query for name, query in known.items() if query.may_be_kept}


def _save(asked: Asked) -> Answer:
    name, query = asked.text("name")[:40], Query.read(asked.form)
    if not name:
        raise NotAsked("search.name", "a saved search needs a name.", hint="Give it one of up to 40 characters.")
    if not query.may_be_kept:
        text = "what stands in the box is not kept: it may be a patient's."
        hint = "Keep a search by state, destination, time, `code:` and `ward:`; type a number when you need it."
        raise NotAsked("search.not-kept", text, hint=hint)
    with asked.site.records.transaction() as db:
        others = db.execute(
            "SELECT COUNT(*) FROM saved_search WHERE account = ? AND name <> ?", (asked.visitor.name, name)
        ).fetchone()[0]
        if others >= _MOST_SAVED:
            text = f"there are {_MOST_SAVED} saved searches already."
            raise LabSenderError("search.name", text, hint="Remove one of them first.")
        db.execute(
            "INSERT INTO saved_search VALUES (?, ?, ?, ?)"
            " ON CONFLICT (account, name) DO UPDATE SET search = excluded.search",
            (asked.visitor.name, name, query.kept, now_ms()),
        )
    return _shown(asked, query, None, is_live=False)


def _forget(asked: Asked) -> Response:
    with asked.site.records.transaction() as db:
        db.execute(
            "DELETE FROM saved_search WHERE account = ? AND name = ?", (asked.visitor.name, asked.text("saved"))
        )
    return RedirectResponse("/messages", 303)


ROUTES: Final[tuple[Route, ...]] = (
    screen("/messages", _by_address),
    screen("/messages", _by_form, posts=True),
    screen("/messages/export", _export, posts=True),
    screen("/messages/save", _save, posts=True),
    screen("/messages/forget", _forget, posts=True),
)
