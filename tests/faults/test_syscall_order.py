"""The order of the system calls that the promise rests on, seen from outside the process (strace).

It catches the change that sets synchronous=NORMAL "for speed": everything else would stay green until a power cut.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from faults.bench import configuration
from faults.processes import until
from faults.workload import ready
from lab_sender.journal import Journal, NewFile, NewMessage, NewSource
from lab_sender.mllp.standin.server import StandIn

_CALLS = "rename,renameat,renameat2,fsync,fdatasync,pwrite64,sendto,recvfrom"
_MESSAGES = ("PIN-1", "PIN-2", "PIN-3")
_JOURNAL = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from faults.test_syscall_order import take_one_by_one
take_one_by_one(Path({journal!r}), {count})
"""


def take_one_by_one(path: Path, count: int) -> None:
    """Take so many files into a journal, each in a transaction of its own."""
    journal = Journal(path)
    try:
        for number in range(count):
            file = NewFile("x.hl7", f"C{number}_x.hl7", "report")
            message = NewMessage("", "spooled", b"d", b"MSH|\r", f"ID{number}", (), "")
            journal.spool.spooled([NewSource(f"C{number}", "hl7", 5, b"s", (file,), (message,))], "his")
    finally:
        journal.close()


@pytest.fixture
def strace(tmp_path: Path) -> list[str]:
    """A command that runs another under strace; its words go to tmp_path/trace."""
    command = shutil.which("strace")
    if command is None or subprocess.run([command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not here, or may not trace")
    return [command, "-f", "-y", "-qq", "-s", "5000", "-e", f"trace={_CALLS}", "-o", str(tmp_path / "trace")]


@pytest.mark.long
def test_claim_before_commit_before_send_and_verdict_before_the_next(strace: list[str], tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    for folder in (outbox, tmp_path / "journal"):
        folder.mkdir()
    for name in _MESSAGES:
        (outbox / f"{name}.hl7").write_bytes(ready(name))
    with StandIn() as his:
        config = tmp_path / "config.yaml"
        config.write_text(configuration(his.port, outbox=outbox, journal=tmp_path / "journal"))
        command = [sys.executable, "-m", "lab_sender", "--config", str(config), "run"]
        agent = subprocess.Popen([*strace, *command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            sent = outbox / "sent"
            until(lambda: len(list(sent.glob("*/*.hl7"))) == len(_MESSAGES), "all files in sent/")
            tracees = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()
            for pid in tracees:
                os.kill(int(pid), signal.SIGTERM)
            agent.wait(30)
        finally:
            agent.kill()
            agent.wait()
    calls = _calls(tmp_path / "trace")
    for name in _MESSAGES:
        claim = _first(calls, rf'rename\S*\(.*/outbox>, "{name}\.hl7", .*/claimed>, ".*{name}')
        claimed_folder = _first(calls, r"fsync\(\d+<.*/claimed>", after=claim)
        outbox_folder = _first(calls, r"fsync\(\d+<.*/outbox>", after=claim)
        spooled = _first(calls, rf"pwrite64\(\d+<.*journal\.db-wal>.*{name}")
        commit = _first(calls, r"f(?:data)?sync\(\d+<.*journal\.db-wal>", after=spooled)
        send = _first(calls, rf"sendto\(.*\|{name}\|")
        ack = _first(calls, rf"recvfrom\(.*MSA\|AA\|{name}", after=send)
        verdict = _first(calls, r"pwrite64\(\d+<.*journal\.db-wal>", after=ack)
        moved = _first(calls, rf'rename\S*\(.*{name}.*", .*/sent/', after=claim)
        flushed = _first(calls, r"f(?:data)?sync\(\d+<.*journal\.db-wal>", after=verdict)
        order = [claim, claimed_folder, outbox_folder, spooled, commit, send, ack, verdict, flushed, moved]
        assert order == sorted(order), name
        later = [at for at, call in enumerate(calls) if at > send and "sendto(" in call and "MSH|" in call]
        assert not later or verdict < later[0], f"the verdict of {name} is written before the next send"


@pytest.mark.long
def test_each_spooled_file_costs_one_flush(strace: list[str], tmp_path: Path) -> None:
    count = 100
    tests = str(Path(__file__).parents[1])
    journal = tmp_path / "journal.db"
    flushes = []
    for files in (1, 1 + count):  # the note of the close is one as well
        code = _JOURNAL.format(tests=tests, journal=str(journal.with_name(f"{files}.db")), count=files)
        subprocess.run([*strace, sys.executable, "-c", code], check=True, timeout=60)
        calls = _calls(tmp_path / "trace")
        flushes.append(sum(bool(re.search(r"f(?:data)?sync\(\d+<.*\.db-wal>", call)) for call in calls))
    assert flushes[1] - flushes[0] == count


def _calls(trace: Path) -> list[str]:
    """Read the calls in the order in which they ended; one that was interrupted by another thread is put together."""
    begun: dict[str, str] = {}
    calls = []
    for line in trace.read_text(errors="replace").splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[pid] = call.removesuffix("<unfinished ...>")
        elif match := re.match(r"<\.\.\. \w+ resumed>", call):
            calls.append(begun.pop(pid, "") + call[match.end() :])
        else:
            calls.append(call)
    return calls


def _first(calls: list[str], pattern: str, *, after: int = -1) -> int:
    """Find the first call after a place; none is a failure."""
    for at, call in enumerate(calls):
        if at > after and re.search(pattern, call):
            return at
    raise AssertionError(f"no call like {pattern} after {after} of {len(calls)}")
