"""docs/FILES.md and the pages of docs/files: built alike, complete, and their examples are what is printed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.shown import COLUMNS, blocks_of, lines_of, printed

from lab_sender.config import inputs as settings

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "files"
EXAMPLES = PAGES / "examples"
FORMATS = ("astm", "csv", "documents", "fhir", "hl7", "json")
SECTIONS = [
    "What is read", "What is quarantined", "What is passed over with a remark", "Settings", "A worked example",
]  # fmt: skip
ENTRANCE = (ROOT / "docs" / "FILES.md").read_text(encoding="utf-8")
TEXT = {page.stem: page.read_text(encoding="utf-8") for page in PAGES.glob("*.md")}
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "lab_sender").rglob("*.py"))
PROFILES = (ROOT / "docs" / "PROFILES.md").read_text(encoding="utf-8")
ROOMS = frozenset((
    "agent", "astm", "attachment", "charset", "code", "csv", "fhir", "field", "file", "flag", "hl7",
    "json", "message", "order", "patient", "person", "phone", "range", "reader", "report", "result",
    "specimen", "status", "text", "time", "value", "version",
))  # fmt: skip
"""What a code begins with; what else looks like one is a setting or an element."""
TWO_SCREENS = 100  # lines
_CODE = re.compile(r"`([a-z]+[0-9]?\.[a-z]+(?:-[a-z]+)*)`")
_COMMAND = re.compile(r"^\$ lab-sender (.+)\n", re.MULTILINE)


def own_codes(*rooms: str) -> set[str]:
    """Return the codes that the readers of these rooms give."""
    found = set()
    for room in rooms:
        for path in (ROOT / "lab_sender" / "readers" / room).glob("*.py"):
            found |= set(re.findall(rf'"({room}\.[a-z-]+)"', path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_a_page_has_its_parts_in_order(name):
    assert re.findall(r"^## (.+)$", TEXT[name], re.MULTILINE) == SECTIONS
    assert "](../CONFIGURATION.md#" in TEXT[name].split("## Settings")[1].split("\n## ")[0]


def test_the_entrance_leads_to_every_page():
    for name in TEXT:
        assert f"](files/{name}.md" in ENTRANCE, name
        assert f"{name}.md" in ENTRANCE.split("\n\n")[2], name  # the table of formats


@pytest.mark.parametrize("page", [ENTRANCE, *TEXT.values()], ids=["FILES", *TEXT])
def test_a_long_page_has_its_contents_at_the_top(page):
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    head, _, _ = prose.partition("\n## ")
    for heading in re.findall(r"^## (.+)$", prose, re.MULTILINE) if page.count("\n") > TWO_SCREENS else ():
        assert f"[{heading}](#{heading.lower().replace(' ', '-')})" in head, heading


# ------------------------------------------------------------------ nothing that is not so, nothing left out


@pytest.mark.parametrize(
    ("name", "codes"),
    [(room, own_codes(room)) for room in ("astm", "csv", "fhir", "hl7", "json")]
    + [("documents", set(re.findall(r'"(attachment\.[a-z-]+)"', CODE)))],
)
def test_a_page_tells_every_code(name, codes):
    assert len(codes) > 8
    assert sorted(code for code in codes if f"`{code}`" not in TEXT[name]) == []


def test_the_entrance_tells_every_code_of_a_file():
    """But for those of the log, of commands, and of documents that no report has named yet."""
    names = ("changing", "dismissed", "forced", "found-in-sent", "image", "missing", "no-table", "pdf", "quarantined",
             "released", "rtf", "still-written", "taken", "unreadable-now")  # fmt: skip
    elsewhere = {f"file.{name}" for name in names}
    codes = set(re.findall(r'"(file\.[a-z-]+)"', CODE)) - elsewhere
    assert sorted(code for code in codes if f"`{code}`" not in ENTRANCE) == []


def test_every_code_of_a_report_is_told():
    """What the guards and the builder find, whatever the format: in the entrance, or on the page it is of."""
    rooms = [*(ROOT / "lab_sender" / "oru").rglob("*.py"), *(ROOT / "lab_sender" / "readers" / "guards").glob("*.py")]
    sources = [path.read_text(encoding="utf-8") for path in rooms]
    call = r'(?:fault|Fault|Finding|FileError\.of|CannotFillError)\(\s*(?:[\w.]+,\s*)*"([a-z]+\.[a-z-]+)"'
    codes = {code for source in sources for code in re.findall(call, source)}
    codes |= {f"field.{name}" for name in ("required", "expected", "forbidden", "value", "length", "cut")}
    told = ENTRANCE + "".join(TEXT.values())
    assert len(codes) > 35
    assert sorted(code for code in codes if f"`{code}`" not in told and not code.startswith("profile.")) == []


@pytest.mark.parametrize("page", [ENTRANCE, *TEXT.values()], ids=["FILES", *TEXT])
def test_every_code_of_a_page_exists(page):
    for code in set(_CODE.findall(page)):
        if code.partition(".")[0] in ROOMS:
            assert f'"{code}"' in CODE or f"`{code}`" in PROFILES, code


@pytest.mark.parametrize(
    ("name", "section", "prefix"),
    [
        ("astm", settings.AstmInput, ""),
        ("fhir", settings.FhirInput, ""),
        ("csv", settings.CsvFormat, ""),
        ("documents", settings.PdfInput, "inputs.pdf."),
    ],
)
def test_a_page_names_every_setting_of_its_format(name, section, prefix):
    part = TEXT[name].split("## Settings")[1].split("\n## ")[0]
    for key in section.model_fields:
        assert f"`{prefix}{key}`" in part, key


def test_every_document_that_the_program_names_is_there():
    for name in set(re.findall(r"docs/[\w/.-]+\.md", CODE)):
        assert (ROOT / name).is_file(), name


# ------------------------------------------------------------------ the worked examples


@pytest.mark.parametrize("name", FORMATS)
def test_the_files_of_an_example_are_those_of_its_page(name):
    blocks = [block.rstrip("\n") for block in blocks_of(PAGES / f"{name}.md")]
    shown = dict(re.findall(r"^`([\w.-]+)`:\n\n```\w*\n(.*?)\n```$", TEXT[name], re.DOTALL | re.MULTILINE))
    for path in (EXAMPLES / name).iterdir():
        if path.suffix == ".pdf":
            assert f"`{path.name}`" in TEXT[name] or path.name in TEXT[name]
        elif path.name == "plain.yaml":
            assert len(path.read_text(encoding="utf-8").splitlines()) == 4
        else:
            assert shown[path.name] == path.read_text(encoding="utf-8").rstrip("\n"), path.name
            assert shown[path.name] in blocks


@pytest.fixture
def here(tmp_path, monkeypatch) -> Callable[[str], None]:
    def enter(name: str) -> None:
        shutil.copytree(EXAMPLES / name, tmp_path / name)
        (tmp_path / name / "outbox").mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("COLUMNS", COLUMNS)

    return enter


@pytest.mark.parametrize("name", FORMATS)
def test_the_output_of_an_example_is_what_is_printed(name, here):
    here(name)
    last = 1
    runs = [block for block in blocks_of(PAGES / f"{name}.md") if _COMMAND.match(block)]
    assert runs
    for block in runs:
        command, shown = _COMMAND.match(block)[1], block.partition("\n")[2]
        lines, last = printed(*command.split())
        assert lines == lines_of(shown), command
    assert last == 0, "the last one is the message that is sent"
