"""The lane alone: a full journal, a HIS that answers at once in a process of its own, and the tick beside it.

Processor time a message of this process, from the first message to the last one; `strace -c -f` around two runs of
different length gives its system calls.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import rig
from history import source_of

from lab_sender.config.destinations import SHORT_FORM
from lab_sender.config.sections import His
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Journal
from lab_sender.mllp import Link

_BATCH = 500


def cpu_us(messages: int) -> float:
    """Return the processor time of a message."""
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name, rig.sink_process(messages) as (port, his):
        journal = Journal(Path(name) / "journal.db")
        for start in range(0, messages, _BATCH):
            numbers = range(start, min(start + _BATCH, messages))
            journal.spool.spooled([source_of(number) for number in numbers], SHORT_FORM)
        settings = His.model_validate({"host": "127.0.0.1", "port": port})
        lane = Lane(Destination(SHORT_FORM, journal, settings), journal, Link(settings))
        thread, done = threading.Thread(target=lane.run), threading.Event()
        begun = time.process_time()
        thread.start()
        threading.Thread(target=lambda: (his.stdout and his.stdout.readline(), done.set())).start()
        while not done.wait(0.1):
            journal.store.tick()
        spent = time.process_time() - begun
        lane.stop()
        thread.join()
        journal.close()
    return spent / messages * 1e6


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--messages", type=int, default=5000)
    options = parser.parse_args()
    rig.show("lane alone", {"cpu_us": cpu_us(options.messages)}, as_json=options.json)


if __name__ == "__main__":
    main()
