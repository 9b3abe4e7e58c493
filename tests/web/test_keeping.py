"""What goes by itself from operations.db: right after the agent's own retention, whole years, and what is over."""

from __future__ import annotations

import datetime
import json
import threading
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from kit.core import until

from lab_sender.cli.main import main
from lab_sender.journal import Journal
from lab_sender.operations import audit as audit_module
from lab_sender.operations import keeping
from lab_sender.operations.audit import Audit
from lab_sender.operations.installation import Installation
from lab_sender.operations.keeping import RETENTION, Keeping
from lab_sender.operations.rights_of import Visitor
from lab_sender.operations.status import status
from lab_sender.operations.submissions import Submitted, became, submit
from lab_sender.operations.web import server
from lab_sender.operations.web.site import Site
from web.test_audit import tamper

ANNA = Visitor(name="anna", role="operator")
NOW = datetime.datetime(2026, 11, 29, 3, 0, tzinfo=datetime.UTC)
NOW_MS = int(NOW.timestamp() * 1000)


class Room:
    """An installation with an audit of some years; its clock stands at 2026-11-29 03:00 UTC."""

    def __init__(self, folder: Path, retention: str = "retention: {}\n") -> None:
        (folder / "outbox").mkdir()
        self.config = folder / "config.yaml"
        self.write(retention)
        work = self.installation.journal_path.parent
        (work / "claimed").mkdir(parents=True)
        Journal(self.installation.journal_path).close()
        self.records = self.installation.records()
        self.audit = Audit(self.records)
        self.now_ms = NOW_MS
        self.keeping = Keeping(lambda: self.installation, self.records, self.audit, clock_ms=lambda: self.now_ms)

    @property
    def installation(self) -> Installation:
        return Installation(self.config)

    def write(self, retention: str) -> None:
        self.config.write_text(f"outbox: outbox\nhis: {{host: 127.0.0.1, port: 9}}\n{retention}")

    def purged(self, at_ms: int) -> None:
        """What the agent notes when it has deleted all that may go."""
        with closing(Journal(self.installation.journal_path)) as journal, journal.store.durable() as db:
            db.execute("INSERT INTO meta (key, value) VALUES ('retention_done', ?)"
                       " ON CONFLICT (key) DO UPDATE SET value = excluded.value", (str(at_ms),))  # fmt: skip

    def submit(self, data: bytes) -> Submitted:
        key = f"key-of-{data.hex():0>8}"
        return submit(self.installation, self.records, data, name="a.json", to=(), key_id=1, idempotency_key=key)

    def note(self, monkeypatch: pytest.MonkeyPatch, *years: int) -> None:
        for year in years:
            at = datetime.datetime(year, 6, 1, tzinfo=datetime.UTC).timestamp()
            monkeypatch.setattr(audit_module, "now_ms", lambda at=at: int(at * 1000))
            self.audit.note(ANNA, "login")
        monkeypatch.setattr(audit_module, "now_ms", lambda: self.now_ms)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    made = Room(tmp_path)
    made.note(monkeypatch, 2019, 2019, 2020, 2021, 2026)
    return made


def test_years_older_than_the_audit_is_kept_go_and_the_chain_goes_on(room: Room) -> None:
    """Six years before now is 2020-11-30: 2019 has ended before it, 2020 has not."""
    room.purged(NOW_MS - 60_000)
    room.keeping.look()
    verdict = room.audit.verify()
    assert (verdict.ok, verdict.removed_years, verdict.years) == (True, (2019,), (2020, 2021, 2026))
    newest = room.audit.listing(limit=1).rows[0]
    assert (newest.who, newest.act, newest.target) == (RETENTION.name, "audit-remove", "2019")
    room.now_ms += 366 * 86_400_000
    room.purged(room.now_ms - 1)
    room.keeping.look()
    verdict = room.audit.verify()
    assert (verdict.ok, verdict.removed_years) == (True, (2019, 2020))
    assert room.audit.note(ANNA, "login") > 7
    assert room.audit.verify().ok


