"""`LabSender.drop`: whole, durable, under a free name, attachments first and markers last."""

from __future__ import annotations

import json
import os
from decimal import Decimal

import pytest

from lab_sender import files
from lab_sender.api import ConfigError, FileError, LabSender, Later, NameRejected
from lab_sender.readers import read


@pytest.fixture
def lab(here):
    here.outbox.mkdir()
    return LabSender(here.path)


def in_outbox(here) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in here.outbox.iterdir()}


def test_a_report_is_dropped_as_json(here, lab, report):
    held = json.loads(report())
    held["orders"][0]["results"][0]["value"] = Decimal("5.40")
    receipt = lab.drop(held, name="r.json")
    assert list(in_outbox(here)) == [receipt.name] == ["r.json"]
    [item] = read(in_outbox(here)["r.json"]).items
    assert item.report.orders[0].results[0].value == "5.40"


@pytest.mark.parametrize(("text", "ending"), [("report", ".json"), ("ready", ".hl7"), ("table", ".txt")])
def test_bytes_are_dropped_as_they_are_and_a_file_without_a_name_has_one_of_its_own(
    here, lab, report, ready, text, ending
):
    data = {"report": report().encode(), "ready": ready("A1"), "table": b"patient_id;value\n1;2\n"}[text]
    first, second = lab.drop(data).name, lab.drop(data).name
    assert first != second
    assert in_outbox(here) == {first: data, second: data}
    assert first.endswith(ending)


def test_a_ready_message_as_text_is_a_mistake_of_the_program(lab, ready):
    """Its bytes would be UTF-8, whatever MSH-18 says."""
    with pytest.raises(TypeError, match="given as bytes"):
        lab.drop(ready("A1").decode())


def test_a_name_that_is_taken_gets_a_number(here, lab):
    names = [lab.drop(text.encode(), name="r.json").name for text in ("one", "two", "three")]
    assert names == ["r.json", "r-1.json", "r-2.json"]
    assert list(in_outbox(here).values()) != []
    assert in_outbox(here) == {"r.json": b"one", "r-1.json": b"two", "r-2.json": b"three"}


def test_attachments_come_first_and_markers_last(here, his, report, monkeypatch):
    here.configure(his.port, intake=", marker: .ok")
    here.outbox.mkdir()
    steps = []
    rename, touch, flush = files.rename, type(here.outbox).touch, files.sync_folder
    monkeypatch.setattr(files, "rename", lambda part, to: (steps.append(to.name), rename(part, to)))
    monkeypatch.setattr(type(here.outbox), "touch", lambda path: (steps.append(path.name), touch(path)))
    monkeypatch.setattr(files, "sync_folder", lambda path: (steps.append("flushed"), flush(path)))
    LabSender(here.path).drop(report(attachment="a.pdf"), name="r.json", attachments={"a.pdf": b"%PDF-1.4 %%EOF"})
    assert steps == ["a.pdf", "r.json", "flushed", "a.pdf.ok", "r.json.ok", "flushed"]


@pytest.mark.parametrize("taken", ["a.pdf", "r.json"])
def test_with_attachments_every_name_must_be_free(here, lab, report, taken):
    (here.outbox / taken).write_bytes(b"another's")
    with pytest.raises(Later, match=r"drop\.name-taken"):
        lab.drop(report(attachment="a.pdf"), name="r.json", attachments={"a.pdf": b"%PDF"})
    assert in_outbox(here) == {taken: b"another's"}


@pytest.mark.parametrize(
    "name",
    ["a.tmp", ".a.json", "A.PART", "a~", "Thumbs.db", "a.ok", "../a.json", "a/b", "a\\b", "a:b", "a\n", "a.", "a ",
     "ä" * 101, "\udc80.json", ".nfs0001"],
)  # fmt: skip
def test_a_name_that_the_agent_would_not_take(here, his, report, name):
    here.configure(his.port, intake=", marker: .ok")
    here.outbox.mkdir()
    lab = LabSender(here.path)
    with pytest.raises(NameRejected, match=r"drop\.name"):
        lab.drop(report(), name=name)
    with pytest.raises(NameRejected, match=r"drop\.name"):
        lab.drop(report(), name="r.json", attachments={name: b"%PDF"})
    with pytest.raises(NameRejected, match="two files"):
        lab.drop(report(), name="r.json", attachments={"r.json": b"%PDF"})
    assert in_outbox(here) == {}


def test_what_cannot_be_a_file(here, his, lab, report):
    with pytest.raises(FileError, match=r"json\.type"):
        lab.drop({"patient": {"birth": float("nan")}})
    here.configure(his.port, intake=", largest_file: 1KiB")
    small = LabSender(here.path)
    for content, attachments in ((b"x" * 1025, {}), (report(), {"a.pdf": b"x" * 1025})):
        with pytest.raises(FileError, match=r"file\.too-large"):
            small.drop(content, name="r.json", attachments=attachments)
    assert in_outbox(here) == {}


def test_an_outbox_is_never_made(here, report):
    """An empty folder in the place of a share that is away would hide what lies on it."""
    with pytest.raises(Later, match=r"outbox\.unreachable"):
        LabSender(here.path).drop(report())
    assert not here.outbox.exists()


def test_what_fails_before_anything_appeared_leaves_nothing(here, lab, report, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(files, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        lab.drop(report(), name="r.json")
    monkeypatch.undo()
    assert [path.name for path in here.outbox.iterdir() if not path.name.startswith("..")] == []


def test_every_mistake_of_a_configuration_is_in_one_error(here):
    here.path.write_text("outbox: outbox\nhis: {host: 127.0.0.1, port: many}\nmessage: {version: 9}\n")
    with pytest.raises(ConfigError) as error:
        LabSender(here.path)
    assert [each.line for each in error.value.mistakes] == [2, 3]
