"""All benchmarks, one after the other: the table of docs/PERFORMANCE.md. Takes about ten minutes; `--quick` one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import rig

_HERE = Path(__file__).parent
_RUNS = (
    ("bare.py", (), ()),
    ("build.py", (), ()),
    ("history.py", (), ("--messages", "5000")),
    ("lane.py", (), ("--messages", "1000")),
    ("startup.py", (), ("--messages", "10000", "--runs", "3")),
    ("upgrade.py", (), ("--messages", "5000")),
    ("latency.py", (), ("--files", "100")),
    ("slow_his.py", (), ("--files", "90")),
    ("destinations.py", (), ("--files", "50", "--count", "300", "--runs", "1")),
    ("machines.py", (), ("--files", "50", "--runs", "1")),
    ("trickle.py", (), ("--seconds", "5")),
    ("backlog.py", ("--kind", "json"), ("--count", "2000")),
    ("backlog.py", ("--kind", "hl7"), ("--count", "2000")),
    ("backlog.py", ("--kind", "json", "--count", "1000"), ()),
    ("backlog.py", ("--kind", "json", "--count", "100000"), ("--count", "5000")),
)
"""Script, what it is always asked, and what makes it quick."""


def main() -> int:
    """Run them; ends with 1 where one failed."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--quick", action="store_true", help="fewer files: shows that they run, not how fast")
    options = parser.parse_args()
    failed = 0
    for script, always, quick in _RUNS:
        asked = [*always, *(quick if options.quick else ()), *(["--json"] if options.json else [])]
        failed |= subprocess.run([sys.executable, str(_HERE / script), *asked], check=False).returncode
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
