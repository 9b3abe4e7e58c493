"""One agent among several: which lanes are its own now, and which outboxes it takes in.

Holds: the thread that renews its leases, takes lanes that are free or whose owner has gone, and gives back; the
thread that ends a lane in time, whatever the first one waits for. An outbox that agents share is a place like a lane.
Promises: a lane is taken when it was given back, or when its owner was not heard of for a whole lease by our own
clock. One that cannot be renewed ends a margin before others may take it. Destinations are spread: an agent that has
more than its share hands one over, in good order, to one that has less. An outbox stays with who has it.
Never: ends an exchange for a share's sake, or compares the times of two machines.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Sequence
from typing import Final

from lab_sender import __version__
from lab_sender.agent.places import Peer, Place, lanes_of, named
from lab_sender.journal import ALERTS, Fence, Journal, JournalUnavailable, LeaseRow, NodeRow, clock, outbox_of
from lab_sender.log import say

_LOOK_S: Final = 0.2
_WATCH_S: Final = 0.1
_SOON_S: Final = 1.0
"""How long a stop that waits for nobody lets the database take for what is given back."""
_RENEW_S: Final = 2.5
"""How long a node may say nothing of itself, however long its leases are."""
_ALIVE_S: Final = 3 * _RENEW_S


class Node:
    """A part of the agent, the last to end; hosts (host.py) wait for lanes and give them back."""

    name = "node"

    def __init__(
        self,
        journal: Journal,
        destinations: Sequence[str],
        node: str,
        lease_s: float,
        beat: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`journal` has been begun; `beat` is called with each turn that was made: hosts that wait know of none."""
        self._beat = beat
        self._table = journal.leases()
        self._node = node
        self._lease_s = lease_s
        self._places = {each: Place() for each in destinations}
        self._peers: dict[str, Peer] = {}
        self._among: list[str] = []
        self._offered: set[str] = set()
        self._news = threading.Condition()
        self._owner_of: dict[str, str] = {}
        self._rung = False
        self._stopping = threading.Event()
        self._has_ended = threading.Event()
        self._begun_with: dict[str, Place] | None = None
        self._is_away = False
        self._asks_since: float | None = None
        self._renew_at = 0.0
        self._alerts_from = ""

    def add_outbox(self, name: str) -> None:
        """Have one more place: an outbox that agents share, by the name of its lease."""
        if name not in self._places:
            self._places = self._places | {name: Place()}  # so it is begun with anew

    def owner_of(self, name: str) -> str:
        """Return the node that has a place, as it was seen last; "": nobody."""
        return self._owner_of.get(name, "")

    # ------------------------------------------------------------- for hosts

    def wait_for(self, name: str, stopping: threading.Event, beat: Callable[[float], None]) -> Fence | None:
        """Wait until a destination's lane is ours; None: stopped before."""
        place = self._places[name]
        with self._news:
            place.is_waited_for = True
            while not stopping.is_set():
                if place.fence is not None:
                    return place.fence
                beat(1.0)
                self._news.wait(_LOOK_S)
            place.is_waited_for = False
        if place.fence is not None:  # it came with the stop
            self.ended(name, place.fence)
        return None

    def leads(self) -> bool:
        """Say whether any lane is ours."""
        return bool(lanes_of(self._held()))

    def sends_alerts(self) -> bool:
        """Say whether, of all machines, this one's page sends the alerts; as it was when that could be seen last."""
        return self._alerts_from == self._node

    def is_wanted_back(self, name: str) -> bool:
        """Say whether the lane is to be handed over, after the exchange in flight."""
        return self._places[name].is_wanted_back

    def ended(self, name: str, fence: Fence) -> None:
        """Nothing is sent for it any more; it is given back where it still was ours to the end."""
        place = self._places[name]
        with self._news:
            place.to_give_back = fence if fence.holds() else None
            place.fence, place.is_wanted_back = None, False
            self._rung = True
            self._news.notify_all()

    # ------------------------------------------------------------- the part

    def run(self) -> None:
        """Keep what is ours and take what may be, until stopped."""
        watch = threading.Thread(target=self._watch, name="node watch", daemon=True)
        watch.start()
        try:
            while not self._stopping.is_set():
                self._try(self._turn)
                self._rest()
            self._try(self._give_back)
            self._try(self._table.end)
        finally:
            self._has_ended.set()
            for fence in self._fences().values():
                fence.lose()
            watch.join()
            self._table.close()

    def stop(self, at_once: bool) -> None:
        """End, and give back what has ended in good order."""
        self._stopping.set()
        since = self._asks_since
        if at_once and since is not None and clock() - since > _SOON_S:
            self._table.shut()
        with self._news:
            self._news.notify_all()

    def _rest(self) -> None:
        with self._news:
            if not self._rung and not self._stopping.is_set():
                self._news.wait(_LOOK_S)
            self._rung = False

    def _try(self, step: Callable[[], None]) -> None:
        self._asks_since = clock()
        try:
            step()
        except JournalUnavailable as error:
            if not self._is_away:
                say(logging.ERROR, "journal.unavailable", code=error.code, waits="node")
            self._is_away = True
        else:
            self._is_away = False
            self._beat(0.0)
        finally:
            self._asks_since = None

    def _watch(self) -> None:
        """End what could not be renewed in time: without the database, which may answer nothing."""
        while not self._has_ended.wait(_WATCH_S):
            for fence in self._fences().values():
                if not fence.holds():
                    fence.lose()
            since = self._asks_since
            if since is not None and clock() - since > self._lease_s:
                self._table.shut()

    # ------------------------------------------------------------- one turn

    def _turn(self) -> None:
        if self._begun_with is not (places := self._places):
            self._table.begin(places, __version__)
            self._begun_with = places
        self._give_back()
        if clock() >= self._renew_at:
            next_at = clock() + min(self._lease_s / 4, _RENEW_S)
            self._table.beat()
            self._table.renew(self._held().values())
            self._renew_at = next_at
        rows, nodes = self._table.look()
        leases = {row.name: row for row in rows}
        self._owner_of = {row.name: row.node for row in rows}
        if not places.keys() <= leases.keys() or self._node not in {row.name for row in nodes}:
            self._begun_with = None  # a server has taken over that lacks them
            return
        self._alerts_from = leases[ALERTS].node if ALERTS in leases else ""
        peers = self._alive(nodes)
        for name, place in places.items():
            row, fence = leases[name], place.fence  # which its host may give back at any instant
            if fence is not None:
                if (row.owner, row.epoch) != (fence.owner, fence.epoch):
                    fence.lose()
            elif place.is_waited_for and place.to_give_back is None and self._may_take(row, place, peers):
                self._take(row, place)
        self._spread(rows, nodes, peers)

    def _give_back(self) -> None:
        for name, place in self._places.items():
            if (fence := place.to_give_back) is not None:
                self._table.give_back(fence)
                place.to_give_back = None
                event = "intake.given-back" if outbox_of(name) else "lane.given-back"
                say(logging.INFO, event, **named(name))

    def _take(self, row: LeaseRow, place: Place) -> None:
        fence = self._table.take(row)
        if fence is None:
            return
        after = row.node if row.node != self._node else ""
        event = "intake.taken" if outbox_of(row.name) else "lane.taken"
        say(logging.INFO, event, **named(row.name), after=after, epoch=fence.epoch)
        with self._news:
            if place.is_waited_for:
                place.fence, place.is_waited_for = fence, False
            else:
                place.to_give_back = fence  # stopped meanwhile
            self._news.notify_all()

    def _fences(self) -> dict[str, Fence]:
        found = {name: place.fence for name, place in self._places.items()}
        return {name: fence for name, fence in found.items() if fence is not None}

    def _held(self) -> dict[str, Fence]:
        return {name: fence for name, fence in self._fences().items() if fence.holds()}

    # ------------------------------------------------------------- who has how many

    def _alive(self, nodes: Sequence[NodeRow]) -> list[str]:
        """Return the other nodes that were heard of lately; one that is new counts."""
        alive = []
        for row in nodes:
            if row.name == self._node:
                continue
            peer, beat = self._peers.setdefault(row.name, Peer()), (row.instance, row.beat)
            peer.has_moved |= peer.beat not in (None, beat)
            peer.beat = beat
            if not row.clean and peer.seen.stands_s((self._table.connections, *beat)) < _ALIVE_S:
                alive.append(row.name)
            else:
                peer.has_moved = False
        return alive

    def _share(self, others: int) -> int:
        """Return how many destinations are a node's, with so many others."""
        return math.ceil(len(lanes_of(self._places)) / (1 + others))

    def _may_take(self, row: LeaseRow, place: Place, peers: Sequence[str]) -> bool:
        """Say whether a lane may be taken by us: whoever has his share leaves it to others for a while."""
        stands_s = place.seen.stands_s((self._table.connections, row.owner, row.epoch, row.beat))
        if self._table.is_mine(row):  # lost, and ended here; nobody has taken it
            return True
        if row.owner and stands_s < row.lease_ms / 1000:
            return False
        if outbox_of(row.name):
            return True
        waited_s = stands_s - (row.lease_ms / 1000 if row.owner else 0.0)
        others = len([each for each in peers if each != row.node])
        return len(lanes_of(self._held())) < self._share(others) or waited_s >= self._lease_s

    def _spread(self, rows: Sequence[LeaseRow], nodes: Sequence[NodeRow], peers: Sequence[str]) -> None:
        """Have one lane handed over, where we have more than our share and somebody has less.

        Each is offered once, as long as the same nodes are there.
        """
        if sorted(peers) != self._among:
            self._among = sorted(peers)
            self._offered.clear()
        held, share = lanes_of(self._held()), self._share(len(peers))
        if len(held) <= share or any(place.is_wanted_back for place in self._places.values()):
            return
        for row in nodes:
            has = sum(lease.node == row.name and lease.is_lane for lease in rows)
            if row.name not in peers or not self._peers[row.name].has_moved or has >= share:
                continue
            serves = json.loads(row.serves)
            for name in reversed(held):
                if name in serves and name not in self._offered:
                    self._offered.add(name)
                    self._places[name].is_wanted_back = True
                    return
