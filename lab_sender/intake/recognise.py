"""Duplicate and correction checks against what was sent before.

Holds: the look at a destination's earlier messages before new ones are spooled.
Promises: the same content is skipped only while it is the newest that is on its way or delivered for each of its
orders, also when the bytes of that are not kept any more. Of what a released file holds, only that for which it was
released is sent when it is read again. A report that contradicts the last one of its order is sent, held or
quarantined (`corrections.suspicious`). A control id that is used by other content is replaced, and no other byte of a
ready message changes.
Never: writes to the journal, or compares what two destinations were sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Protocol

from lab_sender.config.profile import Profile
from lab_sender.errors import Finding
from lab_sender.hl7.delta import changed_only
from lab_sender.hl7.stamp import with_control_id
from lab_sender.ids import new_id
from lab_sender.intake.corrections import contradictions, other_patient
from lab_sender.intake.plan import Plan
from lab_sender.journal import LONGEST, LedgerEntry, NewMessage, NewSource, ReadBefore


class Known(Protocol):
    """What the journal knows of earlier messages."""

    def holders_of(self, control_ids: Collection[str], destination: str) -> dict[str, tuple[int, bytes]]:
        """Return id and content digest of the messages with these control ids; b"" for one that is not delivered."""
        ...

    def ledger(self, order_keys: Collection[str], destination: str) -> dict[str, list[LedgerEntry]]:
        """Return what a destination was sent of each order, oldest first."""
        ...

    def read_before(self, claim_ids: Collection[str], destination: str) -> dict[str, list[ReadBefore]]:
        """Return what is settled of the released files that came back as these claims."""
        ...

    def may_go_out_yet(self, order_keys: Collection[str], destination: str) -> bool:
        """Say whether a message for one of the orders lies in quarantine, so that a person may release it."""
        ...

    def body_of(self, message_id: int) -> bytes | None:
        """Return the bytes of a message in the ledger; None where they are not kept any more."""
        ...


class Recogniser:
    """Recognises what each destination was sent before; order within a batch counts as order in time."""

    def __init__(self, known: Known, destination: str, plan: Plan) -> None:
        """`destination` is where the messages go that name none."""
        self._known = known
        self._judges = {
            name: _Judge(name or destination, plan.settings.duplicates == "skip", profile)
            for name, profile in plan.composer.profiles.items()
        }

    def recognised(self, sources: Sequence[NewSource]) -> list[NewSource]:
        """Mark what was received before, quarantine what is suspicious, give new control ids where one is used."""
        batches: dict[str, _Batch] = {}
        recognised = []
        for source in sources:
            messages = []
            for message in source.messages:
                name = message.destination
                judge = self._judges[name]
                if name not in batches:
                    batches[name] = _Batch(self._known, judge.destination, sources, name)
                messages.append(judge.once_settled(message, source, batches[name]))
            same = all(new is old for new, old in zip(messages, source.messages, strict=True))
            recognised.append(source if same else source._replace(messages=tuple(messages)))
        return recognised


class _Judge:
    """Recognises what one destination was sent before, by its profile."""

    def __init__(self, destination: str, skip_duplicates: bool, profile: Profile) -> None:
        self.destination = destination
        self._skip_duplicates = skip_duplicates
        self._corrections = profile.corrections
        self._ready_too = "hl7" in profile.apply_to

    def once_settled(self, message: NewMessage, source: NewSource, batch: _Batch) -> NewMessage:
        """Leave out what was settled before its file came back; what nobody released does not change and go out."""
        before = batch.settled_before(source, message)
        if before is not None:
            return _given_up(message, before.message) if before.given_up else _as_before(message, before.message)
        instead_of = batch.settled_at(source, message)
        return self._recognised(message, batch, instead_of)

    def _recognised(self, message: NewMessage, batch: _Batch, instead_of: ReadBefore | None) -> NewMessage:
        if message.state != "spooled" or message.body is None or message.control_id is None:
            return message
        history = batch.history_of(message)
        holder = batch.holders.get(message.control_id.rstrip(" "))
        if self._skip_duplicates:
            newest = {each[-1].content if each else None for each in history} or {holder}
            before = newest.pop()
            if not newest and before is not None and before[1] == message.digest:
                return _duplicate(message, before[0])
        if holder is not None:
            control_id = new_id()
            message = message._replace(control_id=control_id, body=with_control_id(message.body, control_id))
        if any(history) and (message.built or self._ready_too):
            message = self._compared(message, history, batch)
        if instead_of is not None and message.state == "spooled":
            message = _not_instead_of(message, instead_of)
        batch.add(message)
        return message

    def _compared(self, message: NewMessage, history: Sequence[Sequence[LedgerEntry]], batch: _Batch) -> NewMessage:
        """Compare with what was sent of the same orders before."""
        findings = list(self._findings(message, history, batch))
        if findings:
            reason = "\n".join(finding.line() for finding in findings)
            message = message._replace(code=findings[0].code, reason=reason)
            if self._corrections.suspicious != "send":
                return message._replace(state="quarantined", holds_orders=self._corrections.suspicious == "hold")
        if self._corrections.send == "changed" and message.built and message.body is not None:
            own = [_own_since_anothers(each, message.patient_key) for each in history]
            entries = [entry for each in own for entry in each]
            is_known = (
                all(entry.is_sure and not entry.waits for entry in entries)
                and all(len({entry.message for entry in each}) < LONGEST for each in history)
                # What was told of one order may stand beside what was told of the others.
                and (len(own) == 1 or own == list(history))
            )
            if entries and is_known and not batch.may_go_out_yet(message):
                entries.sort(key=lambda entry: (entry.send_round, int(entry.message)))
                if (bodies := batch.bodies_of(entries)) is not None:  # else nobody knows what the HIS has: all of it
                    part = changed_only(message.body, bodies)
                    if part != message.body:
                        message = message._replace(body=part, whole=message.body)
        return message

    def _findings(
        self, message: NewMessage, history: Sequence[Sequence[LedgerEntry]], batch: _Batch
    ) -> Iterator[Finding]:
        entries = dict(zip(message.order_keys, history, strict=True))
        for fact in message.orders:
            patient = message.patient_of(fact)
            latest_first = (
                each for each in reversed(entries[fact.key]) if each.is_sure and each.order[:2] == fact[:2]
            )
            newest = next(latest_first, None)
            if newest is None:
                continue
            if newest.is_of_another(patient):
                yield other_patient(_name(newest), message.place)
            own = (each for each in chain((newest,), latest_first) if not each.is_of_another(patient))
            last = next(own, None)
            if last is not None and last.digest != message.digest:
                name = _name(last)
                compared = [*reversed(list(own)), last] if self._corrections.send == "changed" else [last]
                yield from contradictions(
                    fact, message.body or b"", last.order, batch.bodies_of(compared), name=name, place=message.place
                )


class _Batch:
    """What a destination was sent before, to which each message that is recognised adds itself.

    `name` is what the messages have for it.
    """

    def __init__(self, known: Known, destination: str, sources: Sequence[NewSource], name: str) -> None:
        self._known = known
        own = [message for source in sources for message in source.messages if message.destination == name]
        spooled = [message for message in own if message.state == "spooled"]
        self.holders: dict[str, tuple[int | str, bytes]] = {}
        self.holders |= known.holders_of([str(message.control_id) for message in spooled], destination)
        self._read_before = known.read_before([source.claim_id for source in sources], destination)
        self._history = known.ledger([order.key for message in spooled for order in message.orders], destination)
        self._bodies: dict[int | str, bytes] = {}
        self._known_may_go_out = partial(known.may_go_out_yet, destination=destination)
        self._own_may_go_out = set[str]()

    def settled_before(self, source: NewSource, message: NewMessage) -> ReadBefore | None:
        """Take the report of a released file that had this content, each once: the one at the same place first."""
        before = self._read_before.get(source.claim_id, [])
        same = [each for each in before if each.digest == message.digest]
        if not same:
            return None
        found = min(same, key=lambda each: (each.place != message.place, each.given_up))
        before.remove(found)
        return found

    def settled_at(self, source: NewSource, message: NewMessage) -> ReadBefore | None:
        """Return what has other content at this place of the file and was given up, or not released."""
        before = self._read_before.get(source.claim_id, ())
        here = [each for each in before if each.place == message.place and (each.given_up or not each.is_asked)]
        return min(here, key=lambda each: not each.given_up, default=None)

    def history_of(self, message: NewMessage) -> list[list[LedgerEntry]]:
        """Return what was sent of each order of a message, oldest first."""
        return [self._history.get(key, []) for key in message.order_keys]

    def may_go_out_yet(self, message: NewMessage) -> bool:
        """Say whether anything for the orders of a message lies in quarantine, so that a person may release it."""
        keys = message.order_keys
        return not self._own_may_go_out.isdisjoint(keys) or self._known_may_go_out(keys)

    def add(self, message: NewMessage) -> None:
        """Note a message that has been recognised; one in quarantine keeps its control id, and is no history."""
        control_id, waits = str(message.control_id), message.state == "spooled"
        if not waits:
            self._own_may_go_out.update(message.order_keys)
        self.holders[control_id.rstrip(" ")] = (control_id, message.digest if waits else b"")
        if waits and message.body is not None:
            self._bodies[control_id] = message.body
            for order in message.orders:
                patient = message.patient_of(order)
                entry = LedgerEntry(order, control_id, message.digest, waits=True, is_sure=True, patient_key=patient)
                self._history.setdefault(order.key, []).append(entry)

    def bodies_of(self, entries: Sequence[LedgerEntry]) -> list[bytes] | None:
        """Return the bytes of the messages that made these entries, each once, in their order.

        None where those of one are not kept any more: what the HIS has is not known then.
        """
        bodies = []
        for name in dict.fromkeys(entry.message for entry in entries):
            if name not in self._bodies and isinstance(name, int):
                if (body := self._known.body_of(name)) is None:
                    return None
                self._bodies[name] = body
            bodies.append(self._bodies[name])
        return bodies


def _own_since_anothers(history: Sequence[LedgerEntry], patient_key: str) -> Sequence[LedgerEntry]:
    """Return what was sent of an order since it was another patient's: a HIS may go by its number alone."""
    last = max((place for place, entry in enumerate(history, 1) if entry.is_of_another(patient_key)), default=0)
    return history[last:]


