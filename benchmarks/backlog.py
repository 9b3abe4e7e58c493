"""How fast a backlog drains: JSON reports of 20 observations (or ready HL7) waiting in the outbox, a fast sink.

Prints the rate beside the bare socket loop's, measured in the same run before and after, that of each tenth of the
messages, and the peak memory of each process. The clock runs from the agent's first message at the sink to the last;
the time from start to first is apart. `--count 100000` is the backlog after a week without the HIS: its first message
may leave a second after the start, all processes may have 120 MiB, and no tenth may be a fifth slower than the first.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import tempfile
import time
from pathlib import Path

import rig


def drain(kind: str, count: int, folder: Path) -> dict[str, float]:
    """Let an agent deliver `count` waiting files; returns the figures."""
    with rig.sink_process(count) as (port, sink):
        config = rig.write_config(folder, port)
        outbox = folder / "outbox"
        rig.write_reports(outbox, count) if kind == "json" else rig.write_hl7(outbox, count)
        started_s, started_ms = time.perf_counter(), time.time() * 1000
        with rig.agent_process(config) as agent:
            assert sink.stdout is not None
            assert int(sink.stdout.readline()) == count
            took_s = time.perf_counter() - started_s
            memory_mib = agent.memories_mib()
            cpu_s = agent.cpu_s()
    journal = sqlite3.connect(outbox / ".lab-sender" / "journal.db")
    times_ms = [row[0] for row in journal.execute(
        "SELECT started_ms FROM attempt WHERE kind = 'verdict' ORDER BY message_id"
    )]  # fmt: skip
    journal.close()
    assert len(times_ms) == count
    sent = sum(1 for _ in (outbox / "sent").rglob("r*"))
    assert sent == count, f"{sent} of {count} files in sent/"
    return {
        "messages": count,
        "rate": count / ((times_ms[-1] - times_ms[0]) / 1000),
        "first_s": (times_ms[0] - started_ms) / 1000,
        "whole_s": took_s,
        "memory_mib": sum(memory_mib),
        "agent_mib": memory_mib[0],
        "cpu_us": cpu_s / count * 1e6,
        **{f"rate_{tenth}": rate for tenth, rate in enumerate(_tenths(times_ms), 1)},
    }


def _tenths(times_ms: list[int]) -> list[float]:
    """Return the rate of each tenth of the messages."""
    ends = [times_ms[(len(times_ms) - 1) * tenth // 10] for tenth in range(11)]
    return [len(times_ms) / 10 / max(until - since, 1) * 1000 for since, until in itertools.pairwise(ends)]


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--kind", choices=("json", "hl7"), default="json")
    options = parser.parse_args()
    before = rig.bare_loop(rig.framed(1))
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name:
        figures = drain(options.kind, options.count, Path(name))
    bare = (before + rig.bare_loop(rig.framed(1))) / 2
    figures |= {"bare_rate": bare, "ratio": figures["rate"] / bare}
    if options.json:
        print(json.dumps(figures))
        return
    print(rig.machine())
    print(f"bare socket loop           {bare:10.0f} /s")
    print(f"{options.kind} backlog of {options.count:<8} {figures['rate']:14.0f} /s   ratio {figures['ratio']:.2f}")
    tenths = [figures[f"rate_{tenth}"] for tenth in range(1, 11)]
    print(f"  each tenth of it         {' '.join(f'{each:.0f}' for each in tenths)} /s")
    print(f"  the slowest by the first {min(tenths) / tenths[0]:14.2f}")
    print(f"start to first send        {figures['first_s']:10.2f} s")
    print(f"start to last ACK          {figures['whole_s']:10.2f} s")
    print(f"agent's CPU per message    {figures['cpu_us']:10.0f} us")
    print(f"peak memory, all processes {figures['memory_mib']:10.0f} MiB, the agent's {figures['agent_mib']:.0f} MiB")


if __name__ == "__main__":
    main()
