"""What goes into the journal and what comes out, as plain values.

Holds: the rows that rooms exchange with the journal.
Promises: immutable; times are milliseconds since the epoch, wall clock.
Never: touches the database.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

from lab_sender.errors import Finding
from lab_sender.hl7.orders import OrderFact

HoldKind = Literal["", "operator", "brake", "reply"]
Folder = Literal["claimed", "sent", "quarantine", "dismissed", "outbox"]


class Remark(NamedTuple):
    """What a person should know of a file or message that goes on: all of one code, with the first one's place."""

    code: str
    place: str
    text: str
    times: int = 1


class NewMessage(NamedTuple):
    """A message to be spooled, or the note that one could not be (`state` quarantined or duplicate).

    `findings` is why it could not be built, one by one; `code` and `reason` are made of them.

    A duplicate shares the fate of the message it is the same as: an id, or the control id of one in its batch.
    One that `holds_orders` keeps later messages of its orders back while it is in quarantine. `built`: made of a
    report, here. `destination` is empty where it is for that of its whole batch. `came` is the claim by which its
    file is as old as it is, where that waited or was read again. `is_once_more`: the laboratory has said the same
    again. `whole` is the whole report where the bytes are only what has changed.
    """

    place: str
    state: Literal["spooled", "quarantined", "duplicate"]
    digest: bytes
    body: bytes | None = None
    control_id: str | None = None
    orders: tuple[OrderFact, ...] = ()
    patient_key: str = ""
    wants_application: bool = False
    code: str = ""
    reason: str = ""
    same_as: int | str | None = None
    built: bool = False
    holds_orders: bool = False
    remarks: tuple[Remark, ...] = ()
    findings: tuple[Finding, ...] = ()
    destination: str = ""
    came: str = ""
    is_once_more: bool = False
    whole: bytes | None = None

    @property
    def order_keys(self) -> tuple[str, ...]:
        """Return the orders that the message speaks about, each once."""
        return tuple(dict.fromkeys([order.key for order in self.orders]))

    def patient_of(self, order: OrderFact) -> str:
        """Return the key of whose one of its orders is, "" where nobody is known."""
        return self.patient_key if order.patient is None else order.patient


class NewFile(NamedTuple):
    """A claimed file: its name in the outbox, the one it has in claimed/, and its size when read (-1: unread)."""

    name: str
    claimed_as: str
    role: Literal["report", "attachment"] = "report"
    size: int = -1


class NewSource(NamedTuple):
    """A claimed file with what reading it gave; `code` is set when the file as a whole is unreadable.

    `without` are the names of the documents that it goes without, `owners` whose they would be. `outbox` is the name
    of the one that it came from; "" is the first.
    """

    claim_id: str
    kind: str
    size: int
    sha256: bytes
    files: tuple[NewFile, ...]
    messages: tuple[NewMessage, ...]
    code: str = ""
    reason: str = ""
    remarks: tuple[Remark, ...] = ()
    without: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    outbox: str = ""


class LedgerEntry(NamedTuple):
    """That a message spoke of an order: one the HIS has, will get, or (`is_sure` false) may have.

    `message` is its id, or the control id of one in the batch in hand. `waits`: it has not been delivered yet.
    Delivered ones were sent in the order of `send_round` and id. `patient_key` is empty where it names no one.
    """

    order: OrderFact
    message: int | str
    digest: bytes
    waits: bool
    is_sure: bool
    send_round: int = 0
    patient_key: str = ""

    def is_of_another(self, patient_key: str) -> bool:
        """Tell whether the message was surely about another patient: numbers of orders may be used again."""
        return bool(self.patient_key and patient_key) and self.patient_key != patient_key

    @property
    def content(self) -> tuple[int | str, bytes]:
        """Return the message and its digest, empty where the HIS may not have it: the same may come again."""
        return self.message, self.digest if self.is_sure else b""


class ReadBefore(NamedTuple):
    """A report of a released file that needs no sending when its file is read again, by place and content's digest.

    `message` is the one that there is of it at the destination; when `given_up`, a person decided not to send it.
    `is_asked`: the file was released for that destination, too.
    """

    place: str
    digest: bytes
    message: int
    given_up: bool
    is_asked: bool


