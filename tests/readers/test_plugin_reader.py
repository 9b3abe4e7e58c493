"""A reader of a site's own: the code of docs/files/own-reader.md, installed as a package and used as documented."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from lab_sender.config.profile import builtin
from lab_sender.errors import AgentError, FileError
from lab_sender.intake.compose import Composer
from lab_sender.readers import BadItem, ReportItem, plugins, read, site_readers
from readers.samples import dump, report

PAGE = Path(__file__).parents[2] / "docs" / "files" / "own-reader.md"
DATA = b"LAB2000\nPAT|4781203|Secretfamily|Anna\nRES|F1|HB|14.10|g/dL\nRES|F1|CRP|<0.6|mg/L\n"


def documented() -> dict[str, str]:
    """The code blocks of the page, by their language."""
    return dict(re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install packages as pip leaves them: a module and a dist-info."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(code: str, entry: str = "lab2000 = lab2000:Lab2000Reader") -> None:
        (tmp_path / "lab2000.py").write_text(code, encoding="utf-8")
        info = tmp_path / "lab2000-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab2000\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{entry}\n", encoding="utf-8")
        importlib.invalidate_caches()
        site_readers.cache_clear()

    yield installed
    sys.modules.pop("lab2000", None)
    site_readers.cache_clear()


def test_the_documented_reader_reads(install):
    blocks = documented()
    install(blocks["python"], re.search(r'^\w+ = ".+?"', blocks["toml"], re.MULTILINE).group().replace('"', ""))
    reading = read(DATA)
    assert reading.kind == "lab2000"
    (item,) = reading.items
    assert isinstance(item, ReportItem)
    assert [each.value for each in item.report.orders[0].results] == ["14.10", "<0.6"]
    assert read(DATA).items[0].digest == item.digest
    assert read(dump(report())).kind == "json"  # the others are read as before
    assert len(blocks["python"].strip().splitlines()) <= 30
    (message,) = Composer(builtin()).interpret(DATA).messages
    assert message.state == "spooled", message.reason
    assert message.body is not None
    assert b"|14.10|g/dL|" in message.body


def test_what_it_passes_over_is_told(install):
    """The page's own line, put into the page's own reader."""
    line = re.search(r"`(Remark\(Finding\(.+?\)\))`", PAGE.read_text(encoding="utf-8"))[1]
    code = documented()["python"].replace("report_item,", "report_item, Finding, Remark,", 1)
    install(re.sub(r"(return \[report_item\(.+\))\]", rf"\1, {line}]", code))
    (remark,) = read(DATA).remarks
    assert (remark.code, remark.place, remark.severity) == ("lab2000.passed-over", "line 7", "warning")


def test_it_is_loaded_once(install):
    install(documented()["python"].replace("class ", "print('loaded')\nclass ", 1))
    assert site_readers() is site_readers()


@pytest.mark.parametrize(
    ("code", "entry", "word"),
    [
        ("import no_such_module_at_all", "lab2000 = lab2000:Lab2000Reader", "no_such_module_at_all"),
        ("x = 1", "lab2000 = lab2000:Lab2000Reader", "AttributeError"),
        ("class R:\n    def __init__(self): 1 / 0", "lab2000 = lab2000:R", "ZeroDivisionError"),
        ("class R:\n    kind = 'Not One Word'\n    recognises = read = print", "lab2000 = lab2000:R", "kind"),
        ("class R:\n    kind = 'x'", "lab2000 = lab2000:R", "AttributeError"),
    ],
)
def test_one_that_cannot_be_loaded_stops_the_start(install, code, entry, word):
    install(code, entry)
    with pytest.raises(AgentError) as caught:
        Composer(builtin())
    assert (caught.value.code, caught.value.exit_code) == ("reader.plugin", 78)
    assert word in str(caught.value)
    assert "package lab2000" in str(caught.value)


READER = """
from lab_sender.readers import *
class R:
    kind = "mine"
    def recognises(self, data, start): {recognises}
    def read(self, data, name): {read}
"""


@pytest.mark.parametrize(
    ("recognises", "reading"),
    [("return data[9999]", "return []"), ("return True", "1 / 0"), ("return True", "return [1]"),
     ("return True", "return None"), ("return 1", "return [ReportItem('', None, b'')]")],
)  # fmt: skip
def test_one_that_fails_costs_that_file_only(install, recognises, reading):
    install(READER.format(recognises=recognises, read=reading), "mine = lab2000:R")
    with pytest.raises(FileError) as caught:
        read(DATA)
    assert caught.value.code == "reader.fault"
    assert Composer(builtin()).interpret(DATA).findings[0].code == "reader.fault"


def test_a_file_never_becomes_nothing(install):
    install(READER.format(recognises="return True", read="return []"), "mine = lab2000:R")
    with pytest.raises(FileError) as caught:
        read(DATA)
    assert caught.value.code == "file.no-report"


def test_its_reports_are_held_to_the_rules(install):
    """The path of an attachment is a way out of the outbox, whoever wrote it."""
    made = (
        "return [ReportItem('', Report(patient=Patient(ids=[Identifier('1')]), orders=[Order(test=Coded('X'),"
        " filler='F1', attachments=[Attachment(path='../../etc/passwd')])]), b'x')]"
    )
    install(READER.format(recognises="return True", read=made), "mine = lab2000:R")
    (item,) = read(DATA).items
    assert isinstance(item, BadItem)
    assert item.findings[0].code == "json.attachment-path"
