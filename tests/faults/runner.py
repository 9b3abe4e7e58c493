"""Agents in processes of their own, started in a few milliseconds.

Holds: a process that has imported and compiled everything, and forks once for each agent; spoken to in JSON lines.
Promises: the child runs the real command line (`lab-sender --config FILE run`), so its exit code is the real one.
What a test wants broken is broken in the child only, before the agent is made (see tricks.py).

In: {"id", "config", "log", "tricks"}. Out: {"id", "pid"}, and later {"id", "exit"} (negative: killed by that signal).
When its input ends, its children are killed.
"""

from __future__ import annotations

import encodings.idna
import encodings.utf_8_sig  # noqa: F401  # found by name, late
import gc
import json
import os
import selectors
import signal
import sys
import urllib.parse  # noqa: F401  # pathlib imports it late, and not every account may read the interpreter's folder
from collections.abc import Iterator
from typing import Any

import lab_sender.agent.process
import lab_sender.cli.run
import lab_sender.operations.configuration  # noqa: F401  # imported once, before the forks
from faults import tricks, workload
from lab_sender.cli import main as cli
from lab_sender.config.profile import builtin
from lab_sender.config.text.section import Section
from lab_sender.intake.compose import Composer


def run(order: dict[str, Any]) -> int:
    """Be the agent; return its exit code. Its standard output and error are the log."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        tricks.play(order["tricks"])
        cli.main(["--config", order["config"], "run"])
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def warm_up() -> None:
    """Read the first files: those of a process compile the grammar. Build what reads a configuration."""
    for each in _sections(Section):
        each.model_rebuild()
    composer = Composer(builtin())
    for data in (workload.report("F"), workload.ready("F")):
        assert composer.interpret(data).messages
    gc.freeze()


def _sections(base: type[Section]) -> Iterator[type[Section]]:
    for each in base.__subclasses__():
        yield each
        yield from _sections(each)


def serve() -> None:
    """Fork an agent for each order until the input ends."""
    warm_up()
    children: dict[int, tuple[int, int]] = {}  # pidfd -> (order, pid)
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    orders = b""
    while True:
        for key, _ in selector.select():
            if key.fd != 0:
                selector.unregister(key.fd)
                os.close(key.fd)
                number, pid = children.pop(key.fd)
                _tell(id=number, exit=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                continue
            data = os.read(0, 1 << 16)
            if not data:
                for _, pid in children.values():
                    os.kill(pid, signal.SIGKILL)
                return
            *lines, orders = (orders + data).split(b"\n")
            for line in lines:
                order = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    _be_a_child(order, [selector.fileno(), *children])
                pidfd = os.pidfd_open(pid)
                children[pidfd] = (order["id"], pid)
                selector.register(pidfd, selectors.EVENT_READ)
                _tell(id=order["id"], pid=pid)


def _be_a_child(order: dict[str, Any], inherited: list[int]) -> None:
    code = 70
    try:
        for descriptor in inherited:
            os.close(descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = run(order)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _tell(**words: int) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    serve()
