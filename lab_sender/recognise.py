"""What was taken before.

Holds: the look at earlier messages before new ones are spooled.
Promises: the same content is skipped only while it is the newest that is on its way or delivered for each of its
orders: a result that went from A to B and back to A is sent three times. A control id that is used by other
content is replaced, and no other byte of the message changes. Order within a batch counts as order in time.
Never: writes to the journal.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

from lab_sender.ids import new_id
from lab_sender.journal import NewMessage, NewSource
from lab_sender.results import with_control_id

_Earlier = dict[str, tuple[int | str, bytes]]
"""Message id (of this batch: control id) and digest of the content, by control id or by order."""


class Known(Protocol):
    """What the journal knows of earlier messages: message id and the digest of its content."""

    def holders_of(self, control_ids: Collection[str], destination: str) -> dict[str, tuple[int, bytes]]:
        """Return the messages that have these control ids; the digest is empty for one that will not be delivered."""
        ...

    def latest_of_orders(self, order_keys: Collection[str]) -> dict[str, tuple[int, bytes]]:
        """Return for each order the newest message that was or will be delivered."""
        ...


class Recogniser:
    """Recognises what one destination was sent before."""

    def __init__(self, known: Known, destination: str, duplicates: Literal["skip", "send"]) -> None:
        self._known = known
        self._destination = destination
        self._skip_duplicates = duplicates == "skip"

    def settle(self, sources: Sequence[NewSource]) -> list[NewSource]:
        """Mark what was taken before, and give new control ids where one is used by other content."""
        spooled = [message for source in sources for message in source.messages if message.state == "spooled"]
        holders: _Earlier = {}
        holders |= self._known.holders_of([str(message.control_id) for message in spooled], self._destination)
        latest: _Earlier = {}
        if self._skip_duplicates:
            latest |= self._known.latest_of_orders([key for message in spooled for key in message.order_keys])
        settled = []
        for source in sources:
            messages = tuple([self._settled(message, holders, latest) for message in source.messages])
            settled.append(source if messages == source.messages else source._replace(messages=messages))
        return settled

    def _settled(self, message: NewMessage, holders: _Earlier, latest: _Earlier) -> NewMessage:
        if message.state != "spooled" or message.body is None or message.control_id is None:
            return message
        holder = holders.get(message.control_id)
        if self._skip_duplicates:
            newest = {latest.get(key) for key in message.order_keys} or {holder}
            before = newest.pop()
            if not newest and before is not None and before[1] == message.digest:
                return _duplicate(message, before[0])
        if holder is not None:
            control_id = new_id()
            message = message._replace(control_id=control_id, body=with_control_id(message.body, control_id))
        this = (str(message.control_id), message.digest)
        holders[this[0]] = this
        latest.update(dict.fromkeys(message.order_keys, this))
        return message


def _duplicate(message: NewMessage, same_as: int | str) -> NewMessage:
    text = "the same content was taken before and is the newest for its orders; `resend` sends it again."
    return NewMessage(
        message.place, "duplicate", message.digest, code="message.duplicate", reason=text, same_as=same_as
    )
