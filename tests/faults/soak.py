"""Everything at once, for minutes: producers, an ill HIS behind changing relays, an agent that is killed; the judge.

Holds: the soak run and the lines it prints. Beside the deliveries go page, alerts and retention (beside.py).
`make soak`, or `python -m faults.soak --seconds 600 --seed 1` in tests/; `--relay none` goes directly to the HIS, and
so does a machine without socat and HAProxy.
Promises: asks the disk, the journal and the HIS, never the agent; the same seed gives the same choices (the clock
decides how they meet). Ends with 1 where anything was lost, out of order, or came twice without a reason; where the
page answered with an error, an alert was not received, or something was purged that is not finished.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from kit.system import SIGCONT, SIGKILL, SIGSTOP
from relays.relay import RELAYS, Relay, installed

from faults.bench import Site, To, reserved_port
from faults.beside import Page, Past
from faults.judge import judge, out_of_order
from faults.processes import Agents, until
from faults.workload import ready, report, unreadable
from lab_sender.mllp.standin.server import Received, StandIn

_SETTINGS = {
    "ack_timeout": "600ms", "first_wait": "20ms", "longest_wait": "300ms", "probe": "300ms",
    "unanswered_after": "10m",
}  # fmt: skip
"""Short waits. But the HIS is never away for `unanswered_after`: what a relay swallows costs no message its place."""
_MOODS = (
    *[()] * 8,
    ("nth=3: nothing",), ("first=2: reset",), ("first: late=1s",), ("first: close",), ("first: wrong-id",),
    ("first=2: AE,code=207,text=busy",), ("first: reset-mid=40",), ("first=3: accept-close",), ("first: garbage",),
    ("nth=5: foreign-first",), ("first=4: AR",), ("every: nothing",), ("every: AE",),
)  # fmt: skip
"""What the HIS does until its mood changes; healthy more often than not."""
_QUIET_S = 120.0
"""How long the last files may take once everybody is well again."""
_PAST = 200
"""So many old messages for each second: retention has work all the time."""


class Soak:
    """One site under everything at once."""

    def __init__(
        self,
        site: Site,
        his: Sequence[StandIn],
        chance: random.Random,
        relay: Relay,
        relays: tuple[str, ...],
        beside: tuple[Past, Page],
    ) -> None:
        """`relays`: the names of those that take turns before the first HIS; none: the site goes there directly."""
        self._site = site
        self._past, self._page = beside
        self._his = his
        self._chance = chance
        self._relay = relay
        self._relays = relays
        self._over = threading.Event()
        self._drops = threading.Lock()
        self._failures: list[BaseException] = []
        self._number = 0
        self.kills: Counter[str] = Counter()
        self.restarts = 0
        self.relay_restarts = 0
        self.relay_changes = 0

    def run(self, seconds: float) -> None:
        """Let all of them work for so long, then let the last files come to rest."""
        works = [self._produce, self._produce, self._kill, self._tell]
        works += [partial(self._change_mood, each) for each in self._his]
        works.append(partial(self._page.ask, self._over))
        if self._relays:
            self._relay.start(self._relays[0])
            works.append(self._change_relay)
        self._agent = self._site.start()
        chances = [random.Random(self._chance.random()) for _ in works]
        threads = [threading.Thread(target=self._work, args=each) for each in zip(works, chances, strict=True)]
        for thread in threads:
            thread.start()
        self._over.wait(seconds)
        self._over.set()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]
        for each in self._his:
            each.answer_by()
        self._rest()

    def _work(self, work: Callable[[random.Random], None], chance: random.Random) -> None:
        try:
            work(chance)
        except BaseException as error:
            self._failures.append(error)
            self._over.set()

    def _rest(self) -> None:
        """Everybody is well: nothing may wait for ever."""
        if not self._agent.runs:
            self._agent = self._site.start()
        drops = sum(map(len, self._site.dropped.values()))

        def at_rest() -> bool:
            ((known, waiting),) = self._site.rows(
                "SELECT COUNT(*), SUM(folder = 'claimed') FROM file WHERE source_id > ?", self._site.history
            )
            return bool(known >= drops and not waiting)

        try:
            until(at_rest, f"{drops} files at rest", _QUIET_S)
            until(lambda: self._past.is_purged(self._agent), "what is old is purged", _QUIET_S)
        except AssertionError as error:
            error.add_note(self._agent.last_words())
            raise
        assert self._agent.stop() == 0

    def _produce(self, chance: random.Random) -> None:
        """Drop a file every few milliseconds, each in its own way."""
        mine: list[tuple[str, int, bytes]] = []
        while not self._over.wait(chance.expovariate(60)):
            with self._drops:
                self._number += 1
                number = self._number
            filler, revision, data = f"F-{number}", 0, b""
            kind = chance.choices(("new", "corrected", "again", "hl7", "array", "cut"), (60, 10, 3, 20, 5, 2))[0]
            if kind in ("corrected", "again") and mine:
                filler, revision, data = mine[chance.randrange(max(0, len(mine) - 50), len(mine))]
            if kind == "cut":
                self._drop(chance, f"{number}.json", unreadable())
            elif kind == "hl7":
                two = [ready(f"R{number}{each}", patient=_patient(f"R{number}{each}")) for each in "AB"]
                self._drop(chance, f"{number}.hl7", b"".join(two))
            elif kind == "array":
                fillers = [f"{filler}-{part}" for part in range(5)]
                many = [report(each, patient=_patient(each)) for each in fillers]
                self._drop(chance, f"{number}.json", b"[" + b",".join(many) + b"]")
            elif kind == "again" and data:
                self._drop(chance, f"{number}.json", data)
            else:
                data = _revised(filler, revision + 1)
                mine.append((filler, revision + 1, data))
                self._drop(chance, f"{number}.json", data)

    def _drop(self, chance: random.Random, name: str, data: bytes) -> None:
        with self._drops:
            self._site.dropped.setdefault(name, []).append(data)
        if chance.random() < 0.8:
            part = self._site.folder / f".{name}"
            part.write_bytes(data)
            os.rename(part, self._site.outbox / name)
            return
        with (self._site.outbox / name).open("wb", buffering=0) as slow:  # as a copy over a slow line
            slow.write(data[:100])
            self._over.wait(chance.random() / 100)
            slow.write(data[100:])

    def _change_mood(self, his: StandIn, chance: random.Random) -> None:
        """Be an ill HIS: another fault every second or so, and now and then not there at all."""
        while not self._over.wait(chance.uniform(0.3, 2.0)):
            if chance.random() < 0.2:
                his.stop()
                self.restarts += 1
                self._over.wait(chance.uniform(0.05, 1.5) * chance.choice((1, 1, 3)))  # a relay's check takes 1.5 s
                his.start()
            his.answer_by(*chance.choice(_MOODS))

    def _kill(self, chance: random.Random) -> None:
        """End the agent in one way or another, and start it again."""
        while not self._over.wait(chance.uniform(0.2, 4.0)):
            way = chance.choices(("kill -9", "terminated", "frozen"), (70, 20, 10))[0]
            self.kills[way] += 1
            if way == "frozen":
                self._agent.signal(SIGSTOP)
                self._over.wait(1.0)
                self._agent.signal(SIGCONT)
                continue
            if way == "kill -9":
                self._agent.kill()
            else:
                ended = self._agent.stop()
                in_its_start = ended == -signal.SIGTERM and not self._agent.events()
                assert ended == 0 or in_its_start, self._agent.last_words()
            self._agent = self._site.start()

    def _change_relay(self, chance: random.Random) -> None:
        """End the relay, with every connection; after a while the same one or another kind is there again."""
        name = self._relays[0]
        while not self._over.wait(chance.uniform(0.5, 5.0)):
            self._relay.stop(chance.choice((SIGKILL, signal.SIGTERM)))
            self._over.wait(chance.choice((0.0, chance.uniform(0.05, 1.0))))
            before, name = name, chance.choice(self._relays)
            self._relay.start(name)
            self.relay_restarts += name == before
            self.relay_changes += name != before

    def _tell(self, _: random.Random) -> None:
        """Say every ten seconds that it still goes on."""
        begun = time.monotonic()
        while not self._over.wait(10):
            killed, seen = sum(self.kills.values()), sum(each.count for each in self._his)
            passed_s = time.monotonic() - begun
            print(f"  {passed_s:4.0f} s: {self._number} files dropped, {seen} arrivals, {killed} ends", flush=True)


def _patient(order: str) -> str:
    """Whose order it is: one of fifty."""
    return str(zlib.crc32(order.encode()) % 50)


def _revised(filler: str, revision: int) -> bytes:
    """The `revision`-th report of an order: corrected and released later from the second on."""
    whole = json.loads(report(filler, value=f"{70 + revision}", patient=_patient(filler)))
    minute, second = divmod(revision, 60)
    whole["orders"][0] |= {
        "status": "final" if revision == 1 else "corrected",
        "reported": f"2026-11-22T{10 + minute // 60:02}:{minute % 60:02}:{second:02}+00:00",
    }
    return json.dumps(whole).encode()


def _unexplained(site: Site, destination: str, received: list[Received]) -> tuple[int, int]:
    """Count second arrivals, and those with neither an unknown outcome nor a refusal before them."""
    tries = dict(
        site.rows(
            "SELECT m.control_id, COUNT(*) FROM message m JOIN attempt a ON a.message_id = m.id"
            " WHERE a.kind <> 'not-sent' AND m.destination = ? GROUP BY m.id",
            destination,
        )
    )
    copies = Counter(each.control_id for each in received)
    more = {control_id: count for control_id, count in copies.items() if count > 1}
    return sum(more.values()) - len(more), sum(max(0, n - tries.get(control_id, 0)) for control_id, n in more.items())


def _judged(site: Site, received: Mapping[str, list[Received]], soak: Soak) -> int:
    """Judge a site at rest, and print the line; 1 where anything is wrong."""
    ours = site.history
    states = dict(site.rows("SELECT state, COUNT(*) FROM message WHERE id > ? GROUP BY state", ours))
    drops = sum(map(len, site.dropped.values()))
    lost = drops - site.rows("SELECT COUNT(*) FROM file WHERE source_id > ?", ours)[0][0]
    violations = again = unexplained = 0
    for name, came in received.items():
        acked = site.rows(
            "SELECT control_id FROM message WHERE state = 'acked' AND destination = ? AND id > ?", name, ours
        )
        lost += len({control_id for (control_id,) in acked}.difference(each.control_id for each in came))
        violations += out_of_order(site, name, came)
        more, without_reason = _unexplained(site, name, came)
        again, unexplained = again + more, unexplained + without_reason
    refused = dict(
        site.rows(
            "SELECT m.control_id, 1 + COUNT(*) FROM message m JOIN attempt a ON a.message_id = m.id"
            " WHERE a.kind = 'verdict' AND a.ack_code <> 'AA' AND m.id > ? GROUP BY m.id",
            ours,
        )
    )
    judge(site, received, again=refused)
    files = dict(site.rows("SELECT folder, COUNT(*) FROM file WHERE source_id > ? GROUP BY folder", ours))
    print(
        f"{drops} files in, {files.get('sent', 0)} sent, {files.get('quarantine', 0)} quarantined;"
        f" {states.get('acked', 0)} messages delivered, {states.get('quarantined', 0)} quarantined,"
        f" {states.get('duplicate', 0)} recognised as duplicates; agent ended {soak.kills.total()} times"
        f" ({soak.kills['kill -9']} by kill -9), HIS restarted {soak.restarts} times,"
        f" relay restarted {soak.relay_restarts} times, changed {soak.relay_changes} times;"
        f" {again} second arrivals, {again - unexplained} explained, {unexplained} not;"
        f" order violations = {violations}; lost = {lost}"
    )
    return 1 if lost or violations or unexplained else 0


def _judged_beside(past: Past, page: Page) -> int:
    """Say what page, alerts and retention did; 1 where anything is wrong."""
    texts, wrong = page.judged()
    purged, not_purged = past.judged()
    print(
        f"the page was asked {page.asked} times, and killed {page.killed} times; {texts} texts of alerts received;"
        f" {purged} old messages purged; wrong = {len(wrong) + len(not_purged)}"
    )
    for each in (*wrong, *not_purged):
        print(f"  {each}")
    return 1 if wrong or not_purged else 0


def main() -> int:
    """Run, judge, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--relay", choices=("mixed", "none"), default="mixed")
    parser.add_argument("--connections", default="1", help="of each destination: 1,3 is two destinations")
    asked = parser.parse_args()
    relays = tuple(name for name, recipe in RELAYS.items() if installed(name) and not recipe.tls)
    way = f"behind {', '.join(relays)} in turns" if relays else "directly to the HIS: no relay is installed"
    if asked.relay == "none":
        relays, way = (), "directly to the HIS"
    connections = [int(each) for each in asked.connections.split(",")]
    print(f"soak: {asked.seconds:.0f} s, seed {asked.seed}, {way}; connections {asked.connections}")
    agents = Agents()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-sender-soak-")))
        ports = [stack.enter_context(reserved_port()) for _ in connections]
        relay_port = stack.enter_context(reserved_port())
        his = [stack.enter_context(StandIn(port=port)) for port in ports]
        os.environ["LAB_SENDER_TEST_LOGS"] = str(folder)
        if relays:
            ports[0] = relay_port
        to = {f"his-{n}": To(*each) for n, each in enumerate(zip(ports, connections, strict=True), 1)}
        site = Site(agents, folder / "site", to if connections != [1] else ports[0], dict(_SETTINGS))
        past = Past(site, max(1000, round(asked.seconds * _PAST)), next(iter(to)) if connections != [1] else "his")
        with reserved_port() as page_port:
            page = Page(site, page_port)
        stack.enter_context(page)
        relay = Relay(folder, relay_port, his[0].port)
        soak = Soak(site, his, random.Random(asked.seed), relay, relays, (past, page))
        try:
            soak.run(asked.seconds)
            wrong = _judged_beside(past, page)
            relay.stop()
            for each in his:
                each.stop()  # nothing is on its way any more
            names = to if connections != [1] else ["his"]
            received = {name: each.received for name, each in zip(names, his, strict=True)}
            return max(wrong, _judged(site, received, soak))
        finally:
            site.close()
            relay.stop()
            agents.close()


if __name__ == "__main__":
    sys.exit(main())
