"""What operations return.

Holds: `Value`, of which every answer is made, and the small values that several answers share.
Promises: frozen; what is absent is None, an instant ends with `_ms`, a message and a file are named by a number.
Every field says what it is, and so does the JSON Schema of `lab-sender schema output`.
Never: asks or does anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

if TYPE_CHECKING:
    from lab_sender.errors import Finding

State = Literal["spooled", "sending", "acked", "quarantined", "duplicate", "dismissed", "replaced", "withdrawn"]
"""The states of a message in the journal, and `withdrawn`: of an unreadable file that is read again."""
HoldKind = Literal["operator", "brake", "reply"]
"""Who holds a lane: an operator, the brake, or a reply rule (`his.replies`)."""
FORMAT = "format"
"""The field that names a document's kind and version: `lab-sender/status/1`."""


def about(text: str) -> Meta:
    """Say what a field is."""
    return Meta(description=text)


class Value(Struct, frozen=True):
    """An answer, or part of one."""


Instant = Annotated[int, about("Milliseconds since 1970-01-01 00:00 UTC.")]


class Named(Value, frozen=True):
    """A message, or a file that could not be read, by what a person calls it."""

    ref: Annotated[str, about("What to type for it: `57`, or `file:7` for a file that could not be read.")]
    id: Annotated[int | None, about("The message; null: a file that could not be read.")]
    file_id: Annotated[int, about("The file that it is from, or the file itself.")]
    file: Annotated[str, about("The file's name in the outbox.")]
    place: Annotated[str | None, about("Where in its file the message is, if there are several.")]
    destination: Annotated[str | None, about("The destination that the message is for; null: a file.")]

    @property
    def what(self) -> str:
        """Name it: `message 12`, `file:7`."""
        return self.ref if self.id is None else f"message {self.id}"


class Found(Value, frozen=True):
    """One thing that is wrong with a file, a message or the configuration, or odd about it."""

    severity: Annotated[Literal["error", "warning"], about("An error keeps it from being sent; a warning does not.")]
    code: Annotated[str, about("What is wrong, by a stable code.")]
    text: Annotated[str, about("What is wrong, in words.")]
    place: Annotated[str | None, about("Where in the file: `orders[0].collected`, `row 3`, `config.yaml line 12`.")]
    field: Annotated[str | None, about("Where in the message: `OBX[4]-5`.")]
    hint: Annotated[str | None, about("What to do.")]


class Text(Value, frozen=True):
    """A message or an acknowledgement as it went over the wire."""

    bytes: Annotated[int, about("Its size without the frame.")]
    segments: Annotated[tuple[str, ...], about("Its segments, in the character set that it names. Patient data.")]


def found(findings: Iterable[Finding]) -> tuple[Found, ...]:
    """Return findings as values."""
    return tuple(
        [
            Found(
                severity=each.severity,
                code=each.code,
                text=each.text,
                place=each.place or None,
                field=each.field or None,
                hint=each.hint or None,
            )
            for each in findings
        ]
    )


def text_of(body: bytes) -> Text:
    """Return a message as text; what is no text in its character set is replaced."""
    from lab_sender.hl7 import message

    text = message.text_of(body).replace("\r\n", "\r").replace("\n", "\r")
    return Text(bytes=len(body), segments=tuple(text.rstrip("\r").split("\r")))
