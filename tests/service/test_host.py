"""What Windows' service manager hears of a run, and how the run hears it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from kit.core import until

from lab_sender import log
from lab_sender.errors import AgentError, ConfigurationError, ExitCode
from lab_sender.service.host import ACCEPTS, Control, Host, Report, State

STOPPED_WELL = Report(State.STOPPED)


class Manager:
    """A service manager that keeps what it hears, and a run under it."""

    def __init__(self, work: Callable[[Host], None], *, ready_s: float = 600.0) -> None:
        self.heard: list[Report] = []
        self.host = Host(self.heard.append, each_s=0.005, ready_s=ready_s)
        self.code: ExitCode | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[Host], None]) -> None:
        self.code = self.host.serve(work)

    def ended(self) -> ExitCode:
        self._thread.join(30)
        assert self.code is not None
        return self.code

    def states(self) -> list[State]:
        """The states in the order in which it came to them."""
        return [each.state for i, each in enumerate(self.heard) if not i or self.heard[i - 1].state is not each.state]

    def wait_for(self, state: State, times: int = 1) -> list[Report]:
        until(lambda: sum(each.state is state for each in list(self.heard)) >= times)
        return [each for each in self.heard if each.state is state]


class Agent:
    """Works until it is stopped; the second stop does not wait for the HIS."""

    def __init__(self, *, starts_at_once: bool = True) -> None:
        self.starts_at_once = starts_at_once
        self.begun, self.answer, self.stops = threading.Event(), threading.Event(), 0

    def work(self, host: Host) -> None:
        host.on_stop(self.stop)
        if self.starts_at_once:
            host.ready()
        self.begun.set()
        assert self.answer.wait(30)

    def stop(self) -> None:
        self.stops += 1
        if self.stops > 1:
            self.answer.set()


def test_a_stop_waits_for_the_answer_and_says_once_a_second_that_it_is_at_it() -> None:
    agent = Agent()
    manager = Manager(agent.work)
    assert manager.wait_for(State.RUNNING)[0].accepts == ACCEPTS
    assert manager.host.control(Control.STOP) == 0
    told = manager.wait_for(State.STOPPING, 5)
    assert [each.checkpoint for each in told] == sorted({each.checkpoint for each in told})
    assert all(each.hint_ms >= 10_000 for each in told)
    assert agent.stops == 1
    agent.answer.set()
    assert manager.ended() is ExitCode.DONE
    assert manager.heard[-1] == STOPPED_WELL
    assert manager.states() == [State.STARTING, State.RUNNING, State.STOPPING, State.STOPPED]


@pytest.mark.parametrize("control", [Control.SHUTDOWN, Control.PRESHUTDOWN])
def test_a_shutdown_is_a_stop_and_the_next_one_waits_for_no_answer(control: Control) -> None:
    agent = Agent()
    manager = Manager(agent.work)
    manager.wait_for(State.RUNNING)
    manager.host.control(control)
    assert agent.stops == 1
    manager.host.control(Control.SHUTDOWN)
    assert agent.stops == 2
    assert manager.ended() is ExitCode.DONE


def test_while_it_starts_it_says_so_and_takes_no_control() -> None:
    agent = Agent(starts_at_once=False)
    manager = Manager(agent.work)
    told = manager.wait_for(State.STARTING, 4)
    assert {each.accepts for each in told} == {0}
    assert len({each.checkpoint for each in told}) == len(told)
    agent.answer.set()
    manager.ended()


def test_who_waits_for_a_share_counts_as_running_after_a_while() -> None:
    agent = Agent(starts_at_once=False)
    manager = Manager(agent.work, ready_s=0.05)
    manager.wait_for(State.RUNNING)
    manager.host.control(Control.STOP)
    agent.answer.set()
    assert manager.ended() is ExitCode.DONE


def test_a_stop_that_comes_before_there_is_an_agent_is_not_forgotten() -> None:
    go_on = threading.Event()
    stops: list[int] = []

    def work(host: Host) -> None:
        assert go_on.wait(30)
        host.on_stop(lambda: stops.append(1))
        host.ready()  # changes nothing: it is stopping

    manager = Manager(work)
    manager.host.control(Control.PRESHUTDOWN)
    go_on.set()
    assert manager.ended() is ExitCode.DONE
    assert stops == [1]
    assert State.RUNNING not in manager.states()


FAILURES = [
    (ConfigurationError("config.invalid", "x"), ExitCode.CONFIG, "config.invalid"),
    (AgentError("journal.remote", "x", exit_code=ExitCode.CONFIG), ExitCode.CONFIG, "journal.remote"),
    (AgentError("agent.running", "x", exit_code=ExitCode.LATER), ExitCode.LATER, "agent.running"),
    (AgentError("disk.fsync-failed", "x", exit_code=ExitCode.STORAGE), ExitCode.STORAGE, "disk.fsync-failed"),
    (OSError(5, "x"), ExitCode.STORAGE, "io"),
    (MemoryError(), ExitCode.BUG, "bug.MemoryError"),
    (ValueError("DOE^JANE"), ExitCode.BUG, "bug.ValueError"),
]


@pytest.mark.parametrize(("failure", "code", "name"), FAILURES, ids=[name for _, _, name in FAILURES])
def test_only_a_configuration_is_an_end_of_which_windows_hears(
    failure: BaseException, code: ExitCode, name: str
) -> None:
    """What starting again may cure is a process that ends: that is when Windows starts it again."""
    events: list[log.Event] = []
    end = log.listen(events.append)

    def work(host: Host) -> None:
        host.ready()
        raise failure

    manager = Manager(work)
    assert manager.ended() is code
    end()
    stays = code is ExitCode.CONFIG
    assert manager.host.has_ended is stays
    if stays:
        assert manager.heard[-1] == Report(State.STOPPED, error=1066, specific=78)
    else:
        assert State.STOPPED not in manager.states()
    assert [(each.name, dict(each.fields)) for each in events] == [("service.failed", {"code": name, "exit": code})]


def test_what_it_does_not_know_it_says_so() -> None:
    agent = Agent()
    manager = Manager(agent.work)
    assert manager.host.control(Control.INTERROGATE) == 0
    assert manager.host.control(2) == 120  # PAUSE: ERROR_CALL_NOT_IMPLEMENTED
    assert agent.stops == 0
    agent.answer.set()
    manager.ended()
