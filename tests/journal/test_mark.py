"""What an outbox remembers of its journal: an older one is known for what it is, and no other one ever."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from kit.core import HIS, entry, head, source

from lab_sender import files
from lab_sender.errors import AgentError
from lab_sender.ids import new_id
from lab_sender.journal import Address, Journal, Mark, View
from lab_sender.journal.database import Db


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "journal.mark"


def _spool(journal: Journal, path: Path, *claim_ids: str, outbox: str = "") -> Mark:
    mark = _read(path)
    for claim_id in claim_ids:
        journal.spool.spooled([source(claim_id, entry(claim_id))._replace(outbox=outbox)], HIS, mark)
        mark.write()
    return mark


def _spool_by(journal: Journal, mark: Mark, claim_id: str) -> None:
    journal.spool.spooled([source(claim_id, entry(claim_id))], HIS, mark)


def _read(path: Path) -> Mark:
    mark = Mark(path)
    mark.read()
    return mark


def _forget(journal: Journal, claim_id: str) -> None:
    """Take out what was spooled, as retention does when it is due."""
    with journal.store.durable() as db:
        db.execute("UPDATE message SET state = 'acked' WHERE control_id = ?", (claim_id,))
        db.execute("UPDATE file SET folder = 'sent' WHERE claimed_as LIKE ?", (f"{claim_id}%",))
        db.execute("DELETE FROM wire WHERE message_id IN (SELECT id FROM message WHERE control_id = ?)", (claim_id,))
        db.execute("DELETE FROM message WHERE control_id = ?", (claim_id,))
        db.execute("DELETE FROM file WHERE claimed_as LIKE ?", (f"{claim_id}%",))
        db.execute("DELETE FROM source WHERE claim_id = ?", (claim_id,))


def test_its_own_journal_knows_it(journal: Journal, address: Address, kept: Path) -> None:
    first, second = new_id(), new_id()
    _spool(journal, kept, first, second)
    mark = _read(kept)
    assert mark.last == max(first, second)
    journal.heed([mark])
    view = View(address)
    assert view.knows(mark)
    view.close()


def test_a_journal_that_lacks_what_was_spooled_last_is_not_gone_on_with(
    journal: Journal, address: Address, kept: Path
) -> None:
    """What a restored backup or a failover has lost: source, message, and the note of it."""
    first, second = sorted((new_id(), new_id()))
    _spool(journal, kept, first)
    with journal.store.reading() as db:
        noted = db.execute("SELECT key, value FROM meta WHERE key LIKE 'mark%'").fetchall()
    _spool(journal, kept, second)
    _forget(journal, second)
    with journal.store.durable() as db:
        db.execute("UPDATE meta SET value = ? WHERE key = ?", (noted[0][1], noted[0][0]))
    mark = _read(kept)
    with pytest.raises(AgentError) as behind:
        journal.heed([mark])
    assert (behind.value.code, behind.value.exit_code) == ("journal.behind", 74)
    view = View(address)
    assert not view.knows(mark)
    view.close()
    mark.forget()
    journal.heed([_read(kept)])


def test_what_retention_has_deleted_is_known(journal: Journal, kept: Path) -> None:
    last = new_id()
    _spool(journal, kept, last)
    _forget(journal, last)
    journal.heed([_read(kept)])


@pytest.mark.parametrize("found", [None, b"", b"\0" * 42, b"0123456789", b"06H2CT8XEEPDSRSB4SKB"])
def test_a_mark_that_is_behind_torn_or_gone_stops_nobody(journal: Journal, kept: Path, found: bytes | None) -> None:
    """A kill comes between COMMIT and mark; a power cut tears it. The next start makes it good."""
    first, second = sorted((new_id(), new_id()))
    _spool(journal, kept, first)
    behind = kept.read_bytes()
    _spool(journal, kept, second)
    kept.write_bytes(behind)
    mark = _read(kept)
    journal.heed([mark])
    assert (mark.last, _read(kept).last) == (second, second)
    kept.unlink() if found is None else kept.write_bytes(found)
    mark = _read(kept)
    journal.heed([mark])
    assert mark.last == ""


def test_what_another_outbox_spools_during_the_look_is_not_missed(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outbox comes back while others work: a look that has begun before their COMMIT does not see it."""
    back, busy = _spool(journal, tmp_path / "back", new_id()), _spool(journal, tmp_path / "busy", new_id())
    renew = Mark.renew
    spooling = threading.Thread(target=_spool_by, args=(journal, busy, new_id(busy.last)))

    def renewed(mark: Mark, db: Db) -> None:
        renew(mark, db)
        if mark is back:
            spooling.start()
            spooling.join(0.5)  # SQLite's waits for the look

    with monkeypatch.context() as during:
        during.setattr(Mark, "renew", renewed)
        journal.heed([back, busy])
    spooling.join()
    journal.heed([back, busy])


def test_nobody_waits_for_a_share_while_the_journal_is_looked_at(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark of an outbox that has come back lies on its share, and lanes to elsewhere have the same journal."""
    path = tmp_path / "journal.mark"
    first, second = sorted((new_id(), new_id()))
    _spool(journal, path, first)
    before = path.read_bytes()
    _spool(journal, path, second)
    path.write_bytes(before)
    sent, overwrite = list[bool](), files.overwrite

    def hangs(path: Path, data: bytes) -> None:
        lane = threading.Thread(target=lambda: (head(journal), sent.append(True)), daemon=True)
        lane.start()
        lane.join(2)
        assert sent
        overwrite(path, data)

    monkeypatch.setattr(files, "overwrite", hangs)
    journal.heed([_read(path)])
    assert sent
    assert _read(path).last == second


def test_what_was_not_committed_is_not_kept(
    journal: Journal, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a disk that is full at the COMMIT, or a crash just before it, would leave a mark that no journal knows."""
    mark, claim_id = _spool(journal, kept, new_id()), new_id()
    before = kept.read_bytes()

    def fail(*_: object) -> None:
        raise RuntimeError("the COMMIT fails")

    commit = "commit" if isinstance(journal.store.path, Path) else "_commit"
    with monkeypatch.context() as failing:
        failing.setattr(journal.store, commit, fail)
        with pytest.raises(RuntimeError):
            journal.spool.spooled([source(claim_id, entry(claim_id))], HIS, mark)
    mark.write()
    assert (mark.last, kept.read_bytes()) == (_read(kept).last, before)
    journal.heed([_read(kept)])


def test_marks_of_two_outboxes_are_held_apart(journal: Journal, tmp_path: Path) -> None:
    """What one has lost is not hidden by what another one has spooled since."""
    old, new = sorted((new_id(), new_id()))
    lost = _spool(journal, tmp_path / "one", old, outbox="one")
    _spool(journal, tmp_path / "two", new, outbox="two")
    _forget(journal, old)
    with journal.store.durable() as db:
        db.execute("DELETE FROM meta WHERE value = ?", (old,))
    journal.heed([_read(tmp_path / "two")])
    with pytest.raises(AgentError):
        journal.heed([lost, _read(tmp_path / "two")])


def test_a_name_that_somebody_else_gave_is_not_kept(journal: Journal, kept: Path) -> None:
    _spool(journal, kept, "Anna report")
    assert not kept.exists()


def test_a_folder_that_is_away_keeps_nobody(journal: Journal, tmp_path: Path) -> None:
    mark = _spool(journal, tmp_path / "away" / "journal.mark", new_id())
    assert mark.last
    journal.heed([mark])
