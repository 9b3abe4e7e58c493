"""A journal of an older schema becomes one of this schema, nothing lost; on a journal that an older version wrote."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest
from kit.core import head, rows, waiting

from lab_sender.errors import AgentError
from lab_sender.journal import Criteria, Journal, KeptView, View
from lab_sender.journal.copies import recover
from lab_sender.journal.sqlite.schema import SCHEMA_VERSION, connect, ddl, prepare
from lab_sender.journal.states import MessageState, SourceState
from lab_sender.journal.turns import turn_of

OLD = Path(__file__).with_name("journal-v1.sql")
OLD_JOURNALS = {
    "journal-v1.sql": (),
    "journal-v2.sql": ("journal-v2-schema.sql",),
    "journal-v2-brake.sql": ("journal-v2-schema.sql",),
    "journal-v2-released.sql": ("journal-v2-schema.sql",),
    "journal-v2-words.sql": ("journal-v2-schema.sql",),
    "journal-v3.sql": (),
    "journal-v4.sql": (),
    "journal-v4-written.sql": (),
    "journal-v5.sql": (),
    "journal-v6-refused.sql": (),
    "journal-v7.sql": (),
    "journal-v8.sql": (),
}
"""Dumps of journals that older versions wrote, and what is read before each."""
_NEW_NAMES = {"place": "folder", "placed_as": "filed_as", "planned_place": "planned_folder"}
"""Columns of `file` that schema 4 renames; a message's `place` is one in its file, and stays."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(OLD.read_text())
    return path


def test_what_the_old_journal_knew_is_all_there(old: Path) -> None:
    before = _contents(old)
    with closing(Journal(old)) as journal:
        journal.begin()
        after = _contents(old)
        assert waiting(journal) == ["M4"]
        assert journal.delivery.lane("his").hold == "operator"
        for table in before.keys() - {"message_order", "meta"}:
            assert _as_before(after[table], before[table]) == before[table], table
        new = ("holds_orders", "send_round", "his_words", "contradicted", "replaces", "lane")
        assert {tuple(row[name] for name in new) for row in after["message"]} == {(0, 0, "", "", None, 0)}
        noted = {row["key"]: row["value"] for row in after["meta"]}
        new = (
            "agent_run", "machine_run", "config_digest", "his", "outboxes", "claimed", "last_write", "last_file",
            "reload_asked", "reload_answer",
        )  # fmt: skip
        begun = {name: noted[name] for name in new if name in noted}
        before_it = {row["key"]: row["value"] for row in before["meta"]}
        assert noted == before_it | {"clean": "0"} | begun


def test_a_journal_of_schema_2_keeps_all_it_knew(tmp_path: Path) -> None:
    """Written by the version before: a message in each state, files dismissed and withdrawn, a lane on hold."""
    path = _older(tmp_path, "journal-v2.sql")
    before = _contents(path)
    assert {row["state"] for row in before["message"]} == {
        "spooled", "sending", "acked", "quarantined", "duplicate", "dismissed",
    }  # fmt: skip
    with closing(Journal(path)) as journal:
        after = _contents(path)
        for table in before.keys() - {"meta"}:
            assert _as_before(after[table], before[table]) == before[table], table
        assert rows(journal, "SELECT send_round FROM lane") == [(1,)]  # it was one number for all lanes
        assert waiting(journal) == ["M6", "M7", "M8", "M9"]
    assert _contents(path.with_name("journal.db.schema-2.bak")) == before


@pytest.mark.parametrize("name", sorted(OLD_JOURNALS))
def test_what_lies_in_sent_is_read_from_an_older_journal_as_from_a_new_one(name: str, tmp_path: Path) -> None:
    """`check --sent` of a new version looks at it before the upgrade, and changes nothing."""
    path = _older(tmp_path, name)
    version = _version(path)

    def lies_there() -> list[object]:
        with closing(KeptView(path)) as view:
            days = view.days_kept("2020-01-01")
            outboxes = view._reader.rows("SELECT id, outbox FROM source ORDER BY id")
            remarks = [view.remarked(source_id) for source_id in range(1, 9)]
            return [days, [view.kept(day) for day in days], remarks, outboxes]

    found = lies_there()
    assert _version(path) == version
    Journal(path).close()
    assert lies_there() == found
    days = dict.fromkeys(
        ("journal-v3.sql", "journal-v4.sql", "journal-v7.sql", "journal-v8.sql"), "2026-11-29"
    )
    days |= dict.fromkeys(("journal-v4-written.sql", "journal-v5.sql"), "2026-11-28")
    assert found[0] == ([days[name]] if name in days else [])


