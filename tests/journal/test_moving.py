"""A journal moves to a PostgreSQL and back: all of it, compared before it counts; one of the two may be worked on."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kit.core import HIS, entry, source, spool, states, waiting
from kit.postgres import Cluster

from lab_sender.errors import AgentError, LabSenderError
from lab_sender.journal import Address, Journal, Server, View, moving
from lab_sender.journal.contents import OF_THE_DATABASE, Row, Table
from lab_sender.journal.moved import OnServer
from lab_sender.journal.sqlite.moving import MovedFile, NewFile, tables

_POSTGRES: Any = pytest.importorskip("lab_sender.journal.postgres.moving")
MovedServer, NewServer = _POSTGRES.MovedServer, _POSTGRES.NewServer
ODD = (
    *("", "a", "B", "é \u0301 Łukasiewicz", "李 \U0001f9ea"),
    *("line\r\nnext\ttab", "'; \\ \" {} $$ %s ?", "\x01\x7f\ufffd"),
)
_CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("message", "state"): ("spooled", "sending", "acked", "quarantined", "duplicate", "dismissed", "replaced"),
    ("source", "state"): ("read", "quarantined", "dismissed", "withdrawn"),
    ("file", "role"): ("report", "attachment"),
    ("file", "folder"): ("claimed", "sent", "quarantine", "dismissed", "outbox", "missing"),
    ("lane", "hold"): ("", "operator", "brake", "reply"),
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def there(cluster: Cluster) -> Iterator[Server]:
    """A schema in which there is nothing."""
    cluster.ask("DROP SCHEMA IF EXISTS moved CASCADE")
    yield replace(cluster.server(), schema="moved")
    cluster.ask("DROP SCHEMA IF EXISTS moved CASCADE")


def _value(table: str, name: str, kind: str, number: int) -> Any:
    if choices := _CHOICES.get((table, name)):
        return choices[number % len(choices)]
    if kind == "TEXT":
        return f"{ODD[number % len(ODD)]}{number}"
    values = {"INTEGER": number + 1, "BLOB": bytes(range(256)) * number, "REAL": number / 7, "BOOLEAN": number % 2}
    return values[kind]


def _full(path: Path) -> None:
    """A journal that has everything: each table, each state, odd texts, all bytes, NULL where it may be."""
    Journal(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        for table in tables():
            if table.name in ("meta", "verdict"):
                continue
            info = db.execute(f"PRAGMA table_info({table.name})").fetchall()
            may_be_null = {row[1] for row in info if not row[3] and not row[5]}
            for number in range(9):
                row = [
                    None if name in may_be_null and number % 3 == 2 else _value(table.name, name, kind, number)
                    for name, kind in table.kinds.items()
                ]
                marks = ", ".join("?" * len(row))
                db.execute(f"INSERT INTO {table.name} ({table.columns}) VALUES ({marks})", row)
        db.execute("INSERT INTO meta (key, value) VALUES ('mark x', 'é李'), ('outboxes', '[\"\"]')")
        db.execute("UPDATE sqlite_sequence SET seq = 500 WHERE name = 'message'")


def _all(path: Path) -> dict[str, list[Row]]:
    with closing(sqlite3.connect(path)) as db:
        found = {each.name: db.execute(f"SELECT {each.columns} FROM {each.name}").fetchall() for each in tables()}
    found["meta"] = [row for row in found["meta"] if row[0] not in OF_THE_DATABASE]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def _told(seen: list[tuple[str, int, int]]) -> Callable[[str, int, int], None]:
    return lambda *each: seen.append(each)


def _nobody(*_: object) -> None:
    """Hear of no progress."""


def test_all_of_it_comes_back_as_it_was(here: Path, there: Server, tmp_path: Path, cluster: Cluster) -> None:
    _full(here)
    before, back, seen = _all(here), tmp_path / "back.db", list[tuple[str, int, int]]()
    copied = moving.move(here, there, _told(seen))
    assert copied.nul == {}
    assert copied.rows == {name: len(rows) for name, rows in before.items()}
    assert ("wire", 9, 9) in seen
    assert cluster.ask("SELECT body FROM moved.wire ORDER BY message_id")[8] == (bytes(range(256)) * 8,)
    moving.move(there, back, _nobody)
    assert _all(back) == before
    for address in (here, there):
        for opened in (Journal, View):
            with pytest.raises(AgentError, match="has moved to") as moved:
                _use(opened(address))  # type: ignore[arg-type]
            assert (moved.value.code, moved.value.exit_code) == ("journal.moved", 78)
    with closing(Journal(back)) as journal:
        journal.begin()
        spool(journal, "NEXT")
        assert journal.delivery.finished_sources() is not None
    with closing(sqlite3.connect(back)) as db:
        assert db.execute("SELECT MAX(id) FROM message").fetchone() == (501,)


def _use(opened: Journal | View) -> None:
    with closing(opened):
        if isinstance(opened, View):
            opened.counts()


def test_what_waits_goes_on_there_under_its_id(here: Path, there: Server) -> None:
    with closing(Journal(here)) as journal:
        spool(journal, "M1", "M2")
        first = journal.delivery.head(HIS, after_quarantine="continue")
    moving.move(here, there, _nobody)
    with closing(Journal(there)) as journal:
        journal.begin()
        assert journal.delivery.head(HIS, after_quarantine="continue") == first
        spool(journal, "M3")
        assert waiting(journal) == ["M1", "M2", "M3"]
        assert journal.delivery.sending(first[0].id)


def test_a_nul_is_told_and_what_is_no_text_stops_the_move(here: Path, there: Server) -> None:
    with closing(Journal(here)) as journal:
        journal.spool.spooled([source("C1", entry("M1", patient="A\0B")), source("C2", entry("M2"))], HIS)
    with closing(sqlite3.connect(here)) as db, db:
        db.execute("UPDATE message SET reason = CAST(x'ff41' AS TEXT) WHERE id = 2")
    with pytest.raises(LabSenderError, match="a row of the table message has in reason") as stopped:
        moving.move(here, there, _nobody)
    assert stopped.value.code == "journal.move-value"
    with closing(sqlite3.connect(here)) as db, db:
        db.execute("UPDATE message SET reason = '' WHERE id = 2")
    assert moving.move(here, there, _nobody).nul == {"message.patient_key": 1}
    with closing(Journal(there)) as journal:
        assert states(journal) == {"M1": "spooled", "M2": "spooled"}


@pytest.mark.parametrize("way", ["to the server", "to a file"])
def test_what_arrives_otherwise_than_it_left_is_not_committed(
    here: Path, there: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A row too few, or one bit: nothing was changed, and the journal works on where it was."""
    with closing(Journal(here)) as journal:
        spool(journal, "M1", "M2")
    one, other, owner = here, there, NewServer
    if way == "to a file":
        moving.move(here, there, _nobody)
        one, other, owner = there, tmp_path / "back.db", NewFile  # type: ignore[assignment]
    real = owner.rows

    def altered(self: Any, table: Table) -> Iterator[Row]:
        for row in real(self, table):
            yield tuple(b"MSH|?" if table.name == "wire" and isinstance(each, bytes) else each for each in row)

    def fewer(self: Any, table: Table) -> Iterator[Row]:
        yield from list(real(self, table))[table.name == "wire" :]

    for wrong in (altered, fewer):
        with monkeypatch.context() as broken:
            broken.setattr(owner, "rows", wrong)
            with pytest.raises(LabSenderError) as differs:
                moving.move(one, other, _nobody)
        assert differs.value.code == "journal.move-differs"
        with closing(Journal(one)) as journal:
            assert states(journal) == {"M1": "spooled", "M2": "spooled"}
    moving.move(one, other, _nobody)


