"""The numbers that the journal keeps are those that counting gives, whatever was done and however often."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from kit.core import HIS, bad, entry, head, source
from kit.examples import examples

from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import ActRejected, Attempt, Journal, Spooled, View, acceptances

TO = st.sampled_from((HIS, "another"))
KINDS = st.sampled_from(("spooled", "duplicate", "bad", "file"))
ACTS = st.sampled_from(("release", "dismiss", "resend", "release_file", "dismiss_file"))


def _attempt(message: Spooled, ack_code: str = "AA") -> Attempt:
    return Attempt(message.id, 5, "verdict", "ack", "", "", ack_code)


def counted(view: View, destination: str | None = None) -> dict[str, int]:
    """What `counts` says, by counting."""
    rows = view._reader.rows
    at = " WHERE destination = ?" if destination else " WHERE CAST(? AS TEXT) IS NULL"
    found = dict(rows(f"SELECT state, COUNT(*) FROM message{at} GROUP BY state", (destination,)))
    only = rows(f"SELECT COUNT(*) FROM message{at} AND state = 'acked' AND code = 'commit-only'", (destination,))
    if only[0][0]:
        found["commit-only"] = only[0][0]
    found["unreadable"] = rows("SELECT COUNT(*) FROM source WHERE state = 'quarantined'")[0][0]
    return found


class Numbers(RuleBasedStateMachine):
    """Any story of batches, verdicts, later answers and acts, each write made once or twice."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        path = self.folder / f"{id(self)}.db"
        path.unlink(missing_ok=True)
        self.journal, self.view = Journal(path, who="tester"), View(path)

        self.batch(HIS, False, ["spooled", "spooled", "bad", "file"])

    @rule(to=TO, twice=st.booleans(), kinds=st.lists(KINDS, max_size=4))
    def batch(self, to: str, twice: bool, kinds: list[str]) -> None:
        sources = []
        for kind in kinds:
            self.number += 1
            name = f"C{self.number}"
            same = entry(name, state="duplicate", control_id=None, body=None)
            message = {"spooled": entry(name), "duplicate": same, "bad": bad("2"), "file": None}[kind]
            sources.append(source(name, message) if message else source(name, code="json.syntax"))
        for _ in range(1 + twice):
            self.journal.spool.spooled(sources, to)

    @rule(to=TO, twice=st.booleans(), code=st.sampled_from(("", "known", "commit-only")), marks=st.booleans())
    def accepted(self, to: str, twice: bool, code: str, marks: bool) -> None:
        waits = self.journal.delivery.head(to, after_quarantine="continue")
        if waits:
            following = waits[1].id if marks and len(waits) > 1 else None
            for _ in range(1 + twice):
                self.journal.delivery.acked(waits[0], _attempt(waits[0]), code=code, next_id=following)

    @rule(to=TO, twice=st.booleans())
    def commit_stood(self, to: str, twice: bool) -> None:
        for message in self.journal.delivery.head(to, after_quarantine="continue")[:1]:
            self.journal.delivery.sending(message.id)
            self.journal.delivery.commit_accepted(message.id)
            for _ in range(1 + twice):
                self.journal.delivery.commit_stands(message, "commit-only")

    @rule(to=TO)
    def refused(self, to: str) -> None:
        for message in self.journal.delivery.head(to, after_quarantine="continue")[:1]:
            self.journal.delivery.refused(message, _attempt(message, "AE"))
            self.journal.delivery.quarantined(message, code="refused", reason="no")

    @rule(to=TO, number=st.integers(0, 30), twice=st.booleans(), code=st.sampled_from(("AA", "AE")))
    def answered_later(self, to: str, number: int, twice: bool, code: str) -> None:
        name = f"C{number % self.number + 1}"
        for _ in range(1 + twice):
            self.journal.delivery.said_later(to, name, code, b"MSA", accepts=code == "AA", at_ms=7)

    @rule(number=st.integers(0, 30), act=ACTS)
    def act(self, number: int, act: str) -> None:
        desk, (last,) = self.journal.operator, self.view._reader.rows("SELECT MAX(id) FROM message")[0]
        number = number % last + 1
        self.number += 1
        try:
            match act:
                case "release":
                    desk.release(number, force=True)
                case "dismiss":
                    desk.dismiss(number, "why")
                case "resend":
                    new = f"N{self.number}"
                    desk.resend(number, new_control_id=new, restamp=with_control_id, force=True)
                case "release_file":
                    desk.release_file(number)
                case "dismiss_file":
                    desk.dismiss_file(number, "why")
        except ActRejected:
            pass

    @invariant()
    def numbers_are_right(self) -> None:
        for destination in (None, HIS, "another"):
            assert self.view.counts(destination) == counted(self.view, destination)

    def teardown(self) -> None:
        self.view.close()
        self.journal.close()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_any_story_leaves_the_right_numbers(tmp_path: Path) -> None:
    Numbers.folder = tmp_path
    run_state_machine_as_test(Numbers, settings=examples(40, stateful_step_count=30))


