"""What is seen of an installation whose journal is on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kit.postgres import Cluster

from lab_sender.journal import ALERTS, Journal, Server, View, leases_of
from lab_sender.operations import probes
from lab_sender.operations.installation import Installation
from lab_sender.operations.status import status


@pytest.fixture
def site(tmp_path: Path, cluster: Cluster) -> Path:
    """A configuration; no agent has run by it yet."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "outbox: outbox\nhis: {host: 127.0.0.1, port: 9}\nfolders: {journal: state}\nweb: {listen: off}\n"
        f"journal: {{database: '{cluster.url}', schema: not_yet}}\n"
    )
    (tmp_path / "outbox").mkdir()
    return config


def test_how_it_stands_is_known_before_the_first_agent(site: Path) -> None:
    now = status(Installation(site))
    assert (now.journal, now.journal_bytes, now.running) == (False, 0, False)


def test_its_size_is_what_its_tables_take(site: Path) -> None:
    address = Installation(site).journal_at
    with closing(Journal(address)) as journal:
        journal.begin()
    with closing(View(address)) as view:
        assert status(Installation(site)).journal_bytes == view.size_bytes() > 0


def test_a_role_that_may_make_no_tables_is_told_before_the_start(site: Path, cluster: Cluster) -> None:
    cluster.ask("CREATE ROLE poor_one LOGIN")
    site.write_text(site.read_text().replace("lab_sender@", "poor_one@").replace("not_yet", "not_for_it"))
    found = [each.text for each in probes.journal(Installation(site)) if each.state == "fail"]
    assert len(found) == 1
    assert found[0].startswith("journal.schema-behind: this account has no right to make its tables in postgresql://")
    cluster.ask("DROP ROLE poor_one")


@pytest.fixture
def other(server: Server) -> Iterator[Journal]:
    """Another machine's agent, with the name b."""
    with closing(Journal(replace(server, node="b"))) as journal:
        journal.begin()
        with closing(journal.leases()) as table:
            table.begin(["his"], "0.0.9")
        yield journal


def _found(site: Path, server: Server, node: str) -> list[tuple[str, str, str]]:
    at = f"journal: {{database: '{server.url}', schema: {server.schema}, node: {node}}}\n"
    site.write_text(site.read_text().partition("journal: {database")[0] + at)
    found = probes.journal(Installation(site))
    return [(each.what, each.state, each.text) for each in found if each.what in ("agent", "other machine", "clock")]


def test_check_shows_other_machines_and_a_name_that_is_used_twice(
    site: Path, server: Server, other: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    del other
    (_, (what, state, text)) = _found(site, server, "a")
    assert (what, state) == ("other machine", "ok")
    assert re.fullmatch(r"b, lab-sender 0\.0\.9, last heard of \d s ago", text)
    (_, (what, state, text)) = _found(site, server, "b")
    assert (what, state) == ("agent", "fail")
    assert text.startswith("node.taken: another agent works on this journal as b")
    monkeypatch.setattr("lab_sender.journal.postgres.reader.now_ms", lambda: 0)
    assert [each[:2] for each in _found(site, server, "a")][-1] == ("clock", "warn")


def test_check_sees_an_agent_that_has_the_journal_alone(site: Path, server: Server) -> None:
    with closing(Journal(server)) as journal:
        journal.begin()
        found = _found(site, server, "a")
    assert [text.partition(":")[0] for what, state, text in found if state == "fail"] == ["journal.taken"]


def test_who_sends_the_alerts_is_whoever_has_their_lease_and_still_looks(
    site: Path, server: Server, other: Journal, cluster: Cluster
) -> None:
    """It is the page's process: it may go on without its agent, and a row may be of one that has gone."""
    del other
    _found(site, server, "a")
    with closing(leases_of(replace(server, node="b"), "page")) as table:
        table.make([ALERTS])
        (row, _), _ = table.look()
        table.take(row)

    def sends(agent_ms: int, page_ms: int, *, clean: bool = False) -> bool:
        ago = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) -"
        at = f"started_ms = 1, seen_ms = {ago} {agent_ms}, clean = {clean}"
        cluster.ask(f"UPDATE {server.schema}.node SET {at}; DELETE FROM {server.schema}.machine")
        cluster.ask(f"INSERT INTO {server.schema}.machine VALUES ('b', '[]', {ago} {page_ms})")
        (b,) = status(Installation(site)).nodes
        return b.alerts

    assert sends(agent_ms=0, page_ms=5_000)
    assert sends(agent_ms=90_000, page_ms=5_000), "its agent was killed"
    assert sends(agent_ms=90_000, page_ms=5_000, clean=True), "its agent is stopped"
    assert not sends(agent_ms=0, page_ms=90_000), "its page was killed"
    assert not sends(agent_ms=90_000, page_ms=90_000, clean=True), "the machine was taken away"
