"""A HIS with several addresses: the next one when the first cannot be reached, the first one again when it can."""

from __future__ import annotations

import sys

import pytest
from kit.core import ready
from kit.settings import his_at, retry

from lab_sender.config.sections import His
from lab_sender.mllp import Hosts, Link, hosts
from lab_sender.mllp.standin.server import StandIn

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux listens on all of 127.0.0.0/8 unasked")

FIRST, SECOND, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"


def his_on(port: int, *names: str, **settings: object) -> His:
    return his_at(port, host=names, **{"retry": retry(10.0, 60.0)} | settings)


class _Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        monkeypatch.setattr(hosts, "monotonic", lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    return _Clock(monkeypatch)


def _in_turn(known: Hosts, his: His) -> list[str]:
    return [each.hosts[0] for each in known.in_turn(his)]


def test_each_connect_begins_with_the_first_that_does_not_rest(clock: _Clock) -> None:
    known, his = Hosts(), his_on(1, FIRST, SECOND, THIRD)
    assert _in_turn(known, his) == [FIRST, SECOND, THIRD]
    known.failed(hosts.at(his, FIRST))
    assert _in_turn(known, his) == [SECOND, THIRD]
    clock.now_s += 10.0
    assert _in_turn(known, his) == [FIRST, SECOND, THIRD]
    known.failed(hosts.at(his, FIRST))
    clock.now_s += 19.0
    assert _in_turn(known, his) == [SECOND, THIRD], "it rests twice as long"
    known.failed(hosts.at(his, SECOND))
    known.failed(hosts.at(his, THIRD))
    assert _in_turn(known, his) == [FIRST, SECOND, THIRD], "all rest: the one whose rest ends first"
    known.reached(hosts.at(his, FIRST))
    assert _in_turn(known, his) == [FIRST]


def test_each_address_has_its_time_before_a_lane_counts_as_stuck() -> None:
    said = list[float]()
    link = Link(his_on(1, FIRST, SECOND, THIRD, connect_timeout_s=7.0), beat=said.append)
    assert link.open() is not None
    assert said == [12.0] * 3


@pytest.mark.usefixtures("clock")
def test_one_address_never_rests() -> None:
    known, his = Hosts(), his_at(1)
    known.failed(his)
    assert known.in_turn(his) == [his]


def test_the_longest_wait_is_the_longest_rest(clock: _Clock) -> None:
    known, his = Hosts(), his_on(1, FIRST, SECOND)
    for _ in range(50):
        known.failed(hosts.at(his, FIRST))
    clock.now_s += 60.0
    assert _in_turn(known, his) == [FIRST, SECOND]


def test_all_addresses_are_named() -> None:
    assert his_on(2575, FIRST, "::1").address == "127.0.0.1:2575 or [::1]:2575"


def test_the_second_serves_while_the_first_is_away_and_is_not_left_in_mid_exchange(clock: _Clock) -> None:
    with StandIn(SECOND) as second:
        link = Link(his_on(second.port, FIRST, SECOND))
        assert link.open() is None
        assert link.peer == SECOND
        with StandIn(FIRST, second.port) as first:
            clock.now_s += 100.0
            assert link.exchange(ready("M1"), "M1").kind == "verdict"
            assert link.exchange(ready("M2"), "M2").kind == "verdict"
            assert first.count == 0, "a connection that stands is kept"
            second.drop()
            assert link.listen() is False
            assert link.open() is None
            assert link.peer == FIRST, "the next connect begins with the first one again"
            assert link.exchange(ready("M3"), "M3").kind == "verdict"
            link.close()
    assert [each.control_id for each in second.received] == ["M1", "M2"]
    assert [each.control_id for each in first.received] == ["M3"]


@pytest.mark.usefixtures("clock")
def test_where_none_can_be_reached_nothing_was_sent() -> None:
    with StandIn(FIRST) as his:
        port = his.port
    link = Link(his_on(port, FIRST, SECOND))
    for _ in range(3):
        trouble = link.open()
        assert trouble is not None
        assert (trouble.kind, trouble.code) == ("not-sent", "connect.refused")
    assert link.opened == 0


def test_one_that_takes_the_call_and_ends_it_is_not_reached() -> None:
    """A relay without a HIS behind it."""
    with StandIn(FIRST, rules=["accept-close"]) as relay, StandIn(SECOND, relay.port):
        link = Link(his_on(relay.port, FIRST, SECOND))
        assert link.open() is None
        assert link.peer == SECOND
        link.close()


@pytest.mark.usefixtures("clock")
def test_links_of_one_destination_share_what_they_know() -> None:
    known = Hosts()
    with StandIn(SECOND) as second:
        links = [Link(his_on(second.port, FIRST, SECOND), hosts=known) for _ in range(2)]
        assert links[0].open() is None
        with StandIn(FIRST, second.port) as first:
            assert links[1].open() is None
            assert (links[1].peer, first.connections) == (SECOND, 0)
            for link in links:
                link.close()


@pytest.mark.usefixtures("clock")
def test_new_addresses_are_taken_at_once() -> None:
    with StandIn(FIRST) as first, StandIn(SECOND, first.port):
        link = Link(his_on(first.port, FIRST, SECOND))
        assert link.open() is None
        assert not link.use(his_on(first.port, FIRST, SECOND))
        assert link.use(his_on(first.port, SECOND, FIRST))
        assert link.open() is None
        assert link.peer == SECOND
        link.close()
