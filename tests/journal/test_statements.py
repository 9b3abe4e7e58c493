"""The journal's SQL: by name, in pieces, and in words that SQLite and PostgreSQL both take."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from lab_sender.journal import statements
from lab_sender.journal.statements import Statements

BOOKS = sorted(Path(str(file)).stem for file in (resources.files("lab_sender.journal") / "sql").iterdir())
ONE_DATABASE = {
    r"\bINSERT OR\b|\bREPLACE INTO\b": "ON CONFLICT ... DO UPDATE",
    r"\b[xX]'": "empty bytes are a value (:none)",
    r"\browid\b|\bsqlite_|\bPRAGMA\b|\bINDEXED BY\b|\bGLOB\b": "SQLite's own",
    r"\bRETURNING\b": "SQLite has it since 3.35 only",
    r"INSERT INTO \w+ (?!\()": "columns are named: an added one must not break an older program beside it",
    r"json_each\((?!:\w+\) k\b)": "json_each(:name) k is what the other database's seam knows",
    r"(?<!CAST\()k\.value\b": "CAST(k.value AS ...): it has no type there",
    r"AS (?:INTEGER|INT)\)": "BIGINT: INTEGER has 32 bits there",
    r"\b(?:wants_application|may_have_left|accept_acked|holds_orders) (?:=|<>) [01]\b": "TRUE, FALSE",
    r"\?\d|\$\d|@\w": "values are ? or :name",
    r"\bM(?:AX|IN)\([^()]*,|\b(?:instr|printf|ifnull|iif|typeof|hex|quote|strftime|datetime)\(": "its functions",
    r'"': "a text stands in single quotes",
    r"FROM \(SELECT [^()]*(?:\([^()]*\)[^()]*)*\)(?! \w)": "a table that is a question has a name",
}
"""What only one of the databases takes, and what to write instead."""


@pytest.mark.parametrize("book", BOOKS)
def test_each_statement_is_in_the_sql_that_both_take(book: str) -> None:
    found = [
        f"{name}: {what.group()!r}: {instead}"
        for name, sql in Statements(book).items()
        for pattern, instead in ONE_DATABASE.items()
        if (what := re.search(pattern, sql))
    ]
    assert found == []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
        "INSERT INTO meta VALUES (?, ?)",
        "SELECT x'' FROM message",
        "SELECT k.value FROM json_each(:ids) k",
        "SELECT 1 FROM json_each(?) k",
        "SELECT id FROM message WHERE may_have_left = 1",
        "SELECT MAX(id, 3) FROM message",
        "SELECT instr(body, ?1) FROM wire",
        "SELECT COUNT(*) FROM (SELECT id FROM message)",
    ],
)
def test_what_one_database_alone_takes_is_seen(sql: str) -> None:
    assert any(re.search(pattern, sql) for pattern in ONE_DATABASE)


@pytest.mark.parametrize("book", BOOKS)
def test_each_statement_is_used(book: str) -> None:
    """By its name, which is written out: a statement that nobody runs goes."""
    room = Path(statements.__file__).parent
    sources = [path.read_text("utf-8") for path in room.rglob("*.py")]
    mine = " ".join(each for each in sources if f'Statements("{book}")' in each)
    assert [name for name in Statements(book) if f'"{name}"' not in mine] == []


def test_a_file_of_statements_is_read_as_its_head_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "book.sql").write_text(
        "-- A book.\n\n-- part: line\nSELECT a,\n b\n\n-- name: one\n-- What it is for.\n{line} FROM t\n"
        "WHERE c = '-- no';\n\n-- name: two\nDELETE FROM t;\n"
    )
    monkeypatch.setattr(statements, "_FOLDER", tmp_path)
    assert Statements("book") == {"one": "SELECT a, b FROM t WHERE c = '-- no'", "two": "DELETE FROM t"}
    (tmp_path / "book.sql").write_text("-- name: one\n{nowhere};\n")
    with pytest.raises(KeyError):
        Statements("book")
