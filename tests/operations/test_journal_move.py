"""`journal move`: the lines that it prints for config.yaml, and what page and alerts keep where it is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from kit.postgres import Cluster

from lab_sender.errors import LabSenderError
from lab_sender.journal import Journal, JournalUnavailable
from lab_sender.journal.moved import OnServer
from lab_sender.operations.accounts import Accounts
from lab_sender.operations.audit import Audit
from lab_sender.operations.installation import Installation
from lab_sender.operations.journal_move import Target, _to_server, move
from lab_sender.operations.records import FileRecords, Records
from lab_sender.operations.rights_of import Visitor


@pytest.mark.parametrize("name", ["db-ca.pem", "/etc/our CA, new/{1}: a.pem", "C:\\lab # 1\\ca.pem", "ümlaut's.pem"])
def test_they_name_what_was_given_whatever_is_in_its_name(name: str) -> None:
    place = "postgresql://lab_sender@db1.example/lab"
    target = Target(place, ca=Path(name), key=Path(name))
    assert yaml.safe_load("\n".join(_to_server(target))) == {
        "journal": {"database": place, "tls": {"ca": str(Path(name)), "key": str(Path(name))}}
    }


@pytest.fixture
def site(tmp_path: Path, cluster: Cluster) -> Iterator[Installation]:
    """An installation with its journal on PostgreSQL, and an account there."""
    cluster.ask("DROP SCHEMA IF EXISTS moved CASCADE")
    config = tmp_path / "config.yaml"
    config.write_text(
        "outbox: outbox\nhis: {host: 127.0.0.1, port: 9}\nfolders: {journal: state}\n"
        f"journal: {{database: '{cluster.url}', schema: moved}}\n"
    )
    (tmp_path / "outbox").mkdir()
    (tmp_path / "state").mkdir()
    installation = Installation(config)
    with closing(Journal(installation.journal_at)) as journal:
        journal.begin()
    with closing(installation.records()) as records:
        Accounts(records, Audit(records)).add(Visitor(name="anna"), "otto", "operator", password="a horse walks home")
    yield installation
    cluster.ask("DROP SCHEMA IF EXISTS moved CASCADE")


@pytest.mark.parametrize(("cut_off_at", "is_there"), [("leaving", False), ("left", True)])
def test_accounts_and_audit_are_where_the_journal_is_though_the_move_could_not_be_noted(
    site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_off_at: str, is_there: bool
) -> None:
    from lab_sender.journal.postgres.moving import MovedServer

    notes = MovedServer.note

    def note(self: MovedServer, note: OnServer) -> None:
        if note.state == cut_off_at:
            raise JournalUnavailable("journal.unreachable", "away")
        notes(self, note)

    file, beside = tmp_path / "back.db", site.journal_path.with_name("operations.db")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(MovedServer, "note", note)
        with pytest.raises(LabSenderError):
            move(site, Target(str(file)), _nobody)
    assert (file.exists(), beside.exists()) == (is_there, is_there)
    kept: Records = FileRecords(beside) if is_there else site.records()
    with closing(kept):
        assert [each.name for each in Accounts(kept, Audit(kept)).every().accounts] == ["otto"]
        assert Audit(kept).verify().rows == 1


def test_nobody_writes_meanwhile_what_would_stay_behind(
    site: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the page of another machine would: what it says it has noted is in the file."""
    from lab_sender.journal.postgres.moving import MovedServer

    monkeypatch.setattr("lab_sender.journal.postgres.records._BUSY_S", 0.1)
    notes, codes = MovedServer.note, list[str]()

    def note(self: MovedServer, note: OnServer) -> None:
        with closing(site.records()) as records:
            try:
                Audit(records).note(Visitor(name="anna"), "view")
            except LabSenderError as error:
                codes.append(error.code)
        notes(self, note)

    monkeypatch.setattr(MovedServer, "note", note)
    move(site, Target(str(tmp_path / "back.db")), _nobody)
    assert codes == ["records.unavailable", "journal.move-unfinished"]
    with closing(FileRecords(site.journal_path.with_name("operations.db"))) as file:
        assert Audit(file).verify().rows == 1


def _nobody(*_: Any) -> None:
    """Hear of no progress."""