def test_the_ledger_is_filled_from_the_bytes_as_sent(old: Path) -> None:
    with closing(Journal(old)) as journal:
        found = rows(
            journal,
            "SELECT message_id, order_key, service, status, reported FROM message_order ORDER BY message_id, service",
        )
        assert found == [
            (1, "F1^LAB", "58410-2", "F", "20240103101500+0000"),
            (2, "F3^LAB", "2345-7", "F", ""),
            (2, "F2^LAB", "24323-8", "P", "20240103"),
            (2, "F2^LAB", "58410-2", "F", "20240104"),
            (4, "F4^LAB", "58410-2", "F", "20240105"),
            (5, "F5^LAB", "", "", ""),  # its bytes say nothing of that order
        ]
        told = journal.spool.ledger(["F1^LAB", "F2^LAB", "F4^LAB", "F5^LAB"], "his")
        assert [(entry.order.service, entry.is_sure) for entry in told["F2^LAB"]] == [
            ("24323-8", True), ("58410-2", True),
        ]  # fmt: skip
        assert [(entry.message, entry.is_sure) for entry in told["F4^LAB"]] == [(4, False)]  # it may have arrived


def test_the_old_journal_is_kept_beside_the_new_one(old: Path) -> None:
    before = _contents(old)
    Journal(old).close()
    copy = old.with_name("journal.db.schema-1.bak")
    assert _contents(copy) == before
    assert _version(copy) == 1
    assert _version(old) == SCHEMA_VERSION
    copy.unlink()
    Journal(old).close()
    assert not copy.exists()


@pytest.mark.parametrize("name", sorted(OLD_JOURNALS))
def test_a_migrated_journal_has_the_tables_and_indexes_of_a_new_one(name: str, tmp_path: Path) -> None:
    path = _older(tmp_path, name)
    Journal(path).close()
    Journal(tmp_path / "new.db").close()
    assert _columns(path) == _columns(tmp_path / "new.db")
    assert _conditions(path) == _conditions(tmp_path / "new.db")


@pytest.mark.parametrize("name", sorted(OLD_JOURNALS))
def test_a_migrated_journal_counts_what_it_has(name: str, tmp_path: Path) -> None:
    path = _older(tmp_path, name)
    Journal(path).close()
    view = View(path)
    counts, reader = view.counts(), view._reader
    assert counts.pop("unreadable") == reader.rows("SELECT COUNT(*) FROM source WHERE state = 'quarantined'")[0][0]
    commit_only = reader.rows("SELECT COUNT(*) FROM message WHERE state = 'acked' AND code = 'commit-only'")[0][0]
    assert counts.pop("commit-only", 0) == commit_only
    (deleted,) = reader.rows("SELECT COUNT(*) FROM message_order WHERE digest IS NOT NULL")[0]
    there = dict(reader.rows("SELECT state, COUNT(*) FROM message GROUP BY state"))
    assert counts == (there | {"acked": there["acked"] + deleted} if deleted else there)
    last_ms = reader.rows("SELECT MAX(final_ms) FROM message WHERE state = 'acked'")[0][0]
    assert last_ms is None or abs(last_ms - (view.last_ack_ms() or 0)) < 1000, "to a second"
    view.close()


