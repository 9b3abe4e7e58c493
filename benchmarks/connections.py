"""Several connections to one HIS: the rate by their number, while files wait and the HIS takes its time.

Each message is of another patient, so any of them may overtake another one. The last line has one message in twenty
without a patient, which goes alone.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import rig

_HIS = """
import sys
from lab_sender.mllp.standin.server import StandIn
with StandIn(rules=["AA,late={late_ms}ms"], keep=False) as his:
    print(his.port, flush=True)
    his.wait_for({count}, 3600.0)
    print(his.count, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def his_process(late_ms: int, count: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A stand-in in a process of its own, each of whose answers takes so long."""
    code = _HIS.format(late_ms=late_ms, count=count)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process
    finally:
        process.kill()
        process.wait()


def write(outbox: Path, files: int, alone_each: int) -> None:
    """Write ready messages, of which each `alone_each`th names no patient (0: none)."""
    rig.write_hl7(outbox, files)
    for number in range(0, files if alone_each else 0, alone_each or 1):
        path = outbox / f"r{number:07d}.hl7"
        times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
        path.write_bytes(path.read_bytes().replace(f"P{number:07d}^^^HOSP^MR".encode(), b""))
        os.utime(path, ns=times)


def rate(connections: int, files: int, answer_ms: int, alone_each: int = 0) -> float:
    """Return the messages a second."""
    with (
        tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as folder,
        his_process(answer_ms, files) as (port, his),
    ):
        config = rig.write_config(Path(folder), port, f"  connections: {connections}\n")
        write(Path(folder) / "outbox", files, alone_each)
        with rig.agent_process(config):
            assert his.stdout is not None
            his.stdout.readline()
            time.sleep(0.5)  # the last verdict is written
        return (files - 1) / rig.span_ms(Path(folder)) * 1000


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--answer-ms", type=int, default=50)
    options = parser.parse_args()
    one = rate(1, options.files // 4, options.answer_ms)
    figures = {"1 connection, messages a second": one}
    for connections in (2, 4, 8):
        several = rate(connections, options.files, options.answer_ms)
        figures |= {
            f"{connections} connections, messages a second": several,
            f"{connections} connections, times one": several / one,
        }
    figures["4 connections, one in 20 alone"] = rate(4, options.files, options.answer_ms, alone_each=20)
    rig.show(f"a HIS that answers after {options.answer_ms} ms", figures, as_json=options.json)


if __name__ == "__main__":
    main()
