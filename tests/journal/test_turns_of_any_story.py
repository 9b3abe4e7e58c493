"""Whatever happens to messages, results of one order never pass one another, though they are several patients'."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kit.core import HIS, entry, rows, source
from kit.examples import examples

from lab_sender.hl7.orders import OrderFact
from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import ActRejected, Attempt, Journal

PATIENTS = ("A^MR", "B^MR", "")
ORDERS = ("O1", "O2")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["spool"] * 4 + ["suspicious", "send", "send", "refuse", "refuse", "dismiss", "release", "force",
             "put back", "resend", "rebuild", "release file", "read again"]
        ),
        st.integers(0, 5), st.sampled_from(PATIENTS), st.sampled_from([*[(each,) for each in ORDERS], ORDERS]),
    ),
    max_size=25,
)  # fmt: skip


class Story:
    """Messages of a destination, sent by as many lanes as may be: whatever may leave next may be first."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.names = (f"M{number}" for number in itertools.count(1))

    def step(self, what: str, which: int, patient: str, orders: tuple[str, ...]) -> None:
        new = entry(
            next(self.names), patient=patient, orders=tuple([OrderFact(each, "x", "F", "") for each in orders])
        )
        operator = self.journal.operator
        if what == "spool":
            self.journal.spool.spooled([source(f"C-{new.control_id}", new)], HIS)
        elif what == "suspicious":
            quarantined = new._replace(state="quarantined", code="correction.older", holds_orders=which > 2)
            behind_it = new._replace(control_id=f"X{new.control_id}")
            self.journal.spool.spooled([source(f"C-{new.control_id}", quarantined, behind_it)], HIS)
        elif what in ("send", "refuse"):
            for message in self._at(which, self._may_leave()):
                self._sent(message, accept=what == "send")
        elif what == "rebuild":
            for message in self._at(which, self._of("spooled", "quarantined")):
                original = self.journal.rebuilding.original(message, force=True)
                self.journal.rebuilding.rebuilt(original, new._replace(digest=original.digest), force=True)
        else:
            for message in self._at(which, self._of("quarantined")):
                if what == "release file":
                    (found,) = rows(self.journal, "SELECT source_id FROM message WHERE id = ?", message)[0]
                    ids = rows(self.journal, "SELECT id FROM message WHERE source_id = ?", found)
                    operator.release_messages([each for (each,) in ids])
                elif what == "put back":
                    self.journal.delivery.held(HIS, "brake", "ill", [message])
                elif what == "resend":
                    operator.resend(message, new_control_id=str(new.control_id), restamp=with_control_id, force=True)
                elif what in ("release", "force"):
                    operator.release(message, force=what == "force")
            for message in self._at(which, self._of("spooled", "quarantined")) if what == "dismiss" else ():
                operator.dismiss(message, "why")

    def _sent(self, message: int, *, accept: bool) -> None:
        sent = [each for each in self.journal.delivery.head(HIS, after_quarantine="continue") if each.id == message]
        for each in sent:  # else what lies in quarantine holds it
            self.journal.delivery.sending(message)
            tried = Attempt(message, 1, "verdict", "ack", "", "", "AA" if accept else "AE")
            if accept:
                self.journal.delivery.acked(each, tried)
            else:
                self.journal.delivery.refused(each, tried)
                self.journal.delivery.quarantined(each, code="refused", reason="no")

    def _may_leave(self) -> list[int]:
        """The first of each patient, if no barrier is older; a barrier, if nothing is."""
        first, seen = list[int](), set[int]()
        for message, turn in self._waiting():
            if turn == 0:
                return first or [message]
            if turn not in seen:
                first.append(message)
            seen.add(turn)
        return first

    def _waiting(self) -> list[Any]:
        query = "SELECT id, patient_turn FROM message WHERE state IN ('spooled', 'sending') ORDER BY id"
        return rows(self.journal, query)

    def _of(self, *states: str) -> list[int]:
        query = "SELECT m.id, m.state FROM message m JOIN wire w ON w.message_id = m.id ORDER BY m.id"
        found = rows(self.journal, query)
        return [message for message, state in found if state in states]

    def _at(self, which: int, messages: list[int]) -> list[int]:
        return messages[which : which + 1] or messages[-1:]

    def passing(self) -> list[tuple[int, int]]:
        """Two messages that wait, of one order and two patients, with no barrier from the one to the other."""
        patients: dict[int, str] = dict(rows(self.journal, "SELECT id, patient_key FROM message"))
        orders: dict[int, set[str]] = {}
        for message, key in rows(self.journal, "SELECT message_id, order_key FROM message_order"):
            orders.setdefault(message, set()).add(key)
        waiting = self._waiting()
        return [
            (one, other)
            for place, (one, _) in enumerate(waiting)
            for behind, (other, _) in enumerate(waiting[place + 1 :], place + 1)
            if patients[one] != patients[other]
            and orders.get(one, set()) & orders.get(other, set())
            and all(turn for _, turn in waiting[place : behind + 1])
        ]


A, NOBODY, O1 = "A^MR", "", ("O1",)


@pytest.mark.long
@examples(200)
@given(STEPS)
@example(
    [("spool", 0, A, O1), ("spool", 0, NOBODY, O1), ("refuse", 0, A, O1), ("send", 0, A, O1), ("rebuild", 0, A, O1),
     ("spool", 0, "B^MR", O1)]
)
def test_no_result_of_an_order_passes_another_patients(steps: list[tuple[str, int, str, tuple[str, ...]]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Journal(Path(folder) / "journal.db", who="tester")) as journal,
    ):
        journal.store.connection.execute("PRAGMA synchronous = OFF")
        story = Story(journal)
        for step in steps:
            with contextlib.suppress(ActRejected):
                story.step(*step)
            assert story.passing() == [], step