def test_a_journal_of_schema_3_keeps_all_it_knew(tmp_path: Path) -> None:
    """Written by the version before, with a message and a file in every state there was."""
    path = _older(tmp_path, "journal-v3.sql")
    before = _contents(path)
    assert {row["state"] for row in before["message"]} == {
        "spooled", "sending", "acked", "quarantined", "duplicate", "dismissed",
    }  # fmt: skip
    assert {row["state"] for row in before["source"]} == {"read", "quarantined", "dismissed", "withdrawn"}
    assert {row["place"] for row in before["file"]} == {
        "claimed", "sent", "quarantine", "dismissed", "outbox", "missing",
    }  # fmt: skip
    with closing(Journal(path)) as journal:
        after = _contents(path)
        same = before.keys() - {"meta", "message", "lane"}
        assert all(before[table] for table in same)
        for table in same:
            assert _as_before(after[table], before[table]) == before[table], table
        changed = ("state", "code", "reason", "his_words", "same_as", "came")
        assert _without(after["message"], *changed) == _without(before["message"], *changed)
        given_up = rows(journal, "SELECT control_id FROM message WHERE state = 'dismissed'")
        assert given_up == [("M4",)]  # by a person; those that were resent or read again are replaced
        assert waiting(journal) == ["M6", "M15", "M16", "M17", "M18", "N12"]
    assert _contents(path.with_name("journal.db.schema-3.bak")) == before


def test_a_journal_of_schema_4_keeps_all_it_knew(tmp_path: Path) -> None:
    path = _older(tmp_path, "journal-v4.sql")
    before = _contents(path)
    with closing(Journal(path)) as journal:
        after = _contents(path)
        for table in before:
            assert _as_before(after[table], before[table]) == before[table], table
        assert waiting(journal) == ["M6", "M15", "M16", "M17", "M18", "N12"]
        assert journal.spool.owed(["late.pdf"], within_ms=10**13) == {"late.pdf": [frozenset({"4711^MR"})]}
    assert _contents(path.with_name("journal.db.schema-4.bak")) == before


def test_a_journal_of_schema_4_that_was_killed_goes_on(tmp_path: Path) -> None:
    """Written by the version before: each state, acts with receipts, a file on its way back, one being sent."""
    path = _older(tmp_path, "journal-v4-written.sql")
    before = _contents(path)
    assert {row["state"] for row in before["message"]} == {*get_args(MessageState)}
    assert {row["state"] for row in before["source"]} == {*get_args(SourceState)}
    with closing(Journal(path)) as journal:
        after = _contents(path)
        for table in before:
            assert _as_before(after[table], before[table]) == before[table], table
        assert {row["outbox"] for row in after["source"]} == {""}
        assert journal.delivery.interrupted("his") == 1
        assert waiting(journal) == ["M5", "M8B", "W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8"]
        assert journal.delivery.lane("his").hold == "operator"
        assert journal.operator.release(5, act="act-release") == "spooled", "done before, by its receipt"
        assert waiting(journal)[0] == "M5"
        assert len(journal.spool.returning()) == 1
        assert journal.spool.owed(["late.pdf"], within_ms=10**13) == {"late.pdf": [frozenset({"A^MR"})]}
        rests = journal.filing.resting(journal.filing.unsettled_sources())
        moves = [(rest.source_id, file.folder, rest.folder) for rest in rests for file in rest.files]
        assert [move for move in moves if move[1] != move[2]] == [
            (5, "quarantine", "claimed"), (12, "claimed", "outbox"),
        ]  # fmt: skip
        assert (1, "sent", "sent") in moves, "a move was planned when the agent was killed"
        assert journal.operator.dismiss(23, "older") == "dismissed"
    assert _contents(path.with_name("journal.db.schema-4.bak")) == before


def test_a_journal_of_schema_5_that_was_killed_goes_on(tmp_path: Path) -> None:
    """Written by an agent of the version before several destinations."""
    path = _older(tmp_path, "journal-v5.sql")
    before = _contents(path)
    states = sorted(row["state"] for row in before["message"])
    assert states == ["acked", "quarantined", "sending", "spooled", "spooled"]
    with pytest.raises(AgentError) as rejected, closing(View(path)) as view:
        view.lanes()
    assert rejected.value.code == "journal.older", "a command before the agent's first start"
    with closing(Journal(path)) as journal:
        after = _contents(path)
        for table in before:
            assert _as_before(after[table], before[table]) == before[table], table
        assert journal.delivery.interrupted("his") == 1
        assert waiting(journal) == ["A3", "A4", "A5"]
        turns = rows(journal, "SELECT control_id, patient_turn, order_turn FROM message WHERE id > 1 ORDER BY id")
        of_3, of_4 = turn_of("3^H"), turn_of("4^H")
        assert turns == [
            ("A2", turn_of("2^H"), turn_of("OA2^L")), ("A3", of_3, turn_of("OA3^L")), ("A4", of_3, turn_of("OA4^L")),
            ("A5", of_4, turn_of("OA5^L")),
        ]  # fmt: skip
        assert journal.operator.release(2) == "spooled"
    assert _contents(path.with_name("journal.db.schema-5.bak")) == before


