"""What is PostgreSQL's own in the journal: its tables and texts, who waits for whom, a server that goes and comes."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kit.core import HIS, entry, head, rows, source, spool, states, until, waiting
from kit.postgres import OTHERS, Cluster

from lab_sender.errors import AgentError
from lab_sender.ids import new_id
from lab_sender.journal import ActRejected, Attempt, Criteria, DeletionRejected, Journal, Mark, Server, View
from lab_sender.journal.database import JournalUnavailable
from lab_sender.journal.postgres.connection import connect
from lab_sender.journal.postgres.steps import OWN, OWN_COLUMNS, known
from lab_sender.journal.sqlite.schema import ddl
from lab_sender.journal.statements import Statements

BOOKS = sorted(path.stem for path in (Path(__file__).parents[2] / "lab_sender" / "journal" / "sql").glob("*.sql"))


@pytest.fixture
def journal(server: Server) -> Iterator[Journal]:
    with closing(Journal(server, who="tester", busy_timeout_s=0.05)) as opened:
        yield opened


@pytest.fixture
def other(journal: Journal) -> Iterator[Journal]:
    """Another process, as the journal sees it."""
    with closing(Journal(journal.store.path, who="operator", busy_timeout_s=0.05)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("state", "code"),
    [("57014", "not-replicated"), ("01000", "not-replicated"), ("57P01", "unreachable"), ("57P02", "unreachable")],
)
def test_a_commit_that_comes_with_a_warning_is_not_sure_and_says_whose_fault_it_is(
    server: Server, state: str, code: str
) -> None:
    """A wait for the standby that was cancelled; a server that ends just behind its answer."""
    with closing(connect(server, busy_timeout_s=0.05)) as db:
        db.script("BEGIN")
        with pytest.raises(JournalUnavailable) as caught:
            db.commit(f"DO $$ BEGIN RAISE WARNING 'x' USING ERRCODE = '{state}'; END $$")
        assert caught.value.code == f"journal.{code}"
        db.script("BEGIN")
        db.commit()


# ------------------------------------------------------------------ the tables


@pytest.mark.usefixtures("server")
def test_the_tables_are_those_of_sqlite(cluster: Cluster) -> None:
    """Columns in their order, which may be NULL, keys, indexes with their conditions, triggers."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(ddl("tables.sql"))
        listed = "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite_%'"
        tables = sorted(name for (name,) in db.execute(listed, ("table",)))
        columns = [
            (table, name, bool(must or key) or kind.startswith("INTEGER PRIMARY"))
            for table in tables
            for _, name, kind, must, _, key in db.execute(f"PRAGMA table_info({table})")
        ]
        infos = {table: db.execute(f"PRAGMA table_info({table})").fetchall() for table in tables}
        keys = {
            table: [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]] for table, info in infos.items()
        }
        indexes = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
        triggers = sorted(name for (name,) in db.execute(listed, ("trigger",)))
    there = "table_schema = 'lab_sender'"
    assert columns == [row for row in cluster.ask(
        f"SELECT table_name, column_name, is_nullable = 'NO' FROM information_schema.columns WHERE {there}"
        " ORDER BY table_name COLLATE \"C\", ordinal_position"
    ) if row[0] not in OWN and row[:2] not in OWN_COLUMNS]
    assert keys == {
        table.removeprefix("lab_sender."): names
        for table, names in cluster.ask(
            "SELECT c.conrelid::regclass::text, array_agg(a.attname::text ORDER BY k.n) FROM pg_constraint c"
            " CROSS JOIN unnest(c.conkey) WITH ORDINALITY k(at, n)"
            " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.at"
            " WHERE c.contype = 'p' AND c.connamespace = 'lab_sender'::regnamespace GROUP BY 1"
        )
        if table.removeprefix("lab_sender.") not in OWN
    }
    made = dict(
        cluster.ask(
            "SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'lab_sender'"
            " AND indexname NOT LIKE '%_pkey' AND indexname <> 'source_claim_id_key'"
            f" AND tablename <> ALL (ARRAY{sorted(OWN)})"
        )
    )
    assert sorted(made) == sorted(indexes)
    assert {name for name, sql in made.items() if " WHERE " in sql} == {
        name for name, sql in indexes.items() if " WHERE " in re.sub(r"\s+", " ", sql)
    }
    there = (
        "SELECT DISTINCT trigger_name::text FROM information_schema.triggers"
        f" WHERE event_object_table <> ALL (ARRAY{sorted(OWN)}) ORDER BY 1"
    )
    assert triggers == [name for (name,) in cluster.ask(there)]


