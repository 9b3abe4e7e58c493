"""What the API tells: status, messages, what was sent, the audit, the configuration in force.

Holds: one operation for each question.
Promises: the bytes of a message only to who may see patients, and after a row of the audit that names it.
Never: changes anything.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from lab_sender.errors import LabSenderError
from lab_sender.operations import search, stories, wording
from lab_sender.operations.audit import AuditListing, without_patients
from lab_sender.operations.in_force import InForce, in_force
from lab_sender.operations.named import Ambiguous
from lab_sender.operations.rights_of import Right
from lab_sender.operations.status import Status
from lab_sender.operations.values import Value, about
from lab_sender.operations.web.api.core import Answer, Call, CallError, Operation, Parameter, Raw
from lab_sender.operations.web.doing import want_search, want_shown

_TEXT: Final = {"type": "string"}
_LIMIT: Final = Parameter("limit", "query", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 1000})
_ID: Final = Parameter("id", "path", "A message's number.", {"type": "integer"}, required=True)


def _status(call: Call) -> Answer:
    return call.site.status()


def _messages(call: Call) -> Answer:
    words = call.query.get("state", [])
    for word in words:
        if word not in wording.STATES:
            hint = f"There are: {', '.join(wording.STATES)}."
            raise CallError("request.parameter", "there is no such state.", hint=hint)
    limit = call.number("limit", 50, most=1000) or 50
    wanted = search.Search(states=tuple(words), to=tuple(call.query.get("to", [])))
    return search.search(call.site.installation, wanted, limit=limit, before=call.one("before") or None)


class AskedSearch(Value, frozen=True, forbid_unknown_fields=True):
    """What is searched for; what is not given does not matter."""

    search: Annotated[search.Search, about("What is known of it.")]
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many at most.")] = 50
    before: Annotated[str, about("Where a list goes on: `before` of the page before.")] = ""


def _search(call: Call) -> Answer:
    asked: AskedSearch = call.read(AskedSearch)
    want_search(call.site, call.visitor, asked.search)
    return search.search(call.site.installation, asked.search, limit=asked.limit, before=asked.before or None)


def _message(call: Call) -> Answer:
    try:
        return stories.story(call.site.installation, _word(call))
    except Ambiguous:  # its text names files
        text = "the file has several messages, or none of its own."
        raise CallError("word.ambiguous", text, hint="Ask for one of them by its number.") from None


def _wire(call: Call) -> Answer:
    want_shown(call.visitor)
    with call.site.installation.view() as view:
        body = view.wire(int(call.path["id"]))
    if body is None:
        raise LabSenderError("message.unknown", "there is no such message, or it was never built.")
    if call.visitor.key is None:  # of a program it is noted already
        call.site.audit.note(call.visitor, "api wire", target=call.path["id"])
    return Raw(body, "application/hl7-v2")


def _audit(call: Call) -> Answer:
    limit = call.number("limit", 50, most=1000) or 50
    found = call.site.audit.listing(
        limit=limit, before=call.number("before", None), who=call.one("who"), act=call.one("act")
    )
    return found if call.visitor.sees_patients else without_patients(found)


def _config(call: Call) -> Answer:
    return in_force(call.site.installation)


def _word(call: Call) -> str:
    return f"file:{call.path['file']}" if "file" in call.path else f"id:{call.path['id']}"


OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        "GET", "/api/v1/status", "status", "The verdict, and what it is made of.", Right.SEE, _status, Status,
        shows_patients=True,
    ),
    Operation(
        "GET", "/api/v1/messages", "messages", "Messages and unreadable files, the newest first.", Right.SEE,
        _messages, search.Listing, shows_patients=True,
        parameters=(
            Parameter("state", "query", "Only of this state; may be given several times.", _TEXT),
            Parameter("to", "query", "Only for this destination; may be given several times.", _TEXT),
            Parameter("before", "query", "Where a list goes on: `before` of the page before.", _TEXT),
            _LIMIT,
        ),
    ),
    Operation(
        "POST", "/api/v1/search", "search", "Messages and unreadable files by what is known of them.", Right.SEE,
        _search, search.Listing, takes=AskedSearch, shows_patients=True,
    ),
    Operation(
        "GET", "/api/v1/messages/{id:int}", "message", "All that became of a message.", Right.SEE, _message,
        stories.Story, parameters=(_ID,), shows_patients=True,
    ),
    Operation(
        "GET", "/api/v1/files/{file:int}", "file", "All that became of a file that could not be read.", Right.SEE,
        _message, stories.Story, shows_patients=True,
        parameters=(Parameter("file", "path", "A file's number.", {"type": "integer"}, required=True),),
    ),
    Operation(
        "GET", "/api/v1/messages/{id:int}/wire", "wire", "A message's bytes as they were sent.", Right.PATIENT_DATA,
        _wire, "application/hl7-v2", parameters=(_ID,), shows_patients=True,
    ),
    Operation(
        "GET", "/api/v1/audit", "audit", "Who saw and did what, the newest first.", Right.ADMINISTER, _audit,
        AuditListing, shows_patients=True,
        parameters=(
            _LIMIT,
            Parameter("before", "query", "Only rows before this number.", {"type": "integer", "minimum": 1}),
            Parameter("who", "query", "Only of this account or key.", _TEXT),
            Parameter("act", "query", "Only this act.", _TEXT),
        ),
    ),
    Operation("GET", "/api/v1/config", "config", "The configuration, without secrets.", Right.SEE, _config, InForce),
)  # fmt: skip
