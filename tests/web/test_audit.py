"""The audit: rows are only added, a changed one is named, acts stand there before they are done."""

from __future__ import annotations

import datetime
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from kit.system import is_private

from lab_sender.operations import audit as module
from lab_sender.operations.audit import Audit
from lab_sender.operations.records import FileRecords, RecordsDamaged
from lab_sender.operations.rights_of import Visitor

ANNA = Visitor(name="anna", role="operator", address="10.0.0.7")


@pytest.fixture
def records(tmp_path: Path) -> FileRecords:
    return FileRecords(tmp_path / "operations.db")


@pytest.fixture
def audit(records: FileRecords) -> Audit:
    made = Audit(records)
    for number in range(1, 8):
        made.note(ANNA, "api wire", target=str(number), patient=f"P{number}", why="asked by phone")
    return made


def tamper(path: Path, *statements: str, triggers: bool = False) -> None:
    """Change the file as somebody would who has the right to write it."""
    db = sqlite3.connect(path)
    if not triggers:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
    for each in statements:
        db.execute(each)
    db.commit()
    db.close()


def test_what_was_written_is_found_again(audit: Audit) -> None:
    verdict = audit.verify()
    assert (verdict.ok, verdict.rows, verdict.first_wrong) == (True, 7, None)
    newest = audit.listing(limit=2)
    assert [(each.id, each.who, each.target, each.address) for each in newest.rows] == [
        (7, "anna", "7", "10.0.0.7"), (6, "anna", "6", "10.0.0.7"),
    ]  # fmt: skip
    assert newest.more
    assert [each.id for each in audit.listing(before=3).rows] == [2, 1]
    assert audit.listing(who="berta").rows == ()


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("UPDATE audit SET who = 'berta' WHERE id = 4", 4),
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE id = 1", 1),
        ("UPDATE audit SET patient = 'P9' WHERE id = 5", 5),
        ("UPDATE audit SET why = '' WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 7", 7),
        ("DELETE FROM audit WHERE id > 2", 3),
        ("DELETE FROM audit", 1),
        ("UPDATE audit SET hash = x'00' WHERE id = 6", 6),
        ("INSERT INTO audit SELECT 8, year, at_ms, who, role, address, act, phase, asked, '9', patient, why, detail,"
         " hash FROM audit WHERE id = 7", 8),
    ],
)  # fmt: skip
def test_the_first_changed_row_is_named(audit: Audit, records: FileRecords, statement: str, wrong: int) -> None:
    tamper(records.path, statement)
    verdict = audit.verify()
    assert (verdict.ok, verdict.first_wrong) == (False, wrong)
    assert f"row {wrong} " in verdict.text


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET who = 'berta'", "DELETE FROM audit", "DELETE FROM audit_segment",
     "UPDATE audit_segment SET opening = x'01'"],
)  # fmt: skip
def test_rows_are_only_added(audit: Audit, records: FileRecords, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        tamper(records.path, statement, triggers=True)
    assert audit.verify().ok


def test_each_year_begins_with_the_hash_that_the_one_before_closed_with(
    records: FileRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(records)
    for year in (2026, 2026, 2027, 2029, 2028, 2029):  # a clock that was set back opens no year
        at = datetime.datetime(year, 6, 1, tzinfo=datetime.UTC).timestamp()
        monkeypatch.setattr(module, "now_ms", lambda at=at: round(at * 1000))
        audit.note(ANNA, "login")
    assert audit.verify().years == (2026, 2027, 2029)
    segments = records.rows("SELECT year, opening, closing, last_id FROM audit_segment ORDER BY year")
    assert segments[0][2] == segments[1][1]
    assert segments[1][2] == segments[2][1]
    assert [each[3] for each in segments] == [2, 3, None]
    assert audit.remove_year(ANNA, 2026) == 2
    verdict = audit.verify()
    assert (verdict.ok, verdict.years, verdict.removed_years) == (True, (2027, 2029), (2026,))
    assert audit.listing(limit=1).rows[0].act == "audit-remove"
    tamper(records.path, "DELETE FROM audit WHERE year = 2027")
    assert audit.verify().first_wrong == 3


def test_only_whole_years_that_have_ended_are_removed(audit: Audit) -> None:
    this = datetime.datetime.now(datetime.UTC).year
    for year in (this, 1999):
        with pytest.raises(module.LabSenderError, match=r"audit\.year"):
            audit.remove_year(ANNA, year)
    assert audit.verify().rows == 7


def test_an_act_has_two_rows_and_a_rejected_one_its_code(audit: Audit) -> None:
    with audit.around(ANNA, "release", target="12", why="corrected") as detail:
        assert audit.listing(limit=1).rows[0].phase == "asked", "before it is done"
        detail.append("goes-out")
    with pytest.raises(module.LabSenderError), audit.around(ANNA, "release", target="13", why="corrected"):
        raise module.LabSenderError("release.state", "it is delivered.")
    rows = audit.listing(limit=4).rows[::-1]
    assert [(each.phase, each.asked, each.detail) for each in rows] == [
        ("asked", None, ""), ("done", 8, "goes-out"), ("asked", None, ""), ("rejected", 10, "release.state"),
    ]  # fmt: skip


def test_killed_between_asked_and_the_act(records: FileRecords) -> None:
    """It stands there as asked for, and not as done."""
    program = (
        "import sys; from pathlib import Path; from lab_sender.operations.audit import Audit\n"
        "from lab_sender.operations.records import FileRecords; from lab_sender.operations.rights_of import Visitor\n"
        "audit = Audit(FileRecords(Path(sys.argv[1])))\n"
        "with audit.around(Visitor('anna', 'operator'), 'release', target='12', why='x'):\n"
        "    print('asked', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(records.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        os.kill(process.pid, signal.SIGKILL)
    (row,) = Audit(records).listing().rows
    assert (row.act, row.phase, row.target) == ("release", "asked", "12")
    assert Audit(records).verify().ok


def test_who_opens_the_file_while_another_one_does_waits_for_him(records: FileRecords) -> None:
    """SQLite itself would not."""
    opened = threading.Event()

    def open_it() -> None:
        Audit(FileRecords(records.path)).note(ANNA, "login")
        opened.set()

    with closing(sqlite3.connect(records.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        thread = threading.Thread(target=open_it)
        thread.start()
        assert not opened.wait(0.1)
        other.execute("COMMIT")
    thread.join()
    assert opened.is_set()
    assert Audit(records).verify().rows == 1


def test_several_processes_and_threads_write_one_chain(records: FileRecords) -> None:
    other = FileRecords(records.path)
    audits = [Audit(records), Audit(other)]

    def write(audit: Audit) -> None:
        for _ in range(20):
            audit.note(ANNA, "login")

    threads = [threading.Thread(target=write, args=(each,)) for each in audits * 2]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (audits[0].verify().ok, audits[0].verify().rows) == (True, 80)


def test_a_damaged_file_is_told_and_stays(records: FileRecords) -> None:
    records.path.write_bytes(b"no database at all, " * 400)
    with pytest.raises(RecordsDamaged, match=r"records\.damaged"):
        records.rows("SELECT 1 FROM audit")
    assert records.path.read_bytes().startswith(b"no database")


def test_the_file_is_its_owners_alone(audit: Audit, records: FileRecords) -> None:
    assert audit is not None
    for path in records.path.parent.iterdir():
        assert is_private(path), path.name
