"""What was sent before, and what follows from it for what is new.

Holds: the look at earlier messages before new ones are spooled.
Promises: the same content is skipped only while it is the newest that is on its way or delivered for each of its
orders: a result that went from A to B and back to A is sent three times. A report that contradicts the last one of
its order is sent, held or quarantined as the site says. A control id that is used by other content is replaced, and
no other byte of a ready message changes. Order within a batch counts as order in time.
Never: writes to the journal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Literal, Protocol

from lab_sender.errors import Finding
from lab_sender.hl7.delta import changed_only
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.intake.corrections import Policy, contradictions, other_patient
from lab_sender.journal import LedgerEntry, NewMessage, NewSource


class Known(Protocol):
    """What the journal knows of earlier messages."""

    def holders_of(self, control_ids: Collection[str], destination: str) -> dict[str, tuple[int, bytes]]:
        """Return id and content digest of the messages with these control ids; b"" for one that is not delivered."""
        ...

    def ledger(self, order_keys: Collection[str], destination: str) -> dict[str, list[LedgerEntry]]:
        """Return what a destination was sent of each order, oldest first."""
        ...

    def body_of(self, message_id: int) -> bytes:
        """Return the bytes of a message in the ledger."""
        ...


class Recogniser:
    """Recognises what one destination was sent before."""

    def __init__(self, known: Known, destination: str, duplicates: Literal["skip", "send"], policy: Policy) -> None:
        self._known = known
        self._destination = destination
        self._skip_duplicates = duplicates == "skip"
        self._policy = policy

    def settle(self, sources: Sequence[NewSource]) -> list[NewSource]:
        """Mark what was taken before, set aside what is suspicious, and give new control ids where one is used."""
        batch = _Batch(self._known, self._destination, sources)
        settled = []
        for source in sources:
            messages = tuple([self._settled(message, batch) for message in source.messages])
            settled.append(source if messages == source.messages else source._replace(messages=messages))
        return settled

    def _settled(self, message: NewMessage, batch: _Batch) -> NewMessage:
        if message.state != "spooled" or message.body is None or message.control_id is None:
            return message
        told = batch.told_of(message)
        holder = batch.holders.get(message.control_id.rstrip(" "))
        if self._skip_duplicates:
            newest = {each[-1].content if each else None for each in told} or {holder}
            before = newest.pop()
            if not newest and before is not None and before[1] == message.digest:
                return _duplicate(message, before[0])
        if holder is not None:
            control_id = new_id()
            message = message._replace(control_id=control_id, body=with_control_id(message.body, control_id))
        if any(told) and (message.built or self._policy.ready_too):
            message = self._compared(message, told, batch)
        batch.add(message)
        return message

    def _compared(self, message: NewMessage, told: Sequence[Sequence[LedgerEntry]], batch: _Batch) -> NewMessage:
        """Compare with what the HIS was told of the same orders before."""
        findings = list(self._findings(message, told, batch))
        if findings:
            reason = "\n".join(finding.line() for finding in findings)
            message = message._replace(code=findings[0].code, reason=reason)
            if self._policy.suspicious != "send":
                return message._replace(state="quarantined", holds_orders=self._policy.suspicious == "hold")
        if self._policy.send == "changed" and message.built and message.body is not None:
            entries = [entry for each in told for entry in each if not entry.is_of_another(message.patient_key)]
            if entries and all(entry.is_sure and not entry.waits for entry in entries):
                entries.sort(key=lambda entry: (entry.send_round, int(entry.message)))
                return message._replace(body=changed_only(message.body, batch.bodies_of(entries)))
        return message

    def _findings(
        self, message: NewMessage, told: Sequence[Sequence[LedgerEntry]], batch: _Batch
    ) -> Iterator[Finding]:
        entries = dict(zip(message.order_keys, told, strict=True))
        for fact in message.orders:
            latest_first = (
                each for each in reversed(entries[fact.key]) if each.is_sure and each.order[:2] == fact[:2]
            )
            newest = next(latest_first, None)
            if newest is None:
                continue
            if newest.is_of_another(message.patient_key):
                yield other_patient(_name(newest), message.place)
            own = (each for each in chain((newest,), latest_first) if not each.is_of_another(message.patient_key))
            last = next(own, None)
            if last is not None and last.digest != message.digest:
                name = _name(last)
                compared = [*reversed(list(own)), last] if self._policy.send == "changed" else [last]
                yield from contradictions(
                    fact, message.body or b"", last.order, batch.bodies_of(compared), name=name, place=message.place
                )


class _Batch:
    """What was taken before, to which each message that is settled adds itself."""

    def __init__(self, known: Known, destination: str, sources: Sequence[NewSource]) -> None:
        self._known = known
        spooled = [message for source in sources for message in source.messages if message.state == "spooled"]
        self.holders: dict[str, tuple[int | str, bytes]] = {}
        self.holders |= known.holders_of([str(message.control_id) for message in spooled], destination)
        self._told = known.ledger([order.key for message in spooled for order in message.orders], destination)
        self._bodies: dict[int | str, bytes] = {}

    def told_of(self, message: NewMessage) -> list[list[LedgerEntry]]:
        """Return what was said of each order of a message."""
        return [self._told.get(key, []) for key in message.order_keys]

    def add(self, message: NewMessage) -> None:
        """Note a message that has been settled; one in quarantine keeps its control id, and tells nothing."""
        control_id, waits = str(message.control_id), message.state == "spooled"
        self.holders[control_id.rstrip(" ")] = (control_id, message.digest if waits else b"")
        if waits and message.body is not None:
            self._bodies[control_id] = message.body
            for order in message.orders:
                entry = LedgerEntry(
                    order, control_id, message.digest, waits=True, is_sure=True, patient_key=message.patient_key
                )
                self._told.setdefault(order.key, []).append(entry)

    def bodies_of(self, entries: Sequence[LedgerEntry]) -> list[bytes]:
        """Return the bytes of the messages that made these entries, each once, in their order."""
        bodies = []
        for name in dict.fromkeys(entry.message for entry in entries):
            if name not in self._bodies and isinstance(name, int):
                self._bodies[name] = self._known.body_of(name)
            bodies.append(self._bodies[name])
        return bodies


def _name(entry: LedgerEntry) -> str:
    return f"message {entry.message}" if isinstance(entry.message, int) else f"control id {entry.message}"


def _duplicate(message: NewMessage, same_as: int | str) -> NewMessage:
    ref = same_as if isinstance(same_as, int) else f"control:{same_as}"
    text = (
        "the same content was taken before and is the newest for its orders;"
        f" `lab-sender resend {ref} --new-id` sends it again."
    )
    return NewMessage(
        message.place, "duplicate", message.digest, code="message.duplicate", reason=text, same_as=same_as
    )
