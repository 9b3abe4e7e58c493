"""The archive: on the disk before what it is about is deleted, and told apart where a line comes twice."""

from __future__ import annotations

import errno
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from kit.core import entry, ready, rows, steps
from kit.purging import ALL, House, retention
from kit.system import is_private

from lab_sender import files
from lab_sender.filing import archive as archive_module
from lab_sender.filing.purge import Purge
from lab_sender.journal import Journal


@pytest.fixture
def house(tmp_path: Path, journal: Journal) -> House:
    made = House(tmp_path, journal)
    (tmp_path / "archive").mkdir()
    return made


def _settings(tmp_path: Path, **more: str) -> dict[str, str]:
    return {**ALL, "archive": str(tmp_path / "archive"), **more}


def _lines(tmp_path: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted((tmp_path / "archive").iterdir()):
        with zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True) as reader:
            found += [json.loads(line) for line in io.TextIOWrapper(reader, "utf-8")]
    return found


def test_what_is_deleted_is_in_the_archive(house: House, tmp_path: Path) -> None:
    house.claim("a.json", entry("M1"))
    house.claim("b.json", entry("M2", body=ready("M2").replace(b"Anna", b"\xff\xfe")))
    house.claim("c.json", code="json.syntax")
    house.journal.operator.dismiss_file(3, "why")
    house.deliver()
    assert house.purge(9, **_settings(tmp_path))["content"] == 2
    first, second = _lines(tmp_path)
    assert (first["format"], first["about"], first["control_id"], first["name"]) == (
        "lab-sender/archive/1", "message", "M1", "a.json",
    )  # fmt: skip
    assert first["body"].encode() == ready("M1", order="O-M1", value="1")
    assert first["attempts"][0]["ack"] == "MSA|AA\r"
    assert first["orders"][0]["order_key"] == "O-M1"
    assert first["sha256"] == hashlib.sha256(b"abc").hexdigest()
    assert "body" not in second
    assert second["body_base64"]
    assert house.purge(90, **_settings(tmp_path)) == {"messages": 2, "files": 3}
    kinds = [(each["about"], each.get("control_id"), each.get("state")) for each in _lines(tmp_path)[2:]]
    assert sorted(kinds, key=str) == [
        ("file", None, "dismissed"), ("file", None, "read"), ("file", None, "read"),
        ("message", "M1", "acked"), ("message", "M2", "acked"),
    ]  # fmt: skip
    (path,) = (tmp_path / "archive").iterdir()
    assert is_private(path)
    details = rows(house.journal, "SELECT detail FROM event WHERE kind = 'retention.archived' ORDER BY id")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert details[-1] == (f"{path.name}: {path.stat().st_size} bytes, SHA-256 {sha256}",)


