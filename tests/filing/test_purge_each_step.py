"""Retention ends without a word at each of its steps in turn: a night later all is as if it had not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kit.core import bad, entry, rows
from kit.purging import ALL, House, retention

from lab_sender import files
from lab_sender.filing import purge as purge_module
from lab_sender.filing.purge import Purge
from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import Journal
from lab_sender.journal.sqlite.aside import SqliteAside

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it ends a fork at each step; test_purge_killed runs")


def _fill(house: House) -> None:
    house.claim("waits.json", entry("WAITS"), entry("SIBLING"))
    house.claim("refused.json", entry("REFUSED"), attachment="refused.pdf")
    house.claim("unbuilt.json", entry("BUILT"), bad())
    house.claim("old.json", entry("OLD"), entry("GIVEN-UP"), attachment="old.pdf")
    house.claim("copied.json", entry("COPIED"))
    house.claim("unread.json", code="json.syntax")
    house.deliver("SIBLING", "BUILT", "OLD")
    house.refuse("REFUSED", "COPIED", "GIVEN-UP")
    ids = dict(rows(house.journal, "SELECT control_id, id FROM message"))
    house.journal.operator.dismiss(ids["GIVEN-UP"], "why")
    house.journal.operator.resend(ids["COPIED"], new_control_id="COPY", restamp=with_control_id)
    house.journal.operator.dismiss_file(6, "why")
    house.deliver("COPY")
    house.keep()


class _Steps:
    """Counts what changes something, and ends the process at one of them: before it, or after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
        self.count, self._last = 0, last
        for name in ("append", "remove", "sync_folder", "remove_if_empty"):
            monkeypatch.setattr(files, name, self._counted(getattr(files, name)))
        transaction = SqliteAside.transaction

        def counted(aside: SqliteAside) -> Any:
            self._step()
            return transaction(aside)

        monkeypatch.setattr(SqliteAside, "transaction", counted)
        monkeypatch.setattr(SqliteAside, "finish", self._counted(SqliteAside.finish))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*values: Any, **named: Any) -> Any:
            self._step()
            found = call(*values, **named)
            self._step()
            return found

        return counted

    def _step(self) -> None:
        self.count += 1
        if self.count == self._last:
            os._exit(9)


def _night(folder: Path, days: int, last: int) -> int:
    """Let retention work in a process of its own, which ends at its `last` step; returns how many there were."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch, closing(Journal(folder / "journal.db")) as journal:
                house = House.over(folder, journal, days)
                patch.setattr(purge_module, "_PAUSE_S", 0.0)
                patch.setattr(files, "fsync", lambda _: None)  # no power cut here
                steps = _Steps(patch, last)
                settings = retention(**{**ALL, "archive": str(folder / "archive")})
                whole = Purge(journal, {"": house.folders}, settings, now=house.now).night(settings)
                os.write(writing, b"%d" % (steps.count if whole else 0))
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading, "rb") as pipe:
        return int(pipe.read() or 0)


def _state(folder: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = ("message", "wire", "source", "former_id", "tally", "owed", "remark", "answer")
        state: dict[str, Any] = {}
        for name in tables:
            state[name] = db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
        state["orders"] = db.execute("SELECT * FROM message_order ORDER BY message_id").fetchall()
        state["attempts"] = db.execute("SELECT message_id, number, ack FROM attempt ORDER BY 1, 2").fetchall()
        state["places"] = db.execute("SELECT id, folder, filed_as FROM file ORDER BY id").fetchall()
    state["files"] = sorted(str(path.relative_to(folder)) for path in (folder / "house").rglob("*") if path.is_file())
    return state


def _unfinished(folder: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "journal.db")) as db:
        return db.execute(
            "SELECT m.id, m.state, w.body FROM message m JOIN wire w ON w.message_id = m.id"
            " WHERE m.state IN ('spooled', 'quarantined') ORDER BY 1"
        ).fetchall()


@pytest.mark.long
def test_whichever_step_was_its_last(tmp_path: Path) -> None:
    """Bytes, files and records go in one night here."""
    days = 120
    begin = tmp_path / "begin"
    begin.mkdir()
    (begin / "archive").mkdir()
    with closing(Journal(begin / "journal.db")) as journal:
        journal.begin()
        house = House(begin, journal)
        _fill(house)
    whole = _copy(begin, tmp_path / "whole")
    number = _night(whole, days, 0)
    assert number > 20
    wanted = _state(whole)
    assert _unfinished(whole) == _unfinished(begin)
    assert len(_unfinished(begin)) == 2
    for last in range(1, number + 1):
        here = _copy(begin, tmp_path / "here")
        assert _night(here, days, last) == 0
        assert _night(here, days, 0)
        assert _state(here) == wanted, f"step {last} of {number}"
        shutil.rmtree(here)


def _copy(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target
