"""What is critical is an event when it begins and when it is over."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from kit.core import until

from lab_sender import log
from lab_sender.errors import LabSenderError
from lab_sender.operations.conditions import Condition, Severity
from lab_sender.operations.critical import Critical


def condition(
    code: str, level: Severity = "CRITICAL", destination: str | None = None, text: str = "", cause: str | None = None
) -> Condition:
    return Condition(code, level, destination, cause, None, text)


@pytest.fixture
def events() -> Iterator[list[tuple[str, object]]]:
    heard: list[tuple[str, object]] = []
    end = log.listen(lambda event: heard.append((event.name, event.fields.get("code"))))
    yield heard
    end()


def test_each_begins_and_ends_once(events: list[tuple[str, object]]) -> None:
    now: list[Condition] = [condition("link.down"), condition("file.old", "WARNING")]
    critical = Critical(lambda: now)
    critical.turn()
    critical.turn()
    assert events == [("status.critical", "link.down")]
    now[:] = [condition("link.down", text="longer"), condition("lane.held", destination="lims")]
    critical.turn()
    assert events[1:] == [("status.critical", "lane.held")]
    now[:] = [condition("link.down", "WARNING")]
    critical.turn()
    assert events[2:] == [("status.recovered", "lane.held"), ("status.recovered", "link.down")]


def test_a_link_that_is_down_for_another_reason_has_not_recovered(events: list[tuple[str, object]]) -> None:
    now = [condition("link.down", cause="connect.refused")]
    critical = Critical(lambda: now)
    critical.turn()
    now[:] = [condition("link.down", cause="connect.timeout")]
    critical.turn()
    assert events == [("status.critical", "link.down")]


def test_each_outbox_that_is_away_is_one_by_itself(events: list[tuple[str, object]]) -> None:
    now = [condition("outbox.unreachable", cause=each) for each in ("one", "other")]
    critical = Critical(lambda: now)
    critical.turn()
    del now[0]
    critical.turn()
    assert [name for name, _ in events] == ["status.critical", "status.critical", "status.recovered"]


@pytest.mark.parametrize("error", [LabSenderError("journal.damaged", "DOE"), OSError(5, "DOE")])
def test_that_nobody_can_look_is_critical(events: list[tuple[str, object]], error: Exception) -> None:
    def look() -> list[Condition]:
        raise error

    critical = Critical(look)
    critical.turn()
    critical.turn()
    assert events == [("status.critical", "status.unreadable")]


def test_a_look_that_hangs_holds_up_neither_the_end_nor_the_next_one(events: list[tuple[str, object]]) -> None:
    answer, looks = threading.Event(), threading.Semaphore(0)

    def look() -> list[Condition]:
        looks.release()
        assert answer.wait(30)
        return [condition("link.down")]

    critical = Critical(look, every_s=0.001)
    thread = threading.Thread(target=critical.run)
    thread.start()
    assert looks.acquire(timeout=30)
    critical.stop(False)
    thread.join(30)
    assert not thread.is_alive()
    assert not looks.acquire(blocking=False)
    answer.set()
    until(lambda: not any(each.name == "critical" for each in threading.enumerate()))
    assert events == []  # an agent that has stopped reports no more
