"""A process that deletes is killed at random instants: what is not finished is there, and the journal is whole."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kit.examples import one_of
from kit.grown import grow, make_folders

KILLS = 10 // one_of(3)
_UNFINISHED = "state IN ('spooled', 'sending', 'quarantined') OR contradicted <> ''"
_COUNTS = f"""
SELECT state, contradicted, COUNT(*), TOTAL(id) FROM message WHERE {_UNFINISHED} GROUP BY 1, 2
UNION ALL SELECT 'bytes', '', COUNT(*), TOTAL(crc32) FROM message m JOIN wire w ON w.message_id = m.id
 WHERE {_UNFINISHED}
UNION ALL SELECT 'files', f.folder, COUNT(*), TOTAL(f.id) FROM message m JOIN file f ON f.source_id = m.source_id
 WHERE {_UNFINISHED} GROUP BY 2
UNION ALL SELECT 'orders', '', COUNT(DISTINCT o.order_key), 0 FROM message_order o
 LEFT JOIN message m ON m.id = o.message_id WHERE o.digest IS NOT NULL OR m.state = 'acked'
"""
_PROGRAM = """
import datetime, sys
from pathlib import Path
from lab_sender.config.folders import Folders
from lab_sender.config.retention import Retention
from lab_sender.filing import purge
from lab_sender.journal import Journal

folder = Path(sys.argv[1])
purge._PAUSE_S = 0.01
journal = Journal(folder / "journal.db")
journal.begin()
periods = dict.fromkeys(("content", "sent", "dismissed", "record"), "200d")
settings = Retention.model_validate({**periods, "window": "00:00-23:59 UTC"})
folders = Folders(folder, folder, folder, folder, folder)
noon = lambda: datetime.datetime.now(datetime.UTC).replace(hour=12)
print("begun", flush=True)
whole = purge.Purge(journal, {"": folders}, settings, now=noon).night(settings)
print("whole" if whole else "failed", flush=True)
"""


@pytest.mark.long
def test_killed_at_random_instants_nothing_unfinished_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 6_000, days=400)
    make_folders(path, tmp_path, tmp_path)
    before = _unfinished(path)
    assert len(before) >= 4
    numbers = random.Random(13)
    left = [_messages(path)]
    for _ in range(KILLS):
        assert not _run(tmp_path, numbers.random() * 0.2)
        assert _unfinished(path) == before
        left.append(_messages(path))
    assert left[-1] < left[0], "the kills came while it deleted"
    assert _run(tmp_path, None)
    assert _unfinished(path) == before
    assert _messages(path) < 6_100


def _run(folder: Path, kill_after_s: float | None) -> bool:
    """Let it delete, and kill it; True where it came to its end."""
    program = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "begun\n"
    if kill_after_s is not None:
        try:
            program.wait(kill_after_s)
        except subprocess.TimeoutExpired:
            program.kill()
    said = program.stdout.read()
    program.wait()
    program.stdout.close()
    return said == "whole\n"


def _unfinished(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        dangling = "SELECT COUNT(*) FROM {} t WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = t.message_id)"
        for table in ("wire", "attempt", "answer"):
            assert db.execute(dangling.format(table)).fetchone() == (0,), table
        return db.execute(_COUNTS).fetchall()


def _messages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT (SELECT COUNT(*) FROM message) + (SELECT COUNT(*) FROM wire)").fetchone()[0])
