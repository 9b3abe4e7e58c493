"""Claims to journal entries.

Holds: what a file becomes in the journal when it goes on, and when it does not.
Promises: pure. The entry names the documents that the file goes without, and whose they would be.
Never: decides which of the two it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from lab_sender.hl7.orders import reports_of
from lab_sender.intake.compose import remarks_of
from lab_sender.intake.phases import Interpreted, Rejected
from lab_sender.journal import NewMessage, NewSource


def read_entry(file: Interpreted, messages: Iterable[NewMessage]) -> NewSource:
    """Make the entry of a file that was read, with its messages."""
    claim, said = file.back(), file.said
    return NewSource(
        claim.claim_id,
        said.kind,
        claim.size,
        said.sha256,
        claim.files(),
        tuple(messages),
        remarks=remarks_of(said.remarks),
        without=tuple(sorted(file.without)),
        owners=tuple(sorted(file.owners)) if file.without else (),
    )


def rejected_entry(file: Rejected) -> NewSource:
    """Make the entry of a file that goes to quarantine as a whole."""
    claim, error = file.claim, file.error
    return NewSource(
        claim.claim_id,
        "unreadable",
        max(claim.size, 0),
        file.sha256,
        claim.files(),
        (),
        error.code,
        "\n".join(finding.line() for finding in error.findings),
        without=tuple(sorted(file.without)),
        owners=tuple(sorted(file.owners)) if file.without else (),
    )


def overtaken(message: NewMessage, newer: int, *, closed: Collection[str]) -> NewMessage:
    """Quarantine a message that a newer report of its order has passed: message `newer`.

    `closed` are the orders of it that were passed, or of which the HIS has the same.
    """
    code, what, else_ = "report.overtaken", "the same order", "give it up"
    reports = enumerate(reports_of(message.body or b""), 1)
    if still_open := [str(number) for number, each in reports if each.fact.key not in closed]:
        code, what = "report.partly-overtaken", "an order in it"
        at = ", ".join(still_open)
        else_ = f"have the laboratory report OBR {at} of it anew, which nothing newer has passed, and then give it up"
    text = (
        f"{code}: message {newer}, which the HIS has, may have or gets, is a newer report for {what};"
        " sending this one now would overwrite it. If this one counts all the same, release it with --force;"
        f" else {else_}."
    )
    return NewMessage(
        message.place, "quarantined", message.digest, code=code, reason=text,
        destination=message.destination, came=message.came,
    )  # fmt: skip
