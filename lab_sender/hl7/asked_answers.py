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

from typing import Final, Literal, NamedTuple

from lab_sender.errors import Finding
from lab_sender.hl7.message import msh_in

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
        """Say whether the application's answer is the verdict: asked for, or in original mode (chapter 2.9.2)."""
        return self.application == "AL" or not (self.accept or self.application)

    def faults(self, place: str = "", *, severity: Literal["error", "warning"] = "error") -> tuple[Finding, ...]:
        """Tell why the message at `place` cannot be delivered: that means a positive answer, and none would come.

        A `warning` is for a message that is sent all the same, to a HIS that looks at neither field.
        """
        if not self.none_if_taken:
            return ()
        return (
            Finding(
                "hl7.no-answer-asked",
                "MSH-15 and MSH-16 ask for no answer when the HIS takes the message; nobody could know that it has.",
                place=place,
                field="MSH-15",
                severity=severity,
                hint="Have the source leave both empty. If the HIS answers all the same: inputs.hl7.no_answer: send."
                " Or let the profile set them: `apply_to: [reports, hl7]` and `set: [{field: MSH-15, value: AL}]`.",
            ),
        )


def asked_answers(body: bytes) -> AskedAnswers:
    """Return what a message asks for."""
    msh = msh_in(body)
    return AskedAnswers(_word(msh.field(15)), _word(msh.field(16)))


def _word(field: str) -> str:
    word = field.strip().upper()
    return "" if word == _NULL else word
