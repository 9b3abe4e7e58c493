"""Machines that share a journal: one sends the alerts, by lease; nothing is sent twice, and nothing is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from kit.core import until
from kit.settings import made
from kit.threads import beside

from lab_sender.config.alerts import Alerts, Channel
from lab_sender.journal import ALERTS, Fence, LeaseLost, LeaseRow, Server, leases_of, now_ms
from lab_sender.operations.alerts import channels, lease, several
from lab_sender.operations.alerts.book import Act, Book, Text, Waiting, Write
from lab_sender.operations.alerts.channels import ChannelThread
from lab_sender.operations.alerts.machine import State
from lab_sender.operations.alerts.notify import TAKEN, Outcome
from lab_sender.operations.alerts.service import AlertService
from lab_sender.operations.alerts.several import AlertsOfSeveral, Fenced
from lab_sender.operations.conditions import Condition
from lab_sender.operations.installation import Installation
from lab_sender.operations.records import RecordsUnavailable
from lab_sender.operations.records_on_server import RecordsOnServer

LEASE_S = 1.0
MIN = 60_000
HELD = Condition("lane.held", "CRITICAL", "his", "brake", None, "the lane is held by the brake")
STUCK = Condition("agent.stuck", "CRITICAL", None, "lane", 1, "it has done nothing", node="b")
CONFIG = """\
outbox: outbox
his: {{host: 127.0.0.1, port: 1}}
alerts: {{name: lab, channels: {{mail: 'json://127.0.0.1:1/'}}}}
journal: {{database: '{url}', schema: {schema}, node: {node}}}
"""


class Machine:
    """The page of one machine, as far as alerts go: what it sees is what a test says."""

    def __init__(self, server: Server, node: str, folder: Path, lease_s: float) -> None:
        folder.mkdir()
        path = folder / "config.yaml"
        path.write_text(CONFIG.format(url=server.url, schema=server.schema, node=node))
        self.node = node
        self.sees: list[Condition] = []
        self.sent: list[str] = []
        self.ahead_ms = 0
        installation = Installation(path)
        self.records = RecordsOnServer(replace(server, node=node))
        self.alerts = AlertsOfSeveral(
            installation, replace(server, node=node, lease_s=lease_s), self.records,
            look=lambda: self.sees, settings=lambda: installation.config.alerts,
            clock_ms=lambda: now_ms() + self.ahead_ms, sends=self._send,
        )  # fmt: skip
        self._ends = ExitStack()

    def _send(self, _: Channel, text: Text) -> Outcome:
        self.sent.append(text.title)
        return TAKEN

    def start(self) -> Machine:
        self._ends.enter_context(beside(self.alerts.run, self.alerts.stop))
        return self

    def freeze(self) -> None:
        """Let it look, renew and say nothing more."""
        self.alerts._lease._turn = lambda: None  # type: ignore[method-assign]
        self.alerts.turn = lambda: None  # type: ignore[method-assign]

    def goes_on_until(self, done: Callable[[], object]) -> None:
        """Let its clock go fast."""

        def passes() -> object:
            self.ahead_ms += 10_000
            return done()

        until(passes)

    @property
    def has_it(self) -> bool:
        return self.alerts._lease.fence() is not None

    def stop(self) -> None:
        self._ends.close()


@pytest.fixture
def machine(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Machine]]:
    monkeypatch.setattr("lab_sender.operations.alerts.service.EVERY_S", 0.05)
    made = list[Machine]()

    def make(node: str, lease_s: float = LEASE_S) -> Machine:
        made.append(Machine(server, node, tmp_path / node, lease_s))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_one_sends_and_the_next_one_goes_on_with_what_was_sent(machine: Callable[..., Machine]) -> None:
    one = machine("a")
    one.sees = [HELD]
    one.start()
    until(lambda: one.sent)
    assert one.sent == ["[lab] CRITICAL: his: the lane is held by the brake"]
    other = machine("b").start()
    other.sees = [HELD]
    book = Book(other.records)
    ((number, _),) = book.alerts()
    book.take(number, "anna", now_ms())
    one.freeze()
    until(lambda: other.has_it)
    other.ahead_ms = 5 * 60 * MIN
    other.sees = [HELD, STUCK]
    until(lambda: other.sent)
    assert other.sent == ["[lab] CRITICAL: b: it has done nothing"], "what was sent, and who has it, is known"
    assert len(one.sent) == 1


def test_after_a_clean_end_another_one_sends_at_once(machine: Callable[..., Machine]) -> None:
    one = machine("a", 60.0).start()
    until(lambda: one.has_it)
    other = machine("b").start()
    other.sees = [HELD]
    one.stop()
    until(lambda: other.sent)
    assert not one.sent


def test_what_is_wrong_with_one_machine_is_sent_by_its_name_also_while_it_is_away(
    machine: Callable[..., Machine],
) -> None:
    one, other = machine("a").start(), machine("b")
    until(lambda: one.has_it)
    other.sees = [HELD, Condition("disk.low", "CRITICAL", None, None, 1, "300 MB of disk left", node="b")]
    other.start()
    until(lambda: one.sent)
    other.stop()
    assert one.sent == ["[lab] CRITICAL: b: 300 MB of disk left"], "what all share is seen by whoever sends"
    one.ahead_ms = 10 * MIN
    one.sees = [HELD]
    until(lambda: len(one.sent) == 2)
    one.sees = []
    one.goes_on_until(lambda: len(one.sent) == 3)
    assert not [each for each in one.sent if "OVER: b:" in each], "nobody knows whether it is over"


def test_a_machine_that_reaches_no_database_says_so_itself(
    machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = machine("a").start(), machine("b").start()
    until(lambda: one.has_it or other.has_it)
    with monkeypatch.context() as away:
        def fails(*_: object) -> None:
            raise RecordsUnavailable("records.unavailable", "away")

        away.setattr(several.Told, "tell", fails)
        until(lambda: one.alerts._trouble and other.alerts._trouble)
        for each in (one, other):
            each.goes_on_until(lambda each=each: each.sent)  # type: ignore[misc]
    assert [each.sent[0].partition(": ")[2] for each in (one, other)] == [
        f"{node}: nobody can see what is wrong (records.unavailable)" for node in "ab"
    ]
    until(lambda: not (one.alerts._trouble or other.alerts._trouble))
    for each in (one, other):
        each.goes_on_until(lambda each=each: len(each.sent) == 2)  # type: ignore[misc]
    assert "OVER" in one.sent[1]


def test_a_machine_with_a_heartbeat_and_no_channel_has_the_lease_until_it_wants_nothing(
    machine: Callable[..., Machine],
) -> None:
    """By the lease is known who asks for the page of the heartbeat."""
    one, settings = machine("a"), [made(Alerts, heartbeat="https://watch.example/1")]
    one.alerts._settings = lambda: settings[0]
    one.alerts._more = {**one.alerts._more, "settings": one.alerts._settings}
    one.sees = [HELD]
    one.start()
    until(lambda: one.has_it)
    one.goes_on_until(lambda: one.ahead_ms > MIN)
    settings[0] = made(Alerts)
    until(lambda: not one.has_it)
    assert not one.sent


def test_whoever_hangs_leaves_the_alerts_to_another_one(
    machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the thread that renews its lease goes on."""
    monkeypatch.setattr(lease, "_WORKS_S", 1.0)
    one = machine("a", 60.0).start()
    until(lambda: one.has_it)
    one.alerts.turn = lambda: None  # type: ignore[method-assign]
    other = machine("b", 60.0).start()
    other.sees = [HELD]
    until(lambda: other.sent)
    assert not one.has_it


