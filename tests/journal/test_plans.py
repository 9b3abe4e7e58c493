"""No question of the journal reads what history makes long: SQLite's plan of every statement in journal/sql/."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from lab_sender.journal import Journal
from lab_sender.journal.sqlite import schema
from lab_sender.journal.statements import Statements

BOOKS = sorted(Path(str(file)).stem for file in (resources.files("lab_sender.journal") / "sql").iterdir())
SMALL = {
    "k": "the values that were asked about (json_each)",
    "t": "the tally: three rows for a destination",
    "tally": "three rows for a destination",
    "lane": "a row for a destination",
    "c": "what was counted, a row each",
    "p": "what a recursion has found so far",
    "e": "the earlier readings of the files of a batch",
    "d": "the destinations of one file",
    "r": "the readings of the files of a batch",
    "found": "what a recursion has found so far",
    "chain": "the readings of one file",
    "verdict": "what was accepted since the last transaction",
    "v": "what was accepted since the last transaction",
}
"""What may be read from one end to the other."""
PARTIAL = {
    "file_claimed": "files that are not filed yet",
    "file_moving": "files that are being moved just now",
    "source_returns": "files that a person has released",
    "message_contradicted": "messages that the HIS has contradicted",
}
"""Indexes of a part of a table that only people or troubles make longer."""
TO_A_LIMIT = {
    ("lists", "newest"): "by id from the end, until there are enough: every message counts",
    ("lists", "acked"): "by first tries from the end, until there are enough: nearly every one ends in a delivery",
    ("lists", "contradicted"): "by id from the end",
    ("retention", "first_young"): "a piece of the files, piece by piece, once a night",
    ("story", "last_acts"): "by id from the end: every act counts",
}
"""Lists that end when they are long enough."""
BY_FOLDER = {
    ("filing", "in_quarantine_without_need"): "what lies in quarantine/",
    ("filing", "in_quarantine_with_others"): "what lies in quarantine/",
    ("view", "left_of_outbox"): "what lies in quarantine/, and what was released and is not back yet",
}
"""What may go through all files of a folder: of sent/ that is all history."""
SORTED = {
    ("again", "readings"): "the readings of one file",
    ("again", "to_be_read_again"): "the messages of one file",
    ("later_answers", "answered_before"): "messages that had one control id",
    ("lists", "by_control_id"): "messages with one control id",
    ("lists", "by_former_id"): "messages that had one control id",
    ("lists", "of_sources"): "the messages of the files asked about",
    ("lists", "unreadable_of_sources"): "the files asked about",
    ("lists", "these"): "the messages asked about",
    ("several", "messages_of_file"): "the messages of the readings of one file",
    ("several", "destinations_of_file"): "the destinations of one file",
    ("searching", "fits"): "a chunk of messages",
    ("searching", "unreadable"): "a chunk of files that could not be read",
    ("candidates", "of_patient_in_part"): "one patient's among ten thousand messages",
    ("candidates", "named_in_part"): "files of one name, or beginning, among ten thousand",
    ("searching", "orders_of"): "the orders of the messages asked about",
    ("story", "events"): "acts on one message or file",
    ("story", "orders"): "the orders of one message",
    ("spool", "owed"): "documents missed of late, or by reports in quarantine",
    ("spool", "read_before"): "the files of a batch that were released",
    ("spool", "returned"): "the files of a batch that were released",
    ("ahead", "these"): "the messages asked about",
    ("lanes", "row_in_quarantine"): "the messages that the brake counts",
    ("later_answers", "answered"): "messages with one control id",
    ("order_history", "entries"): "the last 64 of each order asked about",
    ("order_history", "facts"): "the orders of one message",
    ("order_history", "orders_of_file"): "the orders of one file",
    ("order_history", "came_after"): "the messages asked about",
    ("order_history", "first_claims"): "the files of a batch that were released",
    ("order_history", "holders"): "messages with one of the control ids asked about",
    ("filing", "unsettled_of"): "the sources asked about",
    ("filing", "acted_on"): "acts since the last look",
    ("filing", "sources"): "the sources asked about",
    ("filing", "messages"): "the messages of the sources asked about",
    ("filing", "files"): "the files of the sources asked about",
    ("kept", "days"): "days",
    ("kept", "of_day"): "the reports of one day",
    ("kept", "remarked"): "the remarks on one file",
    ("view", "sources_since"): "files of one name",
    ("causes", "causes"): "what is in quarantine",
    ("causes", "causes_of_files"): "files in quarantine",
    ("view", "quarantined_by"): "what is in quarantine",
    ("view", "unreadable_by"): "files in quarantine",
    ("taken", "since"): "the files since the note of this hour, or the newest thousand; all, for the first note",
    ("minutes", "sums"): "the minutes of a day",
    ("minutes", "acks"): "the minutes of an hour",
    ("retention", "content_due"): "the messages asked about",
    ("retention", "messages_due"): "the messages of the sources asked about",
    ("retention", "kept_orders"): "the orders of the messages asked about",
    **{
        ("retention", name): "what is asked about"
        for name in (
            "archived_message", "archived_file", "archived_attempts", "archived_answers", "archived_orders",
            "archived_events",
        )
    },
    ("view", "counts"): "what was counted; what waits, by its two states",
}
"""Where a temporary table for ORDER BY, GROUP BY or DISTINCT is a small one."""


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A journal whose tables SQLite has no numbers of, as in production."""
    path = tmp_path_factory.mktemp("plans") / "journal.db"
    Journal(path).close()
    with closing(schema.connect(path)) as connection:
        schema.by_its_indexes(connection)
        yield connection


