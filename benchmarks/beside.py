"""Destinations beside one another: the rate of one that is well, alone and beside three others with a backlog each.

One of the others is down, one is slow, one is held. Journal and lanes alone, in one process; the HISs in their own.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

import rig
from connections import his_process

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from kit.core import entry, source
from kit.lanes import running
from kit.settings import his_at, retry

from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Journal
from lab_sender.mllp import Link

_BATCH = 128


def _spool(journal: Journal, name: str, count: int) -> None:
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        batch = [source(f"C-{name}{n:07d}", entry(f"{name}{n}", patient=f"P{n}")) for n in numbers]
        journal.spool.spooled(batch, name)


def rate(files: int, backlog: int, answer_ms: int) -> float:
    """Return the messages a second of the one that is well."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-sender-bench-")))
        port, his = stack.enter_context(his_process(answer_ms, files))
        journal = Journal(folder / "journal.db")
        to = {"well": his_at(port)}
        _spool(journal, "well", files)
        if backlog:
            slow, _ = stack.enter_context(his_process(500, 1 << 30))
            to |= {"down": his_at(1, retry=retry(0.05, 0.1)), "slow": his_at(slow), "held": his_at(port)}
            for name in ("down", "slow", "held"):
                _spool(journal, name, backlog)
            journal.operator.hold("held", "upgrade")
        stopping = threading.Event()
        with ExitStack() as lanes:
            for name, settings in to.items():
                lanes.enter_context(running(Lane(Destination(name, journal, settings), journal, Link(settings))))
            assert his.stdout is not None
            his.stdout.readline()
            stopping.wait(0.5)
        journal.close()
        db = sqlite3.connect(folder / "journal.db")
        ((first, last),) = db.execute(
            "SELECT MIN(a.started_ms), MAX(a.started_ms) FROM attempt a JOIN message m ON m.id = a.message_id"
            " WHERE m.destination = 'well'"
        ).fetchall()
        db.close()
        return (files - 1) / max(last - first, 1) * 1000


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--backlog", type=int, default=20_000)
    options = parser.parse_args()
    for answer_ms, files in ((0, options.files * 10), (5, options.files)):
        alone, beside = rate(files, 0, answer_ms), rate(files, options.backlog, answer_ms)
        figures = {"alone, messages a second": alone, "beside the others": beside, "of it": beside / alone}
        rig.show(f"a HIS that answers after {answer_ms} ms", figures, as_json=options.json)


if __name__ == "__main__":
    main()
