"""Which answers a message asks for: MSH-15 and MSH-16 (HL7 2.5.1 chapter 2.9, table 0155).

Holds: the look into a message's own bytes, and the one question whether a good message is answered at all.
Promises: any bytes that passed intake can be read, with any delimiters; the HL7 null (`""`) is as good as empty.
Never: changes a message, or knows the profile that made or changed it.

Both empty is the original mode: AA, AE or AR always comes. Else it is the enhanced mode, in which an empty one of
the two asks for nothing. Of a message that the HIS takes, `AL` and `SU` bring a positive answer, `NE` and `ER` none:

    MSH-15 \\ MSH-16    AL, SU     NE, ER     empty
    AL, SU             CA, AA     CA         CA
    NE, ER             AA         nothing    nothing
    empty              AA         nothing    AA
"""

from __future__ import annotations

from typing import Final, NamedTuple

from lab_sender.errors import Finding

_SILENT: Final = frozenset(("NE", "ER"))
_NULL: Final = '""'


class AskedAnswers(NamedTuple):
    """MSH-15 and MSH-16 as a message has them."""

    accept: str
    application: str

    @property
    def none_if_taken(self) -> bool:
        """Say whether a HIS that takes the message and obeys it says nothing."""
        asked = {self.accept, self.application} - {""}
        return bool(asked) and asked <= _SILENT

    @property
    def wants_application(self) -> bool:
        """Say whether an application answer always follows."""
        return self.application == "AL"


def asked_answers(body: bytes) -> AskedAnswers:
    """Return what a message asks for."""
    end = body.find(b"\r")
    fields = body[: end if end >= 0 else None].split(body[3:4] or b"|", 16)
    accept, application = (_word(fields[at]) if at < len(fields) else "" for at in (14, 15))
    return AskedAnswers(accept, application)


def answer_faults(body: bytes, place: str = "") -> tuple[Finding, ...]:
    """Tell why a message cannot be delivered safely: delivered means a positive answer, so one has to come."""
    if not asked_answers(body).none_if_taken:
        return ()
    return (
        Finding(
            "hl7.no-answer-asked",
            "MSH-15 and MSH-16 ask the HIS for no answer when it takes the message; nobody could know that it has.",
            place=place,
            field="MSH-15",
            hint="Have the source leave both empty, or let the profile set them for ready messages too:"
            " `apply_to: [reports, hl7]` and `set: [{field: MSH-15, value: AL}]`.",
        ),
    )


def _word(field: bytes) -> str:
    word = field.decode("latin-1").strip().upper()
    return "" if word == _NULL else word
