"""A journal on PostgreSQL becomes the next version's, by its own role or by a DBA; two versions work side by side."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kit.core import entry, source, spool, states
from kit.postgres import Cluster

from lab_sender.errors import AgentError
from lab_sender.journal import Journal, JournalUnavailable, Server, View
from lab_sender.journal.opening import text_for_dba
from lab_sender.journal.postgres import steps
from lab_sender.journal.postgres.steps import FIRST, Step

schema: Any = pytest.importorskip("lab_sender.journal.postgres.schema")
FIRST_TABLES = Path(__file__).with_name("journal-postgres-7.sql")
"""The tables of the first version, as it made them."""
NEXT = steps.known() + 1
ADDS = Step(NEXT, FIRST, "CREATE TABLE extra (name TEXT COLLATE \"C\" PRIMARY KEY); ALTER TABLE file ADD more BIGINT")


@pytest.fixture
def fresh(cluster: Cluster) -> Iterator[Server]:
    """A schema of its own, in which there is nothing."""
    cluster.ask("DROP SCHEMA IF EXISTS fresh CASCADE")
    yield replace(cluster.server(), schema="fresh")
    cluster.ask("DROP SCHEMA IF EXISTS fresh CASCADE")


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab-sender of the next version."""
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS, ADDS))


def _catalogue(cluster: Cluster) -> list[list[tuple[Any, ...]]]:
    here = "'fresh'::regnamespace"
    return [
        cluster.ask(
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
            " a.attidentity::text, a.attcollation::regcollation::text, pg_get_expr(d.adbin, d.adrelid)"
            " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
            f" WHERE c.relnamespace = {here} AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
            " ORDER BY 1, 2"
        ),
        cluster.ask("SELECT indexdef FROM pg_indexes WHERE schemaname = 'fresh' ORDER BY 1"),
        cluster.ask(
            "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint"
            f" WHERE connamespace = {here} ORDER BY 1, 2"
        ),
        cluster.ask(
            "SELECT t.tgname::text, pg_get_triggerdef(t.oid), p.prosrc FROM pg_trigger t"
            " JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid"
            f" WHERE c.relnamespace = {here} ORDER BY 1"
        ),
    ]


def _make_first(cluster: Cluster) -> None:
    tables = FIRST_TABLES.read_text("utf-8")
    cluster.ask(f"BEGIN; CREATE SCHEMA fresh; SET LOCAL search_path = fresh; {tables}; COMMIT")


def test_one_of_the_first_version_becomes_what_a_new_one_is(fresh: Server, cluster: Cluster) -> None:
    Journal(fresh).close()
    made = _catalogue(cluster)
    cluster.ask("DROP SCHEMA fresh CASCADE")
    _make_first(cluster)
    with closing(Journal(fresh)) as journal:
        spool(journal, "M1")
    assert _catalogue(cluster) == made
    assert cluster.ask("SELECT value FROM fresh.meta WHERE key = 'schema'") == [(str(steps.known()),)]


@pytest.mark.usefixtures("newer")
def test_a_step_is_made_once_and_says_who_may_go_on(fresh: Server, cluster: Cluster) -> None:
    _make_first(cluster)
    for _ in range(2):
        Journal(fresh).close()
    noted = "SELECT key, value FROM fresh.meta WHERE key IN ('schema', 'readable_by') ORDER BY 1"
    assert cluster.ask(noted) == [("readable_by", str(FIRST)), ("schema", str(NEXT))]
    assert cluster.ask("SELECT COUNT(*) FROM fresh.extra") == [(0,)]


