"""Whether a start by a configuration would work, asked while an agent works by another one.

Holds: `not_startable`, which asks what a start asks (agent/tenancy.py), in its order.
Promises: the word of the start; nothing is made, locked or changed. What a start waits for is no reason.
Never: looks at the file of the configuration, or at the HIS.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

from lab_sender.config.folders import Folders, OutboxConfig
from lab_sender.errors import LabSenderError
from lab_sender.journal import View
from lab_sender.premises import needs
from lab_sender.premises.behind import not_behind
from lab_sender.premises.known import known_outboxes
from lab_sender.premises.names import journal_of
from lab_sender.premises.needs import Lack
from lab_sender.premises.removed import demand_none_removed
from lab_sender.premises.sharing import none_claimed_otherwise, not_shared_otherwise


def not_startable(outboxes: Sequence[OutboxConfig], destinations: Collection[str]) -> LabSenderError | None:
    """Return what a start by these would end with; None where it would work. Raises OSError."""
    try:
        if lack := next(_lacking(outboxes), None):
            return lack.error()
        if not needs.holds_nothing(journal := journal_of(outboxes[0].folders)):
            with contextlib.closing(View(journal)) as view:
                demand_none_removed(view, destinations, known_outboxes(outboxes, view))
    except LabSenderError as error:
        return error
    return None


def _lacking(outboxes: Sequence[OutboxConfig]) -> Iterator[Lack]:
    first = outboxes[0].folders
    if needs.disk_there("journal", first.journal) is not None:
        return  # a start waits for it
    if lack := needs.not_moved(first):
        yield lack
    if lack := needs.usable("journal", first.journal):
        yield lack
    yield from (lack for premise in needs.OF_THE_JOURNAL if (lack := premise(first)))
    served = [each.name for each in needs.served(outboxes)]
    for outbox in outboxes:
        if needs.disks_there(outbox.folders) is None:
            others = [each.folders for each in outboxes if each is not outbox]
            yield from _lacking_of(outbox, others, is_new=outbox.name not in served)


def _lacking_of(outbox: OutboxConfig, others: Sequence[Folders], *, is_new: bool) -> Iterator[Lack]:
    folders, journal = outbox.folders, journal_of(outbox.folders)
    begun = not needs.holds_nothing(journal)
    asked = [not_shared_otherwise, none_claimed_otherwise]
    asked += [needs.of_no_other_journal if begun else needs.worked_on] * is_new
    yield from (lack for premise in asked if (lack := premise(folders)))
    if not is_new and needs.outbox_there(folders) is not None:
        return  # an agent works without it until it is back
    for name in ("outbox", "work", "sent", "quarantine"):
        if lack := needs.usable(name, getattr(folders, name)):
            yield lack
    if lack := needs.one_disk(folders) or needs.apart(folders, others):
        yield lack
    if not is_new:
        with contextlib.closing(View(journal)) as view:
            if lack := not_behind(folders, view):
                yield lack