@pytest.mark.parametrize(
    ("purged_ms", "retention"),
    [
        (None, "retention: {}\n"),
        (NOW_MS - 2 * 3_600_000, "retention: {}\n"),
        (NOW_MS + 60_000, "retention: {}\n"),
        (NOW_MS - 60_000, ""),
        (NOW_MS - 60_000, "retention: {audit: never}\n"),
        (NOW_MS - 60_000, "retention: {audit: 8y}\n"),
    ],
    ids=["no purge", "long ago", "a clock set back", "no section", "never", "longer"],
)
def test_nothing_goes_otherwise(room: Room, purged_ms: int | None, retention: str) -> None:
    room.write(retention)
    if purged_ms is not None:
        room.purged(purged_ms)
    room.keeping.look()
    assert room.audit.verify().removed_years == ()


def test_a_submission_goes_once_the_journals_record_of_it_has_gone(room: Room) -> None:
    first, second, young = (room.submit(text) for text in (b"{}", b"[]", b"1"))
    (room.installation.config.outboxes[0].folders.outbox / second.file).unlink()
    with room.records.transaction() as db:
        old_ms = NOW_MS - 3 * 365 * 86_400_000
        db.execute("UPDATE submission SET created_ms = ? WHERE id IN (?, ?)", (old_ms, first.id, second.id))
        db.execute("UPDATE submission SET created_ms = ? WHERE id = ?", (NOW_MS, young.id))
    room.purged(NOW_MS)
    room.keeping.look()
    rows = room.records.rows("SELECT id FROM submission ORDER BY id")
    assert rows == [(first.id,), (young.id,)], "the first still lies in the outbox"
    assert became(room.installation, room.records, first.id, key_id=1).outcome == "waiting"


def test_what_cannot_be_looked_at_stays_and_is_told_once(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(*_: object) -> bool:
        raise OSError(5, "the share is away")

    room.submit(b"{}")
    with room.records.transaction() as db:
        db.execute("UPDATE submission SET created_ms = 0")
    monkeypatch.setattr("lab_sender.operations.submissions.is_there", hangs)
    told = list[str]()
    monkeypatch.setattr("lab_sender.operations.keeping.say", lambda _level, event, **_: told.append(event))
    room.purged(NOW_MS)
    room.keeping.look()
    room.keeping.look()
    assert told == ["audit.removed", "records.kept"]
    assert len(room.records.rows("SELECT id FROM submission")) == 1


def test_a_chain_that_is_broken_is_said_until_it_is_whole(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[str]()
    monkeypatch.setattr("lab_sender.operations.keeping.say", lambda _level, event, **_: told.append(event))

    def walked() -> list[str]:
        room.now_ms += 86_400_000
        room.keeping.walk()
        return [each.code for each in status(room.installation).conditions if each.code == "audit.broken"]

    assert walked() == []
    tamper(room.records.path, "UPDATE audit SET who = 'berta' WHERE id = 3")
    room.keeping.walk()
    assert told == [], "once a day"
    assert walked() == ["audit.broken"]
    (broken,) = [each for each in status(room.installation).conditions if each.code == "audit.broken"]
    assert broken.level == "WARNING"
    assert broken.text == "row 3 of the page's audit is not as it was written, or is gone"
    assert told == ["audit.broken"]
    tamper(room.records.path, "UPDATE audit SET who = 'anna' WHERE id = 3")
    assert walked() == []


def test_the_state_of_results_does_not_hang_on_operations_db(room: Room) -> None:
    room.records.close()
    room.records.path.write_bytes(b"no database" * 100)
    assert status(room.installation).audit_broken is None
    room.keeping.walk()


def test_the_pages_process_does_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """And ends it when it ends itself."""
    monkeypatch.setattr(keeping, "_EVERY_S", 0.01)
    room.purged(NOW_MS)

    def serve(site: Site, *, with_agent: bool) -> None:
        assert not with_agent
        until(lambda: site.audit.verify().removed_years == (2019,))

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(keeping.Keeping.__init__, "__kwdefaults__", {"clock_ms": lambda: NOW_MS})
    done = CliRunner().invoke(main, ["--config", str(room.config), "web"])
    assert done.exit_code == 0
    assert [json.loads(line)["event"] for line in done.output.splitlines()] == ["audit.removed"]
    assert "keeping" not in [each.name for each in threading.enumerate()]
