"""The journal as a file: backed up while it is written, recovered when it is damaged, made small."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kit.core import HIS, bad, entry, head, rows, source, spool, tree
from kit.grown import grow
from kit.system import is_private, link

from lab_sender.errors import AgentError
from lab_sender.hl7.orders import OrderFact
from lab_sender.journal import Attempt, Journal, View
from lab_sender.journal.copies import TargetTaken, Unreadable, back_up, compact, recover
from lab_sender.journal.sqlite.copies import new_file

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with something in every state."""
    path = tmp_path / "journal.db"
    with closing(Journal(path)) as journal:
        for number in range(40):
            spool(journal, f"A{number:03}")
            (message,) = head(journal)
            journal.delivery.acked(message, Attempt(message.id, 1, "verdict", "ack", "", "", "AA", b"x" * 900))
        journal.spool.spooled([source("C-Q", entry("Q1"), bad("[2]"))], HIS)
        journal.delivery.quarantined(head(journal)[0], code="refused", reason="AE")
        for number in range(40):
            spool(journal, f"W{number:03}")
    return path


def _counts(path: Path) -> dict[str, int]:
    with closing(View(path)) as view:
        return view.counts()


def _contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: db.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in names if name != "meta"}


def test_a_backup_is_one_instant_while_others_write(path: Path, tmp_path: Path) -> None:
    over, wrote = threading.Event(), threading.Event()
    with closing(Journal(path)) as journal:

        def write() -> None:
            number = 0
            while not over.is_set():
                spool(journal, *(f"N{number}-{each}" for each in range(3)))
                number += 1
                wrote.set()

        writing = threading.Thread(target=write)
        writing.start()
        try:
            assert wrote.wait(30)
            for number in range(5):
                back_up(path, tmp_path / f"{number}.db")
        finally:
            over.set()
            writing.join()
    for number in range(5):
        copy = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(copy)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            new = "SELECT COUNT(*) FROM message WHERE control_id LIKE 'N%'"
            assert db.execute(new).fetchone()[0] % 3 == 0
        assert is_private(copy)
        assert list(tmp_path.glob(f"{number}.db-*")) == [], "it is one file"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_a_backup_has_all_of_it_and_an_agent_can_begin_with_it(path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "b.db")
    assert _contents(tmp_path / "b.db") == _contents(path)
    with closing(Journal(tmp_path / "b.db")) as journal:
        journal.begin()
        assert len(head(journal)) == 40


@pytest.mark.parametrize("there", ["file", "link"])
@pytest.mark.parametrize("make", [back_up, recover])
def test_nothing_is_overwritten(path: Path, tmp_path: Path, make: object, there: str) -> None:
    if there == "file":
        (tmp_path / "there").write_bytes(b"mine")
    else:
        link(tmp_path / "there", tmp_path / "nowhere")
    before = tree(tmp_path)
    with pytest.raises(TargetTaken):
        make(path, tmp_path / "there")  # type: ignore[operator]
    assert tree(tmp_path) == before


def test_two_backups_to_one_name_do_not_write_to_one_file(path: Path, tmp_path: Path) -> None:
    """One of them has the name in the end, whole; the other is told that it is taken."""
    target = tmp_path / "backup.db"
    with new_file(target) as part:
        back_up(path, target)
        part.write_bytes(b"of the other one")
        counts = _counts(target)
        with pytest.raises(TargetTaken), new_file(target):
            pass
        target.rename(tmp_path / "first.db")
        back_up(path, target)
        target.unlink()
    assert target.read_bytes() == b"of the other one"
    assert counts == _counts(path) == _counts(tmp_path / "first.db")
    assert [each.name for each in tmp_path.iterdir() if ".part" in each.name] == []


def test_what_a_killed_backup_has_left_goes_after_a_day(path: Path, tmp_path: Path) -> None:
    old, young, other = (tmp_path / f".{name}.part" for name in ("b.db.OLD", "b.db.NEW", "c.db.OLD"))
    journal = tmp_path / ".b.db.OLD.part-journal"
    for each in (old, young, other, journal):
        each.write_bytes(b"patients")
        if each is not young:
            os.utime(each, (1, 1))
    back_up(path, tmp_path / "b.db")
    assert [each.exists() for each in (old, journal, young, other)] == [False, False, True, True]