def test_a_journal_of_schema_6_gets_the_his_codes_apart_and_is_searched(tmp_path: Path) -> None:
    path = _older(tmp_path, "journal-v6-refused.sql")
    before = _contents(path)
    with closing(Journal(path)) as journal:
        after = _contents(path)
        for table in before:
            assert _as_before(after[table], before[table]) == before[table], table
        codes = rows(journal, "SELECT control_id, code, his_code, his_error FROM message ORDER BY id")
        assert codes == [
            ("M1", "refused", "AE", ""), ("M2", "refused", "AE", "207"), ("M3", "refused", "AR", "101 ERR-7"),
            ("M4", "refused", "CE", "204"), ("M5", "unanswered", "", ""), ("M6", "", "", ""),
        ]  # fmt: skip
        assert journal.operator.release(2) == "spooled"
        assert rows(journal, "SELECT his_code, his_error, his_words FROM message WHERE id = 2") == [("", "", "")]
    with closing(View(path)) as view:
        assert [each.message_id for each in view.find(Criteria(patient="3"), limit=9).lines] == [3]
        assert [each.message_id for each in view.find(Criteria(code="ERR-7"), limit=9).lines] == [3]
        assert view.find(Criteria(ward="W1"), limit=9).lines == ()
        assert view.wards_since_ms() > 0, "what was received before says nothing of its ward"
    assert _contents(path.with_name("journal.db.schema-6.bak")) == before


def test_a_journal_of_schema_7_knows_how_old_what_was_read_again_is(tmp_path: Path) -> None:
    path = _older(tmp_path, "journal-v7.sql")
    before = _contents(path)
    with closing(Journal(path)) as journal:
        after = _contents(path)
        for table in before:
            assert _as_before(after[table], before[table]) == before[table], table
        claims = dict(rows(journal, "SELECT id, claim_id FROM source"))
        came = rows(journal, "SELECT id, came FROM message WHERE came <> '' ORDER BY id")
        assert came == [(3, claims[2]), (4, claims[2]), (9, claims[8])], "9 was forced: as old as that release"
        known = rows(journal, "SELECT message_id, came, age FROM message_order WHERE came IS NOT NULL ORDER BY 1")
        assert known == [(1, claims[3], 1), (6, claims[9], 10)], "deleted; a copy, and the same once more"
        assert journal.operator.release(2) == "spooled", "message 3, delivered since, is of the file before it"
    assert _contents(path.with_name("journal.db.schema-7.bak")) == before


def test_what_waits_in_an_older_journal_has_its_lane(tmp_path: Path) -> None:
    path = _older(tmp_path, "journal-v4-written.sql")
    with closing(Journal(path)) as journal:
        turns = {
            name: (patient, order)
            for name, patient, order in rows(journal, "SELECT control_id, patient_turn, order_turn FROM message")
        }
    anna, bela = turn_of("A^MR"), turn_of("B^MR")
    assert {name: turn for name, turn in turns.items() if name and name[0] in "WS"} == {
        "W1": (anna, turn_of("P1")), "W2": (anna, turn_of("P1")),
        "W3": (0, turn_of("P1")),  # its order was another patient's
        "W4": (bela, turn_of("P2")), "W5": (anna, 0), "W6": (0, turn_of("P5")), "W7": (0, turn_of("P6")),
        "W8": (anna, turn_of("P7")), "S1": (bela, turn_of("P2")),
    }  # fmt: skip
    assert turns["M4"] == (bela, turn_of("O4")), "it may be released"
    assert turns["M1"] == (0, 0), "it was delivered; a copy gets its own"


def test_a_step_whose_index_is_there_already_is_made_again(tmp_path: Path) -> None:
    """The indexes of schema 5 may have been made by hand before it."""
    path = _older(tmp_path, "journal-v4.sql")
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE INDEX owed_source ON owed(source_id)")
    Journal(path).close()
    assert _version(path) == SCHEMA_VERSION


