"""What sends to one destination: its lanes, and what they share.

Holds: `Sends`, which the agent asks for; `Sending`, the lanes: of an agent that has its journal alone from its start
to its end, else for as long as they are its own (host.py).
Promises: all connections to a destination are one agent's.
Never: knows how a lane works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from lab_sender.agent.beats import Beats
from lab_sender.agent.parts import Part
from lab_sender.config.destinations import DestinationConfig
from lab_sender.config.sections import His
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.journal import LanesBooks
from lab_sender.mllp import Hosts, Link


class Sends(Protocol):
    """What sends to one destination, whichever agents share the journal."""

    @property
    def parts(self) -> Sequence[Part]:
        """What has to be started for it."""

    @property
    def delivered(self) -> int:
        """How many messages it has delivered."""

    def use(self, his: His, /) -> None:
        """Go by other settings from the next message on."""

    def wake(self) -> None:
        """Say that the journal has something new."""


class Sending:
    """The lanes of one destination: they share what concerns its HIS, and have a connection each."""

    def __init__(
        self,
        to: DestinationConfig,
        his: His,
        names: Sequence[str],
        journal: LanesBooks,
        beats: Beats,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        """`his` is what they go by first; `names` are the lanes', one for each connection."""
        destination, hosts = Destination(to.name, journal, his), Hosts()
        self._destination = destination
        self.parts = [
            Lane(destination, journal, Link(his, hosts=hosts, beat=beat, may_send=may_send), name=each, beat=beat)
            for each, beat in [(each, beats.of(each)) for each in names]
        ]

    @property
    def delivered(self) -> int:
        """How many messages its lanes have delivered."""
        return sum(lane.delivered for lane in self.parts)

    def use(self, his: His) -> None:
        """Go by other settings from the next message on."""
        self._destination.use(his)

    def wake(self) -> None:
        """Say that the journal has something new."""
        for lane in self.parts:
            lane.wake()

    def stop(self, at_once: bool) -> None:
        """End after the exchanges in flight, or (`at_once`) in the middle of them."""
        for lane in self.parts:
            lane.stop(at_once)


def names_of(to: DestinationConfig, *, is_only_one: bool) -> list[str]:
    """Name the lanes of a destination, as log and beat have them."""
    name = "lane" if is_only_one else f"lane {to.name}"
    return [name] if to.his.connections == 1 else [f"{name} {n + 1}" for n in range(to.his.connections)]