@pytest.mark.usefixtures("server")
def test_each_text_is_compared_byte_by_byte(cluster: Cluster) -> None:
    """Names and claim ids sort by bytes: the server's own locale says otherwise."""
    assert cluster.ask("SELECT 'a' < 'B'") == [(True,)]
    assert cluster.ask(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'lab_sender'"
        " AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
    ) == []


@pytest.mark.parametrize("book", BOOKS)
def test_each_statement_is_understood(journal: Journal, book: str) -> None:
    with journal.store.reading() as db:
        for number, text in enumerate(Statements(book).values()):
            from lab_sender.journal.postgres.translation import translated

            db.script(f"PREPARE p{number} AS {translated(text).sql.decode()}")  # type: ignore[attr-defined]


def test_a_journal_of_another_version_is_refused(journal: Journal, server: Server) -> None:
    with journal.store.durable() as db:
        db.execute("UPDATE meta SET value = ? WHERE key IN ('schema', 'readable_by')", (str(known() + 1),))
    with pytest.raises(AgentError) as newer:
        Journal(server)
    assert (newer.value.code, newer.value.exit_code) == ("journal.newer", 78)


def test_what_is_not_finished_cannot_be_deleted(journal: Journal) -> None:
    spool(journal, "M1")
    with pytest.raises(DeletionRejected), journal.store.aside().transaction() as db:
        db.execute("DELETE FROM message")
    assert states(journal) == {"M1": "spooled"}


# ------------------------------------------------------------------ texts


def test_a_nul_in_what_the_his_says_stops_no_lane(journal: Journal) -> None:
    spool(journal, "M1")
    message = head(journal)[0]
    journal.delivery.sending(message.id)
    answer = Attempt(message.id, 1, "verdict", "ack", "", "no\0way", "AE", b"MSA|AE\0|")
    assert journal.delivery.refused(message, answer)
    assert rows(journal, "SELECT detail, ack FROM attempt") == [("no\ufffdway", b"MSA|AE\0|")]


def test_a_nul_in_what_is_looked_for_finds_nothing(journal: Journal) -> None:
    assert journal.spool.holders_of(["a\0b"], HIS) == {}


def test_names_are_found_whatever_their_case_and_claims_sort_by_bytes(journal: Journal) -> None:
    journal.spool.spooled([source("01_", entry("M1"), name="Haem.json"), source("01A", entry("M2"))], HIS)
    assert journal.spool.last_claim_id() == "01_"  # a locale has '_' before 'A'
    with closing(View(journal.store.path)) as view:
        found = view.lines_of(list(view.hits(Criteria(file="*HAEM*"))))
    assert [line.name for line in found] == ["Haem.json"]


# ------------------------------------------------------------------ who waits for whom


def test_an_act_waits_for_what_a_lane_marks_and_sees_it(journal: Journal, other: Journal) -> None:
    """Else `release` looks (the newer one only waits), the lane marks that, and the older one goes out after it."""
    old, new = entry("OLD", order="F1"), entry("NEW", order="F1")
    journal.spool.spooled([source("C1", old._replace(state="quarantined", code="refused")), source("C2", new)], HIS)
    with journal.store.marking(HIS) as db:
        db.execute("UPDATE message SET state = 'sending' WHERE id = 2")
        with pytest.raises(JournalUnavailable) as busy:
            other.operator.release(1)
        assert busy.value.code == "journal.busy"
    with pytest.raises(ActRejected) as overtaken:
        other.operator.release(1)
    assert overtaken.value.code == "release.overtaken"
    assert states(journal) == {"OLD": "quarantined refused", "NEW": "sending"}


