"""Agents in processes of their own on Windows, which knows no fork and few signals.

Holds: `WindowsAgents`, in the place of `processes.Agents`; run as a program it is the other end: one agent, spoken to
in JSON lines.
Promises: the next process has imported everything before it is asked for; a kill is TerminateProcess, told by the
exit code that Linux has for it; an orderly end is SIGBREAK, as of a console; an agent whose input ends is killed.

In: one line {"config", "log", "tricks"}, then a line with the number of each signal.
"""

from __future__ import annotations

import _thread
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from kit.system import SIGCONT, SIGKILL, SIGSTOP, freeze, thaw

from faults.processes import TESTS, AgentProcess, Agents

_NOT_HERE = dict.fromkeys(("descriptors", "descriptors_beyond", "memory_bytes"), "limits are POSIX's") | {
    "user": "no other account is at hand",
    "umask": "there a folder's own access list says who may read",
    "network": "no network of its own can be made here",
}
"""Tricks that Windows does not know, and why."""


class WindowsAgents(Agents):
    """Starts agents, each in a process that was waiting for it."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._news: dict[int, dict[str, int]] = {}
        self._numbers = itertools.count(1)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._killed: set[int] = set()
        self._spare = self._started()

    def start(self, config: Path, log: Path, tricks: dict[str, Any]) -> AgentProcess:
        for name in _NOT_HERE.keys() & tricks.keys():
            pytest.skip(_NOT_HERE[name])
        number, process = next(self._numbers), self._spare
        self._spare = self._started()
        self._processes[number] = process
        self._tell(process, {"config": str(config), "log": str(log), "tricks": tricks})
        self._news[number] = {"pid": process.pid}
        threading.Thread(target=self._wait, args=(number, process), daemon=True).start()
        return AgentProcess(self, number, log)

    def signal(self, number: int, what: int) -> None:
        process = self._processes[number]
        if what == SIGKILL:
            self._killed.add(number)
            process.kill()
        elif what == SIGSTOP:
            freeze(process)
        elif what == SIGCONT:
            thaw(process)
        elif what in (signal.SIGTERM, signal.SIGINT):
            self._tell(process, signal.SIGBREAK if what == signal.SIGTERM else what)  # type: ignore[attr-defined]
        else:
            pytest.skip("Windows has no such signal")

    def close(self) -> None:
        for process in (self._spare, *self._processes.values()):
            process.kill()
            process.wait(10)

    def _wait(self, number: int, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        with self._lock:
            self._news[number]["exit"] = -SIGKILL if number in self._killed else code
            self._lock.notify_all()

    @staticmethod
    def _started() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "faults.windows"], stdin=subprocess.PIPE, cwd=TESTS)

    @staticmethod
    def _tell(process: subprocess.Popen[bytes], words: object) -> None:
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it has just ended
            process.stdin.write(json.dumps(words).encode() + b"\n")
            process.stdin.flush()


def main() -> int:
    """Be one agent, once it is known which."""
    from faults import runner

    orders = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with open(orders, "rb") as source:
        runner.warm_up()
        order = source.readline()
        if not order:
            return 0

        def obey() -> None:
            for line in source:
                _thread.interrupt_main(json.loads(line))
            os._exit(1)

        threading.Thread(target=obey, daemon=True).start()
        code = runner.run(json.loads(order))
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
