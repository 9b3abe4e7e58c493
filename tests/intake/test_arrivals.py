"""When a file counts as complete, by an injected clock."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from kit.core import until
from kit.intake import section

from lab_sender import files, writers
from lab_sender.intake import arrivals, at_rest
from lab_sender.intake.arrivals import Arrivals

LINUX = pytest.mark.skipif(sys.platform not in ("linux", "win32"), reason="this system knows of no writers")
LONG_AGO = 10**18
GRAIN_NS = at_rest._GRAIN_NS
TICK_NS = 100
"""The least between two times of files that NTFS keeps apart."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Outbox:
    """An outbox that settles after 100 s of a clock in our hands."""

    def __init__(self, folder: Path, marker: str = "") -> None:
        self.folder = folder
        self.clock = Clock()
        settings = section(settle_s=100.0, marker=marker, temporary=("*.tmp", "*.PART", "~$*"))
        self.arrivals = Arrivals(folder, settings, clock=self.clock)

    def put(self, name: str, data: bytes = b"x") -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def look(self, *closed: str, after_s: float = 0.0) -> list[str]:
        self.clock.now += after_s
        return [look.name for look in self.arrivals.complete(closed)]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path)


def test_what_was_a_marker_is_none_by_other_settings(tmp_path: Path) -> None:
    """Then it is a file like others: nobody may take it away with the one that it would have completed."""
    arrivals = Arrivals(tmp_path, section(settle_s=0.0, marker=".ok", temporary=()))
    for name in ("a.hl7", "a.hl7.ok"):
        (tmp_path / name).write_bytes(b"x")
    assert [look.name for look in arrivals.complete({"a.hl7.ok"})] == ["a.hl7"]  # and it could not be claimed
    arrivals.use(section(settle_s=0.0, marker="", temporary=("*.tmp",)))
    (tmp_path / "b.tmp").write_bytes(b"x")
    assert {look.name for look in arrivals.complete({"a.hl7.ok"})} == {"a.hl7", "a.hl7.ok"}
    assert arrivals.taken("a.hl7") == []


def test_what_was_complete_without_a_marker_waits_for_one_by_other_settings(outbox: Outbox) -> None:
    outbox.put("a")
    assert outbox.look("a") == ["a"]  # and it could not be claimed
    outbox.arrivals.use(section(settle_s=100.0, marker=".ok", temporary=()))
    assert outbox.look(after_s=1000) == []
    outbox.put("a.ok")
    assert outbox.look("a.ok") == ["a"]


def test_two_looks_apart_that_saw_the_same(outbox: Outbox) -> None:
    outbox.put("a")
    assert outbox.look() == []
    assert outbox.arrivals.unsettled
    assert outbox.look(after_s=99) == []
    assert outbox.look(after_s=1) == ["a"]
    (outbox.folder / "a").unlink()
    assert outbox.look() == []
    assert not outbox.arrivals.unsettled


def test_a_change_begins_the_wait_anew(outbox: Outbox) -> None:
    path = outbox.put("a")
    os.utime(path, ns=(LONG_AGO * 3, LONG_AGO * 3))  # in the future: other clocks are not trusted
    outbox.look()
    path.write_bytes(b"xy")
    assert outbox.look(after_s=100) == []
    path.unlink()
    outbox.put("a", b"zz")
    assert outbox.look(after_s=99) == []
    assert outbox.look(after_s=99) == []
    assert outbox.look(after_s=1) == ["a"]


def test_what_the_doorbell_says_during_a_look_counts_in_it(outbox: Outbox) -> None:
    def during_the_look() -> list[str]:
        outbox.put("late").write_bytes(b"whole")
        os.utime(outbox.put("older"), ns=(LONG_AGO, LONG_AGO))  # the look had passed its place
        return ["older", "late", "gone", "x.tmp"]

    for name, mtime_ns in (("heard", LONG_AGO + 200), ("late", LONG_AGO + 100)):
        os.utime(outbox.put(name), ns=(mtime_ns, mtime_ns))
    looks = outbox.arrivals.complete(["heard"], during_the_look)
    assert [(look.name, look.size) for look in looks] == [("older", 1), ("heard", 1), ("late", 5)]
    assert not outbox.arrivals.unsettled


