"""The test bench: agents, their site, and the judge.

Holds: `Agents` (starts and ends processes), `Site` (one outbox with its configuration), `judge` (the invariants).
Promises: every wait is bounded; `judge` asks the disk, the journal and the HIS, never the agent.

The invariants are I1 to I7 of reference/reliability.md; I7 is asked of the whole test run (tests/conftest.py).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab_sender.journal import Journal
from lab_sender.mllp.standin import Received, StandIn

TESTS = Path(__file__).parents[1]
WAIT_S = 30.0
_serial = itertools.count()

CONFIG = """\
outbox: {outbox}
his:
  host: 127.0.0.1
  port: {port}
  ack_timeout: {ack_timeout}
  retry: {{first_wait: {first_wait}, longest_wait: {longest_wait}, refused: 2, unanswered: {unanswered}}}
  brake: {{probe: {probe}}}
message: {{sending_application: {sender}}}
intake: {{poll: {poll}, settle: {settle}, attachment_wait: 5s, duplicates: {duplicates}, marker: {marker}}}
folders: {{journal: {journal}}}
log: {{format: json, level: debug}}
"""
DEFAULTS = {
    "ack_timeout": "10s", "first_wait": "10ms", "longest_wait": "20ms", "unanswered": "5", "probe": "60s",
    "sender": "LAB", "poll": "100ms", "settle": "20ms", "duplicates": "skip", "marker": "''",
}  # fmt: skip


def until(true: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> None:
    """Wait for what another process does to files; everything else has an event of its own."""
    never = threading.Event()
    for _ in range(int(timeout_s / 0.01)):
        if true():
            return
        never.wait(0.01)
    raise AssertionError(f"did not come to pass within {timeout_s} s: {what}")


def gathered() -> Path:
    """The folder that is searched for patients when the test run ends."""
    return Path(os.environ["LAB_SENDER_TEST_LOGS"])


class Agents:
    """Starts agents: forked from a process that has imported everything."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "endtoend.runner"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TESTS
        )
        self._lock = threading.Condition()
        self._news: dict[int, dict[str, int]] = {}
        self._numbers = itertools.count(1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, config: Path, log: Path, tricks: dict[str, Any]) -> AgentProcess:
        number = next(self._numbers)
        order = {"id": number, "config": str(config), "log": str(log), "tricks": tricks}
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        return AgentProcess(self, number, log)

    def wait_for(self, number: int, word: str, timeout_s: float) -> int:
        with self._lock:
            if not self._lock.wait_for(lambda: word in self._news.get(number, {}), timeout_s):
                raise AssertionError(f"no {word} of agent {number} within {timeout_s} s")
            return self._news[number][word]

    def knows(self, number: int, word: str) -> bool:
        with self._lock:
            return word in self._news.get(number, {})

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            words = json.loads(line)
            with self._lock:
                self._news.setdefault(words.pop("id"), {}).update(words)
                self._lock.notify_all()


@dataclass
class AgentProcess:
    """One agent's process."""

    agents: Agents
    number: int
    log: Path

    @property
    def pid(self) -> int:
        return self.agents.wait_for(self.number, "pid", WAIT_S)

    @property
    def runs(self) -> bool:
        return not self.agents.knows(self.number, "exit")

    def wait(self, timeout_s: float = WAIT_S) -> int:
        """Wait for the exit code; negative: the signal that killed it."""
        try:
            return self.agents.wait_for(self.number, "exit", timeout_s)
        except AssertionError as error:
            error.add_note(self.last_words())
            raise

    def signal(self, number: int) -> None:
        if self.runs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self) -> int:
        """End in good order; returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What the agent has logged so far."""
        whole = [line for line in self.log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        lines = [json.loads(line) for line in whole]
        return [line for line in lines if not name or line["event"] == name]

    def says(self, name: str) -> None:
        """Wait until the agent has logged this event."""
        until(lambda: self.events(name), f"the agent says {name}")

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-15:])


