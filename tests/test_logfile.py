"""The log's file is turned over by size, and nobody who reads, holds or renames it costs a line."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_sender import files, logfile
from lab_sender.log import LOGGER, say
from lab_sender.logfile import LogFile, set_up

pytestmark = pytest.mark.usefixtures("own_logger", "clock")


@pytest.fixture
def own_logger() -> Iterator[None]:
    kept = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    yield
    for each in LOGGER.handlers:
        each.close()
    LOGGER.handlers[:], LOGGER.propagate = kept[0], kept[2]
    LOGGER.setLevel(kept[1])


class Clock:
    now_s = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(logfile.time, "monotonic", lambda: clock.now_s)
    return clock


def report(number: int, times: int = 1) -> None:
    for each in range(number, number + times):
        say(logging.INFO, "x", number=each)


def numbers(*paths: Path) -> list[int]:
    lines = [line for path in paths for line in path.read_text("utf-8").splitlines()]
    return [event["number"] for event in map(json.loads, lines) if event["event"] == "x"]


def old_ones(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.iterdir() if each.name.startswith(f"{path.name}."))


def test_a_file_is_turned_over_by_size_and_the_oldest_are_removed(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "agent.log"
    others = [tmp_path / name for name in ("agent.log.1", "agent.log.20260101T000000.000000Z.gz", "agent.logs")]
    for each in others:
        each.write_text("of somebody else")
    set_up(form="json", level="info", file=path, max_bytes=1000, keep=3)
    for number in range(100):
        report(number)
        clock.now_s += 1
    own = [each for each in old_ones(path) if each not in others]
    assert len(own) == 3
    assert all(each.stat().st_size <= 1000 for each in (path, *own))
    kept = numbers(*own, path)
    assert kept == list(range(kept[0], 100))
    assert all(each.read_text() == "of somebody else" for each in others)


def test_without_a_size_it_grows(tmp_path: Path) -> None:
    set_up(form="json", level="info", file=tmp_path / "agent.log")
    report(0, 100)
    assert old_ones(tmp_path / "agent.log") == []


@pytest.mark.skipif(sys.platform == "win32", reason="access lists decide there")
@pytest.mark.parametrize("may_give", [True, False])
def test_the_group_that_may_read_stays_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_give: bool
) -> None:
    """Its rights are not given to another one: who collects logs is not whoever shares the account's group."""
    path, other = tmp_path / "agent.log", os.getgid() + 1
    given = list[tuple[int, int]]()
    log = LogFile(path, max_bytes=100, keep=3)
    path.chmod(0o640)
    real = os.fstat

    def seen(descriptor: int) -> os.stat_result:  # another group's, until it is given to the new file
        was = real(descriptor)
        is_theirs = was.st_size > 0 or (given and may_give)
        return os.stat_result((*was[:5], other if is_theirs else was.st_gid, *was[6:10]))

    def give(_descriptor: int, owner: int, group: int) -> None:
        given.append((owner, group))
        if not may_give:
            raise PermissionError

    monkeypatch.setattr(os, "fstat", seen)
    monkeypatch.setattr(os, "fchown", give)
    for _ in range(3):
        log.handle(logging.LogRecord("x", logging.INFO, "", 0, "x" * 70, (), None))
    log.close()
    assert {group for _, group in given} == {other}
    assert stat.S_IMODE(path.stat().st_mode) == (0o640 if may_give else 0o600)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes on Windows")