def _name(entry: LedgerEntry) -> str:
    return f"message {entry.message}" if isinstance(entry.message, int) else f"control id {entry.message}"


def _duplicate(message: NewMessage, same_as: int | str) -> NewMessage:
    ref = same_as if isinstance(same_as, int) else f"control:{same_as}"
    text = (
        "the same content was received before and is the newest for its orders;"
        f" `lab-sender resend {ref} --new-id` sends it again."
    )
    return _same_as(message, same_as, "message.duplicate", text)._replace(is_once_more=True)


def _as_before(message: NewMessage, same_as: int) -> NewMessage:
    text = (
        f"its file was read again, and this is message {same_as} since the first time;"
        f" `lab-sender show {same_as}` says what became of it."
    )
    return _same_as(message, same_as, "message.duplicate", text)


def _given_up(message: NewMessage, same_as: int) -> NewMessage:
    text = (
        f"its file was read again, and a person has given it up as message {same_as};"
        " put it into the outbox in a file of its own if it is to be sent after all."
    )
    return _same_as(message, same_as, "message.given-up", text)


def _same_as(message: NewMessage, same_as: int | str, code: str, text: str) -> NewMessage:
    return NewMessage(
        message.place, "duplicate", message.digest, code=code, reason=text, same_as=same_as,
        destination=message.destination, came=message.came,
    )  # fmt: skip


def _not_instead_of(message: NewMessage, before: ReadBefore) -> NewMessage:
    if before.given_up:
        code, was = "report.given-up", f"what stood here before was given up by a person (message {before.message})"
    else:
        code, was = "report.not-released", f"what stood here before (message {before.message}) was not released"
    text = f"its file was read again, and {was}; it has other content now."
    hint = "Compare the two: release this one if it is right, else give it up too."
    finding = Finding(code, text, place=message.place, hint=hint)
    return message._replace(state="quarantined", code=finding.code, reason=finding.line())
