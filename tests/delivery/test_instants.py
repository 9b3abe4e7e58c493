"""Instants of the journal by a clock that nobody sets."""

from __future__ import annotations

from lab_sender.delivery.instants import Instants


class Clocks:
    def __init__(self) -> None:
        self.wall_ms = 1_000_000
        self.clock_s = 50.0

    def pass_s(self, seconds: float) -> None:
        self.wall_ms += int(seconds * 1000)
        self.clock_s += seconds

    def instants(self) -> Instants:
        return Instants(lambda: self.wall_ms, lambda: self.clock_s)


def test_what_has_been_seen_keeps_its_distance_whatever_is_done_to_the_clock() -> None:
    clocks = Clocks()
    instants = clocks.instants()
    first = clocks.wall_ms
    assert instants.since_s(first) == 0
    clocks.pass_s(10)
    clocks.wall_ms -= 3_600_000
    later = clocks.wall_ms
    assert (instants.since_s(first), instants.since_s(later)) == (10, 0)
    assert instants.of(first) < instants.of(later)
    clocks.wall_ms += 7_200_000
    clocks.pass_s(5)
    assert (instants.since_s(first), instants.since_s(later)) == (15, 5)


def test_what_was_before_the_start_is_as_long_ago_as_the_wall_clock_says_and_never_to_come() -> None:
    clocks = Clocks()
    instants = clocks.instants()
    assert instants.since_s(clocks.wall_ms - 30_000) == 30
    assert instants.since_s(clocks.wall_ms + 30_000) == 0


def test_of_many_the_last_asked_for_are_remembered() -> None:
    clocks = Clocks()
    instants = clocks.instants()
    first = clocks.wall_ms
    for number in range(1000):
        instants.of(first)
        instants.of(first + number)
    clocks.pass_s(7)
    clocks.wall_ms -= 3_600_000
    assert instants.since_s(first) == 7
