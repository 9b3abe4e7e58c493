"""What goes to Windows' Event Log: what a monitor must see, once, and ids and codes only."""

from __future__ import annotations

import logging
import sys

import pytest

from lab_sender.codes import registry
from lab_sender.log import Event
from lab_sender.service.events import NUMBERS, OTHER, Entry, Kind, Seen


class Log:
    """An Event Log, and its clock."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.now_s = 0.0
        self._seen = Seen(self.entries.append, clock=lambda: self.now_s)

    def hear(self, level: int, name: str, **fields: str | int | None) -> None:
        self._seen.hear(Event(level, name, fields))


def test_numbers_are_given_once_to_events_that_there_are() -> None:
    assert len({*NUMBERS.values(), OTHER}) == len(NUMBERS) + 1
    assert all(0 < number <= 1000 for number in (*NUMBERS.values(), OTHER))  # what EventCreate.exe has texts for
    assert {name for name in NUMBERS if "event" not in registry()[name].kinds} == set()


@pytest.mark.parametrize(
    "name", ["agent.failed", "lane.held", "status.critical", "service.failed", "journal.unavailable"]
)
def test_what_must_be_seen_has_a_number_of_its_own(name: str) -> None:
    assert name in NUMBERS
    assert {"error", "critical"} & set(registry()[name].levels)


def test_errors_are_entered_and_other_events_are_not() -> None:
    log = Log()
    log.hear(logging.ERROR, "lane.held", by="brake", put_back=3, destination="lims", empty="", none=None)
    log.hear(logging.WARNING, "message.refused", code="AE")
    log.hear(logging.DEBUG, "message.acked", message=1)
    log.hear(logging.ERROR, "web.failed", code="KeyError")
    log.hear(logging.INFO, "agent.stopped", delivered=5)
    held, web, stopped = log.entries
    assert held == Entry(
        20, Kind.ERROR, "lane.held by=brake put_back=3 destination=lims\r\nWhat to do: lab-sender explain lane.held"
    )
    assert (web.number, web.kind) == (OTHER, Kind.ERROR)
    assert stopped == Entry(2, Kind.INFORMATION, "agent.stopped delivered=5")


def test_the_same_comes_once_in_ten_minutes_with_how_many_were_left_out() -> None:
    log = Log()
    for number in range(1000):
        log.hear(logging.ERROR, "file.quarantined", source=number, code="json.syntax")
    log.hear(logging.ERROR, "file.quarantined", source=1001, code="csv.header")
    log.now_s = 599.0
    log.hear(logging.ERROR, "file.quarantined", source=1002, code="json.syntax")
    assert len(log.entries) == 2
    log.now_s = 600.0
    log.hear(logging.ERROR, "file.quarantined", source=1003, code="json.syntax")
    assert len(log.entries) == 3
    assert "The same 1000 times more" in log.entries[-1].text


@pytest.mark.parametrize(
    ("begun", "over", "fields"),
    [
        ("lane.held", "lane.resumed", {"by": "brake", "destination": "lims"}),
        ("status.critical", "status.recovered", {"code": "link.down", "destination": "lims"}),
    ],
)
def test_the_last_that_is_seen_of_it_is_how_it_stands(begun: str, over: str, fields: dict[str, str]) -> None:
    log = Log()
    for name in (begun, over, begun):
        log.hear(logging.INFO if name == over else logging.ERROR, name, **fields)
        log.now_s += 60
    assert [each.number for each in log.entries] == [NUMBERS[begun], NUMBERS[over], NUMBERS[begun]]


def test_each_outbox_that_is_away_is_seen() -> None:
    log = Log()
    for cause in ("one", "other"):
        log.hear(logging.ERROR, "status.critical", code="outbox.unreachable", cause=cause)
    assert len(log.entries) == 2


def test_many_different_things_take_no_memory_for_ever() -> None:
    log = Log()
    for number in range(2500):
        log.hear(logging.ERROR, "x", code=f"c{number}")
    assert len(log.entries) == 2500
    assert len(log._seen._since) <= 1000


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has an Event Log")
def test_an_entry_is_written_and_the_viewer_finds_its_text() -> None:
    import winreg

    from lab_sender.service import eventlog

    source = "lab-sender-test"
    eventlog.register(source)
    try:
        eventlog.enter(source, Entry(4, Kind.ERROR, "agent.failed code=x"))
        path = rf"SYSTEM\CurrentControlSet\Services\EventLog\Application\{source}"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            assert str(winreg.QueryValueEx(key, "EventMessageFile")[0]).endswith("EventCreate.exe")
    finally:
        eventlog.forget(source)
    eventlog.forget(source)
    with pytest.raises(FileNotFoundError):
        winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path)
