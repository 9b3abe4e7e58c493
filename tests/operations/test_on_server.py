"""What is seen of an installation whose journal is on PostgreSQL."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from kit.postgres import Cluster

from lab_sender.journal import Journal, View
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
