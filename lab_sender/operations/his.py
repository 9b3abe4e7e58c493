"""What the HIS stand-in reports while it runs.

Holds: which ones are to be played, and the three lines as values.
Promises: a message's content is in them only where it was asked for.
Never: listens or answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

from msgspec import UNSET, UnsetType

from lab_sender.operations.destinations import chosen
from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, Instant, Text, Value, about, text_of

if TYPE_CHECKING:
    from lab_sender.mllp.standin.server import Received


class HisListening(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/his-listening/1"):
    """The first line, of several one each: it can be reached now."""

    host: Annotated[str, about("The address it listens on.")]
    port: Annotated[int, about("The port.")]
    tls: Annotated[bool, about("It listens with TLS.")]
    rules: Annotated[tuple[str, ...], about("How it answers.")]
    name: Annotated[str, about("Of several the one: its destination, else its port.")]


class HisMessage(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/his-message/1"):
    """A message that came, before its answer goes out."""

    name: Annotated[str, about("To which of several it came: its destination, else its port.")]
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
    messages_by_name: Annotated[dict[str, int], about("How many came to each of several.")]


class Played(NamedTuple):
    """One HIS to play: its name, its port and the rules by which it answers, as they were typed."""

    name: str
    port: int
    rules: tuple[str, ...]


def played(
    installation: Installation,
    to: Sequence[str],
    ports: Sequence[int],
    rules: Sequence[str],
    only: Sequence[tuple[str, str]],
) -> list[Played]:
    """Return which HIS are to be played: destinations with the ports of the configuration, and further ports.

    `only` are rules for one of them, by name or port; they come before those for all. Raises ConfigError where
    destinations are named and the configuration cannot be read, UnknownDestination, and ValueError in words where two
    would have the same port or a rule is for none of them.
    """
    several = [Played(str(port), port, ()) for port in ports]
    if to:
        config = installation.config
        several += [Played(name, config.destinations[name].his.port, ()) for name in chosen(config, to)]
    names = {each.name for each in several} | {str(each.port) for each in several if each.port}
    taken = [each.port for each in several if each.port]
    if twice := next((port for port in taken if taken.count(port) > 1), None):
        raise ValueError(f"port {twice} is named twice")
    for name, _ in only:
        if name not in names:
            there = ", ".join(each.name for each in several)
            raise ValueError(f"none of those that are played is called {name}; there are: {there}")
    return [
        each._replace(rules=(*(rule for name, rule in only if name in (each.name, str(each.port))), *rules))
        for each in several
    ]


def message(received: Received, name: str, *, show: bool) -> HisMessage:
    """Return a message that came; `show`: with its content."""
    return HisMessage(
        name=name,
        at_ms=round(received.at * 1000),
        number=received.number,
        connection=received.connection,
        control_id=received.control_id,
        bytes=len(received.body),
        answer=received.answer,
        duplicate=received.duplicate,
        message=text_of(received.body) if show else UNSET,
    )
