"""The frame of a night in minutes: files all the time, and one thing after the other happens at random.

Holds: `play`, with a PostgreSQL and two HIS of its own; `Night`, what a night brings along.
Promises: the same seed has the same faults in the same order. At the end what came of it is judged, then printed.
Never: says what may happen, or what may come of it: the night does.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from kit.postgres import Cluster

from faults.processes import Agents
from lab_sender.mllp.standin.server import StandIn

CONNECTIONS = 2
"""To each of the two destinations."""


class Night(Protocol):
    """What is under load, and what is done to it."""

    over: threading.Event
    """Set when no more files are to be dropped."""

    def drop(self) -> None:
        """Drop files until the night is over."""

    def fault(self, name: str, chance: random.Random) -> None:
        """Let one thing happen."""

    def end(self, done: Mapping[str, int]) -> str:
        """Let all that was dropped come to its end, judge it by what was done, and say what came of it."""

    def close(self) -> None:
        """Close what the night has open."""


def play(
    begin: Callable[[Cluster, Agents, Path, Mapping[str, StandIn]], Night],
    faults: Sequence[str],
    longest_s: float,
    rounds: int,
    seed: int,
) -> None:
    """Play so many faults, at most `longest_s` apart, then judge and print."""
    chance, done, agents = random.Random(seed), Counter[str](), Agents()
    os.environ.setdefault("LAB_SENDER_TEST_LOGS", tempfile.mkdtemp(prefix="lab-sender-night-"))
    cluster = Cluster()
    try:
        with StandIn() as one, StandIn() as other:
            folder = Path(tempfile.mkdtemp(prefix="lab-sender-night-"))
            night = begin(cluster, agents, folder, {"one": one, "other": other})
            dropping = threading.Thread(target=night.drop)
            dropping.start()
            try:
                for _ in range(rounds):
                    night.over.wait(chance.uniform(0.5, longest_s))
                    fault = chance.choice(faults)
                    done[fault] += 1
                    night.fault(fault, chance)
            finally:
                night.over.set()
                dropping.join()
            came = night.end(done)
            print(f"seed {seed}: {', '.join(f'{name} {number}' for name, number in sorted(done.items()))}; {came}")
            night.close()
    finally:
        agents.close()
        cluster.remove()


def given(words: Sequence[str], rounds: int) -> tuple[int, int]:
    """Read ROUNDS and SEED; `rounds` and 1 where they are left out."""
    numbers = [int(each) for each in words]
    first, second = numbers + [rounds, 1][len(numbers) :]
    return first, second
