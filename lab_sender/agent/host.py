"""What sends to one destination while its lease is ours, where several agents share the journal.

Holds: standing by, the lanes from the taking of the lease to its loss or giving back, standing by again.
Promises: the lanes write by a store that has the lease's fence, and send only while it holds. Where it is lost they
end at once, an exchange in flight too; handed over, or stopped, after it.
Never: takes a lease or gives one back itself (node.py), or goes on with a part of its lanes missing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import partial
from typing import Final

from lab_sender.agent.beats import Beats
from lab_sender.agent.node import Node
from lab_sender.agent.parts import Part, shortage
from lab_sender.agent.sending import Sending
from lab_sender.config.destinations import DestinationConfig
from lab_sender.config.sections import His
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Fence, Journal, LeaseLost
from lab_sender.log import say

_LOOK_S: Final = 0.1
"""How long a stop, or that the lane is wanted back, may go unseen."""


class LaneHost:
    """The part of the agent that has a destination's lanes, when they are ours."""

    def __init__(
        self, to: DestinationConfig, names: Sequence[str], journal: Journal, node: Node, beats: Beats
    ) -> None:
        """`names` are the lanes'."""
        self.name = f"host {to.name}"
        self._to = to
        self._his = to.his
        self._names = names
        self._journal = journal
        self._node = node
        self._beats = beats
        self._stopping = threading.Event()
        self._at_once = False
        self._lock = threading.Lock()
        self._sending: Sending | None = None
        self._delivered = 0
        self._failure: BaseException | None = None

    @property
    def parts(self) -> Sequence[Part]:
        """What has to be started: this."""
        return (self,)

    @property
    def delivered(self) -> int:
        """How many messages this agent has delivered there."""
        with self._lock:
            return self._delivered + (self._sending.delivered if self._sending is not None else 0)

    def use(self, his: His) -> None:
        """Go by other settings from the next message on."""
        with self._lock:
            self._his = his
            if self._sending is not None:
                self._sending.use(his)

    def wake(self) -> None:
        """Say that the journal has something new."""
        if (sending := self._sending) is not None:
            sending.wake()

    def stop(self, at_once: bool) -> None:
        """End after the exchange in flight, or (`at_once`) in the middle of it."""
        self._at_once |= at_once
        self._stopping.set()

    def run(self) -> None:
        """Stand by and send, by turns, until stopped. Raises what a lane has failed of."""
        while (fence := self._node.wait_for(self._to.name, self._stopping, self._beat)) is not None:
            self._send(fence)

    def _send(self, fence: Fence) -> None:
        """Send as long as the lane is ours."""
        books = self._journal.of_lane(fence)
        try:
            sending = Sending(self._to, self._his, self._names, books, self._beats, fence.holds)
            with self._lock:
                self._sending = sending
                sending.use(self._his)  # which may be others by now
            fence.at_loss(books.store.cut)
            fence.at_loss(partial(sending.stop, True))
            self._work(sending, fence)
        finally:
            with self._lock:
                if self._sending is not None:
                    self._delivered += self._sending.delivered
                    self._sending = None
            books.store.close()
            held = fence.holds()
            self._node.ended(self._to.name, fence)
        if not held:
            say(logging.WARNING, "lane.lost", destination=self._to.name)

    def _work(self, sending: Sending, fence: Fence) -> None:
        threads = [threading.Thread(target=self._run, args=(each, fence), name=each.name) for each in sending.parts]
        try:
            for each in threads:
                each.start()
        except RuntimeError as error:
            fence.lose()
            self._failure = shortage(error)
        running = [each for each in threads if each.ident is not None]
        while running:
            running[0].join(_LOOK_S)
            running = [each for each in running if each.is_alive()]
            if self._stopping.is_set() or self._node.is_wanted_back(self._to.name):
                sending.stop(self._at_once)
        if self._failure is not None:
            raise self._failure

    def _run(self, lane: Lane, fence: Fence) -> None:
        try:
            lane.run()
        except LeaseLost:
            fence.lose()
        except BaseException as failed:
            self._failure = failed
            fence.lose()

    def _beat(self, for_s: float) -> None:
        for each in self._names:
            self._beats.of(each)(for_s)
