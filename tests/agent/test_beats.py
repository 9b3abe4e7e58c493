"""What an agent writes of itself, part by part, and how it is read."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from kit.core import until
from kit.system import is_private

from lab_sender.agent.beats import Beats, Pulse
from lab_sender.premises.beat import BEAT_NAME, Beat, is_fresh, last_beat, now_ms, silent_parts


def test_a_part_is_silent_beyond_what_it_said() -> None:
    clock = [100.0]
    seen = Beats(lambda: clock[0])
    lane, keeper = seen.of("lane"), seen.of("keeper")
    assert seen.silent_s() == {}, "a part that has not begun is not silent"
    lane(60.0)
    keeper(0.1)
    clock[0] += 50.0
    assert seen.silent_s() == {"lane": 0.0, "keeper": pytest.approx(49.9)}
    clock[0] += 50.0
    keeper(0.0)
    assert seen.silent_s() == {"lane": 40.0, "keeper": 0.0}


def test_it_is_written_beside_the_journal_while_the_agent_works(tmp_path: Path) -> None:
    assert last_beat(tmp_path) is None
    seen = Beats()
    with Pulse(tmp_path, seen) as pulse:
        first = last_beat(tmp_path)
        assert first is not None
        assert (first.pid, first.ended, first.journal) == (os.getpid(), False, "")
        assert is_fresh(first)
        seen.of("lane")(0.0)
        pulse.watch(lambda: ("journal.full", 1234))
        seen.leads = lambda: False
        until(lambda: (last_beat(tmp_path) or first).journal == "journal.full")
        until(lambda: not (last_beat(tmp_path) or first).leads)
        now = last_beat(tmp_path)
        assert now is not None
        assert (list(now.silent_s), now.journal_since_ms, first.leads) == (["lane"], 1234, True)
    last = last_beat(tmp_path)
    assert last is not None
    assert (last.ended, last.journal, last.silent_s) == (True, "", {})
    assert not is_fresh(last)


def test_an_agent_that_fails_has_not_ended_in_good_order(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Pulse(tmp_path, Beats()):
        raise RuntimeError
    last = last_beat(tmp_path)
    assert last is not None
    assert not last.ended


def test_it_is_written_in_place_and_for_its_owner_alone(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o755)
    with Pulse(tmp_path, Beats()):
        path = tmp_path / BEAT_NAME
        before = path.stat()
        time.sleep(0)
    assert (path.stat().st_ino, path.stat().st_size) == (before.st_ino, 4096)
    assert is_private(path)


def test_hundreds_of_lanes_fit(tmp_path: Path) -> None:
    clock = [0.0]
    seen = Beats(lambda: clock[0])
    for number in range(400):
        seen.of(f"lane destination-{number}")(0.0)
    clock[0] = 40.0
    for number in range(399):
        seen.of(f"lane destination-{number}")(0.0)
    with Pulse(tmp_path, seen):
        beat = last_beat(tmp_path)
        assert beat is not None
        assert silent_parts(beat) == {"lane destination-399": 40.0}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "more": 2}'])
def test_what_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / BEAT_NAME).write_text(text)
    assert last_beat(tmp_path) is None


def test_a_file_that_stays_as_it_is_means_the_whole_agent(tmp_path: Path) -> None:
    now = now_ms()
    old = Beat(1, now - 100_000, now - 45_000, {"lane": 0.0})
    (tmp_path / BEAT_NAME).write_text(json.dumps(old._asdict()))
    assert list(silent_parts(last_beat(tmp_path))) == ["agent"]
    assert not is_fresh(last_beat(tmp_path))
    part = old._replace(at_ms=now, silent_s={"lane": 31.0, "keeper": 2.0})
    assert silent_parts(part) == {"lane": 31.0}
    assert is_fresh(part)