class Killed(BaseException):
    """What an agent does not live to see."""


def _kill_at(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, *, after: bool, nth: int = 1) -> None:
    """End a move before a step of it or behind one: what is open is left as a kill leaves it."""
    real, calls = getattr(owner, name), list[int]()

    def killed(*values: Any) -> Any:
        calls.append(1)
        if len(calls) < nth:
            return real(*values)
        if after:
            real(*values)
        raise Killed

    monkeypatch.setattr(owner, name, killed)


@pytest.mark.parametrize(
    ("owner", "name", "after", "moved"),
    [
        (NewServer, "note", False, False),
        (NewServer, "note", True, False),
        (MovedFile, "leave", False, False),
        (MovedFile, "leave", True, True),
        (NewServer, "forget", True, True),
    ],
)
def test_a_move_to_a_server_that_is_killed_leaves_one_journal(
    here: Path, there: Server, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, after: bool, moved: bool
) -> None:
    with closing(Journal(here)) as journal:
        spool(journal, "M1")
    with monkeypatch.context() as killing:
        _kill_at(killing, owner, name, after=after)
        with pytest.raises(Killed):
            moving.move(here, there, _nobody)
    works, rests = (there, here) if moved else (here, there)
    assert _state_of(works) == {"M1": "spooled"}
    if moved or (owner, after) != (NewServer, False):
        assert _state_of(rests) in ("journal.moved", "journal.move-unfinished")
    if not moved:
        with closing(Journal(here)) as journal:
            spool(journal, "M2")
        moving.move(here, there, _nobody)
        assert _state_of(there) == {"M1": "spooled", "M2": "spooled"}
        assert _state_of(here) == "journal.moved"


