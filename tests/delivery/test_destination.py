"""What belongs to a destination, without a lane: what the journal does not take has not happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kit.core import HIS, head, spool, waiting
from kit.lanes import operator
from kit.settings import brake, his_at

from lab_sender.delivery.destination import Destination
from lab_sender.journal import Journal, JournalUnavailable


def _destination(journal: Journal, **settings: object) -> Destination:
    destination = Destination(HIS, journal, his_at(**settings))
    destination.begin()
    return destination


def _of(destination: Destination) -> tuple[object, ...]:
    """All that others can see of it, and since when it is silent."""
    return destination.hold, destination.lets_nothing_out, destination.is_silent, destination._silent_since_ms


STEPS: list[tuple[str, Callable[[Destination], object]]] = [
    ("silent", lambda destination: destination.does_not_answer(1000)),
    ("held", lambda destination: destination.hold_for("brake", "a reason", [1])),
    ("silent", Destination.answers),
    ("lane", Destination.look),
    ("released", lambda destination: destination.probe_accepted(1)),
]


def test_what_the_journal_does_not_take_has_not_happened(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is vain once, changes nothing, and is made again."""
    spool(journal, "M1", "M2")
    destination = _destination(journal)

    def away(*_: object, **__: object) -> None:
        raise JournalUnavailable("journal.locked", "locked")

    seen = [_of(destination)]
    for name, step in STEPS:
        if name == "lane":
            with operator(journal) as other:
                other.operator.hold(HIS, "upgrade")
        with monkeypatch.context() as patched:
            patched.setattr(journal.delivery, name, away)
            with pytest.raises(JournalUnavailable):
                step(destination)
            assert _of(destination) == seen[-1], name
        step(destination)
        assert _of(destination) != seen[-1], name
        seen.append(_of(destination))
    assert [each[0] for each in seen] == ["", "", "brake", "brake", "operator", ""]


def test_it_asks_with_the_first_message_and_another_one_in_turn(journal: Journal) -> None:
    spool(journal, "M1", "M2", "M3")
    destination = _destination(journal, brake=brake(probe_s=3600.0))
    destination.hold_for("brake", "a reason", [1])
    asked = []
    for _ in range(5):
        (message, *_others) = destination.heads().messages
        asked.append((message.control_id, destination.probe_failed(message.id)))
    assert asked == [("M1", 0.0), ("M2", 3600.0), ("M1", 0.0), ("M3", 3600.0), ("M1", 0.0)]
    assert not destination.lets_nothing_out, "the other one is asked with at once"


def test_a_restart_goes_on_from_the_journal(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    first = _destination(journal, brake=brake(refused=2))
    first.does_not_answer(1000)
    journal.delivery.quarantined(head(journal)[0], code="refused", reason="")
    again = _destination(journal, brake=brake(refused=2))
    assert again.is_silent
    assert again.brakes(2, "refused"), "the first of the row is in the journal"
    assert again.hold_for_row("AE") == "messages 1, 2 refused in a row, last AE"
    assert waiting(journal) == ["M1", "M2"]
