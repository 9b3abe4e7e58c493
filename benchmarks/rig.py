"""What the benchmarks share: a fast sink in a process of its own, the bare loop, sample reports, an agent process.

The bare loop is the limit that nothing with one message in flight can pass: the same bytes, sent and answered by
two processes on different cores, without framing checks, journal or files.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def sink(listener: socket.socket, quit_after: int, answer_after_s: float) -> None:
    """Answer AA at once, or so much later, until killed; print a line after `quit_after` messages."""
    seen = 0
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        with connection:
            while part := connection.recv(1 << 18):
                data = data + part if data else part
                while (end := data.find(b"\x1c\r")) >= 0:
                    control_id = data[: data.index(b"\r")].split(b"|", 10)[9]
                    if answer_after_s:
                        time.sleep(answer_after_s)
                    connection.sendall(
                        b"\x0bMSH|^~\\&|HIS||LAB||20260101||ACK|%d|P|2.5.1\rMSA|AA|%s\r\x1c\r" % (seen, control_id)
                    )
                    data = data[end + 2 :]
                    seen += 1
                    if seen == quit_after:
                        print(seen, flush=True)


@contextlib.contextmanager
def sink_process(
    messages: int, *, pinned: bool = False, answer_after_s: float = 0.0
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run the sink, if asked pinned to the last core; yields its port and process."""
    here = str(Path(__file__).parent)
    asked = f"{messages}, {pinned}, {answer_after_s}"
    code = f"import sys; sys.path.insert(0, {here!r}); import rig; rig.sink_main({asked})"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process
    finally:
        process.kill()
        process.wait()


def sink_main(messages: int, pinned: bool, answer_after_s: float) -> None:
    """Entry of the sink process."""
    if pinned and len(CORES) > 1:
        os.sched_setaffinity(0, {CORES[-1]})
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    sink(listener, messages, answer_after_s)


def bare_loop(frame: bytes, messages: int = 20_000) -> float:
    """Return the exchanges a second of a bare socket loop against the sink, pinned to different cores."""
    with sink_process(messages, pinned=True) as (port, _):
        before = os.sched_getaffinity(0) if CORES else set()
        if len(CORES) > 1:
            os.sched_setaffinity(0, {CORES[0]})
        rate = 1000 / exchanges_ms(port, messages, frame)
        if before:
            os.sched_setaffinity(0, before)
    return rate