_KILLED = """
import os, signal, sys
from pathlib import Path
from lab_sender.journal import Server, moving
from lab_sender.journal.moved import OnServer
from lab_sender.journal.postgres.moving import MovedServer
real, calls = MovedServer.note, []
def note(self, note):
    calls.append(note.state)
    if calls == {calls!r} and not {after!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, note)
    if calls == {calls!r}:
        os.kill(os.getpid(), signal.SIGKILL)
MovedServer.note = note
moving.move(Server({url!r}, "moved"), Path({file!r}), lambda *_: None)
"""


@pytest.mark.parametrize(
    ("calls", "after", "moved"),
    [(["leaving"], False, False), (["leaving"], True, False), (["leaving", "left"], False, True)],
)
def test_a_move_to_a_file_that_is_killed_leaves_one_journal(
    there: Server, tmp_path: Path, calls: list[str], after: bool, moved: bool
) -> None:
    file = tmp_path / "back.db"
    with closing(Journal(there)) as journal:
        journal.begin()
        spool(journal, "M1")
    code = _KILLED.format(calls=calls, after=after, url=there.url, file=str(file))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -signal.SIGKILL
    assert file.exists() is moved
    if moved:
        assert _state_of(file) == {"M1": "spooled"}
        assert _state_of(there) == "journal.moved"
        file.rename(file.with_name("journal.db"))
        assert _state_of(there) == "journal.moved", "also when it is called otherwise"
        return
    parts = [each.rename(tmp_path / f"{each.name}.away") for each in tmp_path.glob(".back.db.*.part")]
    elsewhere = _state_of(there)  # as another machine sees it
    assert elsewhere == ("journal.move-unfinished" if after else {"M1": "spooled"})
    for each in parts:
        each.rename(each.with_suffix(""))
    assert _state_of(there) == {"M1": "spooled"}
    moving.move(there, file, _nobody)
    assert _state_of(file) == {"M1": "spooled"}


def test_a_file_that_cannot_get_its_name_leaves_the_journal_where_it_was(
    there: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "back.db"
    with closing(Journal(there)) as journal:
        spool(journal, "M1")
    real = MovedServer.note

    def in_the_way(self: Any, note: OnServer) -> None:
        real(self, note)
        file.write_bytes(b"somebody else's")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(MovedServer, "note", in_the_way)
        with pytest.raises(LabSenderError) as taken:
            moving.move(there, file, _nobody)
    assert taken.value.code == "journal.target-taken"
    assert _state_of(there) == {"M1": "spooled"}


def _state_of(address: Address) -> dict[str, str] | str:
    """What an agent would find: the messages, or the code that it ends with."""
    try:
        with closing(Journal(address)) as journal:
            return states(journal)
    except AgentError as error:
        return error.code


def test_every_mistake_is_said_before_anything_is_done(here: Path, there: Server, tmp_path: Path) -> None:
    def rejected(source: Address, target: Address) -> str:
        with pytest.raises(LabSenderError) as error:
            moving.move(source, target, _nobody)
        return f"{error.value.code}: {error.value.text}"

    with closing(Journal(here)) as journal:
        spool(journal, "M1")
    away = replace(there, url="postgresql://nobody@/lab?host=/nowhere")
    assert rejected(here, away).startswith("journal.unreachable")
    with closing(Journal(there)) as journal:
        journal.begin()
        assert rejected(here, there).startswith("journal.taken")
        spool(journal, "M9")
    assert rejected(here, there).startswith("journal.move-target")
    assert rejected(here, tmp_path / "x.db").startswith("journal.move-way")
    assert rejected(there, here).startswith("journal.target-taken")
    assert rejected(there, tmp_path / "none" / "x.db").startswith("journal.move-target")
    with closing(sqlite3.connect(here)) as db:
        db.execute("PRAGMA user_version = 6")
    both = rejected(here, away)
    assert both.startswith("journal.move-rejected")
    assert "journal.older" in both
    assert "journal.unreachable" in both
    with suppress(OSError):
        assert sorted(each.name for each in tmp_path.iterdir() if "-" not in each.name) == ["journal.db"]


def test_nobody_writes_meanwhile(here: Path, there: Server) -> None:
    """What an operator does between the copy and the note would be nowhere."""
    with closing(Journal(here)) as journal:
        spool(journal, "M1")

    def act(*_: object) -> None:
        with pytest.raises(LabSenderError) as busy, closing(Journal(here, busy_timeout_s=0.01)) as other:
            other.operator.dismiss(1, "why")
        assert busy.value.code == "journal.busy"

    moving.move(here, there, act)
    with closing(Journal(there)) as page:
        acts = list[str]()

        def act_there(*_: object) -> None:
            with pytest.raises(LabSenderError) as busy, closing(Journal(there, busy_timeout_s=0.05)) as other:
                other.operator.dismiss(1, "why")
            acts.append(busy.value.code)

        moving.move(there, here.with_name("back.db"), act_there)
        assert set(acts) == {"journal.busy"}
        with pytest.raises(AgentError) as moved:
            page.operator.dismiss(1, "an open page's")
        assert moved.value.code == "journal.moved"
