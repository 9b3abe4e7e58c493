"""What came while a file waited, lay in quarantine or was being built.

Holds: the question which of its orders newer files have passed, and at which destinations.
Promises: what would overwrite a newer result of an order is quarantined, and says which of its orders nothing has
passed. What was passed and goes on has in the journal when its file came, so later acts know how old it is.
Never: writes to the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from lab_sender.intake.entries import overtaken
from lab_sender.intake.together import Together
from lab_sender.intake.troubles import Troubles
from lab_sender.journal import IntakeBooks, LedgerEntry, NewMessage, NewSource


class Passed:
    """Of one outbox; `destination` is where the messages go that name none."""

    def __init__(
        self, journal: IntakeBooks, troubles: Troubles, together: Together, *, destination: str, outbox: str
    ) -> None:
        self._spool = journal.spool
        self._troubles = troubles
        self._together = together
        self._destination = destination
        self._outbox = outbox

    def unless_overtaken(self, source: NewSource) -> NewSource:
        """Note when a file came that waited, or lay in quarantine; quarantine what a newer report passed meanwhile.

        Where what went out last is the same, nothing is overwritten.
        """
        named = {name: name or self._destination for name in {each.destination for each in source.messages}}
        came, came_after = self._spool.came, self._spool.came_after
        messages = [
            each._replace(came=came(source.claim_id, destination=named[each.destination], place=each.place))
            for each in source.messages
        ]
        history = {name: self._history([each for each in messages if each.destination == name]) for name in named}

        def judged(message: NewMessage) -> NewMessage:
            of_orders = [history[message.destination].get(key, []) for key in message.order_keys]
            known = {int(entry.message) for each in of_orders for entry in each}
            newer = came_after(message.came, known) if known else known
            passed_by = [
                [
                    int(entry.message)
                    for entry in each
                    if entry.message in newer and message.digest not in (entry.digest, each[-1].content[1])
                ]
                for each in of_orders
            ]
            if not any(passed_by):
                return message
            closed = {
                key
                for key, each in zip(message.order_keys, of_orders, strict=True)
                if each
                and (each[-1].content[1] == message.digest or any(entry.message in newer for entry in each))
            }
            return overtaken(message, max(chain.from_iterable(passed_by)), closed=closed)

        return source._replace(messages=tuple([judged(each) for each in messages]))

    def _history(self, messages: Sequence[NewMessage]) -> dict[str, list[LedgerEntry]]:
        """Return what the destination of these messages was sent, or may have been, of each of their orders."""
        keys = [key for each in messages for key in each.order_keys]
        return self._spool.ledger(keys, messages[0].destination or self._destination)

    def by_others(self, source: NewSource) -> NewSource:
        """Note when a file came of which another outbox has passed an order; what waited is judged by itself."""
        claim_id, others = source.claim_id, self._together.elsewhere(self._outbox)
        if claim_id > self._together.newest_spooled or not others:
            return source
        is_passed, record = self._spool.is_passed, self._troubles.record

        def aged(message: NewMessage) -> NewMessage:
            where = message.destination or self._destination
            passed = record(lambda: is_passed(claim_id, message.order_keys, where, others))
            return message._replace(came=claim_id) if passed else message

        return source._replace(messages=tuple([aged(each) for each in source.messages]))
