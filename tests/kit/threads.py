"""What works in a thread beside a test, and is stopped in good order when the test is through with it.

Holds: `beside` for whatever runs until it is stopped; `at_work` for an agent.
Promises: what it raises is raised in the test; a thread that does not end fails the test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kit.core import until

if TYPE_CHECKING:
    from lab_sender.agent.process import Agent

_JOIN_S = 30


@contextmanager
def beside(run: Callable[[], object], stop: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Run something meanwhile; what is yielded has what it has raised so far."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            run()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield failed
    finally:
        stop()
        thread.join(_JOIN_S)
    assert not thread.is_alive()
    if failed:
        raise failed[0]


@contextmanager
def at_work(agent: Agent) -> Iterator[Agent]:
    """Run an agent meanwhile; it is up when the block begins, or waits for its drive."""
    up = threading.Event()
    with beside(lambda: agent.run(until=lambda _: bool(up.set())), agent.stop) as failed:
        until(lambda: up.is_set() or failed, "the agent is up")
        if failed:
            raise failed[0]
        yield agent
