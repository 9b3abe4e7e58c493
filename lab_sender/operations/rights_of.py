"""Who may see and do what, on the page and in the API.

Holds: the roles, the rights that each has, `Visitor` (whoever asks) and the mask.
Promises: `patient-data` is a right of its own, part of no role. What a visitor may not see is always three dots,
whatever it is and also where it is empty: neither its length nor its absence says anything. Why an operator holds a
lane every account sees, on page and API alike: whoever resumes must know. Of other holds it may be the HIS's words.
Never: knows how somebody has proved who he is.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from lab_sender.ids import is_ours

MASK: Final = "•••"


class Right(enum.Enum):
    """What somebody may do; its value is the word that a person who may not is told."""

    SEE = "look at messages, acts and settings"
    ACT = "release, rebuild, resend, give up, hold and resume"
    ADMINISTER = "manage accounts, and reload the configuration"
    SUBMIT = "submit results"
    PATIENT_DATA = "see what is of patients"


ROLES: Final[Mapping[str, frozenset[Right]]] = {
    "viewer": frozenset((Right.SEE,)),
    "operator": frozenset((Right.SEE, Right.ACT)),
    "admin": frozenset((Right.SEE, Right.ACT, Right.ADMINISTER)),
    "submit": frozenset((Right.SUBMIT,)),
}
"""The rights of each role. `submit` is for programs, and may nothing else."""
OF_PATIENTS: Final = frozenset(
    (
        "file", "path", "orders", "order", "patient", "why", "his_words", "hold_reason", "link_detail", "foreign_ids",
        "ack", "message",
    )
)  # fmt: skip
"""The fields of documents that hold, or may hold, what is of a patient: names of files and the HIS's words too."""
_MAY_QUOTE: Final = ("reason", "next_step")
"""Fields that may name the message by its control id."""
_SEVERAL_IDS: Final = "may_have_arrived"
"""A field that holds control ids."""
_SAID_OPENLY: Final = "operator"
"""Whose reason for a hold was asked for as one without patient data."""
PERSONS: Final = ("viewer", "operator", "admin")
"""The roles that a person can have, the lowest first."""


class Visitor(Struct, frozen=True):
    """Whoever asks: a person who is logged in, a program with a key, or anybody (`NOBODY`).

    `name` is empty for anybody. `reveal_until_ms` is until when a person has asked to see what is of patients; a
    program sees it whenever it has the right. `key` is the number of a program's key.
    """

    name: str = ""
    role: str = ""
    rights: frozenset[Right] = frozenset()
    address: str = ""
    session: bytes = b""
    key: int | None = None
    reveal_until_ms: int = 0

    @property
    def is_known(self) -> bool:
        """Say whether it is known who asks."""
        return bool(self.name)

    @property
    def may_see_patients(self) -> bool:
        """Say whether the visitor has the right, asked for or not."""
        return Right.PATIENT_DATA in self.rights

    @property
    def sees_patients(self) -> bool:
        """Say whether what is of patients is shown now."""
        return self.may_see_patients and (self.key is not None or self.reveal_until_ms > time.time() * 1000)

    def may(self, right: Right) -> bool:
        """Say whether the visitor has a right."""
        return right in self.rights

    def masked(self, document: Any) -> Any:
        """Return a document of `--json` as the visitor may see it: each field of patients by itself."""
        if self.sees_patients:
            return document
        if isinstance(document, dict):
            shown = {
                name: _masked_field(each) if name in OF_PATIENTS else self.masked(each)
                for name, each in document.items()
            }
            if "hold_reason" in document:
                shown["hold_reason"] = self.hold_reason(document.get("hold"), document["hold_reason"])
            if isinstance(ids := document.get(_SEVERAL_IDS), list | tuple):
                shown[_SEVERAL_IDS] = [self.shown_id(each) for each in ids]
            theirs = document.get("control_id")
            if theirs and not is_ours(theirs):
                shown["control_id"] = MASK
                shown |= {name: MASK for name in _MAY_QUOTE if theirs in str(document.get(name) or "")}
            return shown
        return [self.masked(each) for each in document] if isinstance(document, list | tuple) else document

    def hold_reason(self, held_by: str | None, reason: str | None) -> str | None:
        """Return why a lane is held; the mask where that may be the HIS's words."""
        return reason if held_by == _SAID_OPENLY else self.shown(reason)

    def shown_id(self, control_id: str | None) -> str | None:
        """Return a control id; the mask where a laboratory gave it: it may be an order's or a patient's number."""
        return self.shown(control_id) if control_id and not is_ours(control_id) else control_id

    def shown(self, text: object) -> str:
        """Return what is of a patient, or the mask: file names, numbers, values, flags, the HIS's own words."""
        return ("" if text is None else str(text)) if self.sees_patients else MASK


def _masked_field(value: Any) -> Any:
    return [MASK] if isinstance(value, list | tuple) else MASK


def rights_of(role: str, *, patient_data: bool) -> frozenset[Right]:
    """Return the rights of a role, with or without patient data; of an unknown role none."""
    own = ROLES.get(role, frozenset())
    return own | {Right.PATIENT_DATA} if patient_data and own else own


NOBODY: Final = Visitor()
