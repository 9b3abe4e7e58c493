"""The table of states is what the documents show, what the journal allows, and what its SQL is guarded by."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from kit.core import rows
from kit.fixtures import SQLITE_ONLY
from states import every

from lab_sender.journal import Journal, NewMessage, statements, states
from lab_sender.journal.statements import Statements
from lab_sender.journal.states import MESSAGE, SOURCE, MessageState, SourceState, Table, UnknownEvent

ROOT = Path(__file__).parents[2]
SQL = sorted((ROOT / "lab_sender" / "journal" / "sql").glob("*.sql"))
WRITERS = {
    "delivery": {"lane", "brake"}, "operator": {"operator"}, "rebuild": {"operator"}, "acts": {"operator"},
    "decisions": {"operator"}, "again": {"operator"}, "spool": {"intake"}, "filing": {"keeper"},
    "acceptances": {"lane"}, "verdicts": {"lane"},
}  # fmt: skip
"""Who writes by which file of statements."""
_UPDATE = re.compile(r"UPDATE (message|source) SET(.*?)WHERE", re.DOTALL)
_EVENT = re.compile(r"\{(message|source)\[(\w+)\]\.(may|to)\}")


@pytest.mark.parametrize("about", ["message", "file"])
def test_the_documents_show_the_table(about: str) -> None:
    assert every()[about] in (ROOT / "docs" / "inside" / "journal.md").read_text("utf-8"), "make states"


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("name", "table", "known"), [("message", MESSAGE, MessageState), ("source", SOURCE, SourceState)]
)
def test_the_table_has_the_states_of_the_journal(journal: Journal, name: str, table: Table, known: Any) -> None:
    reached = {each.target for each in table.values()} - {""}
    assert reached == set(get_args(known)), "each state can be reached, and there is no other"
    assert {state for each in table.values() for state in each.sources} <= reached
    ((made,),) = rows(journal, "SELECT sql FROM sqlite_master WHERE name = ?", name)
    allowed = re.search(r"state IN\s*\(([^)]*)\)", made)[1]  # type: ignore[index]
    assert set(re.findall(r"'(\w+)'", allowed)) == reached
    assert reached <= states.WORDS.keys()


def test_intake_makes_what_the_table_has() -> None:
    made = get_args(get_type_hints(NewMessage)["state"])
    assert {each.target for each in MESSAGE.values() if each.who == "intake"} == set(made)


def test_an_unknown_event_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownEvent, match="flown"):
        MESSAGE["flown"]
    monkeypatch.setattr(statements, "_FOLDER", tmp_path)
    for event, part in (("flown", "may"), ("received", "may"), ("rebuilt", "to")):
        (tmp_path / "book.sql").write_text(f"-- name: x\nSELECT {{message[{event}].{part}}};\n")
        with pytest.raises(UnknownEvent, match=event):
            Statements("book")


def _statements() -> list[tuple[str, str, str]]:
    """Every statement of the journal as it is written: file, name, text."""
    found = []
    for path in SQL:
        for part in re.split(r"^-- (?=name|part)", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
            head, _, text = part.partition("\n")
            found.append((path.stem, head.partition(": ")[2], re.sub(r"^--.*$", "", text, flags=re.MULTILINE)))
    return found


def test_no_statement_changes_a_state_but_by_the_table() -> None:
    changing = [
        each for each in _statements() if (found := _UPDATE.search(each[2])) and re.search(r"\bstate\s*=", found[2])
    ]
    assert len(changing) >= 16
    for book, name, text in changing:
        row, assigned = _UPDATE.search(text).groups()  # type: ignore[union-attr]
        to = {(table, event) for table, event, part in _EVENT.findall(text) if part == "to"}
        may = {(table, event) for table, event, part in _EVENT.findall(text) if part == "may"}
        where = text[text.index("WHERE") :]
        assert may, f"{book}.{name} has no guard"
        assert all(f"state IN {{{table}[{event}].may}}" in where for table, event in may), f"{book}.{name}"
        assert {table for table, _ in to | may} == {row}
        assert not re.search(r"\bstate = '", assigned), f"{book}.{name} writes a state that is not the table's"
    for path in (ROOT / "lab_sender").rglob("*.py"):
        assert not re.search(r"\bSET state = (?!\{SOURCE|\{MESSAGE)", path.read_text("utf-8")), path


def test_each_event_is_guarded_where_it_is_written_and_by_whom_it_may() -> None:
    guarded: dict[tuple[str, str], set[str]] = {}
    for book, _, text in _statements():
        for table, event, part in _EVENT.findall(text):
            if part == "may":
                guarded.setdefault((table, event), set()).add(book)
    for name, table in (("message", MESSAGE), ("source", SOURCE)):
        for event, each in table.items():
            books = guarded.get((name, event), set())
            assert bool(books) is bool(each.sources), event
            assert all(each.who in WRITERS[book] for book in books), event
