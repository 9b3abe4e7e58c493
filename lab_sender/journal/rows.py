"""What goes into the journal and what comes out, as plain values.

Holds: the rows that rooms exchange with the journal.
Promises: immutable; times are milliseconds since the epoch, wall clock.
Never: touches the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

MessageState = Literal["spooled", "sending", "acked", "quarantined", "duplicate", "dismissed"]
HoldKind = Literal["", "operator", "brake", "reply"]
Place = Literal["claimed", "sent", "quarantine", "dismissed", "outbox"]


class NewMessage(NamedTuple):
    """A message to be spooled, or the note that one could not be (`state` quarantined or duplicate).

    A duplicate shares the fate of the message it is the same as: an id, or the control id of one in its batch.
    """

    place: str
    state: Literal["spooled", "quarantined", "duplicate"]
    digest: bytes
    body: bytes | None = None
    control_id: str | None = None
    order_keys: tuple[str, ...] = ()
    patient_key: str = ""
    wants_application: bool = False
    code: str = ""
    reason: str = ""
    same_as: int | str | None = None


class NewFile(NamedTuple):
    """A claimed file: the name it had in the outbox and the one it has in claimed/."""

    name: str
    claimed_as: str
    role: Literal["report", "attachment"] = "report"


class NewSource(NamedTuple):
    """A claimed file with what reading it gave; `code` is set when the file as a whole is unreadable."""

    claim_id: str
    kind: str
    size: int
    sha256: bytes
    files: tuple[NewFile, ...]
    messages: tuple[NewMessage, ...]
    code: str = ""
    reason: str = ""


class Spooled(NamedTuple):
    """A message that waits for its delivery."""

    id: int
    source_id: int
    control_id: str
    body: bytes
    wants_application: bool
    may_have_left: bool
    accept_acked: bool
    unknowns: int
    refusals: int


class Attempt(NamedTuple):
    """How one try to deliver ended. `ack` is the answer as it came, without its frame."""

    message_id: int
    started_ms: int
    kind: str
    phase: str
    code: str
    detail: str
    ack_code: str = ""
    ack: bytes | None = None
    foreign_ids: tuple[str, ...] = ()
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A lane as the journal knows it."""

    destination: str
    hold: HoldKind = ""
    hold_reason: str = ""
    hold_since_ms: int | None = None
    link: str = "idle"
    link_code: str = ""
    link_detail: str = ""
    link_since_ms: int | None = None
    next_try_ms: int | None = None


class FileRow(NamedTuple):
    """A file of a source: where it is, and where it is being moved (`planned_*` empty: nowhere)."""

    id: int
    source_id: int
    role: str
    name: str
    claimed_as: str
    place: str
    placed_as: str
    planned_place: str
    planned_as: str
    sha256: bytes


class Resting(NamedTuple):
    """Where a source's files belong now, and the reason to write beside them (empty: none)."""

    source_id: int
    place: Place
    reason: str
    final_ms: int
    files: tuple[FileRow, ...]
