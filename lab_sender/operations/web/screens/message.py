"""One message: what became of it, what it says, what the HIS answered, and what may be done.

Holds: its page, its raw view, and its proof as a file; the same page for a file that could not be read.
Promises: where a page shows what is of a patient, a row of the audit names the message and the patient before the
page is sent, each time; so does a raw view, and a proof.
Never: sends what is of a patient to who may not see it, or has not asked to.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lab_sender.errors import LabSenderError
from lab_sender.operations import stories
from lab_sender.operations.named import order_number
from lab_sender.operations.proof import proof
from lab_sender.operations.proof_page import page_of
from lab_sender.operations.rights_of import Right
from lab_sender.operations.values import text_of
from lab_sender.operations.web.asked import Answer, Asked, Page, screen
from lab_sender.operations.web.banner import meaning
from lab_sender.operations.web.decoded import Segment, results_of, segments_of
from lab_sender.operations.web.doing import want_shown, who_of
from lab_sender.operations.web.listed import Row, rows_of_entries
from lab_sender.operations.web.telling import steps, verdict

_OTHERS: Final = 12


def _message(asked: Asked) -> Answer:
    return _page(asked, f"id:{asked.path['id']}")


def _file(asked: Asked) -> Answer:
    """Show a file that could not be read; of one that could, its messages."""
    number = int(asked.path["file"])
    with asked.site.installation.view() as view:
        lines = view.lines(source_ids=[number], limit=2)
    if len(lines) > 1:
        return RedirectResponse(f"/messages?file={number}", 303)
    if lines and lines[0].message_id is not None:
        return RedirectResponse(f"/messages/{lines[0].message_id}", 303)
    return _page(asked, f"file:{number}")


def _page(asked: Asked, word: str) -> Answer:
    installation, sees = asked.site.installation, asked.visitor.sees_patients
    story = stories.story(installation, word, raw=sees)
    number = story.id
    body: bytes | None = None
    patient, orders, others = "", tuple[str, ...](), tuple[Row, ...]()
    answers: dict[int, tuple[Segment, ...]] = {}
    if number is not None:
        with installation.view() as view:
            body = view.wire(number)
            of = view.patients_of([number]).get(number)
            patient = order_number(of.patient_key) if of else ""
            orders = tuple(view.orders(number))
            lines = {line.message_id: line for key in orders for line in view.by_order(key, limit=_OTHERS)}
            tries = view.attempts(number)
        lines.pop(number, None)
        newest = sorted(lines.values(), key=lambda each: each.message_id or 0, reverse=True)[:_OTHERS]
        others = rows_of_entries(installation, [stories.entry_of(installation, each) for each in newest], sees=False)
        acks = [(at, each["ack"]) for at, each in enumerate(tries, 1) if each["ack"] is not None]
        answers = {at: segments_of(ack, answers=story.control_id or "-") for at, ack in acks}
    if sees:
        asked.site.audit.note(asked.visitor, "view", target=story.ref, patient=patient)
    lanes = asked.site.status().destinations if story.state == "spooled" else ()
    values: dict[str, Any] = {
        "story": story,
        "verdict": verdict(story, next((each for each in lanes if each.name == story.destination), None)),
        "steps": steps(story),
        "orders": [order_number(each) for each in orders],
        "patient": patient,
        "results": results_of(body) if body is not None else (),
        "segments": segments_of(body) if body is not None else (),
        "bytes": len(body) if body is not None else 0,
        "answers": answers,
        "others": others,
        "several": len(installation.config.destinations) > 1,
        "meaning": lambda code: meaning(code)[0],
        "is_live": not sees,
    }
    return Page("message.html", story.what.capitalize(), values)


def _note(asked: Asked, act: str, number: int) -> None:
    """Note who is about to see all of a message."""
    with asked.site.installation.view() as view:
        of = view.patients_of([number]).get(number)
    asked.site.audit.note(asked.visitor, act, target=str(number), patient=order_number(of.patient_key) if of else "")


def _raw(asked: Asked) -> Answer:
    want_shown(asked.visitor)
    number = int(asked.path["id"])
    with asked.site.installation.view() as view:
        body = view.wire(number)
        tries = view.attempts(number)
    if body is None:
        raise LabSenderError("message.unknown", "there is no such message, or it was never built.")
    _note(asked, "raw", number)
    acks = [(at, text_of(each["ack"])) for at, each in enumerate(tries, 1) if each["ack"] is not None]
    return Page("raw.html", f"Message {number}, raw", {"number": number, "body": text_of(body), "acks": acks})


def _proof(asked: Asked) -> Response:
    want_shown(asked.visitor)
    number = int(asked.path["id"])
    _note(asked, "proof", number)
    page = page_of(proof(asked.site.installation, f"id:{number}", who=who_of(asked.visitor)))
    headers = {"content-disposition": f'attachment; filename="proof-message-{number}.html"'}
    return Response(page.encode("utf-8"), media_type="text/html; charset=utf-8", headers=headers)


ROUTES: Final[tuple[Route, ...]] = (
    screen("/messages/{id:int}", _message),
    screen("/files/{file:int}", _file),
    screen("/messages/{id:int}/raw", _raw, right=Right.PATIENT_DATA, posts=True),
    screen("/messages/{id:int}/proof", _proof, right=Right.PATIENT_DATA, posts=True),
)
