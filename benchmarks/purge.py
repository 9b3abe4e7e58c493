"""What retention costs whoever sends: half of a long history is deleted beside a running agent.

Measured on one journal, one after the other: the gaps between arrivals at the HIS of a steady stream of files,
without retention and while it deletes; how much it deletes a second; the size of the journal's log. With `--kills N`
the agent is killed (-9) N times at random instants meanwhile. At the end the whole journal is looked at, and the
messages that are not finished, their bytes and files are counted as before. Ends with 1 where a gap is longer than it
may be, or anything is missing.

`python benchmarks/purge.py [--messages 100000] [--kills 0] [--archive] [--folder FOLDER]`; two million take 2 GB.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import grown
import rig
from latency import Listener

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from kit.grown import grow, make_folders

GAP_MS = 500.0
"""How long nothing may arrive, at most."""
_DAYS = 400
_KEPT_DAYS = 200
_FILES_PER_S = 20
_WITHOUT_S = 30.0
_UNFINISHED = """
SELECT 'message ' || state, COUNT(*), TOTAL(id) FROM message
 WHERE (state IN ('spooled', 'sending', 'quarantined') OR contradicted <> '') AND id <= :last GROUP BY 1
UNION ALL SELECT 'bytes of them', COUNT(*), TOTAL(crc32) FROM message m JOIN wire w ON w.message_id = m.id
 WHERE (state IN ('spooled', 'sending', 'quarantined') OR contradicted <> '') AND id <= :last
UNION ALL SELECT 'files of them', COUNT(*), TOTAL(f.id) FROM message m JOIN file f ON f.source_id = m.source_id
 WHERE (state IN ('spooled', 'sending', 'quarantined') OR contradicted <> '') AND m.id <= :last
UNION ALL SELECT 'orders known', COUNT(DISTINCT o.order_key), 0 FROM message_order o LEFT JOIN message m
 ON m.id = o.message_id WHERE o.message_id <= :last AND (o.digest IS NOT NULL OR m.state = 'acked')
"""


class Stream:
    """Files that are dropped at a steady pace until it is ended; the gaps between their arrivals."""

    def __init__(self, site: grown.Site, his: Listener) -> None:
        self._site, self._his = site, his
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drop)
        his.arrival_s(site.drop())
        self._begun_s = time.perf_counter()
        self._thread.start()

    def _drop(self) -> None:
        while not self._over.wait(1 / _FILES_PER_S):
            self._site.drop()

    def end(self) -> tuple[float, float, int]:
        """End it; returns the largest gap and the median one in ms, and how many arrived."""
        ended_s = time.perf_counter()
        self._over.set()
        self._thread.join()
        arrivals = sorted(each for each in self._his.arrivals_s() if self._begun_s <= each <= ended_s)
        gaps = [(after - before) * 1000 for before, after in itertools.pairwise([*arrivals, ended_s])]
        return max(gaps), statistics.median(gaps), len(arrivals)


def settings(folder: Path, *, archive: bool) -> str:
    """Write the section: half of the history is old enough, and the window is open now."""
    hour = datetime.datetime.now(datetime.UTC).hour
    lines = ["retention:"]
    lines += [f"  {name}: {_KEPT_DAYS}d" for name in ("content", "sent", "dismissed", "record")]
    lines.append(f"  window: {(hour - 1) % 24:02}:00-{(hour + 12) % 24:02}:00 UTC")
    if archive:
        (folder / "archive").mkdir(exist_ok=True)
        lines.append("  archive: archive")
    return "\n".join([*lines, ""])


def unfinished(journal: Path, last: int) -> list[tuple[Any, ...]]:
    """Count what must be there after as before."""
    with closing(sqlite3.connect(journal)) as db:
        return db.execute(_UNFINISHED, {"last": last}).fetchall()


def last_id(journal: Path) -> int:
    """Return the newest message's id."""
    with closing(sqlite3.connect(journal)) as db:
        return int(db.execute("SELECT MAX(id) FROM message").fetchone()[0])