def exchanges_ms(port: int, count: int, frame: bytes) -> float:
    """Return the mean time in ms of an exchange of a bare loop with a sink that runs."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun_s = time.perf_counter()
        for _ in range(count):
            connection.sendall(frame)
            answer = connection.recv(4096)
            while not answer.endswith(b"\x1c\r"):
                answer += connection.recv(4096)
        return (time.perf_counter() - begun_s) / count * 1000


def span_ms(folder: Path) -> float:
    """Return the time in ms from the first to the last message that an agent has sent."""
    journal = sqlite3.connect(folder / "outbox" / ".lab-sender" / "journal.db")
    ((first_ms, last_ms),) = journal.execute("SELECT MIN(started_ms), MAX(started_ms) FROM attempt").fetchall()
    journal.close()
    return float(last_ms - first_ms)


def report(number: int, observations: int = 20) -> dict[str, object]:
    """Make a chemistry report of a patient who does not exist."""
    return {
        "schema": "lab-result/1",
        "patient": {
            "ids": [{"id": f"P{number:07d}", "type": "MR", "authority": "HOSP"}],
            "name": {"family": "Test", "given": "Patient"},
            "birth": "1980-01-01",
            "sex": "F",
        },
        "visit": {"class": "I", "ward": "W1"},
        "orders": [
            {
                "filler": f"F{number:07d}",
                "placer": f"O{number:07d}",
                "test": {"code": "24323-8", "text": "Comprehensive metabolic panel", "system": "LN"},
                "status": "final",
                "collected": "2026-11-20T07:30:00+01:00",
                "reported": "2026-11-20T09:00:00+01:00",
                "specimens": [{"id": f"S{number}", "type": {"code": "119364003", "text": "Serum", "system": "SCT"}}],
                "results": [
                    {
                        "test": {
                            "code": f"{2000 + item}-1",
                            "text": f"Analyte {item}",
                            "system": "LN",
                            "alt": {"code": f"A{item}", "text": f"Analyte {item}", "system": "L"},
                        },
                        "value": round(1 + (number * 7 + item * 13) % 900 / 10, 1),
                        "unit": "mmol/L",
                        "range": "3.5-95.0",
                        "flags": ["N"],
                        "status": "F",
                    }
                    for item in range(observations)
                ],
            }
        ],
    }


def write_reports(folder: Path, count: int, observations: int = 20) -> None:
    """Write `count` JSON reports with growing modification times."""
    base_ns = time.time_ns() - 3_600_000_000_000
    for number in range(count):
        path = folder / f"r{number:07d}.json"
        path.write_bytes(json.dumps(report(number, observations)).encode())
        os.utime(path, ns=(base_ns + number * 1000, base_ns + number * 1000))


def write_hl7(folder: Path, count: int, observations: int = 20) -> None:
    """Write `count` ready HL7 messages with growing modification times."""
    base_ns = time.time_ns() - 3_600_000_000_000
    for number in range(count):
        path = folder / f"r{number:07d}.hl7"
        path.write_bytes(ready_message(number, observations))
        os.utime(path, ns=(base_ns + number * 1000, base_ns + number * 1000))


def drop(folder: Path, name: str, data: bytes, age_s: float = 0.0) -> float:
    """Rename a file, of this age, into the outbox of a folder; returns when (perf_counter)."""
    part = folder / f"{name}.part"
    part.write_bytes(data)
    if age_s:
        os.utime(part, (time.time() - age_s,) * 2)
    dropped_s = time.perf_counter()
    os.rename(part, folder / "outbox" / name)
    return dropped_s


def ready_message(number: int, observations: int = 20) -> bytes:
    """Make an ORU^R01 message about the size that the builder gives to `report`."""
    segments = [
        f"MSH|^~\\&|LAB|FAC|HIS|HOSP|20261120090000+0100||ORU^R01^ORU_R01|B{number:09d}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||P{number:07d}^^^HOSP^MR||Test^Patient||19800101|F",
        "PV1|1|I|W1",
        f"ORC|RE|O{number:07d}|F{number:07d}",
        f"OBR|1|O{number:07d}|F{number:07d}|24323-8^Comprehensive metabolic panel^LN|||20261120073000+0100",
    ]
    segments += [
        f"OBX|{item + 1}|NM|{2000 + item}-1^Analyte {item}^LN^A{item}^Analyte {item}^L||{item}.{number % 10}|mmol/L|"
        "3.5-95.0|N|||F"
        for item in range(observations)
    ]
    return "\r".join([*segments, ""]).encode()


def framed(number: int) -> bytes:
    """Make a ready message as it stands on the wire."""
    return b"\x0b" + ready_message(number) + b"\x1c\r"


def _peak_mib(pid: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@dataclass
class AgentProcess:
    """A `lab-sender run` of its own."""

    process: subprocess.Popen[bytes]

    def memory_mib(self) -> float:
        """Return the peak resident memory so far, of the agent and its helper process together."""
        return sum(self.memories_mib())

    def memories_mib(self) -> list[float]:
        """Return the peak resident memory so far, of the agent and of each process that it has started."""
        pid = self.process.pid
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = {child for task in tasks for child in (task / "children").read_text().split()}
        return [_peak_mib(each) for each in (str(pid), *children)]

    def cpu_s(self) -> float:
        """Return the processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_config(folder: Path, port: int, extra: str = "") -> Path:
    """Write a configuration for the sink; the page is off where `extra` has no section for it."""
    path = folder / "config.yaml"
    web = "" if "web:" in extra else 'web: {listen: "off"}\n'
    path.write_text(f"outbox: outbox\nhis:\n  host: 127.0.0.1\n  port: {port}\n{extra}{web}")
    (folder / "outbox").mkdir(exist_ok=True)
    return path


@contextlib.contextmanager
def agent_process(config: Path) -> Iterator[AgentProcess]:
    """Run an agent until the block ends; then SIGTERM."""
    with open(config.parent / "agent.log", "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "lab_sender", "--config", str(config), "run"], stderr=log)
        try:
            yield AgentProcess(process)
            process.terminate()
            process.wait(60)
        finally:
            process.kill()
            process.wait()


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(title: str, figures: dict[str, float], *, as_json: bool) -> None:
    """Print figures as a table, or as JSON."""
    if as_json:
        print(json.dumps({"benchmark": title, **figures}), flush=True)
        return
    print(f"{title} ({machine()})")
    for name, value in figures.items():
        print(f"  {name:46} {value:12,.2f}", flush=True)


def machine() -> str:
    """Name the machine in a line."""
    return f"{platform.machine()}, {len(CORES) or os.cpu_count()} cores, Python {platform.python_version()}"


def arguments(description: str) -> argparse.ArgumentParser:
    """Make the parser that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    return parser