def _of_the_site(cluster: Cluster, **defaults: str) -> Iterator[None]:
    """What a site has set for the whole database, or for a role."""
    for name, value in defaults.items():
        cluster.ask(f"ALTER DATABASE postgres SET {name} = '{value}'")
    yield
    cluster.ask("ALTER DATABASE postgres RESET ALL")


@pytest.fixture
def isolated(cluster: Cluster) -> Iterator[None]:
    yield from _of_the_site(cluster, default_transaction_isolation="repeatable read")


@pytest.mark.usefixtures("isolated")
def test_who_waited_for_a_lock_sees_what_was_done_meanwhile_whatever_the_site_s_default(
    journal: Journal, server: Server, cluster: Cluster
) -> None:
    """Else `release` waits for the lane that marks the newer one, and looks at what was before."""
    old, new = entry("OLD", order="F1"), entry("NEW", order="F1")
    journal.spool.spooled([source("C1", old._replace(state="quarantined", code="refused")), source("C2", new)], HIS)
    said = list[str]()

    def release(other: Journal) -> None:
        try:
            other.operator.release(1)
        except ActRejected as overtaken:
            said.append(overtaken.code)

    with closing(Journal(server, who="operator")) as other:
        releasing = threading.Thread(target=release, args=(other,))
        with journal.store.marking(HIS) as db:
            db.execute("UPDATE message SET state = 'sending' WHERE id = 2")
            releasing.start()
            until(lambda: cluster.ask("SELECT COUNT(*) FROM pg_locks WHERE NOT granted") == [(1,)])
        releasing.join()
    assert said == ["release.overtaken"]
    assert states(journal) == {"OLD": "quarantined refused", "NEW": "sending"}


@pytest.fixture
def western(cluster: Cluster) -> Iterator[None]:
    yield from _of_the_site(cluster, client_encoding="LATIN1")


