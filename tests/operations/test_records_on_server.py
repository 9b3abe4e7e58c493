"""What page and alerts keep where the journal is on PostgreSQL: one set for all machines; it comes along and back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kit.postgres import Cluster

from lab_sender.errors import LabSenderError
from lab_sender.journal import Server, now_ms
from lab_sender.operations.accounts import Accounts, Keys
from lab_sender.operations.alerts.book import Book, Text
from lab_sender.operations.alerts.machine import Alert, Key, State
from lab_sender.operations.audit import Audit
from lab_sender.operations.installation import Installation, Later
from lab_sender.operations.records import FileRecords, Records
from lab_sender.operations.records_on_server import RecordsOnServer
from lab_sender.operations.repeats import token_of
from lab_sender.operations.rights_of import Visitor
from lab_sender.operations.submissions import _want_ours
from lab_sender.operations.taken_along import brought_back
from lab_sender.operations.web.logins import Logins

ANNA = Visitor(name="anna", role="admin")
PASSWORD = "a horse walks home"


@pytest.fixture
def records(server: Server) -> Iterator[RecordsOnServer]:
    with closing(RecordsOnServer(replace(server, node="a"))) as opened:
        yield opened


def _filled(path: Path, account: str = "otto", rows: int = 3) -> FileRecords:
    """A file as a machine had it."""
    file = FileRecords(path)
    audit = Audit(file)
    Accounts(file, audit).add(ANNA, account, "operator", password=PASSWORD)
    Keys(file, audit).add(ANNA, "lims", "submit")
    for number in range(rows):
        audit.note(ANNA, "view", target=str(number))
    low = Alert(Key("disk.low", "", ""), "WARNING", "firing", 1, "4 GB left", sent="WARNING", taken_by="otto")
    text = Text("mail", now_ms(), "WARNING", "title", "body")
    Book(file).turn(lambda _: (State({low.key: low}), ()), lambda _notices, _ids: [text])
    return file


def _rows(records: Records) -> list[tuple[str, str]]:
    return [(each.act, each.target) for each in reversed(Audit(records).listing().rows)]


def test_accounts_keys_and_logins_of_one_machine_count_on_the_other(records: RecordsOnServer, server: Server) -> None:
    audit = Audit(records)
    Accounts(records, audit).add(ANNA, "otto", "operator", password=PASSWORD, patient_data=True)
    key = Keys(records, audit).add(ANNA, "lims", "submit")
    with closing(RecordsOnServer(replace(server, node="b"))) as other:
        logins = Logins(other, Audit(other))
        secret = logins.log_in("otto", PASSWORD, "127.0.0.1")
        assert secret
        assert Logins(records, audit).of_session(secret, "127.0.0.1").name == "otto"
        assert logins.of_key(key, "127.0.0.1").name == "key lims"
        Accounts(other, Audit(other)).role(ANNA, "otto", "viewer", patient_data=False)
        assert not Logins(records, audit).of_session(secret, "127.0.0.1").name, "logged out everywhere"
        tokens = {token_of(each, "key lims", "act-1-of-otto", b"{}") for each in (records, other)}
    assert len(tokens) == 1
    assert audit.verify().ok


def test_two_machines_write_one_chain(records: RecordsOnServer, server: Server) -> None:
    audit = Audit(records)
    with closing(RecordsOnServer(replace(server, node="b"))) as other:
        audits = [audit, Audit(other)] * 2

        def write(each: Audit) -> None:
            for number in range(25):
                each.note(ANNA, "view", target=str(number))

        threads = [threading.Thread(target=write, args=(each,)) for each in audits]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    verdict = audit.verify()
    assert (verdict.ok, verdict.rows) == (True, 100)


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("UPDATE lab_sender.audit SET who = 'eve' WHERE id = 2", 2),
        ("DELETE FROM lab_sender.audit WHERE id = 3", 3),
        ("DELETE FROM lab_sender.audit WHERE id = 5", 5),
    ],
)
def test_a_row_that_was_changed_or_taken_away_is_found(
    records: RecordsOnServer, cluster: Cluster, statement: str, wrong: int
) -> None:
    audit = Audit(records)
    for number in range(5):
        audit.note(ANNA, "view", target=str(number), why="a\0b")
    assert audit.verify().ok
    with pytest.raises(Exception, match="only added to"), records.transaction() as db:
        db.execute(statement)
    cluster.ask(f"SET session_replication_role = replica; {statement}")
    assert audit.check().first_wrong == wrong


def test_the_last_row_of_many_is_noted_once(records: RecordsOnServer) -> None:
    """Else a long audit takes time as its square, and nobody can log in meanwhile."""
    audit = Audit(records)
    with records.transaction() as db:
        for number in range(20):
            audit.note_in(db, ANNA, "view", target=str(number))
        db.execute("SET CONSTRAINTS ALL IMMEDIATE")
        asked = "SELECT n_tup_ins + n_tup_upd FROM pg_stat_xact_user_tables WHERE relid = 'audit_end'::regclass"
        assert db.execute(asked).fetchone() == (1,)
    assert audit.verify().ok


def test_what_a_machine_has_comes_along_once_with_its_own_chain(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "operations.db"
    with closing(_filled(path)) as file:
        taken, verdict = [*_rows(file), ("records-taken", "a")], Audit(file).verify()
    here = replace(server, node="a")
    with closing(RecordsOnServer(here, path)) as records:
        audit, book = Audit(records), Book(records)
        assert _rows(records) == taken
        assert verdict.last_hash in audit.listing().rows[0].detail
        assert audit.verify().ok
        assert [each.name for each in Accounts(records, audit).every().accounts] == ["otto"]
        assert [(each.key.node, each.taken_by) for _, each in book.alerts()] == [("a", "otto")]
        assert [each.text.title for each in book.waiting("mail")] == ["title"]
    (left,) = tmp_path.glob("operations*.db")
    assert left != path
    left.rename(path)  # as where another program has it open
    with closing(RecordsOnServer(here, path)) as records:
        assert _rows(records) == taken
        assert len(Book(records).waiting("mail")) == 1


def test_of_a_second_machine_nothing_is_lost_and_nothing_that_is_there_is_changed(
    server: Server, tmp_path: Path
) -> None:
    tokens = []
    for node, account in (("a", "otto"), ("b", "vera")):
        (tmp_path / node).mkdir()
        with closing(_filled(tmp_path / node / "operations.db", account)) as file:
            tokens.append(token_of(file, "key lims", "the-first-act", b"{}"))
        with closing(RecordsOnServer(replace(server, node=node), tmp_path / node / "operations.db")) as records:
            records.rows("SELECT 1")
    with closing(RecordsOnServer(server)) as records:
        audit = Audit(records)
        each = [*(("view", str(number)) for number in range(3))]
        assert _rows(records) == [
            ("account-add", "otto"), ("key-add", "lims"), *each, ("records-taken", "a"),
            ("account-add", "vera"), ("key-add", "lims"), *each, ("records-taken", "b"),
        ]  # fmt: skip
        assert audit.verify().ok
        assert [one.name for one in Accounts(records, audit).every().accounts] == ["otto", "vera"]
        names = [one.name for one in Keys(records, audit).every().keys]
        assert names[0] == "lims"
        assert names[1].startswith("lims b ")
        assert [token_of(records, f"key {name}", "the-first-act", b"{}") for name in names] == tokens
        assert [alert.key.node for _, alert in Book(records).alerts()] == ["a", "b"]
        assert len(Book(records).waiting("mail")) == 2


def test_who_was_removed_does_not_come_back_with_a_machine_that_comes_later(server: Server, tmp_path: Path) -> None:
    """Unless somebody has changed his account there since."""
    path = tmp_path / "operations.db"
    with closing(_filled(path)) as file, closing(RecordsOnServer(server)) as records:
        audit = Audit(records)
        for name in ("otto", "vera"):
            Accounts(records, audit).add(ANNA, name, "operator", password=PASSWORD)
            Accounts(records, audit).remove(ANNA, name)
        Accounts(file, Audit(file)).add(ANNA, "vera", "viewer", password=PASSWORD)
    with closing(RecordsOnServer(replace(server, node="b"), path)) as records:
        audit = Audit(records)
        assert [each.name for each in Accounts(records, audit).every().accounts] == ["vera"]
        assert "2 accounts and keys, 1 removed before" in audit.listing().rows[0].detail
        assert audit.verify().ok


def test_what_a_machine_kept_before_it_had_a_node_comes_along(server: Server, tmp_path: Path) -> None:
    """Its folder for the journal is another one then."""
    config = tmp_path / "config.yaml"
    written = "outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\n"
    config.write_text(written)
    (tmp_path / "outbox" / ".lab-sender").mkdir(parents=True)
    with closing(Installation(config).records()) as file:
        Accounts(file, Audit(file)).add(ANNA, "otto", "operator", password=PASSWORD)
    config.write_text(f"{written}journal: {{database: '{server.url}', schema: {server.schema}, node: a}}\n")
    with closing(Installation(config).records()) as records:
        assert [each.name for each in Accounts(records, Audit(records)).every().accounts] == ["otto"]


def test_a_file_that_cannot_be_read_keeps_nobody_out(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "operations.db"
    path.write_bytes(b"no database" * 1000)
    with closing(RecordsOnServer(server, path)) as records:
        assert records.rows("SELECT COUNT(*) FROM account") == [(0,)]
    assert path.exists()


def test_all_of_it_comes_back_into_a_file(records: RecordsOnServer, tmp_path: Path) -> None:
    audit = Audit(records)
    Accounts(records, audit).add(ANNA, "otto", "operator", password=PASSWORD)
    Keys(records, audit).add(ANNA, "lims", "submit")
    low = Alert(Key("disk.low", "", "", "a"), "WARNING", "firing", 1, "4 GB left", sent="WARNING")
    other = Alert(Key("disk.low", "", "", "b"), "WARNING", "firing", 1, "4 GB left", sent="WARNING")
    Book(records).turn(lambda _: (State({low.key: low, other.key: other}), ()), lambda _n, _i: [])
    with records.transaction() as db:
        for node in "ab":
            row = (1, f"key-of-{node}", node, b"", "", "f.json", 0, b"", 1, None, node)
            db.execute(f"INSERT INTO submission VALUES ({', '.join('?' * len(row))})", row)
    path = tmp_path / "operations.db"
    with brought_back(records, path, "a"):
        pass
    with closing(FileRecords(path)) as file:
        assert file.rows("SELECT id, node FROM submission ORDER BY id") == [("a", ""), ("b", "b")]
        assert Audit(file).verify() == audit.verify()
        assert Accounts(file, Audit(file)).every() == Accounts(records, audit).every()
        assert Keys(file, Audit(file)).every() == Keys(records, audit).every()
        assert [alert.key for _, alert in Book(file).alerts()] == [Key("disk.low", "", "")]
        Audit(file).note(ANNA, "view")
        assert Audit(file).verify().ok


def test_what_another_machine_has_begun_to_drop_is_not_dropped_here() -> None:
    from unittest.mock import Mock

    here = Mock(config=Mock(folders=Mock(node="b")))
    _want_ours(here, {"node": "b"})
    _want_ours(here, {"node": ""})
    with pytest.raises(Later) as elsewhere:
        _want_ours(here, {"node": "a"})
    assert isinstance(elsewhere.value, LabSenderError)
    assert elsewhere.value.code == "submit.elsewhere"


def test_the_tables_have_the_columns_of_the_file(records: RecordsOnServer, server: Server, tmp_path: Path) -> None:
    with closing(FileRecords(tmp_path / "operations.db")) as file:
        Book(file)
        found = file.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in found} - {"sqlite_sequence", "records_id"}
        for table in tables:
            columns = {row[1] for row in file.rows(f"PRAGMA table_info({table})")}
            asked = "SELECT column_name FROM information_schema.columns WHERE table_name = ? AND table_schema = ?"
            assert {row[0] for row in records.rows(asked, (table, server.schema))} == columns, table