def test_it_is_flushed_before_anything_is_deleted(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.claim("a.json", entry("M1"))
    house.deliver()
    book = house.journal.retention
    seen = steps(monkeypatch, (files, "append"), (files, "fsync"), (book, "delete_content"), (book, "delete_record"))
    house.purge(9, **_settings(tmp_path))
    flushes = ["fsync"] if files.WINDOWS else ["fsync", "fsync"]  # of the file, and of its name
    assert seen[: len(flushes) + 2] == ["append", *flushes, "delete_content"]
    seen.clear()
    house.purge(90, **_settings(tmp_path))
    assert seen.index("append") < seen.index("delete_record")


class _Killed(BaseException):
    pass


def test_a_crash_between_line_and_deletion_loses_nothing(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line comes twice, and the two are alike."""
    house.claim("a.json", entry("M1"))
    house.claim("b.json", entry("M2"))
    house.deliver("M1")
    house.purge(9, **_settings(tmp_path))
    house.days = 0
    house.deliver("M2")

    def killed(*_: object) -> int:
        raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr(house.journal.retention, "delete_content", killed)
        patched.setattr(archive_module.Archive, "end", lambda _: None)
        with pytest.raises(_Killed):
            house.purge(9, **_settings(tmp_path))
    assert rows(house.journal, "SELECT message_id FROM wire") == [(2,)]
    house.journal.retention._archives = None  # it dies with the process
    (path,) = (tmp_path / "archive").iterdir()
    with path.open("ab") as torn:  # and another crash in mid-write
        torn.write(zstandard.ZstdCompressor().compress(b"x" * 9000)[:-5])
    assert house.purge(0, **_settings(tmp_path))["content"] == 1
    lines = _lines(tmp_path)
    assert [line["control_id"] for line in lines] == ["M1", "M2", "M2"]
    assert lines[1] == lines[2]


@pytest.mark.parametrize("change", ["cut", "other"])
def test_an_archive_that_was_changed_is_not_written_to(house: House, tmp_path: Path, change: str) -> None:
    house.claim("a.json", entry("M1"))
    house.claim("b.json", entry("M2"))
    house.deliver("M1")
    house.purge(9, **_settings(tmp_path))
    (path,) = (tmp_path / "archive").iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:-1] if change == "cut" else b"\0" + data[1:])
    house.days = 0
    house.deliver("M2")
    house.days = 9
    settings = retention(**_settings(tmp_path))
    purge = Purge(house.journal, {"": house.folders}, settings, now=house.now)
    assert not purge.night(settings)
    assert rows(house.journal, "SELECT message_id FROM wire") == [(2,)]
    trouble = rows(house.journal, "SELECT value FROM meta WHERE key = 'retention_trouble'")
    assert trouble == [("retention.archive-changed",)]
    path.rename(tmp_path / "elsewhere")
    assert purge.night(settings)
    (other,) = (tmp_path / "archive").iterdir()
    assert other.name == path.name.replace(".jsonl", ".2.jsonl")


def test_without_its_folder_nothing_is_deleted_but_files(house: House, tmp_path: Path) -> None:
    (tmp_path / "archive").rmdir()
    house.claim("a.json", entry("M1"))
    house.deliver()
    house.days = 9
    settings = retention(**_settings(tmp_path))
    purge = Purge(house.journal, {"": house.folders}, settings, now=house.now)
    assert not purge.night(settings)
    assert {what: number for what, number in purge.counts.items() if number} == {"sent": 1}
    assert not (tmp_path / "archive").exists()


def test_a_disk_that_is_full_in_mid_write_leaves_no_half_line(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written next, in the same night, stands behind whole lines, and the length on record is right."""
    house.claim("a.json", entry("M1"))
    house.deliver()
    house.purge(9, **_settings(tmp_path))
    house.days = 0
    house.claim("b.json", entry("M2"))
    house.deliver("M2")
    house.days = 9
    append, full = files.append, [True]

    def fails_once(path: Path, data: bytes) -> None:
        if full and full.pop():
            append(path, data[:-7])
            raise OSError(errno.ENOSPC, "full")
        append(path, data)

    monkeypatch.setattr(files, "append", fails_once)
    assert not _night(house, tmp_path)
    assert rows(house.journal, "SELECT message_id FROM wire") == [(2,)]
    house.days = 120
    full.append(True)
    assert not _night(house, tmp_path), "the bytes fail, and the record is written in the same night"
    assert _night(house, tmp_path)
    assert _night(house, tmp_path)
    assert [line["control_id"] for line in _lines(tmp_path) if line.get("body")] == ["M1", "M2"]
    for name, noted in house.journal.retention.archives().items():
        data = (tmp_path / "archive" / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (noted["bytes"], noted["sha256"])


def test_an_archive_that_is_another_folder_in_mid_night_is_not_written_on(house: House, tmp_path: Path) -> None:
    for name in ("M1", "M2"):
        house.claim(f"{name}.json", entry(name))
    house.deliver()
    archive = archive_module.Archive(tmp_path / "archive", house.journal.retention)
    archive.messages(house.journal.retention.archived_messages([1]))
    (tmp_path / "archive").rename(tmp_path / "taken-away")
    (tmp_path / "archive").mkdir()
    archive.messages(house.journal.retention.archived_messages([2]))
    (first,) = (tmp_path / "taken-away").iterdir()
    (second,) = (tmp_path / "archive").iterdir()
    assert second.name == first.name.replace(".jsonl", ".2.jsonl")
    assert [line["control_id"] for line in _lines(tmp_path)] == ["M2"]


def _night(house: House, tmp_path: Path) -> bool:
    settings = retention(**_settings(tmp_path))
    return Purge(house.journal, {"": house.folders}, settings, now=house.now).night(settings)
