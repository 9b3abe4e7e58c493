"""This checkout beside an older commit, in turn: BASELINE by default. Prints new/old for each figure, pair by pair.

The machine's speed drifts; the ratio of two runs made one after the other does not. Rates are good above 1, times
and processor time below. `--rounds 5` alternates which of the two goes first.
"""

from __future__ import annotations

import compileall
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import rig

_HERE = Path(__file__).parent
_RUNS = {
    "json": ("backlog.py", "--kind", "json", "--count", "{count}"),
    "hl7": ("backlog.py", "--kind", "hl7", "--count", "{count}"),
    "latency": ("latency.py", "--files", "{files}"),
    "start": ("startup.py", "--messages", "10000", "--runs", "3"),
}
_FIGURES = (
    "rate", "whole_s", "cpu_us", "memory_mib", "p50 ms", "p99 ms", "empty journal: median ms to the first message",
)  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--against", default=(_HERE / "BASELINE").read_text("utf-8").strip(), metavar="COMMIT")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=5000, help="files of a backlog")
    parser.add_argument("--files", type=int, default=200, help="files of the latency runs")
    parser.add_argument("--only", choices=_RUNS, action="append", help="one benchmark; may be given several times")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lab-sender-paired-") as name:
        old = Path(name)
        command = ["git", "archive", options.against]
        packed = subprocess.run(command, cwd=_HERE.parent, capture_output=True, check=True)
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(old, filter="data")
        for checkout in (old, _HERE.parent):  # else each start would compile it anew, where nothing may be written
            compileall.compile_dir(checkout / "lab_sender", quiet=1)
        for what in options.only or _RUNS:
            script, *words = (each.format(count=options.count, files=options.files) for each in _RUNS[what])
            ratios: dict[str, list[float]] = {}
            for number in range(options.rounds):
                sides = [_HERE.parent, old] if number % 2 else [old, _HERE.parent]
                figures = {side: _figures(side, script, words) for side in sides}
                for key, value in figures[_HERE.parent].items():
                    ratios.setdefault(key, []).append(value / figures[old][key])
            for key, values in ratios.items():
                _show(f"{what} {key}", values, as_json=options.json)


def _figures(checkout: Path, script: str, words: list[str]) -> dict[str, float]:
    """Run one benchmark of a checkout; return its figures by title and name."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, str(checkout / "benchmarks" / script), *words, "--json"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = {}
    for line in run.stdout.splitlines():
        told = json.loads(line)
        title = told.get("benchmark", "")
        found |= {f"{title} {key}".strip(): told[key] for key in _FIGURES if key in told}
    return found


def _show(title: str, ratios: list[float], *, as_json: bool) -> None:
    figures = {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}
    if as_json:
        print(json.dumps({"new/old": title, **figures, "pairs": ratios}), flush=True)
        return
    pairs = " ".join(f"{each:.2f}" for each in ratios)
    print(f"{title:60} {figures['median']:6.3f}   {pairs}", flush=True)


if __name__ == "__main__":
    main()
