"""How an agent's parts are started and asked to end, with parts that do nothing else."""

from __future__ import annotations

import threading

import pytest
from kit.core import until

from lab_sender.agent.parts import Part, Parts
from lab_sender.errors import AgentError


class Idle:
    """A part that ends when the test lets it, after it was asked to."""

    def __init__(self, name: str, asked: list[tuple[str, bool]], *, lets_go: bool = True) -> None:
        self.name = name
        self.runs, self.may_end = threading.Event(), threading.Event()
        self._asked = asked
        self._stopped = threading.Event()
        if lets_go:
            self.may_end.set()

    def run(self) -> None:
        self.runs.set()
        assert self._stopped.wait(30)
        assert self.may_end.wait(30)

    def stop(self, at_once: bool) -> None:
        self._asked.append((self.name, at_once))
        self._stopped.set()


class Failing(Idle):
    """A part that raises."""

    error: BaseException = ValueError("x")

    def run(self) -> None:
        raise self.error


@pytest.fixture
def asked() -> list[tuple[str, bool]]:
    """Who was asked to end, and whether at once."""
    return []


def _end(parts: Parts, at_once: threading.Event) -> threading.Thread:
    ending = threading.Thread(target=parts.end, args=(at_once.is_set,))
    ending.start()
    return ending


def test_the_last_one_is_asked_when_all_others_have_ended(asked: list[tuple[str, bool]]) -> None:
    parts, slow = Parts(threading.Event()), Idle("slow", asked, lets_go=False)
    parts.start(slow)
    parts.start(Idle("keeper", asked), is_last=True)
    parts.start(Idle("came later", asked))
    ending = _end(parts, threading.Event())
    until(lambda: len(asked) == 2)
    assert asked == [("slow", False), ("came later", False)]
    slow.may_end.set()
    ending.join(30)
    assert asked == [("slow", False), ("came later", False), ("keeper", False)]
    assert parts.failure is None


def test_a_second_stop_asks_again_whoever_still_works(asked: list[tuple[str, bool]]) -> None:
    parts, slow, at_once = Parts(threading.Event()), Idle("slow", asked, lets_go=False), threading.Event()
    for part in (Idle("quick", asked), slow):
        parts.start(part)
    ending = _end(parts, at_once)
    until(lambda: len(asked) == 2 and "quick" not in {thread.name for thread in threading.enumerate()})
    at_once.set()
    until(lambda: ("slow", True) in asked)
    slow.may_end.set()
    ending.join(30)
    assert ("quick", True) not in asked


def test_the_first_failure_ends_the_agent_and_is_kept(asked: list[tuple[str, bool]]) -> None:
    stopping = threading.Event()
    parts = Parts(stopping)
    parts.start(Failing("first", asked))
    assert stopping.wait(30)
    later: Part = Failing("later", asked)
    later.error = OSError("y")  # type: ignore[attr-defined]
    parts.start(later)
    parts.end(lambda: False)
    assert isinstance(parts.failure, ValueError)


@pytest.mark.parametrize(
    ("error", "word"), [(MemoryError(), "memory"), (OSError(24, "x"), "open files"), (OSError(12, "x"), "enomem")]
)
def test_a_shortage_is_told_as_one(asked: list[tuple[str, bool]], error: BaseException, word: str) -> None:
    stopping = threading.Event()
    parts, part = Parts(stopping), Failing("part", asked)
    part.error = error
    parts.start(part)
    assert stopping.wait(30)
    parts.end(lambda: False)
    assert isinstance(parts.failure, AgentError)
    assert (parts.failure.code, parts.failure.exit_code) == ("agent.short", 75)
    assert word in parts.failure.text


def test_without_a_thread_nothing_is_started(asked: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    parts = Parts(threading.Event())
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        with pytest.raises(AgentError, match="gives no more threads"):
            parts.start(Idle("part", asked))
    parts.end(lambda: False)
    assert asked == []
