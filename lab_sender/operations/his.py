"""What the HIS stand-in reports while it runs.

Holds: its three lines as values.
Promises: a message's content is in them only where it was asked for.
Never: listens or answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, UnsetType

from lab_sender.operations.values import FORMAT, Instant, Text, Value, about, text_of

if TYPE_CHECKING:
    from lab_sender.mllp.standin.server import Received


class HisListening(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/his-listening/1"):
    """The first line: it can be reached now."""

    host: Annotated[str, about("The address it listens on.")]
    port: Annotated[int, about("The port.")]
    tls: Annotated[bool, about("It listens with TLS.")]
    rules: Annotated[tuple[str, ...], about("How it answers.")]


class HisMessage(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/his-message/1"):
    """A message that came, before its answer goes out."""

    at_ms: Annotated[Instant, about("When it came, in ms since 1970 UTC.")]
    number: Annotated[int, about("It counts from 1.")]
    connection: Annotated[int, about("Its connection; they count from 1.")]
    control_id: Annotated[str, about("Its MSH-10.")]
    bytes: Annotated[int, about("Its size without the frame.")]
    answer: Annotated[str, about("The rule by which it is answered, or the answer's code.")]
    duplicate: Annotated[bool, about("A message with its control id came before.")]
    message: Annotated[Text | UnsetType, about("With --show: the message.")] = UNSET


class HisEnded(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/his-ended/1"):
    """The last line."""

    messages: Annotated[int, about("How many messages came.")]
    connections: Annotated[int, about("Over how many connections.")]
    again: Annotated[int, about("How many of them came before under the same control id.")]


def message(received: Received, *, show: bool) -> HisMessage:
    """Return a message that came; `show`: with its content."""
    return HisMessage(
        at_ms=round(received.at * 1000),
        number=received.number,
        connection=received.connection,
        control_id=received.control_id,
        bytes=len(received.body),
        answer=received.answer,
        duplicate=received.duplicate,
        message=text_of(received.body) if show else UNSET,
    )
