"""Ids that are never given twice, and a log that says codes only."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import threading
from pathlib import Path

import pytest

from lab_sender import ids
from lab_sender.errors import AgentError, FileError, Finding
from lab_sender.ids import ClaimName, is_id, is_ours, new_id
from lab_sender.log import Event, listen, printable, printable_json, say
from lab_sender.logfile import set_up


def test_ids_are_unique_over_threads_and_fit_msh_10() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(new_id() for _ in range(5000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20_000
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{20}", each) for each in made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_does_not_make_the_ids_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_700_000_000_000_000_000)
    new_id()  # the random bits of those that follow are there
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    made = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert is_id(made)
    assert made not in {new_id() for _ in range(1000)}


def test_ids_sort_by_time_over_any_change_of_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [0, 1, 31, 32, 1 << 20, 1_700_000_000_000, 1_700_000_000_001, (1 << 48) - 1]
    made = []
    for time in times:
        monkeypatch.setattr(ids.time, "time_ns", lambda time=time: time * 1_000_000)
        made.append(new_id())
    assert made == sorted(made)


def test_ids_of_a_sequence_stay_in_it_within_a_millisecond_and_when_the_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [new_id()]
    for time in [1_700_000_000_000] * 50 + [1, (1 << 48) - 1]:
        monkeypatch.setattr(ids.time, "time_ns", lambda time=time: time * 1_000_000)
        made.append(new_id(made[-1]))
    assert made == sorted(set(made))


@pytest.mark.parametrize("name", ["a.hl7", "_", "_.hl7", "@_@.hl7", "a@b_c.pdf", "x_y_z"])
@pytest.mark.parametrize("report_id", [None, "", "C0"])
def test_what_was_written_as_a_claimed_name_is_read_as_that(name: str, report_id: str | None) -> None:
    written = ClaimName("C1", name, report_id)
    assert ClaimName.parse(str(written)) == written


def test_a_name_that_is_no_claim_is_its_own_id_and_name() -> None:
    assert ClaimName.parse("stray") == ("stray", "stray", None)
    assert ClaimName.parse("") == ("", "", None)


def test_events_are_json_lines_in_a_file(tmp_path: Path) -> None:
    set_up(form="auto", level="info", file=tmp_path / "log")
    say(logging.INFO, "lane.waiting", code="connect.refused", attempts=2)
    say(logging.DEBUG, "message.acked", message=1)
    (line,) = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    event = json.loads(line)
    assert event.pop("at")
    assert event == {"event": "lane.waiting", "code": "connect.refused", "attempts": 2, "level": "info"}


def test_events_are_text_on_a_console(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    set_up(form="console", level="warning", file=None)
    say(logging.WARNING, "lane.held", by="brake")
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning  lane\.held +by=brake\n", out.getvalue())


def test_listeners_hear_events_from_their_level_up_until_they_unsubscribe() -> None:
    every: list[Event] = []
    grave: list[Event] = []
    ends = [listen(every.append), listen(grave.append, level=logging.WARNING)]
    say(logging.DEBUG, "message.acked", message=1)
    say(logging.ERROR, "lane.held", by="brake")
    for end in ends:
        end()
        end()  # once more does no harm
    say(logging.ERROR, "lane.held", by="reply")
    assert every == [(logging.DEBUG, "message.acked", {"message": 1}), (logging.ERROR, "lane.held", {"by": "brake"})]
    assert grave == every[1:]


def test_a_listener_that_fails_harms_nobody_and_is_reported_once(tmp_path: Path) -> None:
    set_up(form="json", level="info", file=tmp_path / "log")
    heard: list[str] = []

    def fails(event: Event) -> None:
        heard.append(event.name)
        raise ValueError("DOE^JANE")

    def after(event: Event) -> None:
        heard.append(f"after {event.name}")

    ends = [listen(fails), listen(after)]
    try:
        say(logging.INFO, "a")
        say(logging.INFO, "b")
    finally:
        for end in ends:
            end()
    assert heard == ["a", "after log.listener-failed", "after a", "b", "after b"]
    logged = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [each["event"] for each in logged] == ["a", "log.listener-failed", "b"]
    assert (logged[1]["level"], logged[1]["code"]) == ("error", "ValueError")
    assert "fails" in logged[1]["listener"]
    assert "DOE" not in json.dumps(logged)


def test_a_listener_does_not_hear_what_it_reports_itself() -> None:
    heard: list[str] = []

    def reports(event: Event) -> None:
        heard.append(event.name)
        say(logging.INFO, f"{event.name}.again")

    end = listen(reports)
    try:
        say(logging.INFO, "a")
    finally:
        end()
    assert heard == ["a"]


def test_listeners_come_and_go_while_others_report() -> None:
    heard: list[Event] = []
    end = listen(heard.append)
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            listen(lambda _: None)()

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(500):
            say(logging.DEBUG, "x", number=number)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        end()
    assert [event.fields["number"] for event in heard] == list(range(500))


ACTS = "a\x1b]0;x\x07\x00\x7f\x9b\u202e\U000e0001\nb"


def test_fault_79_no_field_can_act_on_a_console_or_make_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("console", "json"):
        out = io.StringIO()
        monkeypatch.setattr("sys.stderr", out)
        set_up(form=form, level="info", file=None)  # type: ignore[arg-type]
        say(logging.INFO, "x", text=ACTS)
        assert out.getvalue().count("\n") == 1
        assert out.getvalue().rstrip("\n").isprintable()
    assert json.loads(out.getvalue())["text"] == ACTS
    assert printable(ACTS) == "a\\x1b]0;x\\x07\\x00\\x7f\\x9b\\u202e\\U000e0001\\x0ab"
    assert json.loads(printable_json(json.dumps({"x": ACTS}, ensure_ascii=False))) == {"x": ACTS}


def test_fault_78_an_id_is_ours_when_it_can_have_been_made_here() -> None:
    assert is_ours(new_id())
    others = ["", "M1", "DOE-JANE-19800101", "0" * 20, "Z" * 20, "20260801000000000001", new_id().lower()]
    others.append(f"{new_id()}1")
    assert [other for other in others if is_ours(other)] == []


def test_errors_name_code_place_and_next_step() -> None:
    finding = Finding("json.value", "No number.", "orders[0].results[1]", "OBX[2]-5", "Write it as text.")
    assert finding.line() == ("json.value at orders[0].results[1] (OBX[2]-5): No number. Write it as text.")
    error = FileError([finding, Finding("x", "y")])
    assert (error.code, len(error.findings)) == ("json.value", 2)
    assert "(and 1 more)" in str(error)
    assert FileError.of("a.b", "text").findings == (Finding("a.b", "text"),)
    assert AgentError("a.b", "text").exit_code == 70


def test_what_has_the_form_of_an_id() -> None:
    made = new_id()
    assert is_id(made)
    assert not any(is_id(each) for each in ("", made[:-1], made + "R", made[:-1] + "L", "C1"))