@pytest.mark.usefixtures("western")
def test_a_name_is_kept_whatever_the_site_s_default_encoding(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1"), name="Åse Łukasiewicz 李.json")], HIS)
    assert rows(journal, "SELECT name FROM file") == [("Åse Łukasiewicz 李.json",)]


def test_lanes_write_beside_what_arrives_and_beside_each_other(journal: Journal, other: Journal) -> None:
    spool(journal, "M1", "M2")
    with journal.store.arriving([HIS]) as db:
        db.execute("UPDATE meta SET value = value WHERE key = 'tick'")
        assert other.delivery.sending(1)
        with other.store.marking(HIS) as beside:
            beside.execute("UPDATE message SET lane = 7 WHERE id = 1")


def test_ids_are_seen_in_their_order(journal: Journal, other: Journal) -> None:
    """What arrives second waits: else its higher id would leave before a lower one is there."""
    with journal.store.arriving([HIS]), pytest.raises(JournalUnavailable):
        spool(other, "M2")
    spool(other, "M1")
    assert waiting(journal) == ["M1"]


def test_the_agent_sees_acts_of_others_and_not_its_own(journal: Journal, other: Journal) -> None:
    journal.begin()
    before = journal.store.foreign_version()
    spool(journal, "M1")
    journal.operator.hold(HIS, "mine")
    assert journal.store.foreign_version() == before
    other.operator.resume(HIS)
    assert journal.store.foreign_version() != before


def test_the_keeper_hears_of_a_verdict_when_it_is_committed(journal: Journal) -> None:
    """Else it looks at a message that still waits, and its file stays in claimed/."""
    spool(journal, "M1")
    seen = list[set[int]]()
    looked = threading.Thread(target=lambda: seen.append(journal.delivery.finished_sources()))
    with journal.store.quick():
        journal.store.finished.add(1)
        looked.start()
        looked.join()
    assert seen == [set()]
    assert journal.delivery.finished_sources() == {1}


# ------------------------------------------------------------------ whose journal it is


def test_one_agent_works_on_a_journal(journal: Journal, other: Journal) -> None:
    journal.begin()
    with pytest.raises(AgentError) as taken:
        other.begin()
    assert (taken.value.code, taken.value.exit_code) == ("journal.taken", 75)
    journal.close()
    other.begin()
    assert other.after_unclean_end


def test_an_agent_that_was_cut_off_writes_nothing_after_another_one_has_begun(
    journal: Journal, other: Journal, cluster: Cluster
) -> None:
    spool(journal, "M1")
    journal.begin()
    message = head(journal)[0]
    _cut_off(cluster)
    other.begin()
    with pytest.raises(AgentError) as taken:
        journal.delivery.sending(message.id)
    assert taken.value.code == "journal.taken"
    with pytest.raises(AgentError):
        journal.store.look()
    assert states(other) == {"M1": "spooled"}


def test_an_agent_takes_its_journal_again_after_the_server_was_started_anew(
    journal: Journal, other: Journal, cluster: Cluster
) -> None:
    journal.begin()
    _cut_off(cluster)
    journal.store.look()
    with pytest.raises(AgentError):
        other.begin()


def test_a_server_that_lacks_what_was_spooled_is_not_gone_on_with(
    journal: Journal, cluster: Cluster, tmp_path: Path
) -> None:
    """A standby that had not everything has taken over: nothing that it lacks may go out under another control id."""
    mark, claim_id = Mark(tmp_path / "journal.mark"), new_id()
    journal.begin()
    journal.heed([mark])
    journal.spool.spooled([source("C1", entry("M1")), source(claim_id, entry("M2"))], HIS, mark)
    _cut_off(cluster)
    assert journal.delivery.sending(1), "the same server is gone on with"
    cluster.ask(
        "SET session_replication_role = replica; SET search_path = lab_sender; DELETE FROM message WHERE id = 2;"
        f" DELETE FROM source WHERE claim_id = '{claim_id}'; DELETE FROM meta WHERE value = '{claim_id}';"
        " SET session_replication_role = origin; SET search_path = public"
    )
    _cut_off(cluster)
    for use in (lambda: spool(journal, "M3"), journal.store.look):
        with pytest.raises(AgentError) as behind:
            use()
        assert (behind.value.code, behind.value.exit_code) == ("journal.behind", 74)
    assert cluster.ask("SELECT COUNT(*) FROM lab_sender.message") == [(1,)]


def test_only_a_journal_that_is_there_loads_what_speaks_to_it() -> None:
    modules = "lab_sender.agent.process, lab_sender.operations.installation"
    loaded = f"import sys, {modules}; print('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True).stdout.strip() == b"False"


def test_without_what_speaks_to_it_is_said_what_to_install(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.startswith("lab_sender.journal.postgres.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for opened in (Journal, View):
        with pytest.raises(AgentError, match="pip install") as missing:
            opened(server)
        assert (missing.value.code, missing.value.exit_code) == ("journal.no-driver", 78)


# ------------------------------------------------------------------ who may log in, and who the server is

PASSWORD = "s3cret-word"


@pytest.fixture
def plain(cluster: Cluster, tmp_path: Path) -> Iterator[Server]:
    """By the loopback, for a role that may do nothing but what it was given."""
    cluster.ask(
        f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'; CREATE SCHEMA plain_journal AUTHORIZATION plain"
    )
    cluster.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = (("sslmode", "verify-full"), ("sslrootcert", str(tmp_path / "ca.pem")))
    yield Server(f"postgresql://plain@localhost:{cluster.port}/postgres", "plain_journal", PASSWORD, tls)
    cluster.ask("DROP SCHEMA plain_journal CASCADE; DROP ROLE plain")


def test_a_role_of_its_own_needs_no_more_than_its_schema(plain: Server, cluster: Cluster) -> None:
    with closing(Journal(plain)) as journal:
        journal.begin()
        spool(journal, "M1")
        with closing(View(plain)) as view:
            assert (view.counts()["spooled"], view.integrity()) == (1, "ok")
            assert view.version() > 0
            assert view.size_bytes() > 0
            assert any("fsync is off" in each for each in view.weaknesses())
        assert cluster.ask(
            "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'plain'"
        ) == [(True,)]


def test_a_server_that_is_not_verified_gets_no_password(plain: Server, tmp_path: Path) -> None:
    import trustme

    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with pytest.raises(JournalUnavailable, match="certificate verify failed") as other:
        Journal(plain)
    assert PASSWORD not in str(other.value)
    with pytest.raises(JournalUnavailable, match="certificate"):
        Journal(replace(plain, tls=(("sslmode", "verify-full"), ("sslrootcert", "system"))))


def test_a_wrong_password_is_said_and_not_shown(plain: Server) -> None:
    with pytest.raises(JournalUnavailable, match="password authentication failed") as wrong:
        Journal(replace(plain, password="wr0ng-word"))
    assert "wr0ng" not in str(wrong.value)


def test_who_may_not_make_the_tables_is_told_what_the_owner_does(plain: Server) -> None:
    with pytest.raises(AgentError, match="may not make the journal's tables") as no_right:
        Journal(replace(plain, schema="another"))
    assert (no_right.value.code, no_right.value.exit_code) == ("journal.schema-behind", 78)


# ------------------------------------------------------------------ a server that goes and comes


def test_a_connection_that_was_lost_while_it_was_free_costs_nothing(journal: Journal, cluster: Cluster) -> None:
    spool(journal, "M1")
    _cut_off(cluster)
    spool(journal, "M2")
    assert waiting(journal) == ["M1", "M2"]
    with closing(journal.store.reader()) as reader:
        assert reader.rows("SELECT 1") == [(1,)]
        _cut_off(cluster)
        assert reader.rows("SELECT 1") == [(1,)]


def test_a_connection_that_is_lost_within_a_transaction_undoes_it(journal: Journal, cluster: Cluster) -> None:
    def write() -> None:
        with journal.store.durable() as db:
            db.execute("INSERT INTO meta (key, value) VALUES ('x', 'y')")
            _cut_off(cluster)
            db.execute("SELECT 1")

    with pytest.raises(JournalUnavailable) as lost:
        write()
    assert lost.value.code == "journal.unreachable"
    assert journal.store.trouble() is not None
    assert rows(journal, "SELECT * FROM meta WHERE key = 'x'") == []
    journal.store.tick()
    assert journal.store.trouble() is None


def test_a_server_that_is_not_there_is_waited_for(server: Server, cluster: Cluster) -> None:
    away = Server(server.url.replace(str(cluster.folder), f"{cluster.folder}/none"), password="s3cret-word")
    with pytest.raises(JournalUnavailable) as gone:
        Journal(away)
    assert (gone.value.code, gone.value.exit_code) == ("journal.unreachable", 75)
    assert "s3cret-word" not in f"{gone.value} {away!r} {away}"


def test_an_error_that_was_passed_over_does_not_count_as_committed(journal: Journal) -> None:
    with pytest.raises(RuntimeError), journal.store.durable() as db, pytest.raises(Exception, match="nothing"):
        db.execute("SELECT 1 FROM nothing")


def _cut_off(cluster: Cluster) -> None:
    """End every connection but ours, as a crash of the server does; returns when they are gone."""
    cluster.ask(f"SELECT pg_terminate_backend(pid) {OTHERS}")
    until(lambda: cluster.ask(f"SELECT COUNT(*) {OTHERS}") == [(0,)])


