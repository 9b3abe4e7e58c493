"""The dead man's handle, and the agent's figures."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from kit.core import until
from kit.webhook import Silent, Webhook

from lab_sender.agent.beats import Beats
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


def test_it_asks_every_five_minutes_while_all_parts_are_at_work(page: Webhook, events: list[Event]) -> None:
    clock = Clock()
    beats = Beats(clock)
    at_work = beats.of("lane")
    beat = Heartbeat(f"http://127.0.0.1:{page.port}/{SECRET}", beats, clock=clock)
    for _ in range(600):
        at_work(0.0)
        beat.turn()
        clock.now += 1
        if clock.now in (1.0, 301.0):
            until(lambda: len(page.paths) == (1 if clock.now == 1.0 else 2))
            until(lambda: not beat._asking.is_alive())
    until(lambda: [each.name for each in events] == ["heartbeat.well"])
    at_work(3600.0)  # as it says when it waits for an ACK
    clock.now += 299
    beat.turn()
    until(lambda: len(page.paths) == 3 and not beat._asking.is_alive())
    for _ in range(4):
        clock.now += 1200
        at_work_before = len(page.paths)
        beat.turn()
        until(lambda: beat._asking is None or not beat._asking.is_alive())
    assert [(each.name, each.fields.get("silent")) for each in events[1:]] == [("heartbeat.withheld", "lane")]
    assert len(page.paths) == at_work_before
    assert set(page.paths) == {f"/{SECRET}"}


def test_of_several_machines_the_one_that_sends_alerts_asks(page: Webhook) -> None:
    clock, ours = Clock(), False
    beat = Heartbeat(f"http://127.0.0.1:{page.port}/", Beats(clock), clock=clock, is_ours=lambda: ours)
    clock.now += 1000
    beat.turn()
    assert beat._asking is None
    ours = True
    beat.turn()
    until(lambda: page.paths)


def test_a_page_that_fails_is_logged_once_without_its_address(page: Webhook, events: list[Event]) -> None:
    clock = Clock()
    beat = Heartbeat(f"http://127.0.0.1:{page.port}/{SECRET}", Beats(clock), clock=clock)
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
        beat = Heartbeat(f"http://127.0.0.1:{silent.port}/", Beats(clock), clock=clock, bound_s=0.3)
        before = threading.active_count()
        beat.turn()
        assert silent.asked.wait(20)
        clock.now += EVERY_S
        beat.turn()
        assert threading.active_count() <= before + 2
        until(lambda: [each.fields for each in events][-1] in ({"code": "TimeoutError"}, {"code": "URLError"}))


def test_the_page_of_an_agent_at_work_is_asked_for(tmp_path, page: Webhook) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\nintake: {poll: 50ms}\n"
        f"alerts: {{heartbeat: 'http://127.0.0.1:{page.port}/{SECRET}'}}\n"
    )
    agent = Agent(load(path))
    agent.run(until=lambda agent: bool(page.paths) and len(agent.beats.silent_s()) == 3)
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


def test_a_reload_takes_another_page(tmp_path, page: Webhook) -> None:
    path = tmp_path / "config.yaml"
    minimal = "outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\n"
    path.write_text(minimal)
    agent = Agent(load(path), reread=lambda: load(path))
    asked = threading.Event()

    def reload(agent: Agent) -> bool:
        if not asked.is_set():
            path.write_text(f"{minimal}alerts: {{heartbeat: 'http://127.0.0.1:{page.port}/new'}}\n")
            agent._reload.ring()
            asked.set()
        return bool(page.paths)

    agent.run(until=reload)
    assert page.paths == ["/new"]
