"""What came while a file waited, lay in quarantine or was being built.

Holds: the question which of its orders newer files have passed, and at which destinations.
Promises: what would overwrite a newer result of an order is quarantined, and says which of its orders nothing has
passed. What was passed and goes on has in the journal when its file came, so later acts know how old it is.
Never: writes to the journal.
"""

from __future__ import annotations

from collections.abc import Sequence

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
            of_orders = {key: history[message.destination].get(key, []) for key in message.order_keys}
            known = {int(entry.message) for each in of_orders.values() for entry in each}
            newer = came_after(message.came, known) if known else known
            passed = {key: [each for each in of_orders[key] if each.message in newer] for key in of_orders}
            same = {key for key, each in of_orders.items() if each and each[-1].content[1] == message.digest}
            others = [each for key in passed.keys() - same for each in passed[key] if each.digest != message.digest]
            if not others:
                return message
            closed = same | {key for key, each in passed.items() if each}
            return overtaken(message, max(int(each.message) for each in others), closed=closed)

        return source._replace(messages=tuple([judged(each) for each in messages]))

    def _history(self, messages: Sequence[NewMessage]) -> dict[str, list[LedgerEntry]]:
        """Return what the destination of these messages was sent, or may have been, of each of their orders."""
        keys = [key for each in messages for key in each.order_keys]
        return self._spool.ledger(keys, messages[0].destination or self._destination)

    def by_others(self, source: NewSource) -> NewSource:
        """Note when a file came of which another outbox has passed an order; what waited is judged by itself."""
        claim_id = source.claim_id
        if claim_id > self._together.newest_spooled or not (others := self._together.elsewhere(self._outbox)):
            return source
        is_passed, record = self._spool.is_passed, self._troubles.record

        def aged(message: NewMessage) -> NewMessage:
            where = message.destination or self._destination
            passed = record(lambda: is_passed(claim_id, message.order_keys, where, others))
            return message._replace(came=claim_id) if passed else message

        return source._replace(messages=tuple([aged(each) for each in source.messages]))