def events(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the events of this name in the agent's log."""
    lines = (folder / "agent.log").read_text().splitlines()
    return [event for line in lines if line.startswith("{") and (event := json.loads(line))["event"] == name]


def without(site: grown.Site) -> tuple[float, float, int]:
    """Measure a stream while nothing is deleted."""
    his = Listener()
    with site.agent(his):
        stream = Stream(site, his)
        time.sleep(_WITHOUT_S)
        return stream.end()


def deleting(site: grown.Site, extra: str) -> tuple[tuple[float, float, int], float, int]:
    """Measure a stream while retention works, to its end; returns with it how long that took, and the log's size."""
    his = Listener()
    write_config, log_bytes = rig.write_config, 0
    rig.write_config = lambda folder, port, _="": write_config(folder, port, extra)  # type: ignore[assignment]
    try:
        with site.agent(his):
            begun_s = time.perf_counter()
            stream = Stream(site, his)
            while not any(each["whole"] for each in events(site.folder, "retention.purged")):
                time.sleep(0.2)
                log_bytes = max(log_bytes, Path(f"{site.journal}-wal").stat().st_size)
            took_s = time.perf_counter() - begun_s
            return stream.end(), took_s, log_bytes
    finally:
        rig.write_config = write_config


def kill(site: grown.Site, extra: str, times: int) -> None:
    """Kill an agent, that deletes, so many times at random instants."""
    his = Listener()
    config = rig.write_config(site.folder, his.port, extra)
    for number in range(times):
        with open(site.folder / "agent.log", "ab") as log:
            agent = grown.subprocess.Popen([*grown._PROGRAM, "--config", str(config), "run"], stderr=log)
        his.arrival_s(site.drop())
        time.sleep(random.random() * 3)
        agent.kill()
        agent.wait()
        with closing(sqlite3.connect(site.journal)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            (left,) = db.execute("SELECT COUNT(*) FROM message").fetchone()
        print(f"  killed {number + 1}: quick_check {found}, {left:,} messages left", flush=True)
        if found != "ok":
            raise SystemExit(1)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--body", type=int, default=300, help="bytes of a past message")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--archive", action="store_true")
    parser.add_argument("--folder", type=Path, help="where to work, in place of the system's temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-", dir=options.folder) as name:
        site = grown.Site(Path(name) / "site", 0, options.body)
        begun_s = time.perf_counter()
        grow(site.journal, options.messages, body_bytes=options.body, troubles=200, days=_DAYS)
        make_folders(site.journal, site.outbox / "sent", site.outbox / "quarantine")
        mib = site.journal.stat().st_size / 2**20
        made_s = time.perf_counter() - begun_s
        made = f"{mib:.0f} MiB ({rig.machine()}), made in {made_s:.0f} s"
        print(f"{options.messages:,} past messages, {made}", flush=True)
        last = last_id(site.journal)
        before = unfinished(site.journal, last)
        extra = settings(site.folder, archive=options.archive)
        largest, median, count = without(site)
        print(f"  without: largest gap {largest:.0f} ms, median {median:.0f} ms, {count} arrived", flush=True)
        if options.kills:
            kill(site, extra, options.kills)
        (worst, median, count), took_s, log_bytes = deleting(site, extra)
        print(f"  deleting: largest gap {worst:.0f} ms, median {median:.0f} ms, {count} arrived", flush=True)
        done = [each for each in events(site.folder, "retention.purged") if each["whole"]][-1]
        print(f"  {took_s:.0f} s, log up to {log_bytes / 2**20:.0f} MiB: {done}")
        with closing(sqlite3.connect(site.journal)) as db:
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            (left,) = db.execute("SELECT COUNT(*) FROM message WHERE id <= ?", (last,)).fetchone()
            free, pages = (db.execute(f"PRAGMA {each}").fetchone()[0] for each in ("freelist_count", "page_count"))
        after = unfinished(site.journal, last)
        rate = (options.messages - left) / took_s
        print(f"  {options.messages - left:,} messages deleted, {rate:.0f} a second; integrity_check {found}")
        print(f"  {pages * 4 / 1024:.0f} MiB now, {free * 4 / 1024:.0f} of it free")
        for one, other in itertools.zip_longest(before, after):
            same = "as before" if one == other else f"NOT AS BEFORE: {one}"
            print(f"  {other[0]}: {other[1]:,}, {same}")
        failed = worst > GAP_MS or found != "ok" or before != after
        print("  " + ("TOO MUCH" if failed else "ok"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
