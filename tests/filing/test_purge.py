"""Retention: what goes and what stays, the archive, and what is still known afterwards."""

from __future__ import annotations

import datetime
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kit.core import HIS, bad, entry, rows, states, until
from kit.fixtures import OF_THE_FILE
from kit.purging import ALL, CONTENT, DAY_MS, House, retention
from kit.system import link

from lab_sender.config.retention import Retention
from lab_sender.filing import purge as purge_module
from lab_sender.filing.feed import AWAY, Feed
from lab_sender.filing.purge import Purge
from lab_sender.hl7.stamp import with_control_id
from lab_sender.journal import Journal, NewFile, NewMessage, NewSource, View, now_ms
from lab_sender.journal.sqlite import aside


@pytest.fixture
def house(tmp_path: Path, journal: Journal) -> House:
    return House(tmp_path, journal)


def _with_bytes(journal: Journal) -> list[str]:
    query = "SELECT m.control_id FROM wire w JOIN message m ON m.id = w.message_id ORDER BY m.id"
    return [name for (name,) in rows(journal, query)]


# ------------------------------------------------------------------ what goes, by age


@OF_THE_FILE
def test_bytes_files_and_record_go_one_after_the_other(house: House) -> None:
    house.claim("a.json", entry("M1"), attachment="a.pdf")
    house.deliver()
    assert house.files() == ["sent/DAY/a.json", "sent/DAY/a.pdf"]
    assert house.purge(6) == {}
    assert house.purge(3) == {"content": 1, "sent": 2}
    assert house.files() == []
    assert list(house.paths["sent"].iterdir()) == []
    assert rows(house.journal, "SELECT state, his_words FROM message") == [("acked", "")]
    assert rows(house.journal, "SELECT ack, detail, ack_code FROM attempt") == [(None, "", "AA")]
    assert [folder for (folder,) in rows(house.journal, "SELECT folder FROM file")] == ["missing"] * 2
    assert house.purge(30) == {}
    assert house.purge(60) == {"messages": 1, "files": 1}
    for table in ("message", "attempt", "file", "source", "wire"):
        assert rows(house.journal, f"SELECT * FROM {table}") == [], table
    with closing(sqlite3.connect(house.journal.store.path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("name", ["content", "sent", "dismissed", "record"])
def test_never_is_never(house: House, name: str) -> None:
    house.claim("a.json", entry("M1"))
    house.claim("b.json", entry("M2"))
    house.deliver("M1")
    house.journal.operator.dismiss(2, "why")
    house.keep()
    longer = {} if name == "sent" else {"audit": "never"}
    settings = {"content": "never", "sent": "never", "dismissed": "never", "record": "never", "audit": "never"}
    house.purge(9_000, **(settings | ({} if name == "record" else {name: "7d"}) | longer))
    deleted = {
        "content": _with_bytes(house.journal) == [],
        "sent": "sent/DAY/a.json" not in house.files(),
        "dismissed": "quarantine/dismissed/b.json" not in house.files(),
        "record": rows(house.journal, "SELECT * FROM source") == [],
    }
    assert [each for each, gone in deleted.items() if gone] == ([] if name == "record" else [name])


def test_files_that_were_given_up_go_when_that_is_long_ago(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.claim("b.json", code="json.syntax")
    house.journal.operator.dismiss(1, "why")
    house.journal.operator.dismiss_file(2, "why")
    house.keep()
    assert house.files() == ["quarantine/dismissed/a.json", "quarantine/dismissed/b.json"]
    assert house.purge(6) == {}
    assert house.purge(2) == {"content": 1, "dismissed": 2}
    assert house.files() == []
    assert house.purge(90) == {"messages": 1, "files": 2}


def test_acts_stay_as_long_as_the_audit_says(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.journal.operator.dismiss(1, "why")
    house.journal.operator.hold(HIS, "why")
    house.keep()
    house.purge(100)
    kinds = "SELECT kind FROM event WHERE kind NOT LIKE 'retention.%' ORDER BY id"
    assert rows(house.journal, kinds) == [("message.dismissed",), ("lane.held",)]
    assert rows(house.journal, "SELECT * FROM message") == []
    assert house.purge(280)["acts"] >= 2
    assert rows(house.journal, kinds) == []


# ------------------------------------------------------------------ what stays, however old


def _unfinished(house: House) -> None:
    """A file of each kind that waits, is in quarantine, or is taken back; and who shares their fate."""
    house.claim("waits.json", entry("WAITS"), entry("SIBLING"))
    house.claim("refused.json", entry("REFUSED"))
    house.claim("taken-back.json", entry("TAKEN-BACK"))
    house.claim("unread.json", code="json.syntax")
    house.claim("unbuilt.json", entry("BUILT"), bad())
    house.claim("both.json", entry("HERE"), entry("THERE", destination="other"))
    house.deliver("SIBLING", "TAKEN-BACK", "BUILT", "HERE")
    house.refuse("REFUSED")
    assert house.journal.delivery.said_later(HIS, "TAKEN-BACK", "AE", b"x", accepts=False)
    copy = NewMessage("", "duplicate", b"x", code="message.duplicate", same_as=3)
    house.claim("again.json", copy)
    house.keep()


def test_nothing_unfinished_goes(house: House) -> None:
    _unfinished(house)
    tables = ("message", "wire", "file", "attempt", "source", "answer", "message_order")
    everything = {table: rows(house.journal, f"SELECT * FROM {table}") for table in tables}
    files = house.files()
    assert house.purge(9_000) == {}
    for table, before in everything.items():
        assert rows(house.journal, f"SELECT * FROM {table}") == before, table
    assert house.files() == files


def test_a_file_that_is_not_filed_yet_keeps_all_of_it(house: House) -> None:
    """Its messages are delivered, and a share was away, or the agent ended, before it was moved to its folder."""
    house.claim("claimed.json", entry("M1"))
    house.claim("moving.json", entry("M2"))
    house.claim("quarantined.json", entry("M3"))
    house.deliver()
    with house.journal.store.durable() as db:
        db.execute("UPDATE file SET folder = 'claimed', filed_as = '' WHERE source_id = 1")
        db.execute("UPDATE file SET planned_folder = 'sent', planned_as = filed_as WHERE source_id = 2")
        db.execute("UPDATE file SET folder = 'quarantine' WHERE source_id = 3")
    assert house.purge(9_000) == {}
    assert _with_bytes(house.journal) == ["M1", "M2", "M3"]


def test_what_a_duplicate_that_came_of_late_points_to_stays(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.deliver()
    with house.journal.store.durable() as db:
        db.execute("UPDATE message SET created_ms = created_ms - ?, final_ms = final_ms - ?", (200 * DAY_MS,) * 2)
        db.execute("UPDATE source SET received_ms = received_ms - ?", (200 * DAY_MS,))
    house.claim("b.json", NewMessage("", "duplicate", b"x", code="message.duplicate", same_as=1))
    house.keep()
    assert house.purge(1) == {}
    assert house.purge(8) == {"content": 1, "sent": 2}
    assert rows(house.journal, "SELECT id FROM message") == [(1,), (2,)]
    assert house.purge(90) == {"messages": 1, "files": 1}  # the duplicate; what it pointed to in the next night
    assert house.purge(1) == {"messages": 1, "files": 1}


def test_a_file_goes_with_its_earlier_and_later_readings(house: House) -> None:
    first = house.claim("a.json", bad(), entry("M1"))
    house.deliver("M1")
    house.journal.operator.release(1)
    house.keep()
    assert house.purge(9_000, sent="7d") == {}, "its second reading has not come yet"
    (again,) = rows(house.journal, "SELECT returns_as FROM source WHERE id = ?", first)[0]
    made = NewSource(again, "hl7", 3, b"", (NewFile("a.json", f"{again}_a.json", size=3),), (entry("M2"),))
    house.journal.spool.spooled([made], HIS)
    house.days = 0
    house.deliver("M2")
    assert rows(house.journal, "SELECT replaces FROM message WHERE control_id = 'M2'") == [(1,)]
    house.purge(30)
    assert house.purge(70) == {"messages": 3, "files": 2}


def test_a_copy_keeps_the_message_that_it_was_made_of(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.refuse("M1")
    house.journal.operator.resend(1, new_control_id="M2", restamp=with_control_id)
    house.keep()
    assert house.purge(9_000) == {}
    house.days = 0
    house.deliver("M2")
    house.purge(30)
    assert house.purge(70) == {"messages": 2, "files": 1}


@OF_THE_FILE
def test_the_journal_refuses_to_delete_what_is_not_finished(house: House) -> None:
    """Whoever asks for it, and whatever the rule above it says."""
    _unfinished(house)
    house.journal.operator.hold(HIS, "why")
    ids = dict(rows(house.journal, "SELECT control_id, id FROM message WHERE control_id <> ''"))
    attempted = """
        DELETE FROM wire WHERE message_id = :waits
        DELETE FROM wire WHERE message_id = :refused
        DELETE FROM wire WHERE message_id = :taken
        DELETE FROM message WHERE id = :waits
        DELETE FROM message WHERE id = :refused
        DELETE FROM message WHERE id = :taken
        DELETE FROM attempt WHERE message_id = :taken
        UPDATE attempt SET ack = NULL WHERE message_id = :taken
        DELETE FROM answer WHERE message_id = :taken
        DELETE FROM file WHERE source_id = 1
        DELETE FROM file WHERE source_id = 2
        DELETE FROM source WHERE id = 1
        DELETE FROM source WHERE id = 4
        DELETE FROM message_order WHERE message_id = :taken
        UPDATE event SET who = 'x'
    """
    values = {"waits": ids["WAITS"], "refused": ids["REFUSED"], "taken": ids["TAKEN-BACK"]}
    with closing(sqlite3.connect(house.journal.store.path)) as db:
        for statement in attempted.strip().splitlines():
            with pytest.raises(sqlite3.IntegrityError):
                db.execute(statement.strip(), values)


def test_an_act_between_look_and_deletion_is_seen(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule stands in the DELETE: what was due a moment ago and is not any more stays."""
    house.claim("a.json", entry("M1"))
    house.deliver()
    house.purge(8, content="never", record="never", audit="never")
    book = house.journal.retention
    looked = {"content_due": book.content_due, "record_due": book.record_due}

    def taken_back(name: str) -> Any:
        def look(*values: Any) -> Any:
            due = looked[name](*values)
            if due:
                house.journal.delivery.said_later(HIS, "M1", "AE", b"x", accepts=False)
            return due

        return look

    for name in looked:
        monkeypatch.setattr(book, name, taken_back(name))
    assert house.purge(200) == {}
    assert _with_bytes(house.journal) == ["M1"]
    assert states(house.journal) == {"M1": "acked"}


def test_a_file_that_is_not_ours_stays(house: House) -> None:
    for name in ("same.json", "changed.json", "gone.json"):
        house.claim(name, entry(name), attachment=f"{name}.pdf")
    house.deliver()
    (day,) = house.paths["sent"].iterdir()
    old_ns = (0, 0)
    (day / "changed.json").write_bytes(b"abd")
    os.utime(day / "changed.json", ns=old_ns)
    (day / "changed.json.pdf").write_bytes(b"abcd")
    os.utime(day / "changed.json.pdf", ns=old_ns)
    (day / "foreign.txt").write_bytes(CONTENT)
    (day / "gone.json").unlink()
    assert house.purge(9) == {"content": 3, "sent": 4}
    kept = ["changed.json", "changed.json.pdf", "foreign.txt"]
    assert sorted(path.name for path in day.iterdir()) == kept
    left = rows(house.journal, "SELECT filed_as FROM file WHERE folder = 'missing' AND deleted_ms IS NULL")
    assert sorted(name[11:] for (name,) in left) == ["changed.json", "changed.json.pdf"]
    assert house.purge(1) == {}, "it is looked at once"


def test_a_link_where_a_file_of_ours_lay_stays(house: House) -> None:
    house.claim("link.json", entry("M1"))
    house.deliver()
    (day,) = house.paths["sent"].iterdir()
    (day / "foreign.txt").write_bytes(CONTENT)
    (day / "link.json").unlink()
    link(day / "link.json", day / "foreign.txt")
    house.purge(9)
    assert sorted(path.name for path in day.iterdir()) == ["foreign.txt", "link.json"]


def test_a_file_that_was_written_since_is_not_ours_any_more(house: House) -> None:
    house.claim("a.json", entry("M1"), attachment="a.pdf")
    house.deliver()
    (day,) = house.paths["sent"].iterdir()
    late_s = house.now().timestamp() + 5 * 86_400
    os.utime(day / "a.pdf", (late_s, late_s))
    house.purge(9)
    assert [path.name for path in day.iterdir()] == ["a.pdf"]


def test_a_share_that_is_away_is_waited_for_and_the_rest_goes_on(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.deliver()
    house.paths["sent"].rename(house.folder / "elsewhere")
    house.days = 9
    purge = Purge(house.journal, {"": house.folders}, retention(), now=house.now)
    assert not purge.night(retention())
    assert purge.counts["content"] == 1
    assert rows(house.journal, "SELECT folder, deleted_ms FROM file") == [("sent", None)]
    trouble = "SELECT value FROM meta WHERE key = 'retention_trouble'"
    assert rows(house.journal, trouble) == [("retention.FileNotFoundError",)]
    (house.folder / "elsewhere").rename(house.paths["sent"])
    assert purge.night(retention())
    assert rows(house.journal, trouble) == [("",)]
    assert house.files() == []


@pytest.mark.parametrize("name", ["sent", "quarantine"])
def test_an_empty_mount_point_is_no_folder_whose_files_are_gone(house: House, name: str) -> None:
    house.claim("a.json", entry("M1"))
    if name == "sent":
        house.deliver()
    else:
        house.journal.operator.dismiss(1, "why")
        house.keep()
    house.paths[name].rename(house.folder / "elsewhere")
    house.paths[name].mkdir()
    house.days = 9
    purge = Purge(house.journal, {"": house.folders}, retention(), now=house.now)
    assert not purge.night(retention())
    folder = "sent" if name == "sent" else "dismissed"
    assert rows(house.journal, "SELECT folder, deleted_ms FROM file") == [(folder, None)]
    house.paths[name].rmdir()
    (house.folder / "elsewhere").rename(house.paths[name])
    assert purge.night(retention())
    assert house.files() == []
    assert rows(house.journal, "SELECT folder FROM file") == [("missing",)]


@pytest.mark.parametrize("others", [True, False])
def test_a_day_that_somebody_removed_is_gone_where_other_days_are_there(house: House, others: bool) -> None:
    house.claim("a.json", entry("M1"))
    house.deliver()
    (day,) = house.paths["sent"].iterdir()
    day.rename(house.paths["sent"] / "2020-01-01")
    with house.journal.store.durable() as db:
        db.execute("UPDATE file SET filed_as = '2020-01-01/a.json'")
    house.claim("b.json", entry("M2"))
    house.deliver()
    (house.paths["sent"] / "2020-01-01" / "a.json").unlink()
    (house.paths["sent"] / "2020-01-01").rmdir()
    if not others:
        (day / "b.json").unlink()
        day.rmdir()
    house.days = 9
    purge = Purge(house.journal, {"": house.folders}, retention(), now=house.now)
    assert purge.night(retention()) == others
    (found,) = rows(house.journal, "SELECT folder FROM file WHERE filed_as = '2020-01-01/a.json'")
    assert found == ("missing" if others else "sent",)


# ------------------------------------------------------------------ how it works


def test_it_works_in_its_hours_only_and_ends_between_two_transactions(house: House) -> None:
    for number in range(3):
        house.claim(f"{number}.json", entry(f"M{number}"))
    house.deliver()
    settings = Retention.model_validate({**ALL, "window": "02:00-05:00 UTC"})
    clock = iter(range(240, 400, 60))
    day = house.now().replace(hour=0, minute=0, second=0) + datetime.timedelta(days=9)
    purge = Purge(
        house.journal, {"": house.folders}, settings, now=lambda: day + datetime.timedelta(minutes=next(clock))
    )
    assert not purge.night(settings), "it was five o'clock before all was done"
    assert purge.counts["content"] == 3
    (detail,) = rows(house.journal, "SELECT detail FROM event WHERE kind = 'retention.purged'")[0]
    assert detail.endswith("; more is left")
    assert settings.window.until(day) is None


def test_its_thread_works_each_night_once_and_goes_by_new_settings(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge_module, "_LOOK_S", 0.01)
    house.claim("a.json", entry("M1"))
    house.deliver()
    house.days = 9
    house.journal.retention.note_clock(now_ms(), now_ms() + 8 * DAY_MS, leapt=False)
    purge = Purge(house.journal, {"": house.folders}, None, now=house.now)
    nights: list[bool] = []
    night = purge.night

    def counted(settings: Retention, now: datetime.datetime) -> bool:
        nights.append(night(settings, now))
        return nights[-1]

    monkeypatch.setattr(purge, "night", counted)
    thread = threading.Thread(target=purge.run)
    thread.start()
    try:
        fixed = house.now()
        monkeypatch.setattr(purge, "_now", lambda: fixed)
        purge.configure(retention())
        until(lambda: nights)
        threading.Event().wait(0.1)
        assert nights == [True]
        assert _with_bytes(house.journal) == []
        purge.configure(retention(content="8d"))
        until(lambda: len(nights) == 2)
    finally:
        purge.stop()
        thread.join()


def test_other_settings_end_a_night_under_the_old_ones(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has seen that too much is deleted, and reloads, does not look on for hours."""
    monkeypatch.setattr(purge_module, "_MESSAGES", 1)
    names = ("M1", "M2", "M3")
    for name in names:
        house.claim(f"{name}.json", entry(name))
    house.deliver()
    house.days = 9
    house.journal.retention.note_clock(now_ms(), now_ms() + 9 * DAY_MS, leapt=False)
    purge = Purge(house.journal, {"": house.folders}, retention(), now=house.now)
    delete = house.journal.retention.delete_content

    def reloads(*values: Any) -> int:
        purge.configure(retention(content="never", sent="never", dismissed="never", record="never", audit="never"))
        return delete(*values)

    monkeypatch.setattr(house.journal.retention, "delete_content", reloads)
    purge.look(house.now())
    assert _with_bytes(house.journal) == ["M2", "M3"]
    purge.look(house.now())
    assert _with_bytes(house.journal) == ["M2", "M3"]
    assert len(house.files()) == 3


@OF_THE_FILE
def test_what_was_deleted_is_overwritten_and_not_in_the_log(house: House) -> None:
    secret = b"ZEBRAPATIENT"
    house.claim("a.json", entry("M1", body=secret * 50))
    house.deliver()
    parts = [Path(f"{house.journal.store.path}{ending}") for ending in ("", "-wal")]
    assert any(secret in part.read_bytes() for part in parts)
    house.purge(9)
    assert parts[1].stat().st_size == 0 or secret not in parts[1].read_bytes()
    assert not any(secret in part.read_bytes() for part in parts)


@OF_THE_FILE
def test_room_is_given_back_but_for_a_reserve(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "_FEW_PAGES", 20)
    for number in range(4):
        house.claim(f"{number}.json", entry(f"M{number}", body=os.urandom(400_000)))
        house.deliver()

    def size() -> int:
        return int(rows(house.journal, "SELECT page_count FROM pragma_page_count")[0][0])

    assert rows(house.journal, "SELECT auto_vacuum FROM pragma_auto_vacuum") == [(2,)]
    before = size()
    house.purge(9)
    assert before > 400
    assert size() < 150
    assert rows(house.journal, "SELECT freelist_count FROM pragma_freelist_count")[0][0] <= 20


@OF_THE_FILE
def test_a_journal_that_cannot_be_written_is_tried_again(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.deliver()
    house.days = 9
    purge = Purge(house.journal, {"": house.folders}, retention(), now=house.now)
    with closing(sqlite3.connect(house.journal.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not purge.night(retention())
        other.execute("ROLLBACK")
    assert purge.night(retention())
    with closing(View(house.journal.store.path)) as view:
        assert view.retention_trouble() == ""
        assert abs((view.last_purge_ms() or 0) - now_ms()) < 60_000


# ------------------------------------------------------------------ the clock


class _Nights(Purge):
    """Notes when it would delete, in place of it."""

    nights = 0

    def night(self, *_: object) -> bool:
        self.nights += 1
        return True


def _looks(house: House, *days: float, purge: _Nights | None = None) -> list[bool]:
    """Look at the clock at each of these days from now; returns at which of them it deletes."""
    purge = purge or _Nights(house.journal, {"": house.folders}, retention())
    begin, found = datetime.datetime.now(datetime.UTC), []
    for day in days:
        before, purge.nights = purge.nights, 0
        purge.look(begin + datetime.timedelta(days=day))
        found.append(purge.nights == 1)
        purge.nights += before
    return found


def test_a_clock_that_has_run_for_some_days_is_believed(house: House) -> None:
    assert _looks(house, 0, 0.5, 1, 2, 2.9, 3.1, 4) == [False] * 5 + [True] * 2
    assert [*_looks(house, 4.5), *_looks(house, 7)] == [True, True], "agents that were off for a weekend"


@pytest.mark.parametrize("leap", [365.0, -365.0, 30.0])
def test_a_clock_that_leaps_deletes_nothing(house: House, leap: float) -> None:
    purge = _Nights(house.journal, {"": house.folders}, retention())
    assert _looks(house, 0, 1, 2, 2.5, 3.1, purge=purge) == [False] * 4 + [True]
    assert _looks(house, 3.2 + leap, 3.2 + leap + 0.01, purge=purge) == [False, False]
    assert rows(house.journal, "SELECT value FROM meta WHERE key = 'retention_trouble'") == [("retention.clock",)]
    assert _looks(house, 3.3, 4, 5, 6, 6.2, 6.4, purge=purge) == [False] * 5 + [True]


def test_a_clock_that_is_wrong_when_the_machine_starts_deletes_nothing(house: House) -> None:
    assert _looks(house, 0, 1, 2, 2.5, 3.1)[-1]
    assert _looks(house, 400, 400.01) == [False, False]
    assert _looks(house, 3.2) == [False]


def test_what_was_received_while_the_clock_was_behind_is_as_young_as_what_came_before_it(house: House) -> None:
    house.claim("a.json", entry("M1"))
    house.claim("b.json", entry("M2"))
    house.deliver()
    with house.journal.store.durable() as db:
        db.execute("UPDATE message SET created_ms = 1, final_ms = 1 WHERE id = 2")
        db.execute("UPDATE source SET received_ms = 1 WHERE id = 2")
        db.execute("UPDATE file SET filed_as = '1970-01-01/b.json' WHERE source_id = 2")
        db.execute("INSERT INTO event (at_ms, kind, who, detail) VALUES (?, 'lane.held', 'x', '')", (now_ms(),))
        db.execute("INSERT INTO event (at_ms, kind, who, detail) VALUES (1, 'lane.held', 'x', '')")
    day = next(house.paths["sent"].iterdir())
    (house.paths["sent"] / "1970-01-01").mkdir()
    (day / "b.json").rename(house.paths["sent"] / "1970-01-01" / "b.json")
    assert house.purge(1) == {}
    assert _with_bytes(house.journal) == ["M1", "M2"]
    assert (house.paths["sent"] / "1970-01-01" / "b.json").exists()
    assert house.purge(8) == {"content": 2, "sent": 2}
    assert house.purge(90) == {"messages": 2, "files": 2}


# ------------------------------------------------------------------ several outboxes


def test_a_file_of_another_outbox_is_not_looked_for_in_the_first_one(house: House) -> None:
    """Neither is the file of its name there deleted, nor is it said of the other one that it was."""
    house.claim("a.json", entry("M1"), attachment="a.pdf")
    house.deliver()
    with house.journal.store.durable() as db:
        db.execute("UPDATE source SET outbox = 'removed'")
    assert house.purge(9) == {"content": 1}
    assert house.files() == ["sent/DAY/a.json", "sent/DAY/a.pdf"]
    assert rows(house.journal, "SELECT folder, deleted_ms FROM file") == [("sent", None)] * 2


def test_what_agents_had_together_is_left_by_one_that_is_alone_and_that_is_said(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Its journal was theirs, as behind `journal move`: nobody else files what has to move, or deletes it."""
    house.claim("a.json", entry("M1"))
    house.deliver()
    house.claim("b.json", code="json.syntax")
    with house.journal.store.durable() as db:
        db.execute("UPDATE source SET outbox = ':ID'")
    house.purge(9)
    assert caplog.text.count("retention.left") == 1
    feed = Feed(house.journal, ("",), some_unowned=True)
    feed.look()
    with closing(View(house.journal.store.path)) as view:
        assert view.filing_trouble() == AWAY
