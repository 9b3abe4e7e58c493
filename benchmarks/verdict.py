"""What a verdict costs: the processor time of its transaction on SQLite, and its rate there and on PostgreSQL.

A verdict is the acceptance of one message together with the mark of the next one, as a lane writes it. Printed is the
quietest of several runs. Another version's is measured by PYTHONPATH: the two should not differ by more than 5 %.

`python benchmarks/verdict.py [--messages 5000] [--runs 5] [--database postgresql://... | --cluster]`; `--cluster`
makes a PostgreSQL of its own, with flushes, in a temporary folder.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from kit.core import HIS, entry, head, source

from lab_sender.journal import Address, Attempt, Journal


def _spooled(journal: Journal, messages: int) -> float:
    began = time.perf_counter()
    for first in range(0, messages, 100):
        batch = [source(f"C{n:08}", entry(f"M{n:08}")) for n in range(first, min(messages, first + 100))]
        journal.spool.spooled(batch, HIS)
    return messages / (time.perf_counter() - began)


def _verdicts(journal: Journal) -> tuple[int, float, float]:
    """Deliver all that waits; returns how many, seconds of this thread's processor, and seconds."""
    done, cpu, wall = 0, 0.0, 0.0
    while batch := head(journal):
        journal.delivery.sending(batch[0].id)
        nexts: list[int | None] = [each.id for each in batch[1:]] + [None]
        began, at = time.thread_time(), time.perf_counter()
        for message, next_id in zip(batch, nexts, strict=True):
            attempt = Attempt(message.id, 1, "verdict", "ack", "", "", "AA", b"MSA|AA|1\r", elapsed_ms=2.0)
            journal.delivery.acked(message, attempt, next_id=next_id)
        cpu, wall, done = cpu + time.thread_time() - began, wall + time.perf_counter() - at, done + len(batch)
    return done, cpu, wall


def _run(address: Address, messages: int) -> tuple[float, float, float]:
    with contextlib.closing(Journal(address)) as journal:
        spooled = _spooled(journal, messages)
        done, cpu, wall = _verdicts(journal)
    return cpu / done * 1e6, done / wall, spooled


def _line(name: str, runs: list[tuple[float, float, float]]) -> str:
    cpu, rate, spooled = min(each[0] for each in runs), max(each[1] for each in runs), max(each[2] for each in runs)
    return f"{name:<12} {cpu:7.1f} us of processor a verdict   {rate:8.0f} verdicts/s   {spooled:8.0f} spooled/s"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--database", help="postgresql://... of an empty database")
    parser.add_argument("--cluster", action="store_true", help="make a PostgreSQL for this run")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = [_run(Path(folder) / f"{n}.db", asked.messages) for n in range(asked.runs)]
    print(_line("SQLite", runs))
    with contextlib.ExitStack() as ends:
        url = asked.database
        if asked.cluster:
            from kit.postgres import Cluster

            cluster = Cluster(settings=("fsync=on",))
            ends.callback(cluster.remove)
            url = cluster.url
        if url:
            from lab_sender.journal import Server

            schemas = [f"run_{time.time_ns()}_{n}" for n in range(asked.runs)]
            print(_line("PostgreSQL", [_run(Server(url, schema), asked.messages) for schema in schemas]))


if __name__ == "__main__":
    main()
