"""System calls a message, of the whole agent: one that drains many waiting messages less one that drains few.

Needs strace. A count does not depend on what else the machine does, but for `futex`: threads that meet each other
more often wait more often.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rig


def counted(kind: str, messages: int) -> dict[str, int]:
    """Let an agent deliver so many waiting files; return its calls by name."""
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name, rig.sink_process(messages) as (port, his):
        folder = Path(name)
        config, outbox, table = rig.write_config(folder, port), folder / "outbox", folder / "calls"
        rig.write_reports(outbox, messages) if kind == "json" else rig.write_hl7(outbox, messages)
        agent = [sys.executable, "-m", "lab_sender", "--config", str(config), "run"]
        traced = subprocess.Popen(["strace", "-f", "-c", "-o", str(table), *agent], stderr=subprocess.DEVNULL)
        assert his.stdout is not None
        his.stdout.readline()
        while sum(1 for _ in (outbox / "sent").rglob("r*")) < messages:
            time.sleep(0.1)
        (pid,) = Path(f"/proc/{traced.pid}/task/{traced.pid}/children").read_text().split()
        os.kill(int(pid), signal.SIGTERM)
        traced.wait(60)
        rows = [line.split() for line in table.read_text().splitlines()]
    return {row[-1]: int(row[3]) for row in rows if len(row) > 4 and row[0][0].isdigit() and row[-1] != "total"}


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", choices=("json", "hl7"), default="hl7")
    parser.add_argument("--messages", type=int, nargs=2, default=(500, 2500), metavar=("FEW", "MANY"))
    asked = parser.parse_args()
    few, many = (counted(asked.kind, messages) for messages in asked.messages)
    between = asked.messages[1] - asked.messages[0]
    each = {name: (calls - few.get(name, 0)) / between for name, calls in many.items()}
    print(f"{'all':20} {sum(each.values()):8.2f}")
    print(f"{'all but futex':20} {sum(each.values()) - each.get('futex', 0.0):8.2f}")
    for name, calls in sorted(each.items(), key=lambda item: -item[1]):
        if calls >= 0.05:
            print(f"{name:20} {calls:8.2f}")


if __name__ == "__main__":
    main()