def test_a_pipe_that_nobody_empties_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    path = tmp_path / "agent.log"
    os.mkfifo(path)
    with pytest.raises(OSError, match="No such device"):
        LogFile(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = LogFile(path, max_bytes=100, keep=3)
    for _ in range(40):
        log.handle(logging.LogRecord("x", logging.INFO, "", 0, "x" * 4000, (), None))
    assert os.read(reader, 4001) == b"x" * 4000 + b"\n"
    os.close(reader)
    log.close()
    assert old_ones(path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_who_may_read_the_old_one_may_read_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    set_up(form="json", level="info", file=path, max_bytes=200, keep=3)
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    path.chmod(0o640)
    report(0, 4)
    assert old_ones(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_two_processes_write_to_one_file_and_one_turns_it_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "agent.log"
    set_up(form="json", level="info", file=path, max_bytes=1000, keep=100)
    page = LogFile(path, max_bytes=1000, keep=100)
    page.setFormatter(LOGGER.handlers[0].formatter)
    LOGGER.addHandler(page)
    for number in range(60):
        report(number)
        clock.now_s += 0.6
    every = numbers(*old_ones(path), path)
    assert sorted(every) == sorted([*range(60), *range(60)])
    assert len(old_ones(path)) >= 5


@pytest.mark.parametrize("how", ["renamed", "removed"][: 1 if sys.platform == "win32" else 2])  # there it may stay
def test_a_file_that_another_program_has_turned_over_is_begun_anew(tmp_path: Path, clock: Clock, how: str) -> None:
    path = tmp_path / "agent.log"
    set_up(form="json", level="info", file=path, max_bytes=1 << 20, keep=3)
    report(1)
    path.rename(tmp_path / "agent.log.1") if how == "renamed" else path.unlink()
    report(2)  # within the second it goes to the old one
    clock.now_s += 1
    report(3)
    assert numbers(path) == [3]
    if how == "renamed":
        assert numbers(tmp_path / "agent.log.1") == [1, 2]


def test_a_file_that_cannot_be_renamed_grows_and_that_is_said_once(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.log"
    held = [True]
    rename = files.rename

    def busy(source: Path, target: Path) -> None:
        if held[0]:
            raise files.Busy
        rename(source, target)

    monkeypatch.setattr(files, "rename", busy)
    set_up(form="json", level="info", file=path, max_bytes=500, keep=3)
    for number in range(40):
        report(number)
        clock.now_s += 1
        for each in threading.enumerate():
            if each.name == "log":
                each.join()
    assert numbers(path) == list(range(40))
    assert path.read_text().count("log.not-turned-over") == 1
    held[0] = False
    report(40)
    assert numbers(path) == [40]
    assert numbers(*old_ones(path)) == list(range(40))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such file on Windows")
def test_what_is_no_file_is_not_renamed() -> None:
    before = Path("/dev/null").stat().st_mode
    log = LogFile(Path("/dev/null"), max_bytes=1, keep=1)
    log.setFormatter(logging.Formatter())
    for _ in range(3):
        log.emit(logging.makeLogRecord({"msg": "x"}))
    log.close()
    assert Path("/dev/null").stat().st_mode == before
    assert stat.S_ISCHR(before)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right on Windows")
def test_a_link_stays_and_the_file_behind_it_is_turned_over(tmp_path: Path) -> None:
    other, path = tmp_path / "disk", tmp_path / "agent.log"
    other.mkdir()
    path.symlink_to(other / "agent.log")
    set_up(form="json", level="info", file=path, max_bytes=200, keep=100)
    report(0, 10)
    assert path.is_symlink()
    assert old_ones(path) == []
    assert numbers(*old_ones(other / "agent.log"), path) == list(range(10))


def test_a_file_that_cannot_be_opened_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    set_up(form="json", level="info", file=path)
    with pytest.raises(OSError, match=r"agent\.log|directory"):
        set_up(form="json", level="info", file=path / "agent.log")
    report(1)
    assert numbers(path) == [1]


def test_without_standard_error_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is in a service of Windows."""
    monkeypatch.setattr(sys, "stderr", None)
    set_up(form="auto", level="info", file=None)
    report(1)


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows has share modes")
class TestShareModes:
    def test_a_reader_that_keeps_others_from_renaming_costs_no_line(self, tmp_path: Path, clock: Clock) -> None:
        path = tmp_path / "agent.log"
        set_up(form="json", level="info", file=path, max_bytes=500, keep=100)
        report(0)
        with path.open("rb"):  # as Python, and most programs, open it: it cannot be renamed
            for number in range(1, 40):
                report(number)
                clock.now_s += 1
            assert numbers(path) == list(range(40))
        report(40)
        assert numbers(path) == [40]
        assert numbers(*old_ones(path)) == list(range(40))

    def test_a_program_that_lets_nobody_write_does_not_keep_us_from_starting(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        from windows.share import GENERIC_READ, OPEN_EXISTING, READ, close, opened

        path = tmp_path / "agent.log"
        path.write_text("")
        reader = opened(path, READ, GENERIC_READ, OPEN_EXISTING)
        try:
            set_up(form="json", level="info", file=path)
            report(1)
            clock.now_s += 1
            report(2)
            assert numbers(path) == []
            (beside,) = old_ones(path)
        finally:
            close(reader)
        clock.now_s += 1
        report(3)
        assert numbers(path) == [3]
        assert numbers(beside) == [1, 2]

    def test_our_own_open_file_can_be_renamed_and_removed(self, tmp_path: Path, clock: Clock) -> None:
        path = tmp_path / "agent.log"
        set_up(form="json", level="info", file=path)
        report(1)
        os.rename(path, tmp_path / "taken")
        clock.now_s += 1
        report(2)
        assert (numbers(tmp_path / "taken"), numbers(path)) == ([1], [2])
