"""Which of several agents on a journal has which lanes: how they come to them, share them, and lose them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from unittest.mock import Mock, PropertyMock

import pytest
from kit.core import until
from kit.postgres import Cluster
from kit.threads import beside

from lab_sender.agent.beats import Beats
from lab_sender.agent.host import LaneHost
from lab_sender.agent.node import Node
from lab_sender.journal import ALERTS, Fence, Journal, JournalUnavailable, LeaseRow, NodeRow, Server, clock

LEASE_S = 1.5
_LONG_S = 6.0
"""Nobody loses by it, whatever else the machine does."""
TO = ("one", "two", "three", "four")


class Machine:
    """An agent without lanes: whatever it has, it keeps until that is wanted back."""

    def __init__(self, server: Server, name: str, lease_s: float) -> None:
        self.journal = Journal(replace(server, node=name, lease_s=lease_s))
        self.journal.begin()
        self.node = Node(self.journal, TO, name, lease_s)
        self.has: dict[str, Fence] = {}
        self.taken = 0
        self._stopping = threading.Event()
        self._ends = ExitStack()
        self._ends.enter_context(beside(self.node.run, lambda: self.node.stop(False)))
        for each in TO:
            self._ends.enter_context(beside(self._host(each), self._stopping.set))

    def _host(self, name: str) -> Callable[[], None]:
        def run() -> None:
            while (fence := self.node.wait_for(name, self._stopping, lambda _: None)) is not None:
                self.taken += 1
                self.has[name] = fence
                lost = threading.Event()
                fence.at_loss(lost.set)
                while not (lost.wait(0.02) or self._stopping.is_set() or self.node.is_wanted_back(name)):
                    pass
                del self.has[name]
                self.node.ended(name, fence)

        return run

    def freeze(self) -> None:
        """Let it hear and say nothing more."""
        self.node._turn = lambda: None  # type: ignore[method-assign]

    def stop(self) -> None:
        """Stop it in good order."""
        self._stopping.set()
        self._ends.close()
        self.journal.close()


@pytest.fixture
def machine(server: Server) -> Iterator[Callable[[str], Machine]]:
    made = list[Machine]()

    def make(name: str, lease_s: float = LEASE_S) -> Machine:
        made.append(Machine(server, name, lease_s))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.mark.long
def test_destinations_are_spread_and_come_back(machine: Callable[..., Machine]) -> None:
    one = machine("a", _LONG_S)
    until(lambda: len(one.has) == len(TO))
    other = machine("b", _LONG_S)
    until(lambda: len(one.has) == len(other.has) == 2)
    assert {*one.has, *other.has} == set(TO)
    taken = one.taken + other.taken
    threading.Event().wait(LEASE_S)
    assert one.taken + other.taken == taken == len(TO) + 2, "each hands over what is too much, and that is all"
    other.stop()
    until(lambda: len(one.has) == len(TO))


@pytest.mark.long
def test_one_that_is_not_heard_of_loses_all_it_has(machine: Callable[[str], Machine]) -> None:
    one, other = machine("a"), machine("b")
    until(lambda: len(one.has) == len(other.has) == 2)
    mine = set(one.has)
    other.freeze()
    until(lambda: set(one.has) == set(TO))
    assert not other.has, "it has ended before another one began"
    assert mine < set(one.has)


def test_a_host_gives_back_at_any_instant() -> None:
    """Between two looks at what is ours: the thread that renews all leases does not end over it."""
    row = LeaseRow("one", "a/1", 1, 1, 10_000)
    rows = [row._replace(name=each) for each in TO], [NodeRow("a", "1", "", 0, 1, False, "[]", 0, 0)]
    table = Mock(connections=1, look=lambda: rows, is_mine=lambda _: True)
    node = Node(Mock(leases=lambda: table), TO, "a", LEASE_S)
    fences = [None, Fence(row, clock()), None]
    place = Mock(is_waited_for=False, to_give_back=None)
    type(place).fence = PropertyMock(side_effect=lambda: fences.pop(0) if fences else None)
    node._places["one"] = place
    node._turn()
    assert not fences


def test_whose_page_sends_the_alerts_is_known_and_is_no_lane() -> None:
    nodes = [NodeRow(each, "1", "", 0, 1, False, json.dumps(TO), 0, 0) for each in "ab"]
    rows = [LeaseRow(each, "a/1", 1, 1, 10_000) for each in TO]
    alerts = LeaseRow(ALERTS, "b/9", 1, 1, 10_000)
    table = Mock(connections=1, look=lambda: ([alerts, *rows], nodes), is_mine=lambda _: False)
    sends = {name: Node(Mock(leases=lambda: table), TO, name, LEASE_S) for name in "ab"}
    for node in sends.values():
        node._turn()
    assert [name for name, node in sends.items() if node.sends_alerts()] == ["b"]


def test_a_machine_that_comes_back_is_handed_its_share_each_time() -> None:
    """What it was offered before counts while the same machines are there: one that takes nothing is asked once."""
    node = Node(Mock(leases=Mock), TO, "a", LEASE_S)
    nodes = [NodeRow("b", "1", "", 0, 1, False, json.dumps(TO), 0, 0)]
    rows = [LeaseRow(each, "a/1", 1, 1, 10_000) for each in TO]
    node._alive(nodes)
    node._peers["b"].has_moved = True
    for _ in range(3):
        for row in rows:
            node._places[row.name].fence = Fence(row, clock())
        for _ in range(len(TO)):
            node._spread(rows, nodes, ["b"])
            for place in node._places.values():
                if place.is_wanted_back:
                    place.fence, place.is_wanted_back = None, False
        assert len(node._held()) == 2
        node._spread(rows, nodes, [])


def test_who_cannot_ask_for_lanes_is_not_taken_for_one_at_work() -> None:
    """Whoever waits for a lane says that he does; that it may come, only whoever asks for it can say."""
    table, beats = Mock(connections=1, look=lambda: ([], [])), list[float]()
    table.renew.side_effect = JournalUnavailable("journal.full", "no connection is left")
    node = Node(Mock(leases=lambda: table), TO, "a", LEASE_S, beats.append)
    node._try(node._turn)
    assert not beats
    table.renew.side_effect = None
    node._try(node._turn)
    assert beats


def test_settings_that_come_while_lanes_are_made_are_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after, sending = Mock(), Mock(), Mock(parts=[], delivered=0)
    fence = Fence(LeaseRow("one", "a/1", 1, 1, 10_000), clock())
    to = Mock(his=before)
    to.name = "one"
    host = LaneHost(to, [], Mock(), Mock(), Beats())

    def made(_to: object, his: object, *_: object) -> Mock:
        assert his is before
        host.use(after)
        return sending

    monkeypatch.setattr("lab_sender.agent.host.Sending", made)
    host._send(fence)
    sending.use.assert_called_with(after)


def test_rows_that_a_standby_lacks_are_made_again(machine: Callable[[str], Machine], cluster: Cluster) -> None:
    one = machine("a")
    until(lambda: len(one.has) == len(TO))
    cluster.ask("DELETE FROM lab_sender.lease; DELETE FROM lab_sender.node")
    until(lambda: one.taken == 2 * len(TO) and len(one.has) == len(TO))