def test_the_doorbell_says_that_the_writer_is_done(outbox: Outbox) -> None:
    outbox.put("a")
    outbox.put("b")
    assert outbox.look("a", "gone") == ["a"]


def test_an_empty_file_waits_longer_and_the_doorbell_does_not_help(outbox: Outbox) -> None:
    outbox.put("a", b"")
    assert outbox.look("a") == []
    assert outbox.look("a", after_s=999) == []
    assert outbox.look(after_s=1) == ["a"]


@LINUX
def test_a_file_still_open_for_writing_is_not_complete(outbox: Outbox) -> None:
    with (outbox.folder / "a").open("wb") as writer:
        writer.write(b"half")
        writer.flush()
        assert outbox.look() == []
        assert outbox.look(after_s=500) == []
    assert outbox.look() == ["a"]


@LINUX
def test_an_old_file_without_a_writer_is_complete_at_the_first_look(outbox: Outbox) -> None:
    for name in ("old", "open"):
        os.utime(outbox.put(name), ns=(LONG_AGO, LONG_AGO))
    os.utime(outbox.put("empty", b""), ns=(LONG_AGO, LONG_AGO))
    with (outbox.folder / "open").open("r+b"):
        assert outbox.look() == ["old"]
    assert not outbox.arrivals.wants_another