class Spooled(NamedTuple):
    """A message that waits for its delivery.

    `may_have_left`: a try had an unknown outcome. `refused_before`: a try ended in a refusal, charged or not.
    `attempts`: how many tries the journal has. `created_ms`: when it was spooled. `is_part`: its bytes are only what
    had changed; `stands_on_other`: since something that the HIS has no more, so they are not to leave.
    """

    id: int
    source_id: int
    control_id: str
    body: bytes
    wants_application: bool
    may_have_left: bool
    accept_acked: bool
    unknowns: int
    refusals: int
    refused_before: bool = False
    attempts: int = 0
    destination: str = ""
    created_ms: int = 0
    is_part: bool = False
    stands_on_other: bool = False


class Share(NamedTuple):
    """A lane's part of what waits: the messages whose turn, by patient or by order, falls to it among `of` lanes."""

    lane: int
    of: int
    order_by: Literal["patient", "order"]


class Heads(NamedTuple):
    """What a lane may send next, in order.

    `alone`: only while no other lane has anything out. `seen`: nothing else up to this id is for the lane, until
    something comes back to its old place. `behind`: the message that goes alone which the lane comes to next.
    """

    messages: list[Spooled]
    alone: bool = False
    seen: int = 0
    behind: int | None = None


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


class LaterAnswer(NamedTuple):
    """An answer of the HIS that no try waited for: to which message, and what it did there.

    `contradicts`: it takes back a delivery that the journal has. `repeated`: the same code has done so already, and
    nobody has closed that case.
    """

    message_id: int
    contradicts: bool
    repeated: bool


class LinkRow(NamedTuple):
    """The link of a destination: what the lane that is worst off does, with the code of the last trouble since an
    acceptance; and how many connections are up, one of them to `address`. `connected_ms`: since when one stands,
    whatever its lane does; `peer_ends_ms`: when the certificate ends that the HIS has shown."""

    link: str
    code: str = ""
    detail: str = ""
    next_try_ms: int | None = None
    trouble: str = ""
    connections: int = 1
    connections_up: int = 0
    address: str = ""
    connected_ms: int | None = None
    peer_ends_ms: int | None = None


class MinuteRow(NamedTuple):
    """What came of the tries of one minute (of the epoch, UTC): `n` of this outcome took `ms` together."""

    minute: int
    destination: str
    outcome: str
    n: int
    ms: float


class LaneRow(Struct, frozen=True):
    """A lane as the journal knows it. `hold_messages` are those it is held for; `trouble` is the code of the last
    one since an acceptance; `silent_since_ms`: the HIS has answered nobody since then. The link is that of the
    connection that is worst off; `connections_up` of `connections` are up, one of them to `address`. `connected_ms`
    and `peer_ends_ms` are those of LinkRow."""

    destination: str
    hold: HoldKind = ""
    hold_reason: str = ""
    hold_since_ms: int | None = None
    link: str = "idle"
    link_code: str = ""
    link_detail: str = ""
    link_since_ms: int | None = None
    next_try_ms: int | None = None
    hold_messages: str = ""
    trouble: str = ""
    silent_since_ms: int | None = None
    connections: int = 1
    connections_up: int = 0
    address: str = ""
    connected_ms: int | None = None
    peer_ends_ms: int | None = None

    @property
    def held_for(self) -> tuple[int, ...]:
        """Return the ids of the messages that the lane is held for."""
        return tuple(int(each) for each in self.hold_messages.split())


class FileRow(NamedTuple):
    """A file of a source: where it is, and where it is being moved (`planned_*` empty: nowhere).

    `outbox` is the journal's name of the one that it came from (premises/known.py says which has its folders).
    """

    id: int
    source_id: int
    role: str
    name: str
    claimed_as: str
    folder: str
    filed_as: str
    planned_folder: str
    planned_as: str
    sha256: bytes
    size: int
    outbox: str = ""


class LeftFile(NamedTuple):
    """A file that is not through, at one of the places where it may be; `size` is as read (-1: unread)."""

    id: int
    folder: str
    name: str
    size: int
    sha256: bytes
    is_report: bool


class Resting(NamedTuple):
    """Where a source's files belong now, and the reason to write beside them (empty: none).

    In the folder `outbox` they are intake's again, which takes them from claimed/ under the claim id `returns_as`.
    """

    source_id: int
    folder: Folder
    reason: str
    final_ms: int
    files: tuple[FileRow, ...]
    returns_as: str = ""
    finals: tuple[int, ...] = ()
    """When each of its messages became final."""

    @property
    def to_move(self) -> tuple[FileRow, ...]:
        """Its files that are not where they belong, or are on the move."""
        here = ("missing", self.folder)
        return tuple([each for each in self.files if each.planned_folder or each.folder not in here])
