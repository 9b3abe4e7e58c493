"""From the agent's start to its first message at the HIS: with an empty journal, and with 100,000 messages in it."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import rig
from history import fill


def first_message_ms(history: Path | None, folder: Path) -> float:
    """Return the time from the start of the process until the first waiting file is at the HIS."""
    with rig.sink_process(1) as (port, sink):
        config = rig.write_config(folder, port)
        work = folder / "outbox" / ".lab-sender"
        work.mkdir(mode=0o700)
        if history is not None:
            shutil.copy(history, work / "journal.db")
        rig.write_hl7(folder / "outbox", 1)
        begun_s = time.perf_counter()
        with rig.agent_process(config):
            assert sink.stdout is not None
            sink.stdout.readline()
            return (time.perf_counter() - begun_s) * 1000


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name:
        history = Path(name) / "history.db"
        fill(history, options.messages)
        figures = {"journal of the history MiB": history.stat().st_size / 2**20}
        for title, journal in (("empty journal", None), (f"{options.messages} messages", history)):
            took = []
            for run in range(options.runs):
                folder = Path(name) / f"{title}-{run}"
                folder.mkdir()
                took.append(first_message_ms(journal, folder))
            figures[f"{title}: median ms to the first message"] = statistics.median(took)
    rig.show("start", figures, as_json=options.json)


if __name__ == "__main__":
    main()
