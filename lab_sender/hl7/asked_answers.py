"""Which answers a message asks for: MSH-15 and MSH-16 (HL7 2.5.1 chapter 2.9, table 0155).

Holds: MSH-15 and MSH-16 of a message's own bytes, and whether the HIS answers a message that it accepts.
Promises: reads whatever passed intake, with any delimiters; the HL7 null (`""`) counts as empty.
Never: changes a message; knows the profile that made or changed it.

Both empty is the original mode: AA, AE or AR always comes. Else it is the enhanced mode, in which an empty field asks
for nothing. For a message that the HIS accepts, `AL` and `SU` bring a positive answer, `NE` and `ER` none:

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
        """Return whether a HIS that accepts the message, and follows the standard, sends no answer."""
        asked = {self.accept, self.application} - {""}
        return bool(asked) and asked <= _SILENT

    @property
    def wants_application(self) -> bool:
        """Return whether the application's answer is the verdict: asked for, or in original mode (chapter 2.9.2)."""
        return self.application == "AL" or not (self.accept or self.application)

    def faults(self, place: str = "", *, severity: Literal["error", "warning"] = "error") -> tuple[Finding, ...]:
        """Return why the message at `place` cannot be delivered: delivery is a positive answer, and none would come.

        It is a `warning` for a message that is sent all the same, to a HIS that looks at neither field.
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
