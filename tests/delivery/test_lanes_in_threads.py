"""Lanes in their threads, a HIS that changes its mind, an operator, stops and starts: each key stays in order.

What the story in one thread (test_lanes_in_any_order.py) cannot reach: the instants within a step.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from contextlib import ExitStack, suppress

import pytest
from kit.core import HIS, entry, rows, source, until
from kit.lanes import operator, running
from kit.settings import brake, his_at, retry

from lab_sender import ids
from lab_sender.config.sections import His
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.errors import LabSenderError
from lab_sender.journal import Journal
from lab_sender.mllp import Link
from lab_sender.mllp.standin.server import StandIn

_MESSAGES = 250
_MOODS = (
    ["AR"],
    ["nth=3: nothing", "AA,late=2ms"],
    ["nth=2: AR", "nth=5: AR", "nth=6: close", "AA,late=1ms"],
    ["AA,late=2ms"],
)


def _spool(journal: Journal, chance: random.Random, first: int) -> int:
    """Spool some messages in one batch; returns how many there are then."""
    count = chance.randint(1, 30)
    journal.spool.spooled(
        [
            source(
                ids.new_id(),
                entry(
                    f"M{number:05d}",
                    order=f"O{chance.randint(1, 40)}",
                    patient=f"P{chance.randint(1, 9)}" if chance.random() > 0.05 else "",
                ),
            )
            for number in range(first, first + count)
        ],
        HIS,
    )
    return first + count


def _act(desk: Journal, chance: random.Random) -> None:
    """An operator does something; what would harm is refused."""
    what = chance.choice(("hold and resume", "resume", "release", "release", "dismiss"))
    if "resume" in what:
        if what == "hold and resume":
            desk.operator.hold(HIS, "")
        desk.operator.resume(HIS)
        return
    state = "quarantined" if what == "release" else "spooled"
    found = rows(desk, "SELECT id FROM message WHERE state = ?", state)
    with suppress(LabSenderError):
        if found and what == "release":
            desk.operator.release(chance.choice(found)[0])
        elif found:
            desk.operator.dismiss(chance.choice(found)[0], "")


def _run(journal: Journal, to: His, number: int, stack: ExitStack) -> list[Lane]:
    destination = Destination(HIS, journal, to)
    lanes = [Lane(destination, journal, Link(to)) for _ in range(number)]
    for lane in lanes:
        stack.enter_context(running(lane))
    return lanes


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_first_arrivals_of_a_key_are_in_order(journal: Journal, seed: int) -> None:
    chance, pause, spooled = random.Random(seed), threading.Event(), 0
    with StandIn(rules=["AA"]) as his, operator(journal) as desk:
        to = his_at(
            his.port,
            retry=retry(0.01, 0.03, refused=1, unanswered=2, unanswered_after_s=0.02),
            brake=brake(refused=3, unanswered=2, probe_s=0.05),
            ack_timeout_s=0.15,
        )
        while spooled < _MESSAGES:
            with ExitStack() as stack:
                lanes = _run(journal, to, chance.randint(1, 4), stack)
                for _ in range(chance.randint(10, 30)):
                    what = chance.random()
                    if what < 0.4:
                        spooled = _spool(journal, chance, spooled)
                        for lane in lanes:
                            lane.wake()
                    elif what < 0.7:
                        his.answer_by(*chance.choice(_MOODS))
                    else:
                        _act(desk, chance)
                    pause.wait(chance.random() * 0.04)
        his.answer_by("AA")
        desk.operator.resume(HIS)
        with ExitStack() as stack:
            _run(journal, to, 4, stack)
            until(lambda: not rows(journal, "SELECT 1 FROM message WHERE state IN ('spooled', 'sending')"))
    acted = {number for (number,) in rows(journal, "SELECT message_id FROM event WHERE message_id IS NOT NULL")}
    known = {
        control_id: (number, patient, order)
        for control_id, number, patient, order in rows(
            journal,
            "SELECT m.control_id, m.id, m.patient_key, o.order_key FROM message m JOIN message_order o"
            " ON o.message_id = m.id",
        )
    }
    first = [known[each] for each in dict.fromkeys(received.control_id for received in his.received)]
    lines = defaultdict(list)
    for at, (number, patient, order) in enumerate(first):
        if number in acted:
            continue
        lines[f"order {order}"].append(number)
        if patient:
            lines[f"patient {patient}"].append(number)
        else:
            assert [each for each, _, _ in first[:at] if each > number and each not in acted] == []
            assert [each for each, _, _ in first[at:] if each < number and each not in acted] == []
    assert [key for key, line in lines.items() if line != sorted(line)] == []