def _plan(db: sqlite3.Connection, sql: str) -> list[str]:
    names = re.findall(r":([a-z_0-9]+)", sql)
    values: object = dict.fromkeys(names, 1) if names else (1,) * sql.count("?")
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]  # type: ignore[arg-type]


def _faults(book: str, name: str, plan: list[str]) -> list[str]:
    faults = []
    for step in plan:
        scan = re.match(r"SCAN (?:\d+ (?=CONSTANT ROWS))?(\w+)(?: .*?USING (?:COVERING )?INDEX (\w+))?", step)
        if scan and scan[1] not in (*SMALL, "CONSTANT") and scan[2] not in PARTIAL and (book, name) not in TO_A_LIMIT:
            faults.append(step)
        if step.endswith("INDEX file_filed (folder=?)") and (book, name) not in BY_FOLDER:
            faults.append(step)
        if step.startswith("USE TEMP B-TREE") and (book, name) not in SORTED:
            faults.append(step)
    return faults


@pytest.mark.parametrize("book", BOOKS)
def test_every_statement_finds_its_rows_by_an_index(db: sqlite3.Connection, book: str) -> None:
    plans = {name: _plan(db, sql) for name, sql in Statements(book).items()}
    assert plans
    faults = {name: found for name, plan in plans.items() if (found := _faults(book, name, plan))}
    print("\n".join(f"{name}: {step}" for name, plan in plans.items() for step in plan))
    assert not faults


def test_what_is_allowed_is_needed(db: sqlite3.Connection) -> None:
    """An allowance that no statement uses any more goes."""
    steps = {
        (book, name): " ; ".join(_plan(db, sql)) for book in BOOKS for name, sql in Statements(book).items()
    }
    assert [each for each in TO_A_LIMIT if "SCAN" not in steps.get(each, "")] == []
    assert [each for each in SORTED if "TEMP B-TREE" not in steps.get(each, "")] == []
    every = " ; ".join(steps.values())
    assert [each for each in PARTIAL if not re.search(rf"SCAN \w+ [^;]*{each}\b", every)] == []
    assert [each for each in SMALL if not re.search(rf"SCAN {each}\b", every)] == []


@pytest.mark.parametrize(
    ("sql", "step"),
    [
        ("SELECT COUNT(*) FROM message WHERE code = 'x'", "SCAN message"),
        ("SELECT id FROM message WHERE source_id > 1 ORDER BY digest", "USE TEMP B-TREE FOR ORDER BY"),
        ("SELECT f.id FROM file f JOIN event e ON e.at_ms = f.size", "SCAN f"),
    ],
)
def test_a_statement_that_reads_all_is_seen(db: sqlite3.Connection, sql: str, step: str) -> None:
    assert step in " ; ".join(_faults("any", "one", _plan(db, sql)))


def test_the_condition_of_no_index_is_a_long_list(db: sqlite3.Connection) -> None:
    """SQLite makes a table of three or more each time a row is written: a verdict would take three times as long."""
    partial = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE %'"
    conditions = [sql for (sql,) in db.execute(partial)]
    assert len(conditions) > 10
    assert [sql for sql in conditions if re.search(r"IN \([^)]*,[^)]*,", sql)] == []


def test_no_trigger_is_run_by_a_verdict(tmp_path: Path) -> None:
    """One on what it writes, even one that never fires, makes a verdict a tenth dearer: SQLite takes two passes then.

    Those that guard what retention deletes change nothing in the program that a verdict runs.
    """
    Journal(tmp_path / "journal.db").close()
    written = [(book, name) for book in ("spool", "delivery", "filing") for name in Statements(book)]
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        triggers = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
        assert {"message_stays", "wire_stays", "attempt_stays", "event_is_append_only"} <= triggers
        programs = []
        for _ in range(2):
            programs.append({each: _program(db, Statements(each[0])[each[1]]) for each in written})
            for name in triggers:
                db.execute(f"DROP TRIGGER IF EXISTS {name}")
    assert programs[0] == programs[1]


def _program(db: sqlite3.Connection, sql: str) -> list[tuple[object, ...]]:
    names = re.findall(r":([a-z_0-9]+)", sql)
    values: object = dict.fromkeys(names, 1) if names else (1,) * sql.count("?")
    steps = db.execute(f"EXPLAIN {sql}", values)  # type: ignore[arg-type]
    return [row for row in steps if row[1] != "Transaction"]  # this one has the number of the tables' version
