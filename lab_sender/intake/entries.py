"""Claims to journal entries.

Holds: what a file becomes in the journal when it goes on, and when it does not.
Promises: pure. The entry names the documents that the file goes without, and whose they would be.
Never: decides which of the two it is.
"""

from __future__ import annotations

from collections.abc import Iterable

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


def overtaken(message: NewMessage, newer: int, *, in_part: bool) -> NewMessage:
    """Quarantine a message that a newer report of its order has passed: message `newer`.

    `in_part`: it has other orders, which nothing has passed.
    """
    code = "report.partly-overtaken" if in_part else "report.overtaken"
    of_what = "one of its orders, and not of the others" if in_part else "the same order"
    else_ = "else drop the other orders in a file of their own, and then give it up" if in_part else "else give it up"
    text = (
        f"{code}: message {newer}, which the HIS has, may have or gets, is a newer report for {of_what};"
        " sending this one now would overwrite it. If this one counts all the same, release it with --force;"
        f" {else_}."
    )
    return NewMessage(
        message.place, "quarantined", message.digest, code=code, reason=text,
        destination=message.destination, came=message.came,
    )  # fmt: skip