def test_bringing_up_takes_time_in_proportion_to_the_history(tmp_path: Path) -> None:
    """A journal of schema 3 in which most messages were resent: each original is found in one look at the events."""

    def steps(resent: int) -> int:
        (tmp_path / str(resent)).mkdir()
        path = _older(tmp_path / str(resent), "journal-v3.sql")
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("BEGIN")
            for number in range(1000, 1000 + 2 * resent, 2):
                for message_id in (number, number + 1):
                    db.execute(
                        "INSERT INTO message (id, source_id, place, destination, patient_key, digest, state, reason,"
                        " created_ms) VALUES (?, 1, '', 'his', '', x'', 'dismissed', ?, 1)",
                        (message_id, f"resent as message {number + 1}"),
                    )
                db.execute(
                    "INSERT INTO event (at_ms, kind, message_id, who, detail)"
                    " VALUES (1, 'message.resent', ?, 'lab', ?)",
                    (number, f"as message {number + 1}"),
                )
            db.execute("COMMIT")
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        with closing(connect(path)) as connection:
            connection.set_progress_handler(step, 10)
            prepare(connection, path)
            connection.set_progress_handler(None, 0)
            found = connection.execute("SELECT COUNT(*) FROM message WHERE id >= 1000 AND replaces = id - 1")
            assert found.fetchone() == (resent,)
        return count

    assert steps(4000) < 12 * steps(400)


def test_a_journal_of_schema_2_is_brought_up(tmp_path: Path) -> None:
    """And what the HIS said, which stood behind our own words in the reason, stands apart from them."""
    path = _older(tmp_path, "journal-v2-words.sql")
    before = _contents(path)
    with closing(Journal(path)) as journal:
        journal.begin()
        assert waiting(journal) == ["M4", "M5"]
        assert rows(journal, "SELECT control_id, state, reason, his_words, contradicted FROM message") == [
            ("M1", "acked", "", "", ""),
            ("M2", "quarantined", "The HIS answered AE.", "with error Patient: Doe, 101: unknown: Doe", ""),
            ("M3", "quarantined", "The HIS answered CR.", "", ""),
            ("M4", "spooled", "", "", ""),
            ("M5", "spooled", "", "", ""),
        ]
        later = journal.delivery.said_later("his", "M1", "AE", b"MSH", accepts=False)
        assert later is not None
        assert later.contradicts
        assert rows(journal, "SELECT contradicted FROM message WHERE control_id = 'M1'") == [("AE",)]
    same = before.keys() - {"event", "lane", "meta"}
    assert {table: len(_contents(path)[table]) for table in same} == {table: len(before[table]) for table in same}


