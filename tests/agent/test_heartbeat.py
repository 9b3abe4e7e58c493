"""The dead man's handle, and the beats of the agent's loops that it rests on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest
from kit.core import until
from kit.settings import his_at
from kit.webhook import Silent, Webhook

from lab_sender.agent.beats import Beats, Loop, lane_s
from lab_sender.agent.figures import Figures
from lab_sender.agent.heartbeat import Heartbeat
from lab_sender.agent.process import Agent
from lab_sender.config.load import load
from lab_sender.log import Event, listen

EVERY_S = 300.0
SECRET = "s3cret-t0ken"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def events() -> Iterator[list[Event]]:
    heard: list[Event] = []
    end = listen(heard.append, level=logging.INFO)
    yield heard
    end()


@pytest.fixture
def page() -> Iterator[Webhook]:
    with Webhook() as running:
        yield running


def test_it_asks_every_five_minutes_while_all_loops_turn(page: Webhook, events: list[Event]) -> None:
    clock, late = Clock(), list[str]()
    beat = Heartbeat(f"http://127.0.0.1:{page.port}/{SECRET}", lambda: late, clock=clock)
    for _ in range(600):
        beat.turn()
        clock.now += 1
        if clock.now in (1.0, 301.0):
            until(lambda: len(page.paths) == (1 if clock.now == 1.0 else 2))
            until(lambda: not beat._asking.is_alive())
    until(lambda: [each.name for each in events] == ["heartbeat.well"])
    late.append("lane")
    beat.turn()
    clock.now += 1200
    beat.turn()
    assert [(each.name, each.fields.get("late")) for each in events[1:]] == [("heartbeat.withheld", "lane")]
    assert page.paths == [f"/{SECRET}"] * 2


def test_a_page_that_fails_is_logged_once_without_its_address(page: Webhook, events: list[Event]) -> None:
    clock = Clock()
    beat = Heartbeat(f"http://127.0.0.1:{page.port}/{SECRET}", list, clock=clock)
    page.fails = True
    for count in range(3):
        clock.now += EVERY_S
        beat.turn()
        until(lambda: len(page.paths) == count + 1)  # noqa: B023
        until(lambda: not beat._asking.is_alive())
    assert [(each.name, each.fields) for each in events] == [("heartbeat.failed", {"code": "http 500"})]
    assert SECRET not in str(events)


def test_a_silent_page_delays_nothing(events: list[Event]) -> None:
    clock = Clock()
    with Silent() as silent:
        beat = Heartbeat(f"http://127.0.0.1:{silent.port}/", list, clock=clock, bound_s=0.3)
        before = threading.active_count()
        beat.turn()
        assert silent.asked.wait(20)
        clock.now += EVERY_S
        beat.turn()
        assert threading.active_count() <= before + 2
        until(lambda: [each.fields for each in events][-1] in ({"code": "TimeoutError"}, {"code": "URLError"}))


def test_a_lane_that_waits_for_its_his_is_not_late_and_a_loop_that_hangs_is() -> None:
    clock = Clock()
    beats = Beats(clock)
    beats.watch(Loop("lane", lambda: 0.0, lane_s(his_at(ack_timeout_s=600.0))))
    beats.watch(Loop("keeper", lambda: clock.now - 10, 300.0))
    clock.now = 1200
    assert (beats.late(), beats.oldest_s()) == ([], 1200)
    clock.now = 1400
    assert beats.late() == ["lane"]


def test_the_loops_of_an_agent_turn_and_the_page_is_asked_for(tmp_path, page: Webhook) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\nintake: {poll: 50ms}\n"
        f"alerts: {{heartbeat: 'http://127.0.0.1:{page.port}/{SECRET}'}}\n"
    )
    began = time.monotonic()
    agent = Agent(load(path))

    def all_have_turned(agent: Agent) -> bool:
        loops = agent._beats._loops
        return bool(page.paths) and len(loops) == 3 and all(each.beat_at() > began for each in loops)

    agent.run(until=all_have_turned)
    assert {each.name for each in agent._beats._loops} == {"lane", "keeper", "intake"}
    text = (tmp_path / "outbox" / ".lab-sender" / "metrics.prom").read_text()
    assert "lab_sender_agent_beat_timestamp_seconds" in text
    assert SECRET not in text


def test_figures_that_cannot_be_written_are_logged_once_and_end_nothing(tmp_path, events: list[Event]) -> None:
    figures = Figures(tmp_path / "gone" / "journal.db", ["his"], Beats())
    figures.begin()
    figures.turn()
    figures.turn()
    figures.end()
    assert [each.name for each in events] == ["metrics.not-written"]