def test_a_whole_journal_is_recovered_whole(path: Path, tmp_path: Path) -> None:
    before = _contents(path)
    found = recover(path, tmp_path / "r.db")
    assert found.is_whole
    assert _contents(tmp_path / "r.db") == before
    assert [each for each in found.tables if each.unreadable or each.unsound] == []
    with closing(Journal(tmp_path / "r.db")) as journal:
        journal.begin()
        assert len(head(journal)) == 40


def _pages_of(path: Path, name: str) -> list[int]:
    """Return the pages of a table's leaves, by what stands in them: there is no dbstat everywhere."""
    with closing(sqlite3.connect(path)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    data = path.read_bytes()
    pages, leaves = [root], []
    while pages:
        number = pages.pop()
        page = data[(number - 1) * PAGE : number * PAGE]
        if page[0] in (2, 5):
            cells = int.from_bytes(page[3:5], "big")
            places = [int.from_bytes(page[12 + 2 * n : 14 + 2 * n], "big") for n in range(cells)]
            pages += [int.from_bytes(page[at : at + 4], "big") for at in places]
            pages.append(int.from_bytes(page[8:12], "big"))
        else:
            leaves.append(number)
    return sorted(leaves)


def _damage(path: Path, name: str, *, leaf: int = 0) -> None:
    """Put what a broken disk gives in place of a page of a table."""
    number = _pages_of(path, name)[leaf]
    with path.open("r+b") as file:
        file.seek((number - 1) * PAGE)
        file.write(random.Random(7).randbytes(PAGE))


@pytest.fixture
def damaged(path: Path, tmp_path: Path) -> Iterator[Path]:
    """The journal as one file, for a page of it to be damaged; it must not be changed by anything."""
    copy = tmp_path / "damaged.db"
    back_up(path, copy)
    return copy


def test_what_waits_without_its_bytes_is_seen_by_a_person(damaged: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(damaged)) as db:
        waits = {row[0] for row in db.execute("SELECT id FROM message WHERE state = 'spooled'")}
    _damage(damaged, "wire", leaf=-1)
    data = damaged.read_bytes()
    found = recover(damaged, tmp_path / "r.db")
    assert damaged.read_bytes() == data
    assert not found.is_whole
    assert found.mended.bytes_lost > 0
    (wire,) = [each for each in found.tables if each.table == "wire"]
    assert wire.unreadable >= found.mended.bytes_lost
    with closing(Journal(tmp_path / "r.db")) as journal:
        journal.begin()
        lost = rows(journal, "SELECT id FROM message WHERE code = 'journal.bytes-lost' AND state = 'quarantined'")
        assert len(lost) == found.mended.bytes_lost
        assert {each.id for each in head(journal)} | {each for (each,) in lost} == waits


def test_a_message_of_which_only_the_bytes_are_left_is_seen_or_delivered(damaged: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(damaged)) as db:
        before = {row[0]: row[1] for row in db.execute("SELECT id, state FROM message")}
    _damage(damaged, "message", leaf=0)
    found = recover(damaged, tmp_path / "r.db")
    assert found.mended.rows_lost > 0
    with closing(Journal(tmp_path / "r.db")) as journal:
        journal.begin()
        again = rows(journal, "SELECT id, state, may_have_left FROM message WHERE code = 'journal.row-lost'")
        assert len(again) == found.mended.rows_lost
        assert {(before[number], state) for number, state, _ in again} <= {
            ("acked", "acked"), ("spooled", "quarantined"), ("quarantined", "quarantined"),
        }  # fmt: skip
        kept = dict(rows(journal, "SELECT id, state FROM message WHERE code <> 'journal.row-lost'"))
        assert {number: before[number] for number in kept} == kept
        spool(journal, "NEW")
        assert max(before) < rows(journal, "SELECT MAX(id) FROM message")[0][0]


def test_what_is_said_of_orders_is_read_from_the_bytes_again(damaged: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(damaged)) as db:
        db.execute("DROP TRIGGER message_order_stays")
        db.execute("DELETE FROM message_order")
        db.commit()
    found = recover(damaged, tmp_path / "r.db")
    assert found.mended.orders_again == 81
    with closing(Journal(tmp_path / "r.db")) as journal:
        assert len(journal.spool.ledger(["O-A001^LAB"], HIS)["O-A001^LAB"]) == 1


@pytest.mark.parametrize("column", ["body", "whole"])
def test_bytes_that_have_changed_are_not_taken(damaged: Path, tmp_path: Path, column: str) -> None:
    with closing(sqlite3.connect(damaged)) as db:
        (number,) = db.execute("SELECT MAX(id) FROM message WHERE state = 'spooled'").fetchone()
        db.execute("UPDATE wire SET whole = body, whole_crc32 = crc32 WHERE message_id >= ? - 1", (number,))
        changed = f"{column} = CAST(replace({column}, 'Hb', 'Hx') AS BLOB)"
        db.execute(f"UPDATE wire SET {changed} WHERE message_id = ?", (number,))
        db.commit()
    found = recover(damaged, tmp_path / "r.db")
    assert [each for each in found.tables if each.unsound] == [("wire", 80, 0, 1)]
    assert found.mended.bytes_lost == 1


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_damaged_what_is_recovered_is_sound(damaged: Path, tmp_path: Path, seed: int) -> None:
    numbers = random.Random(seed)
    data = bytearray(damaged.read_bytes())
    for _ in range(3):
        page = numbers.randrange(1, len(data) // PAGE)
        data[page * PAGE : (page + 1) * PAGE] = numbers.randbytes(PAGE)
    damaged.write_bytes(data)
    try:
        found = recover(damaged, tmp_path / "r.db")
    except Unreadable:
        assert not (tmp_path / "r.db").exists()
        return
    with closing(Journal(tmp_path / "r.db")) as journal:
        journal.begin()
        unseen = (
            "SELECT COUNT(*) FROM message m WHERE m.state IN ('spooled', 'sending') AND NOT EXISTS"
            " (SELECT 1 FROM wire w WHERE w.message_id = m.id)"
        )
        assert rows(journal, unseen) == [(0,)]
        for body, crc32 in rows(journal, "SELECT body, crc32 FROM wire"):
            assert zlib.crc32(body) == crc32
    assert found.tables
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith(".")) == []


def test_nothing_comes_of_what_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(os.urandom(3 * PAGE))
    with pytest.raises(Unreadable):
        recover(tmp_path / "x.db", tmp_path / "r.db")
    assert [each.name for each in tmp_path.iterdir()] == ["x.db"]


def test_a_journal_of_before_is_made_small_and_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    grow(path, 3000)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:  # as older versions made it
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA auto_vacuum = NONE")
        db.execute("VACUUM")
        db.execute("DELETE FROM remark")
        db.execute("DELETE FROM owed")
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    Journal(path).close()
    before, counts = path.stat().st_size, _counts(path)
    compact(path)
    assert path.stat().st_size < before
    assert _counts(path) == counts
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        assert db.execute("PRAGMA freelist_count").fetchone() == (0,)


def test_a_damaged_journal_is_not_made_small(damaged: Path) -> None:
    _damage(damaged, "message")
    data = damaged.read_bytes()
    with pytest.raises(AgentError, match=r"journal\.damaged"):
        compact(damaged)
    assert damaged.read_bytes() == data


# ------------------------------------------------------------------ what is lost of several tables at once


def _without(path: Path, *statements: str) -> None:
    """Take rows away, as a damaged page does: no trigger keeps it from that."""
    with closing(sqlite3.connect(path)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_a_claimed_file_whose_row_is_lost_is_not_taken_again(damaged: Path, tmp_path: Path) -> None:
    """Its messages are there: read anew, it would go to the HIS twice."""
    with closing(Journal(damaged)) as journal:
        journal.spool.spooled([source("C-X", entry("X1"), entry("X2"))], HIS)
        (name,) = rows(journal, "SELECT f.claimed_as FROM file f JOIN source s ON s.id = f.source_id"
                       " WHERE s.claim_id = 'C-X'")[0]
    _without(damaged, "DELETE FROM source WHERE claim_id = 'C-X'")
    assert recover(damaged, tmp_path / "r.db").mended.sources_lost == 1
    with closing(Journal(tmp_path / "r.db")) as journal:
        journal.begin()
        assert journal.spool.known_claims([name]) == {name}


def _damage_all(path: Path, name: str) -> None:
    for leaf in range(len(_pages_of(path, name))):
        _damage(path, name, leaf=leaf)


@pytest.mark.parametrize("is_known", [True, False], ids=["the row of the file is there", "and of the file"])
def test_a_claimed_file_of_which_a_message_is_lost_is_seen_by_a_person(
    damaged: Path, tmp_path: Path, is_known: bool
) -> None:
    """It must not be filed as sent when the rest of it is: of these nothing is left, of the big file some."""
    with closing(Journal(damaged)) as journal:
        journal.spool.spooled([source("C-BIG", *(entry(f"B{each}") for each in range(100)))], HIS)
        spool(journal, *(f"L{each}" for each in range(4)))
        files = dict(rows(journal, "SELECT claim_id, id FROM source WHERE state = 'read'"))
        of_source = dict(rows(journal, "SELECT control_id, source_id FROM message"))
    _damage_all(damaged, "wire")
    _damage(damaged, "message", leaf=-1)
    _damage(damaged, "message", leaf=-3)
    if not is_known:
        _damage(damaged, "source", leaf=-1)
    found = recover(damaged, tmp_path / "r.db")
    assert not found.is_whole
    with closing(Journal(tmp_path / "r.db")) as journal:
        journal.begin()
        kept = {name for (name,) in rows(journal, "SELECT control_id FROM message")}
        lost = {source_id for name, source_id in of_source.items() if name not in kept and name[0] != "A"}
        assert {files["C-BIG"], files["C-L3"]} <= lost
        assert any(of_source[name] == files["C-BIG"] for name in kept)
        unsure = rows(journal, "SELECT id FROM source WHERE (state, code) = ('quarantined', 'journal.row-lost')")
        assert lost <= {number for (number,) in unsure}
        assert found.mended.unsure == len(unsure) < len(lost) + 50
        assert {each.folder for each in journal.filing.resting(lost)} <= {"quarantine", "claimed"}


def test_each_order_of_a_message_is_read_from_its_bytes_again(damaged: Path, tmp_path: Path) -> None:
    """Of several that a message has one may be lost: the rows of different orders lie apart."""
    names = [f"T{each:03}" for each in range(60)]
    with closing(Journal(damaged)) as journal:
        for name in names:
            facts = (OrderFact(f"O-{name}^LAB", "58410-2", "F", ""), OrderFact("Z" * 90 + name, "58410-2", "F", ""))
            journal.spool.spooled([source(name, entry(name, orders=facts))], HIS)
    leaves = _pages_of(damaged, "message_order")
    assert len(leaves) > 2
    whole = damaged.read_bytes()
    again = []
    for leaf in range(len(leaves)):
        damaged.write_bytes(whole)
        _damage(damaged, "message_order", leaf=leaf)
        again.append(recover(damaged, tmp_path / f"{leaf}.db").mended.orders_again)
        with closing(sqlite3.connect(tmp_path / f"{leaf}.db")) as db:
            found = {key for (key,) in db.execute("SELECT order_key FROM message_order")}
        assert {f"O-{name}^LAB" for name in names} <= found
    assert max(again) > 20


def test_a_round_of_sending_is_not_counted_again(damaged: Path, tmp_path: Path) -> None:
    """Else what is sent now would count as sent before what went out in the last one."""
    _without(damaged, "UPDATE message SET send_round = 7 WHERE id = 3", "DELETE FROM lane")
    recover(damaged, tmp_path / "r.db")
    with closing(Journal(tmp_path / "r.db")) as journal:
        journal.begin()
        assert rows(journal, "SELECT send_round FROM lane") == [(7,)]
