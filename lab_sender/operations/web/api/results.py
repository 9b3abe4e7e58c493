"""Results of programs on other machines: submitted, and what became of them.

Holds: the two operations.
Promises: an answer of `submit` means that the result lies durably in the outbox.
Never: reads a result.
"""

from __future__ import annotations

from email.message import Message
from typing import Final

from lab_sender.operations.rights_of import Right, Visitor
from lab_sender.operations.submissions import Became, Submitted, became, submit
from lab_sender.operations.web.api.core import Answer, Call, CallError, Operation, Parameter
from lab_sender.operations.web.guard import RESULTS
from lab_sender.operations.web.visitors import header_text


def _submit(call: Call) -> Answer:
    if call.visitor.key is None:
        raise CallError("login.needed", "results are submitted with a key, not from a page.")
    return submit(
        call.site.installation,
        call.site.records,
        call.body,
        name=_name(call),
        to=call.query.get("to", []),
        key_id=call.visitor.key,
        idempotency_key=call.headers.get("idempotency-key", ""),
    )


def _became(call: Call) -> Answer:
    own = call.visitor.key if _is_program(call.visitor) else None
    return became(call.site.installation, call.site.records, call.path["id"], key_id=own)


def _is_program(visitor: Visitor) -> bool:
    """Say whether it sees its own results only."""
    return visitor.key is not None and not visitor.may(Right.SEE)


def _name(call: Call) -> str:
    """Return the file's name: it stands in the head, for it may name a patient, and addresses are logged."""
    message = Message()
    try:
        message["content-disposition"] = header_text(call.headers.get("content-disposition", ""))
        return message.get_filename("") or ""
    except (UnicodeError, LookupError):
        raise CallError("request.parameter", "the name in Content-Disposition cannot be read.") from None


OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        "POST", RESULTS, "submit", "Submit a result file: it lies in the outbox when this is answered.",
        Right.SUBMIT, _submit, Submitted, takes="application/octet-stream", status=202,
        parameters=(
            Parameter("to", "query", "The destination it is for; may be given several times.", {"type": "string"}),
            Parameter(
                "Idempotency-Key", "header", "Another one for each result; the same when it is sent again.",
                {"type": "string", "minLength": 8, "maxLength": 128}, required=True,
            ),
            Parameter(
                "Content-Disposition", "header", 'The file\'s name: `attachment; filename="a.json"`.',
                {"type": "string"},
            ),
        ),
    ),
    Operation(
        "GET", "/api/v1/results/{id}", "result", "What became of a submitted result.", Right.SUBMIT, _became, Became,
        shows_patients=True,
        parameters=(Parameter("id", "path", "As `submit` answered it.", {"type": "string"}, required=True),),
    ),
)  # fmt: skip
