"""What `release` says of a message that was only what had changed, and goes out whole: its new control id.

And whom the former one means since.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from kit.core import HIS, entry, head, ready, rows, source

from lab_sender.cli.main import main
from lab_sender.journal import Attempt, Journal
from lab_sender.operations import acts, bulk
from lab_sender.operations.installation import Installation


@pytest.fixture
def site(tmp_path: Path) -> Installation:
    """Message 1 is a refused part; message 2, older by its file, was delivered since."""
    (tmp_path / "outbox").mkdir()
    (tmp_path / "state").mkdir()
    config = tmp_path / "config.yaml"
    his = "his: {host: 127.0.0.1, port: 9}"
    config.write_text(f"outbox: outbox\n{his}\nfolders: {{journal: state}}\nweb: {{listen: off}}\n")
    site = Installation(config)
    with closing(Journal(site.journal_path)) as journal:
        whole = ready("M1", order="F1", value="2")
        part = entry("M1", order="F1", state="quarantined", code="refused", whole=whole)
        journal.spool.spooled([source("C2", part)], HIS)
        journal.spool.spooled([source("C3", entry("M2", order="F1", value="3", came="C1"))], HIS)
        (older,) = head(journal)
        journal.delivery.acked(older, Attempt(older.id, 0, "verdict", "ack", "", "", "AA"))
    return site


def test_of_one(site: Installation) -> None:
    told = CliRunner().invoke(main, ["--config", str(site.path), "release", "1"])
    assert _control_id(site) != "M1"
    assert f"from its old place, whole, under control id {_control_id(site)}" in " ".join(told.output.split())


def test_of_many(site: Installation) -> None:
    (act,) = bulk.run(site, bulk.freeze(site, "release", words=["1"]), "a test", who="tester").done
    assert act.new_control_id == _control_id(site) != "M1"


def test_of_one_that_nothing_was_said_against(site: Installation) -> None:
    with closing(Journal(site.journal_path)) as journal, journal.store.durable() as db:
        db.execute("UPDATE message SET state = 'dismissed' WHERE id = 2")
    act = acts.release(site, "1", who="tester")
    assert (act.new_control_id, _control_id(site)) == (None, "M1")


def test_a_control_id_that_was_another_ones_before_means_both(site: Installation) -> None:
    """As where one ready message went to two destinations, and was built anew for one of them."""
    acts.release(site, "1", who="tester")
    with closing(Journal(site.journal_path)) as journal:
        journal.spool.spooled([source("C4", entry("M1", order="F9"))], "another HIS")
    told = CliRunner().invoke(main, ["--config", str(site.path), "dismiss", "control:M1", "--why", "x"])
    assert told.exit_code == 2
    assert all(each in told.output for each in ("word.ambiguous", "id:1", "id:3"))


def _control_id(site: Installation) -> str:
    with closing(Journal(site.journal_path)) as journal:
        ((control_id,),) = rows(journal, "SELECT control_id FROM message WHERE id = 1")
    return str(control_id)
