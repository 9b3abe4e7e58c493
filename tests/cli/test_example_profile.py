"""docs/EXAMPLE-PROFILE.md shows what its files really give."""

import shutil
from pathlib import Path

import pytest
from kit.shown import COLUMNS, blocks_of, lines_of, printed

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = blocks_of(DOCS / "EXAMPLE-PROFILE.md")


@pytest.fixture
def preview(tmp_path, monkeypatch):
    folder = tmp_path / "example"
    shutil.copytree(DOCS / "example", folder)
    (folder / "outbox").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", COLUMNS)

    def run(*options):
        lines, exit_code = printed("--config", "config.yaml", "preview", *options, "report.json")
        assert exit_code == 0, lines
        return lines

    return run


@pytest.mark.parametrize("name", ["profile.yaml", "tests.csv", "report.json"])
def test_the_files_are_those_of_the_page(name):
    assert (DOCS / "example" / name).read_text(encoding="utf-8") in BLOCKS


def test_the_profile_is_short():
    assert len((DOCS / "example" / "profile.yaml").read_text(encoding="utf-8").splitlines()) < 40


def test_the_output_is_that_of_the_page(preview):
    shown = next(block for block in BLOCKS if block.startswith("message 1 of 1"))
    assert preview() == lines_of(shown)


def test_the_explanation_is_that_of_the_page(preview):
    shown = next(block for block in BLOCKS if block.startswith("field"))
    lines = {" ".join(line.split()) for line in preview("--explain")}
    assert {" ".join(line.split()) for line in shown.splitlines()} <= lines


def test_a_number_of_sixteen_characters_is_refused(preview, tmp_path):
    report = tmp_path / "example" / "report.json"
    report.write_text(report.read_text(encoding="utf-8").replace("20031144", "2003114420031144"), encoding="utf-8")
    with pytest.raises(AssertionError, match=r"field.length at patient.ids \(PID-3\)"):
        preview()