def test_a_migration_that_fails_leaves_the_old_journal(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _contents(old)
    half = "CREATE TABLE half (x);\nCREATE TABLE meta (x);\n"
    made = {"to-2.sql": half}
    monkeypatch.setattr("lab_sender.journal.sqlite.schema.ddl", lambda name: made.get(name) or ddl(name))
    with pytest.raises(sqlite3.OperationalError):
        Journal(old)
    assert (_version(old), _contents(old)) == (1, before)
    monkeypatch.undo()
    with closing(Journal(old)) as journal:
        assert len(head(journal)) == 1


@pytest.mark.parametrize("made", ["old", "new"])
def test_two_processes_may_bring_it_up_at_once(made: str, old: Path, tmp_path: Path) -> None:
    path = old if made == "old" else tmp_path / "another.db"
    connections = [connect(path) for _ in range(4)]
    failures: list[Exception] = []

    def bring_up(connection: sqlite3.Connection) -> None:
        try:
            prepare(connection, path)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=bring_up, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()
    assert failures == []
    assert _version(path) == SCHEMA_VERSION
    if made == "old":
        assert _version(old.with_name("journal.db.schema-1.bak")) == 1


def test_a_damaged_journal_of_schema_6_is_recovered_as_one_of_today(tmp_path: Path) -> None:
    """The agent of this version does not bring a damaged one up to date, and the one of before is gone."""
    path, recovered = _older(tmp_path, "journal-v6-refused.sql"), tmp_path / "r.db"
    (tmp_path / "other").mkdir()
    other = _older(tmp_path / "other", "journal-v6-refused.sql")
    Journal(other).close()
    found = recover(path, recovered)
    assert [each for each in found.tables if each.unreadable or each.unsound] == []
    assert _contents(path) == _contents(_older(_made(tmp_path / "third"), "journal-v6-refused.sql"))
    for table, wanted in _contents(other).items():
        if table != "meta":
            assert _contents(recovered)[table] == wanted, table
    with closing(Journal(recovered)) as journal:
        journal.begin()
        assert rows(journal, "SELECT COUNT(*) FROM meta WHERE key = 'wards_since'") == [(1,)]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _older(folder: Path, name: str) -> Path:
    """Make an older version's journal of its dump."""
    path = folder / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        for each in (*OLD_JOURNALS[name], name):
            db.executescript(OLD.with_name(each).read_text())
    return path


def _contents(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Each table's rows, by the names of their columns."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        db.row_factory = sqlite3.Row
        found = {name: [dict(row) for row in db.execute(f"SELECT * FROM {name}")] for name in tables}
    found["meta"] = [row for row in found["meta"] if row["key"] != "wards_since"]  # when it was brought up to date
    return {
        name: sorted(rows, key=lambda row: repr(sorted(row.items())))
        for name, rows in found.items()
        if not name.startswith("sqlite_")
    }


def _as_before(after: list[dict[str, Any]], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave of the rows what an older journal had, under the names that it had there."""
    old = {name: _NEW_NAMES.get(name, name) for row in before for name in row}
    left = [{name: row[new if new in row else name] for name, new in old.items()} for row in after]
    return sorted(left, key=lambda row: repr(sorted(row.items())))


def _columns(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    """Columns of each table and index, whatever their order in a table."""
    with closing(sqlite3.connect(path)) as db:
        named = db.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        return {
            name: {row[1:] for row in db.execute(f"PRAGMA {kind}_xinfo({name})")}
            for kind, name in named
            if kind in ("table", "index")
        }


def _conditions(path: Path) -> dict[str, str]:
    """What indexes hold, and what triggers do, as it was written."""
    with closing(sqlite3.connect(path)) as db:
        named = db.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql <> ''")
        return {name: " ".join(sql.split()) for name, sql in named}


def _without(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    names += ("replaces", "lane", "patient_turn", "order_turn", "left_before", "ward", "his_code", "his_error")
    left = [{name: value for name, value in row.items() if name not in names} for row in rows]
    return sorted(left, key=lambda row: int(row["id"]))


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_release_under_way_in_a_schema_2_journal_goes_on_as_one_of_today(tmp_path: Path) -> None:
    """Schema 2 sent released files to the outbox; today they go back to claimed/ under a claim id of their own."""
    path = _older(tmp_path, "journal-v2-released.sql")
    before = _contents(path)
    with closing(Journal(path)) as journal:
        assert journal.spool.returning() == {"06GX0000000000000002R"}
        (release,) = journal.filing.resting([2])
        assert (release.folder, release.returns_as) == ("outbox", "06GX0000000000000002R")
        on_its_way = "06GX0000000000000002R_b.json"
        assert journal.spool.known_claims([on_its_way]) == {on_its_way}  # intake leaves it alone until all is there
        assert {file.size for rest in journal.filing.resting([1, 2, 3, 4, 5]) for file in rest.files} == {-1}
        assert journal.spool.owed(["1.pdf"], within_ms=10**12) == {}
        assert waiting(journal) == ["M5"]
        after = _contents(path)
        for table in before.keys() - {"meta", "lane"}:
            assert _as_before(after[table], before[table]) == before[table], table


def test_a_journal_of_schema_2_keeps_its_lanes(tmp_path: Path) -> None:
    """What schema 2 wrote of a hold and a link is there, and the new columns say nothing of it."""
    path = _older(tmp_path, "journal-v2-brake.sql")
    before = _contents(path)
    with closing(Journal(path)) as journal:
        lane = journal.delivery.lane("his")
        assert (lane.hold, lane.hold_reason, lane.held_for) == ("brake", "5 messages refused", ())
        assert (lane.link, lane.trouble, lane.silent_since_ms) == ("held", "", None)
        assert waiting(journal) == ["M1", "M2"]
    assert _as_before(_contents(path)["lane"], before["lane"]) == before["lane"]
    assert _version(path.with_name("journal.db.schema-2.bak")) == 2