def test_where_nobody_can_be_asked_two_looks_decide(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab_sender.writers.can_be_asked", lambda _: False)
    share = Outbox(outbox.folder)
    os.utime(share.put("a"), ns=(LONG_AGO, LONG_AGO))
    with (share.folder / "a").open("r+b"):
        assert share.look() == []
        assert share.look(after_s=100) == ["a"]


def test_a_marker_completes_and_only_a_marker(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, marker=".ok")
    os.utime(outbox.put("a"), ns=(LONG_AGO, LONG_AGO))
    outbox.put("b", b"")
    assert outbox.look("a", "b") == []
    assert outbox.look(after_s=5000) == []
    outbox.put("a.ok", b"")
    outbox.put("nobody.ok", b"")
    assert outbox.look("a.ok") == ["a"]
    outbox.put("b.ok", b"")
    assert set(outbox.look("b.ok")) == {"a", "b"}
    assert outbox.arrivals.taken("a") == [tmp_path / "a.ok"]


def test_temporary_names_are_never_complete(outbox: Outbox) -> None:
    for name in ("a.tmp", "b.TMP", "c.part", "~$d.json", ".hidden", ".lab_sender"):
        outbox.put(name)
    assert outbox.look("a.tmp", ".hidden") == []
    assert outbox.look(after_s=5000) == []
    (outbox.folder / "a.tmp").rename(outbox.folder / "a.json")
    assert outbox.look("a.json") == ["a.json"]


def test_order_is_by_time_then_name(outbox: Outbox) -> None:
    for name, turn in (("c", 100), ("b", 200), ("a", 200), ("d", 0)):
        os.utime(outbox.put(name), ns=(LONG_AGO, LONG_AGO + turn))
    assert outbox.look("a", "b", "c", "d") == ["d", "c", "a", "b"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX files")
def test_what_is_no_file_is_said_once_and_never_opened(outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(outbox.folder / "fifo")
    (outbox.folder / "link").symlink_to("/etc/passwd")
    (outbox.folder / "loop").symlink_to("loop")
    (outbox.folder / "sent").mkdir()
    with caplog.at_level(logging.WARNING, "lab_sender"):
        for _ in range(3):
            assert outbox.look("fifo", "link", "loop", "sent", after_s=5000) == []
    assert [record.message for record in caplog.records] == ["outbox.not-a-file"] * 3
    assert not outbox.arrivals.unsettled


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_FIRST", 2)
    monkeypatch.setattr(arrivals, "_AT_ONCE", 3)


def _many(outbox: Outbox, count: int) -> list[str]:
    """Complete files in order of arrival, in another order by name."""
    names = [f"{(number * 7) % count}.json" for number in range(count)]
    for number, name in enumerate(names):
        os.utime(outbox.put(name), ns=(LONG_AGO, LONG_AGO + number * TICK_NS))
    return names


@pytest.mark.usefixtures("few_at_once")
def test_of_very_many_files_the_oldest_are_judged_first(outbox: Outbox) -> None:
    names = _many(outbox, 10)
    looks = []
    while some := outbox.look(*names, after_s=0.001):
        looks.append(some)
        for name in some:
            (outbox.folder / name).unlink()
            outbox.arrivals.taken(name)
        assert outbox.arrivals.goes_on == (sum(map(len, looks)) < 10)
    assert looks == [names[:2], names[2:5], names[5:8], names[8:]]
    _many(outbox, 5)
    assert len(outbox.look(*names)) == 2, "the next time a few come first again"


@pytest.mark.usefixtures("few_at_once")
def test_of_very_many_files_each_comes_in_its_turn_however_many_have_its_time(outbox: Outbox) -> None:
    random, turns = Random(16), list[tuple[int, str]]()
    for number in range(60):
        name, tick = f"{random.randrange(1000)}-{number}.json", random.randrange(8)
        os.utime(outbox.put(name), ns=(LONG_AGO, LONG_AGO + tick * TICK_NS))
        turns.append((tick, name))
    names, came = [name for _, name in turns], list[str]()
    while some := outbox.look(*names, after_s=0.001):
        came += some
        for name in some:
            (outbox.folder / name).unlink()
            outbox.arrivals.taken(name)
    assert came == [name for _, name in sorted(turns)]


@pytest.mark.usefixtures("few_at_once")
def test_what_cannot_be_claimed_does_not_hide_what_is_behind_it(outbox: Outbox) -> None:
    names = _many(outbox, 10)
    seen = [outbox.look(*names) for _ in range(4)]
    assert [len(each) for each in seen] == [2, 4, 8, 10]
    assert not outbox.arrivals.goes_on, "nobody turns in a circle"


@pytest.mark.usefixtures("few_at_once")
def test_what_can_never_be_claimed_does_not_keep_the_others_from_settling(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a share nobody can be asked for writers: two looks, one after the other, must see the same file."""
    monkeypatch.setattr(writers, "can_be_asked", lambda _: False)
    outbox.arrivals = Arrivals(outbox.folder, section(settle_s=100.0), clock=outbox.clock)
    stuck = _many(outbox, 5)
    os.utime(outbox.put("late.json"), ns=(LONG_AGO, LONG_AGO + 9 * TICK_NS))
    seen = [outbox.look(after_s=100) for _ in range(8)]
    assert [*stuck, "late.json"] in seen
    assert seen[-1] == [*stuck, "late.json"], "and it stays called until it is claimed"


@pytest.mark.usefixtures("few_at_once")
def test_what_is_rewritten_during_a_look_takes_its_new_turn(outbox: Outbox) -> None:
    names = _many(outbox, 4)

    def during_the_look() -> list[str]:
        outbox.put(names[0], b"another one")
        return [names[0]]

    found = outbox.arrivals.complete(names, meanwhile=during_the_look)
    assert [look.name for look in found] == names[1:2]


@pytest.mark.usefixtures("few_at_once")
def test_what_comes_during_a_look_does_not_overtake_what_it_leaves(outbox: Outbox) -> None:
    names = _many(outbox, 4)

    def during_the_look() -> list[str]:
        outbox.put("new.json")
        return ["new.json"]

    found = outbox.arrivals.complete(names, meanwhile=during_the_look)
    assert [look.name for look in found] == names[:2]


@LINUX
@pytest.mark.parametrize("marker", ["", ".ok"])
def test_what_comes_during_a_listing_waits_for_what_came_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    """A folder is not listed in one instant: the place of the older one has been passed when both come."""
    outbox = Outbox(tmp_path, marker)

    def put(name: str, turn: int) -> None:
        os.utime(outbox.put(name), ns=(LONG_AGO + turn * TICK_NS,) * 2)
        if marker:
            outbox.put(name + marker)

    def passing(folder: Path) -> Iterator[os.DirEntry[str]]:
        found = [*os.scandir(folder)]
        yield from found
        if {each.name for each in found} == {"first", "first" + marker}:
            put("older", 1)
            put("newer", 2)
            yield from (each for each in os.scandir(folder) if each.name.startswith("newer"))

    put("first", 0)
    monkeypatch.setattr(at_rest, "_GRAIN_NS", GRAIN_NS)
    seen_ns = time.time_ns() + GRAIN_NS
    until(lambda: time.time_ns() > seen_ns, "a file that has lain there for a while")
    monkeypatch.setattr(files, "entries", passing)
    assert outbox.look() == ["first"]
    assert outbox.arrivals.wants_another
    (tmp_path / "first").unlink()
    monkeypatch.setattr(at_rest, "_GRAIN_NS", -(10**9))  # a look of a second later
    assert outbox.look() == ["older", "newer"]


@LINUX
def test_what_the_disk_gives_no_time_of_waits_for_the_next_look(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(outbox.put("a"), ns=(LONG_AGO, LONG_AGO))
    monkeypatch.setattr(writers, "at_rest_since", lambda *_: sys.maxsize)
    assert outbox.look() == []
    assert outbox.arrivals.wants_another
    assert outbox.look() == ["a"]


@LINUX
def test_the_clock_of_a_share_says_nothing_of_when_a_look_began(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows knows of writers there; a server's clock may be behind."""
    monkeypatch.setattr(writers, "is_local", lambda _: False)
    share = Outbox(outbox.folder)
    os.utime(share.put("a"), ns=(LONG_AGO, LONG_AGO))
    monkeypatch.setattr(writers, "at_rest_since", lambda *_: 1)
    assert share.look() == []
    assert share.look() == ["a"]


@LINUX
def test_what_the_disk_gives_whole_seconds_of_waits_for_the_next_look(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(outbox.put("a"), ns=(LONG_AGO, LONG_AGO))
    monkeypatch.setattr(writers, "at_rest_since", lambda *_: LONG_AGO)
    assert outbox.look() == []
    assert outbox.look() == ["a"]


def test_where_nobody_can_be_asked_a_marked_file_waits_for_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "is_local", lambda _: False)
    monkeypatch.setattr(writers, "at_rest_since", lambda *_: pytest.fail("it is not asked"))
    share = Outbox(tmp_path, marker=".ok")
    share.put("a")
    share.put("a.ok")
    assert share.look() == []
    assert share.arrivals.wants_another
    assert share.look() == ["a"]


def test_a_file_that_grows_beside_its_marker_makes_no_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "is_local", lambda _: False)
    share = Outbox(tmp_path, marker=".ok")
    share.put("a.ok")
    wanted = []
    for size in range(1, 5):
        share.put("a", b"x" * size)
        assert share.look() == []
        wanted.append(share.arrivals.wants_another)
    assert wanted == [True, False, False, False]
    assert share.look() == ["a"]


@LINUX
@pytest.mark.parametrize("late", ["a", "a.ok"])
def test_neither_a_file_nor_its_marker_that_came_before_lets_the_other_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    outbox = Outbox(tmp_path, marker=".ok")
    outbox.put("a.ok")
    outbox.put("a")
    now_ns = time.time_ns() + 10**10
    monkeypatch.setattr(writers, "at_rest_since", lambda path, *_: now_ns if Path(path).name == late else 1)
    assert outbox.look() == []
    assert outbox.look() == ["a"]


def test_an_outbox_that_is_away_says_so(outbox: Outbox) -> None:
    outbox.folder.rmdir()
    with pytest.raises(FileNotFoundError):
        outbox.look()
