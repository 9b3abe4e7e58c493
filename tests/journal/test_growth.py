"""What the agent and the commands ask costs the same with ten times the history: SQLite's steps are counted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kit.core import HIS, bad, entry, head, source
from kit.grown import DAY_MS, ONE_NAME, ONE_ORDER, come_again, grow, wait_at

from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import Attempt, Criteria, Journal, KeptView
from lab_sender.journal.sqlite import schema
from lab_sender.operations.installation import Installation
from lab_sender.operations.status import status

pytestmark = pytest.mark.long
SHORT, LONG = 10_000, 100_000
DOWN = "down"
"""A destination whose HIS answers nobody."""
_EACH = 10
_MOST = 3.0
"""What a tree that is two levels deeper costs, and a page more of a list."""
_BESIDE = 200
"""Of these tens of steps: below it nothing counts."""


class Steps:
    """Counts the steps of SQLite's machine, in tens, on every connection that is opened meanwhile."""

    def __init__(self) -> None:
        self.count = 0

    def step(self) -> int:
        self.count += 1
        return 0


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    paths = {count: tmp_path_factory.mktemp(str(count)) / "journal.db" for count in (SHORT, LONG)}
    for count, path in paths.items():
        grow(path, count)
    return paths


@pytest.fixture(scope="module")
def came_again(histories: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    paths = {count: tmp_path_factory.mktemp(f"again{count}") / "journal.db" for count in histories}
    for count, path in paths.items():
        with closing(sqlite3.connect(histories[count])) as before, closing(sqlite3.connect(path)) as copy:
            before.backup(copy)
        come_again(path)
    return paths


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A journal with few, or very many, messages that wait at another destination."""
    paths = {count: tmp_path_factory.mktemp(f"beside{count}") / "journal.db" for count in (SHORT, LONG)}
    for count, path in paths.items():
        grow(path, SHORT)
        wait_at(path, DOWN, count // 100 if count == SHORT else count)
    return paths


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    counted = Steps()
    connect = schema.connect

    def counting(*values: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*values, **more)
        connection.set_progress_handler(counted.step, _EACH)
        return connection

    monkeypatch.setattr(schema, "connect", counting)
    return counted


def _ago_ms(days: int) -> int:
    return time.time_ns() // 1_000_000 - days * DAY_MS


def _begin(journal: Journal) -> None:
    """What a start asks before the first message leaves, and the keeper's first round; after a kill."""
    journal.begin(config_digest="digest")
    journal.delivery.interrupted(HIS)
    journal.delivery.quarantined_since_acceptance(HIS)
    journal.delivery.lane(HIS)
    head(journal)
    journal.spool.last_claim_id()
    journal.spool.known_claims([f"1ZZ{number:017}_x.json" for number in range(10)])
    unsettled = set(journal.filing.unsettled_sources())
    journal.filing.sharing(unsettled)
    journal.filing.resting(unsettled)


def _deliver(journal: Journal) -> None:
    """One file's way: received, looked up, spooled, sent, filed."""
    with_document = source("1AA", entry("1AA", order=ONE_ORDER), files=2)
    journal.spool.holders_of(["1AA"], HIS)
    journal.spool.ledger([ONE_ORDER], HIS)
    journal.spool.owed(["a.pdf"], within_ms=1000)
    journal.spool.came("1AA", destination=HIS, place="")
    journal.spool.came_after("1AA", [1, 2])
    journal.spool.first_claims(["1AA"])
    journal.spool.spooled([with_document, source("1AB", entry("1AB"), bad())], HIS)
    first, second = head(journal)
    journal.delivery.sending(first.id)
    tried = Attempt(first.id, 1, "verdict", "ack", "", "", "AA", b"x")
    journal.delivery.acked(first, tried, next_id=second.id)
    journal.delivery.said_later(HIS, "1AA", "AE", b"x", accepts=False)
    journal.store.foreign_version()
    finished = journal.delivery.finished_sources()
    finished |= journal.filing.sharing(finished)
    files = [file.id for rest in journal.filing.resting(finished) for file in rest.files]
    journal.filing.planned([(file_id, "sent", f"2026-11-22/{file_id}") for file_id in files])
    journal.filing.placed(files)
    journal.store.tick()


def _quarantined(journal: Journal, place: int) -> int:
    query = "SELECT id FROM message WHERE destination = ? AND state = 'quarantined' ORDER BY id"
    with journal.store.reading() as db:
        return int(db.execute(query, (HIS,)).fetchall()[place][0])


ACTS: dict[str, Callable[[Journal], object]] = {
    "start": _begin,
    "a file's way": _deliver,
    "release": lambda journal: journal.operator.release(_quarantined(journal, 3)),
    "dismiss": lambda journal: journal.operator.dismiss(_quarantined(journal, 2), "why"),
    "resend": lambda journal: journal.operator.resend(
        _quarantined(journal, 1), new_control_id="N", restamp=with_control_id
    ),
    "hold and resume": lambda journal: (journal.operator.hold(HIS, "why"), journal.operator.resume(HIS)),
    "the keeper's look after an act": lambda journal: journal.filing.unsettled_sources(),
    "documents owed under one name": lambda journal: journal.spool.owed([ONE_NAME, "x.pdf"], within_ms=1000),
}
QUESTIONS: dict[str, Callable[[KeptView], object]] = {
    "status": lambda view: (
        view.counts(), view.contradictions(), view.oldest_waiting_ms(), view.last_ack_ms(), view.lanes(),
        view.claimed_names(), view.intake_trouble(), view.filing_trouble(), view.ended_clean(),
        view.config_in_force(), view.his_in_force(HIS), view.quarantined_by(HIS), view.unreadable_by(),
        view.taken_ms(), view.minutes(0), view.sums(0), view.acks_within_ms(0, 0.95), view.room(),
    ),
    "list": lambda view: view.lines(),
    **{
        f"list {state}": lambda view, state=state: view.lines(states=[state])
        for state in ("spooled", "sending", "acked", "quarantined", "duplicate", "dismissed", "replaced", "withdrawn")
    },
    "list contradicted": lambda view: view.contradicted(50),
    "show": lambda view: [
        (view.message(number), view.attempts(number), view.answers(number), view.events(number, number),
         view.orders(number), view.held_by(number, "continue"), view.wire(number))
        for number in (500, 7)
    ],
    "show a file": lambda view: (view.file(16), view.events(None, 16)),
    "a control id": lambda view: view.by_control_id("0ZZ00000000000000500"),
    "an order": lambda view: view.by_order("F000000001", limit=9),
    "an order number that many have": lambda view: view.by_order("0", limit=9),
    "a number in quarantine": lambda view: view.quarantined_by_number("F1", limit=9),
    "a name": lambda view: view.by_name("r00007919.json", limit=9),
    "a name in sent/": lambda view: view.by_name("2026-01-01/r00007919.json", limit=9),
    "the fate of a file": lambda view: view.sources_since(-1, "r00007919.json"),
    "send": lambda view: view.sources_since(view.last_source_id() - 3, "x.json"),
    "the days in sent/": lambda view: view.days_kept("2020"),
    **{
        f"find by {name}": lambda view, wanted=wanted: view.find(wanted, limit=50)
        for name, wanted in {
            "nothing": Criteria(),
            "order": Criteria(order="F000007919"),
            "an order number that many have": Criteria(order="0"),
            "ward": Criteria(ward="W5"),
            "delivered": Criteria(states=("acked",)),
            "quarantined": Criteria(states=("quarantined",)),
            "given up": Criteria(states=("dismissed",)),
            "destination": Criteria(to=(HIS,)),
            "contradicted": Criteria(contradicted=True),
            "patient": Criteria(patient="P77"),
            "name": Criteria(file="r00007919.json"),
            "the beginning of a name": Criteria(file="r000079*"),
            "tries": Criteria(tries=2),
            "more tries than any has": Criteria(tries=9),
        }.items()
    },
    "an hour of a time": lambda view: view.find(
        Criteria(since_ms=_ago_ms(50), until_ms=_ago_ms(50) + 3_600_000, to=(HIS,)), limit=9
    ),
    **{
        f"a piece of a look for {name}": lambda view, wanted=wanted: view.find(wanted, limit=50, stop=lambda: True)
        for name, wanted in {
            "a part of a name": Criteria(file="*qq*"),
            "a text": Criteria(contains="qqqq"),
            "a code": Criteria(code="nothing"),
        }.items()
    },
    "the wards": lambda view: view.wards(50),
}  # fmt: skip


def _look_after(journal: Journal, event: int) -> None:
    """What the keeper asks when somebody else has written."""
    unsettled = set(journal.filing.unsettled_since(event))
    journal.filing.resting(unsettled | journal.filing.sharing(unsettled))


def _both(journal: Journal) -> None:
    """A file of both destinations: one has it, one is down. And one of which nothing was built."""
    messages = [entry("1BA", order=ONE_ORDER), entry("1BA", order=ONE_ORDER, destination=DOWN)]
    unbuilt = [entry("1BB", destination=DOWN), bad()]
    journal.spool.spooled([source("1BA", *messages), source("1BB", *unbuilt)], HIS)
    (last,) = head(journal)[-1:]
    journal.delivery.sending(last.id)
    journal.delivery.acked(last, Attempt(last.id, 1, "verdict", "ack", "", "", "AA", b"x"))
    finished = journal.delivery.finished_sources()
    rests = journal.filing.resting(finished | journal.filing.sharing(finished))
    assert [rest.folder for rest in rests] == ["claimed", "quarantine"]


ACTS_BESIDE: dict[str, Callable[[Journal], object]] = {
    **{name: act for name, act in ACTS.items() if name not in ("start", "the keeper's look after an act")},
    "a lane's start": lambda journal: (
        journal.delivery.interrupted(HIS), journal.delivery.quarantined_since_acceptance(HIS),
        journal.delivery.lane(HIS), head(journal), journal.spool.last_claim_id(), journal.spool.returning(),
    ),
    "a file of both": _both,
    "what is held": lambda journal: [head(journal, rule) for rule in ("hold-order", "hold-patient")],
    "another one to ask with": lambda journal: journal.delivery.another(
        HIS, after_quarantine="continue", but=[], after=0
    ),
    "the keeper's look after an act": lambda journal: _look_after(journal, journal.filing.last_event() - 9),
}  # fmt: skip
QUESTIONS_BESIDE: dict[str, Callable[[KeptView], object]] = {
    "status": lambda view: (
        view.counts(HIS), view.contradictions(HIS), view.oldest_waiting_ms(HIS), view.last_ack_ms(HIS), view.lanes(),
        view.quarantined_by(HIS), view.minutes(0, HIS),
    ),
    "list": lambda view: view.lines(destination=HIS),
    **{
        f"list {state}": lambda view, state=state: view.lines(states=[state], destination=HIS)
        for state in ("spooled", "sending", "acked", "quarantined", "duplicate", "dismissed", "replaced")
    },
    "list contradicted": lambda view: view.contradicted(50, HIS),
    "an order": lambda view: view.by_order("F000000001", limit=9, destination=HIS),
    "a control id": lambda view: view.by_control_id("0ZZ00000000000000500", HIS),
    "a number in quarantine": lambda view: view.quarantined_by_number("F1", limit=9, destination=HIS),
}  # fmt: skip


def _costs(path: Path, steps: Steps, ask: Callable[[Any], object], *, view: bool) -> int:
    with closing(KeptView(path) if view else Journal(path, who="tester")) as opened:
        if view:
            opened.schema_version()  # it is open now
        before = steps.count
        ask(opened)
        return steps.count - before


def _compare(
    name: str, histories: dict[int, Path], steps: Steps, ask: Callable[[Any], object], *, view: bool
) -> None:
    short, long = (_costs(histories[count], steps, ask, view=view) for count in (SHORT, LONG))
    print(f"{name}: {short * _EACH} and {long * _EACH} steps")
    assert long <= _MOST * short + _BESIDE


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_of_a_command_does_not_grow_with_the_history(
    name: str, histories: dict[int, Path], steps: Steps
) -> None:
    _compare(name, histories, steps, QUESTIONS[name], view=True)


def test_the_whole_status_does_not_grow_with_the_history(
    histories: dict[int, Path], steps: Steps, tmp_path: Path
) -> None:
    cost = {}
    for count, path in histories.items():
        config = tmp_path / f"{count}.yaml"
        his = f"destinations: {{{HIS}: {{host: localhost, port: 9}}}}\n"
        config.write_text(f"outbox: {tmp_path / str(count)}\n{his}folders: {{journal: {path.parent}}}\n")
        before = steps.count
        now = status(Installation(config))
        cost[count] = steps.count - before
        assert now.acked > count * 0.9
    print(f"status: {cost[SHORT] * _EACH} and {cost[LONG] * _EACH} steps")
    assert cost[LONG] <= _MOST * cost[SHORT] + _BESIDE


@pytest.mark.parametrize(
    "name", [name for name in QUESTIONS if name.startswith(("list", "status", "a name", "find"))]
)
def test_nor_with_duplicates_of_all_of_it_behind_it(name: str, came_again: dict[int, Path], steps: Steps) -> None:
    _compare(name, came_again, steps, QUESTIONS[name], view=True)


@pytest.mark.parametrize("name", ACTS)
def test_no_step_of_the_agent_or_an_operator_grows_with_the_history(
    name: str, histories: dict[int, Path], steps: Steps
) -> None:
    _compare(name, histories, steps, ACTS[name], view=False)


def test_a_question_that_grows_is_seen(histories: dict[int, Path], steps: Steps) -> None:
    def count(view: KeptView) -> object:
        return view._reader.rows("SELECT COUNT(*) FROM message WHERE code = 'refused'")

    with pytest.raises(AssertionError):
        _compare("all", histories, steps, count, view=True)


@pytest.mark.parametrize("name", QUESTIONS_BESIDE)
def test_a_question_about_one_destination_does_not_look_at_what_waits_at_another(
    name: str, beside: dict[int, Path], steps: Steps
) -> None:
    _compare(name, beside, steps, QUESTIONS_BESIDE[name], view=True)


@pytest.mark.parametrize("name", ACTS_BESIDE)
def test_what_waits_at_one_destination_costs_the_others_nothing(
    name: str, beside: dict[int, Path], steps: Steps
) -> None:
    _compare(name, beside, steps, ACTS_BESIDE[name], view=False)


def test_a_look_at_what_waits_elsewhere_is_seen(beside: dict[int, Path], steps: Steps) -> None:
    with pytest.raises(AssertionError):
        _compare("all", beside, steps, lambda view: view.counts(), view=True)
