"""Identifiers of a report to CX, and which of the patient's are sent where.

Holds: the Identity of a site: which types of identifier are sent, in which order, and the fields they are copied to.
Promises: a number goes out with the authority that it came with, where the field has a component for it; a copy never
replaces a value of the report.
Never: makes up an identifier, or a type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lab_sender.errors import SettingError
from lab_sender.hl7.er7 import join
from lab_sender.oru.datatypes import authority
from lab_sender.report.model import Identifier

if TYPE_CHECKING:
    from lab_sender.config.profile.model import Profile
    from lab_sender.hl7.er7 import Row
    from lab_sender.hl7.grammar import Grammar
    from lab_sender.oru.writer import Writer


class Identity:
    """What a site profile asks of the patient's identifiers."""

    def __init__(self, profile: Profile, grammar: Grammar) -> None:
        asked = profile.identifiers
        self._rank = {kind: rank for rank, kind in enumerate(asked.order)}
        self._send = frozenset(asked.send)
        self._copies: list[tuple[int, str, bool]] = []  # field of PID, type, whether the whole CX goes there
        fields = grammar.fields("PID")
        for path, kind in asked.copies.items():
            whole = fields[path.field - 1].datatype == "CX" and not path.component
            self._copies.append((path.field, kind, whole))

    def chosen(self, w: Writer, given: Sequence[Identifier]) -> list[tuple[int, Identifier]]:
        """Return the identifiers of PID-3 in their order, each with its place in the report."""
        left = [(i, one) for i, one in enumerate(given) if not self._send or one.type in self._send]
        if self._rank:
            left.sort(key=lambda pair: self._rank.get(pair[1].type, len(self._rank)))
            w.credit(3, "identifiers.order")
        if self._send:
            w.credit(3, "identifiers.send")
            if any(one.id for one in given) and not any(one.id for _, one in left):
                w.fault(
                    "patient.id", "None of the patient's identifiers is of a type that the profile sends.", 3, "ids",
                    hint="Give the identifier its type, or add the type to identifiers.send.",
                )  # fmt: skip
        return left

    def copy(self, w: Writer, given: Sequence[Identifier], row: Row) -> None:
        """Copy the first identifier of each type that the profile copies to its field of PID, where that is empty."""
        for field, kind, whole in self._copies:
            found = next(((i, one) for i, one in enumerate(given) if one.type == kind and one.id), None)
            row += [""] * (field + 1 - len(row))
            if found and not row[field]:
                at, one = f"ids[{found[0]}]", found[1]
                row[field] = identifier(w, one, field, at) if whole else w.text(one.id, field, at, "id")
                w.credit(field, "identifiers.copies")


def compile_identity(profile: Profile, grammar: Grammar) -> Identity | None:
    """Return the Identity of a profile, or None where it wants nothing."""
    asked = profile.identifiers
    return Identity(profile, grammar) if asked.order or asked.send or asked.copies else None


def mistakes_in_copies(profile: Profile, grammar: Grammar) -> Iterator[SettingError]:
    """Find the copies to a field that the version does not have, or that takes none."""
    fields = grammar.fields("PID")
    for path in profile.identifiers.copies:
        known = path.segment == "PID" and path.field <= len(fields) and fields[path.field - 1].most != 0
        if not known or path.field == 3 or path.repetition or path.component > 1 or path.subcomponent:
            yield SettingError(
                "profile.field", f"identifiers.copies.{path}",
                f"{path} of HL7 {profile.version} takes no copy.",
                hint="Name a field of PID that the version has, such as PID-18, or its first component.",
            )  # fmt: skip


def patient_ids(w: Writer, given: Sequence[Identifier]) -> str:
    """PID-3: those of the patient's identifiers that the profile sends, in its order."""
    identity = w.site.identity
    chosen = enumerate(given) if identity is None else identity.chosen(w, given)
    return "~".join(filter(None, [identifier(w, one, 3, f"ids[{i}]") for i, one in chosen]))


def identifier(w: Writer, given: str | Identifier, field: int, at: str) -> str:
    """CX: a patient, account or visit number. Text is `id|authority`."""
    if not given:
        return ""
    if isinstance(given, str):
        number, _, issuer = given.partition("|")
        given = Identifier(number, issuer)
    if not given.id:
        return ""  # a type or an authority alone names nobody
    return join(
        (
            w.text(given.id, field, at, "id"),
            "",  # check digit
            "",  # check digit scheme
            join(authority(w, given.authority, field, at), "&"),
            w.text(given.type, field, at, "type"),
        ),
        "^",
    )