def test_an_alert_that_cannot_be_recorded_is_said_by_the_machine_that_could_not(
    machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(Book, "turn", fails)
    one = machine("a").start()
    until(lambda: one.has_it)
    one.goes_on_until(lambda: one.sent)
    assert one.sent == ["[lab] CRITICAL: a: nobody can see what is wrong (bug.ValueError)"]


def test_what_waited_is_sent_by_whoever_takes_over_though_it_cannot_be_read_at_once(
    machine: Callable[..., Machine], records: RecordsOnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_READ_AGAIN_S", 0.01)
    text = Text("mail", now_ms(), "CRITICAL", "it was on its way", "body")
    Book(records).turn(lambda state: (state, ()), lambda _notices, _ids: [text])
    reads = Book.waiting
    failures = [RecordsUnavailable("records.unavailable", "away"), ValueError()]

    def waiting(self: Book, channel: str) -> list[Waiting]:
        if failures:
            raise failures.pop()
        return reads(self, channel)

    monkeypatch.setattr(Book, "waiting", waiting)
    one = machine("a").start()
    until(lambda: one.sent)
    until(lambda: not reads(Book(records), "mail"))
    assert one.sent == ["it was on its way"]


def test_what_was_recorded_without_an_answer_goes_out_all_the_same_and_once(
    machine: Callable[..., Machine], records: RecordsOnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nobody takes over: the database was away for a moment, when the text was kept and when it was noted."""
    monkeypatch.setattr(channels, "_READ_AGAIN_S", 0.01)
    turn, sent, failures = Book.turn, Book.sent, ["turn", "sent"]

    def turned(self: Book, act: Act, write: Write) -> tuple[State, list[Waiting]]:
        done = turn(self, act, write)
        if done[1] and "turn" in failures:
            failures.remove("turn")
            raise RecordsUnavailable("records.unavailable", "away")
        return done

    def noted(self: Book, channel: str, ids: Sequence[int], now_ms: int) -> None:
        if "sent" in failures:
            failures.remove("sent")
            raise RecordsUnavailable("records.unavailable", "away")
        sent(self, channel, ids, now_ms)

    monkeypatch.setattr(Book, "turn", turned)
    monkeypatch.setattr(Book, "sent", noted)
    one = machine("a", 60.0)
    one.sees = [HELD]
    one.start()
    until(lambda: one.sent)
    until(lambda: not Book(records).waiting("mail"))
    assert one.sent == ["[lab] CRITICAL: his: the lane is held by the brake"]


def test_one_machine_sends_once_what_was_recorded_without_an_answer(
    machine: Callable[..., Machine], records: RecordsOnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for the database, so it has sent by itself what is in there too."""
    turn = Book.turn

    def turned(self: Book, act: Act, write: Write) -> tuple[State, list[Waiting]]:
        turn(self, act, write)
        raise RecordsUnavailable("records.unavailable", "away")

    one = machine("a")
    service = AlertService(one.alerts._installation, look=lambda: [HELD], records=records, sends=one._send)
    service.begin()
    with monkeypatch.context() as away:
        away.setattr(Book, "turn", turned)
        service.turn()
    until(lambda: one.sent)
    service.turn()
    until(lambda: not Book(records).waiting("mail"))
    service.end()
    assert one.sent == ["[lab] CRITICAL: his: the lane is held by the brake"]


def test_who_has_an_alert_is_known_also_where_a_step_could_not_be_kept(
    machine: Callable[..., Machine], records: RecordsOnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = machine("a")
    service = AlertService(one.alerts._installation, look=lambda: [HELD], records=records, sends=one._send)
    book = Book(records)
    assert service.turn()
    ((number, _),) = book.alerts()
    with monkeypatch.context() as away:
        away.setattr(Book, "turn", Mock(side_effect=RecordsUnavailable("records.unavailable", "away")))
        assert not service.turn()
    book.take(number, "anna", now_ms() + 1)
    assert not service.turn()
    assert [each.taken_by for _, each in book.alerts()] == ["anna"]


# ------------------------------------------------------------------ the fence


def _taken(server: Server, node: str, lease_s: float = 60.0) -> Fence:
    """Take the lease, whoever has it: as after a whole lease without a word of its owner."""
    table = leases_of(replace(server, node=node, lease_s=lease_s), node)
    table.make([ALERTS])
    (row,), _ = table.look()
    fence = table.take(row)
    table.close()
    assert isinstance(row, LeaseRow)
    assert fence is not None
    return fence


@pytest.fixture
def records(server: Server) -> Iterator[RecordsOnServer]:
    opened = RecordsOnServer(replace(server, node="a"))
    yield opened
    opened.close()


def test_an_owner_that_was_taken_over_from_neither_notes_nor_sends(server: Server, records: RecordsOnServer) -> None:
    """Whatever its clock says: it stood still, and wakes with a text in its hand."""
    book = Book(records, Fenced(records, _taken(server, "a")))
    text = Text("mail", now_ms(), "CRITICAL", "title", "body")
    _, (waiting,) = book.turn(lambda state: (state, ()), lambda _notices, _ids: [text])
    assert list(book.going("mail", [waiting.id])) == [waiting.id]
    taken = _taken(server, "b")
    sent: list[Text] = []

    def send(_: Channel, each: Text) -> Outcome:
        sent.append(each)
        return TAKEN

    frozen = ChannelThread("mail", Channel(url="json://127.0.0.1:1/"), book, now_ms=now_ms, sends=send)
    frozen._waiting = [waiting]
    assert frozen._going() == []
    with pytest.raises(LeaseLost):
        book.turn(lambda state: (state, ()), lambda _notices, _ids: [text])
    assert len(book.waiting("mail")) == 1, "whoever has it now sends it"
    nexts = Book(records, Fenced(records, taken))
    nexts.sent("mail", [waiting.id], now_ms())
    assert list(nexts.going("mail", [waiting.id])) == [], "what another one has sent does not go out again"
