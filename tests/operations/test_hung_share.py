"""A share that hangs: whoever asks how it stands is answered, and told that it does not answer."""

from __future__ import annotations

import builtins
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kit.core import until

from lab_sender import files
from lab_sender.cli import status as command
from lab_sender.cli.main import main
from lab_sender.journal import Journal
from lab_sender.operations import installation as module
from lab_sender.operations import outboxes
from lab_sender.operations.installation import Installation
from lab_sender.operations.status import Status, status
from lab_sender.premises.names import LOCK_NAME

_CALLS = ("stat", "lstat", "scandir", "listdir", "open", "readlink", "access")


class Share:
    """A folder in which every call of this process hangs, until it answers again."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = os.path.abspath(folder)
        self._answers = threading.Event()
        self._answers.set()
        self.hanging = 0
        for name in _CALLS:
            monkeypatch.setattr(os, name, self._slow(getattr(os, name)))
        monkeypatch.setattr(builtins, "open", self._slow(open))

    def _slow(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *given: Any, **more: Any) -> Any:
            if not isinstance(path, int) and os.fspath(path) and str(os.fspath(path)).startswith(self._folder):
                self.hanging += not self._answers.is_set()
                assert self._answers.wait(10)
            return plain(path, *given, **more)

        return call

    @contextlib.contextmanager
    def hangs(self) -> Iterator[None]:
        self._answers.clear()
        try:
            yield
        finally:
            self._answers.set()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with two outboxes, one of them on the share; its journal is elsewhere, and has served both."""
    for each in (module, outboxes):
        monkeypatch.setattr(each, "LOOK_S", 0.2)
    for name in ("share", "disk"):
        (tmp_path / name / ".lab-sender" / "claimed").mkdir(parents=True)
    (tmp_path / "state").mkdir()
    config = tmp_path / "config.yaml"
    config.write_text(
        "outboxes:\n- folder: disk\n- folder: share\n"
        "his: {host: 127.0.0.1, port: 9}\nfolders: {journal: state}\nweb: {listen: off}\n"
    )
    with closing(Journal(Installation(config).journal_path)) as journal:
        journal.begin(outboxes=["disk", "share"])
        journal.end()
    (tmp_path / "disk" / "a.json").write_text("{}")
    return config


@pytest.fixture
def share(site: Path, monkeypatch: pytest.MonkeyPatch) -> Share:
    return Share(site.parent / "share", monkeypatch)


def _conditions(now: Status) -> dict[str, str]:
    return {each.code: each.text for each in now.conditions}


@pytest.mark.parametrize("runs", [False, True])
def test_it_is_told_that_it_does_not_answer_and_the_rest_is_seen(site: Path, share: Share, runs: bool) -> None:
    lock = files.take_lock(site.parent / "state" / LOCK_NAME) if runs else None
    with share.hangs():
        found = status(Installation(site))
        hanging = share.hanging
        again = status(Installation(site))
        assert share.hanging == hanging > 0, "no second look hangs beside the first"
    assert _conditions(again) == _conditions(found)
    told = _conditions(found)
    assert told["outbox.unreachable"] == f"the outbox {site.parent / 'share'} does not answer"
    assert found.running == runs
    assert [(each.hangs, each.files) for each in found.outboxes] == [(False, 1), (True, None)]
    until(lambda: "outbox.unreachable" not in _conditions(status(Installation(site))))
    if lock is not None:
        lock.close()


def test_the_command_says_so_to_a_monitor(site: Path, share: Share) -> None:
    with share.hangs():
        done = CliRunner().invoke(main, ["--config", str(site), "status"])
        listed = CliRunner().invoke(main, ["--config", str(site), "list", "--outbox"])
    assert (done.exit_code, "does not answer" in done.output.splitlines()[0]) == (2, True)
    assert f"does not answer, {site.parent / 'share'}" in done.output
    assert listed.exit_code != 0
    assert "outbox.unreachable" in listed.output
    assert "does not answer" in listed.output


def test_where_the_journals_disk_hangs_too_nothing_is_known(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_LONGEST_S", 0.2)
    disk = Share(site.parent / "state", monkeypatch)
    with disk.hangs():
        done = CliRunner().invoke(main, ["--config", str(site), "status"])
    assert (done.exit_code, done.output.startswith("UNKNOWN - status.hangs: ")) == (3, True)