def test_a_copy_is_one_more_message(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1"))], HIS)
    (message,) = head(journal)
    journal.delivery.acked(message, _attempt(message))
    for _ in range(2):  # the second time under the same act: it is done already
        journal.operator.resend(message.id, new_control_id="N1", restamp=with_control_id, act="A")
    with closing(View(journal.store.path)) as view:
        assert counted(view) == view.counts() == {"acked": 1, "spooled": 1, "unreadable": 0}


def test_a_commit_only_delivery_is_one_until_the_application_answers(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1"), entry("M2"))], HIS)
    first, second = head(journal)
    with closing(View(journal.store.path)) as view:
        for _ in range(2):
            journal.delivery.acked(first, _attempt(first, "CA"), code="commit-only", next_id=second.id)
        assert counted(view) == view.counts() == {"acked": 1, "sending": 1, "commit-only": 1, "unreadable": 0}
        for _ in range(2):
            journal.delivery.said_later(HIS, "M1", "AA", b"MSA", accepts=True, at_ms=7)
        assert counted(view) == view.counts() == {"acked": 1, "sending": 1, "unreadable": 0}


def test_the_last_acceptance_is_known_by_destination(journal: Journal) -> None:
    batch = [source("C1", entry("M1"), entry("M2", destination="another"), entry("M3"))]
    journal.spool.spooled(batch, HIS)
    with closing(View(journal.store.path)) as view:
        assert (view.last_ack_ms(), view.last_ack_ms("another")) == (None, None)
        (first, third) = head(journal)
        journal.delivery.acked(first, _attempt(first))
        noted = view.last_ack_ms()
        assert noted is not None
        journal.delivery.acked(third, _attempt(third))  # within the same second
        assert (view.last_ack_ms(), view.last_ack_ms("another")) == (noted, None)
        (second,) = journal.delivery.head("another", after_quarantine="continue")
        journal.delivery.acked(second, _attempt(second))
        assert view.last_ack_ms("another") is not None
        assert counted(view) == view.counts() == {"acked": 3, "unreadable": 0}


def test_the_last_acceptance_is_shown_also_after_the_clock_was_set_back(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_ms = 1_800_000_000_000
    monkeypatch.setattr(acceptances, "now_ms", lambda: at_ms)
    journal.spool.spooled([source("C1", entry("M1")), source("C2", entry("M2"))], HIS)
    journal.delivery.acked(message := head(journal)[0], _attempt(message))
    at_ms -= 3_600_000
    journal.delivery.acked(message := head(journal)[0], _attempt(message))
    with closing(View(journal.store.path)) as view:
        assert view.last_ack_ms() == at_ms


def test_counts_follow_a_contradiction_and_resend(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1"))], HIS)
    message = head(journal)[0]
    journal.delivery.sending(1)
    journal.delivery.acked(message, Attempt(1, 5, "verdict", "ack", "", "", "CA"), code="commit-only")
    journal.delivery.said_later(HIS, "M1", "AE", b"MSH|AE", accepts=False)
    journal.operator.resend(1, new_control_id="N1", restamp=with_control_id)
    journal.delivery.said_later(HIS, "M1", "AA", b"MSH|AA", accepts=True)
    with closing(View(journal.store.path)) as view:
        assert view.counts() == {"acked": 1, "spooled": 1, "unreadable": 0}