@dataclass
class Site:
    """One outbox, its configuration, and what was dropped into it."""

    agents: Agents
    folder: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, list[bytes]] = field(default_factory=dict)
    running: list[AgentProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for folder in (self.outbox, self.journal_folder):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def claimed(self) -> Path:
        return self.outbox / ".lab-sender" / "claimed"

    @property
    def quarantine(self) -> Path:
        return self.outbox / "quarantine"

    @property
    def journal_folder(self) -> Path:
        return Path(self.settings.get("journal", self.folder / "journal"))

    @property
    def journal(self) -> Path:
        return self.journal_folder / "journal.db"

    @property
    def sent(self) -> dict[str, bytes]:
        """What lies in sent/<date>/."""
        return {path.name: path.read_bytes() for path in self.outbox.glob("sent/????-??-??/*")}

    @property
    def quarantined(self) -> dict[str, bytes]:
        """What lies in quarantine/, reasons included."""
        found = self.quarantine.glob("*") if self.quarantine.exists() else []
        return {path.name: path.read_bytes() for path in found if path.is_file()}

    def start(self, **tricks: Any) -> AgentProcess:
        """Start an agent."""
        here = {"outbox": self.outbox, "journal": self.journal_folder, "port": self.port}
        config = self.folder / "config.yaml"
        config.write_text(CONFIG.format(**DEFAULTS | here | self.settings))
        log = gathered() / f"agent-{os.getpid()}-{next(_serial)}.log"
        log.touch()
        agent = self.agents.start(config, log, tricks)
        self.running.append(agent)
        return agent

    def drop(self, name: str, data: bytes, *, order: int | None = None) -> None:
        """Drop a file by rename; `order` gives it a time of its own, long past."""
        self.dropped.setdefault(name, []).append(data)
        part = self.folder / f".{name}"
        part.write_bytes(data)
        if order is not None:
            os.utime(part, ns=(10**18 + order * 10**9,) * 2)
        os.rename(part, self.outbox / name)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the journal."""
        with contextlib.closing(sqlite3.connect(f"{self.journal.as_uri()}?mode=ro", uri=True)) as db:
            return db.execute(query, values).fetchall()

    def settle(self, files: int) -> None:
        """Wait until so many files were taken and none of them waits any more."""
        until(lambda: self._settled(files), f"{files} files at rest; {self._where()}")

    def settled_states(self) -> dict[str, int]:
        return dict(self.rows("SELECT state, COUNT(*) FROM message GROUP BY state"))

    @contextlib.contextmanager
    def operator(self) -> Iterator[Any]:
        """Act as an operator, from this process."""
        journal = Journal(self.journal, who="a test")
        try:
            yield journal.operator
        finally:
            journal.close()

    def close(self) -> None:
        """End what runs; keep the reasons for the search of the whole test run."""
        for agent in self.running:
            agent.signal(signal.SIGCONT)
            agent.kill()
        for path in self.quarantine.rglob("*.reason.txt"):
            (gathered() / f"reason-{os.getpid()}-{next(_serial)}.txt").write_bytes(path.read_bytes())

    def _settled(self, files: int) -> bool:
        try:
            ((known, waiting),) = self.rows("SELECT COUNT(*), COALESCE(SUM(place = 'claimed'), 0) FROM file")
        except sqlite3.OperationalError:
            return False
        return known >= files and not waiting

    def _where(self) -> str:
        try:
            return f"now {self.rows('SELECT place, COUNT(*) FROM file GROUP BY place')}"
        except sqlite3.OperationalError:
            return "no journal yet"


def judge(site: Site, received: list[Received], *, again: dict[str, int] | None = None) -> int:
    """Assert the invariants of a site at rest; return how many messages the HIS saw once too often.

    `again`: how often a control id is expected at the HIS, where that is not once (refused messages).
    """
    assert site.rows("PRAGMA integrity_check") == [("ok",)]  # I6
    _judge_folders(site)
    messages = site.rows(
        "SELECT m.id, m.control_id, m.state, w.body FROM message m JOIN wire w ON w.message_id = m.id ORDER BY m.id"
    )
    arrived: dict[str, list[bytes]] = {}
    for each in received:
        arrived.setdefault(each.control_id, []).append(each.body)
    assert arrived.keys() <= {control_id for _, control_id, *_ in messages}
    order = [control_id for _, control_id, *_ in messages if control_id in arrived]
    assert list(arrived) == order, "first arrivals in the journal's order"  # I3
    doubled = 0
    for message_id, control_id, state, body in messages:
        copies = arrived.get(control_id, [])
        assert set(copies) <= {body}, "the journal's bytes, each time"  # I4
        attempts = site.rows(
            "SELECT kind, ack_code, ack FROM attempt WHERE message_id = ? ORDER BY number", message_id
        )
        if state == "acked":
            assert copies, "acked, but the HIS never had it"  # I2
            (ack,) = [ack for kind, code, ack in attempts if kind == "verdict" and code == "AA"]  # I5
            assert f"\rMSA|AA|{control_id}\r".encode() in ack
        left = [kind for kind, *_ in attempts if kind != "not-sent"]
        assert len(copies) <= len(left), "another arrival follows a refusal or an unknown outcome"  # I4
        doubled += max(0, len(copies) - (again or {}).get(control_id, 1))
    return doubled


def _judge_folders(site: Site) -> None:
    """I1: each file that was dropped lies in one place, whole, and that is where the journal has it."""
    folders = {
        "sent": site.outbox / "sent",
        "quarantine": site.quarantine,
        "dismissed": site.quarantine / "dismissed",
        "outbox": site.outbox,
    }
    journal = {}
    for name, place, placed_as, planned in site.rows("SELECT name, place, placed_as, planned_place FROM file"):
        assert not planned, "no move is half done"
        journal[folders[place] / placed_as] = name
    on_disk = {
        path
        for folder in (*folders.values(), site.claimed, site.outbox)
        for path in (folder.rglob("*") if folder != site.outbox else folder.glob("[!.]*"))
        if path.is_file() and not path.name.endswith(".reason.txt")
    }
    assert on_disk == journal.keys(), "every file where the journal says, and no other"
    contents = sorted((name, path.read_bytes()) for path, name in journal.items())
    assert contents == sorted((name, data) for name, datas in site.dropped.items() for data in datas)
    reasons = {path.name for path in site.quarantine.glob("*.reason.txt")}
    assert reasons == {f"{path.name}.reason.txt" for path in journal if path.parent == site.quarantine}


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a loopback port that refuses connections until a stand-in listens on it."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]


@contextlib.contextmanager
def listening(port: int, *rules: str) -> Iterator[StandIn]:
    """Be the HIS on this port for a while."""
    with StandIn(port=port, rules=rules) as his:
        yield his


def control_ids(data: bytes) -> list[str]:
    """The control ids of a ready-made file."""
    return [found.decode() for found in re.findall(rb"ORU\^R01\^ORU_R01\|([^|]*)\|", data)]
