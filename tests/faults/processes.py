"""Agents in processes of their own, seen from outside.

Holds: `Agents` (starts them; runner.py is the other end, and on Windows windows.py), `AgentProcess` (one of them);
`until`, the kit's.
Promises: every wait is bounded; none outlives the test session.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.core import until as until
from kit.system import SIGKILL
from kit.system import WAIT_S as WAIT_S

TESTS = Path(__file__).parents[1]


class Agents:
    """Starts agents: forked from a process that has imported everything."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.runner"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TESTS
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

    def signal(self, number: int, what: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.wait_for(number, "pid", WAIT_S), what)

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
            self.agents.signal(self.number, number)

    def stop(self) -> int:
        """End in good order; returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.signal(SIGKILL)
        self.wait()

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What the agent has logged so far."""
        lines = self.log.read_text("utf-8").splitlines()
        whole = [line for line in lines if line.startswith("{") and line.endswith("}")]
        events = [json.loads(line) for line in whole]
        return [event for event in events if not name or event["event"] == name]

    def says(self, name: str, **fields: object) -> None:
        """Wait until the agent has logged this event, with these fields."""

        def said() -> bool:
            return any(fields.items() <= event.items() for event in self.events(name))

        try:
            until(lambda: said() or not self.runs, f"the agent says {name} {fields}")
            assert said(), f"the agent ended without a word of {name} {fields}"
        except AssertionError as error:
            error.add_note(self.last_words())
            raise

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text("utf-8").splitlines()[-15:])