def test_an_older_lab_sender_goes_on_beside_a_newer_one(
    fresh: Server, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables and columns are added under an agent that works."""
    with closing(Journal(fresh)) as journal:
        journal.begin()
        spool(journal, "M1")
        with monkeypatch.context() as newer:
            newer.setattr(steps, "STEPS", (*steps.STEPS, ADDS))
            Journal(fresh).close()
        assert cluster.ask("SELECT COUNT(*) FROM fresh.extra") == [(0,)]
        spool(journal, "M2")
        assert states(journal) == {"M1": "spooled", "M2": "spooled"}
        Journal(fresh).close()
        with closing(View(fresh)) as view:
            assert (view.schema_version(), view.known_version()) == (steps.known(),) * 2


def test_a_version_that_an_older_lab_sender_does_not_know_ends_it(
    fresh: Server, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the one that works just now: nothing more is sent by what may misread it."""
    with closing(Journal(fresh)) as journal:
        with monkeypatch.context() as newer:
            newer.setattr(steps, "STEPS", (*steps.STEPS, ADDS._replace(readable_by=NEXT)))
            Journal(fresh).close()
        for use in (lambda: spool(journal, "M1"), lambda: Journal(fresh)):
            with pytest.raises(AgentError, match=f"schema {NEXT}, this one knows {steps.known()}") as rejected:
                use()
            assert (rejected.value.code, rejected.value.exit_code) == ("journal.newer", 78)
        with closing(View(fresh)) as view:
            assert view.schema_version() == NEXT
    assert cluster.ask("SELECT COUNT(*) FROM fresh.message") == [(0,)]


@pytest.mark.usefixtures("newer")
def test_a_table_that_is_in_use_is_waited_for_and_others_are_let_through(
    fresh: Server, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_LOCK_S", 0.05)
    monkeypatch.setattr(schema, "_EACH_S", 0.05)
    _make_first(cluster)
    import psycopg

    with psycopg.connect(cluster.url) as reading:
        reading.execute("SELECT COUNT(*) FROM fresh.file")
        monkeypatch.setattr(schema, "_TRIES", 2)
        with pytest.raises(JournalUnavailable) as busy:
            Journal(fresh)
        assert busy.value.code == "journal.busy"
        monkeypatch.setattr(schema, "_TRIES", 200)
        made = threading.Thread(target=lambda: Journal(fresh).close())
        made.start()
        cluster.ask("INSERT INTO fresh.file (source_id, role, name, claimed_as) VALUES (1, 'report', 'n', 'n')")
    made.join()
    assert cluster.ask("SELECT COUNT(*) FROM fresh.extra") == [(0,)]


# ------------------------------------------------------------------ by a DBA


@pytest.fixture
def role(cluster: Cluster) -> Iterator[Server]:
    """A role that may make nothing."""
    cluster.ask("DROP SCHEMA IF EXISTS fresh CASCADE; CREATE ROLE poor LOGIN")
    yield Server(cluster.url.replace("lab_sender@", "poor@"), "fresh")
    cluster.ask("DROP SCHEMA IF EXISTS fresh CASCADE; DROP ROLE poor")


def _lacking(server: Server) -> list[str]:
    """What `check` finds of the account's rights."""
    with closing(View(server)) as view:
        return view.rights_lacking()


def _psql(cluster: Cluster, text: str, exits: int = 0) -> str:
    ran = subprocess.run(["psql", "-X", "-q", cluster.url], input=text, capture_output=True, text=True, check=False)
    assert bool(ran.returncode) == bool(exits), ran.stderr
    return ran.stderr


def test_a_role_that_may_make_no_tables_works_on_what_a_dba_made(
    role: Server, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AgentError, match="DBA must run what `lab-sender journal schema`") as behind:
        Journal(role)
    assert (behind.value.code, behind.value.exit_code) == ("journal.schema-behind", 78)
    assert _lacking(role) == ["no right to make its tables"]
    _psql(cluster, text_for_dba("fresh", "poor"))
    assert _lacking(role) == []
    cluster.ask("REVOKE DELETE ON fresh.wire FROM poor")
    assert _lacking(role) == ["no right to read and write the tables wire"]
    cluster.ask("GRANT DELETE ON fresh.wire TO poor")
    assert "it has its tables already" in _psql(cluster, text_for_dba("fresh", "poor"), exits=3)
    with closing(Journal(role)) as journal:
        journal.begin()
        journal.spool.spooled([source("C1", entry("M1"))], "his")
        journal.end()
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS, ADDS))
    assert _lacking(role) == [f"no right to make its tables from version {NEXT - 1}"]
    with pytest.raises(AgentError, match=f"journal schema --from {NEXT - 1}") as behind:
        Journal(role)
    assert behind.value.code == "journal.schema-behind"
    _psql(cluster, text_for_dba("fresh", "poor", NEXT - 1))
    assert "not of version" in _psql(cluster, text_for_dba("fresh", "poor", NEXT - 1), exits=3)
    with closing(Journal(role)) as journal:
        assert states(journal) == {"M1": "spooled"}
        journal.begin()
    with pytest.raises(ValueError, match=str(NEXT)):
        text_for_dba("fresh", "poor", NEXT)


def test_what_a_dba_makes_is_what_the_agent_makes(fresh: Server, cluster: Cluster) -> None:
    Journal(fresh).close()
    made = _catalogue(cluster)
    cluster.ask("DROP SCHEMA fresh CASCADE")
    _psql(cluster, text_for_dba("fresh", "lab_sender"))
    assert _catalogue(cluster) == made
