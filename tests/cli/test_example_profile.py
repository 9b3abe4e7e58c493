"""docs/EXAMPLE-PROFILE.md shows what its files really give."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab_sender.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "EXAMPLE-PROFILE.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def preview(tmp_path, monkeypatch):
    folder = tmp_path / "example"
    shutil.copytree(DOCS / "example", folder)
    (folder / "outbox").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "220")

    def run(*options):
        result = CliRunner().invoke(main, ["--config", "config.yaml", "preview", *options, "report.json"])
        assert result.exit_code == 0, result.output
        return [_without_examples(line) for line in result.stdout.splitlines() if line]

    return run


def _without_examples(line):
    """Time and control id are new each time, and so may be the size."""
    fields = line.rstrip().split("|")
    if fields[0] == "MSH":
        fields[6], fields[9] = "TIME", "ID"
    return re.sub(r"\d+ bytes", "bytes", "|".join(fields))


@pytest.mark.parametrize("name", ["profile.yaml", "tests.csv", "report.json"])
def test_the_files_are_those_of_the_page(name):
    assert (DOCS / "example" / name).read_text(encoding="utf-8") in BLOCKS


def test_the_profile_is_short():
    assert len((DOCS / "example" / "profile.yaml").read_text(encoding="utf-8").splitlines()) < 40


def test_the_output_is_that_of_the_page(preview):
    shown = next(block for block in BLOCKS if block.startswith("message 1 of 1"))
    assert preview() == [_without_examples(line) for line in shown.splitlines() if line]


def test_the_explanation_is_that_of_the_page(preview):
    shown = next(block for block in BLOCKS if block.startswith("field"))
    lines = {" ".join(line.split()) for line in preview("--explain")}
    assert {" ".join(line.split()) for line in shown.splitlines()} <= lines


def test_a_number_of_sixteen_characters_is_refused(preview, tmp_path):
    report = tmp_path / "example" / "report.json"
    report.write_text(report.read_text(encoding="utf-8").replace("20031144", "2003114420031144"), encoding="utf-8")
    with pytest.raises(AssertionError, match=r"field.length at patient.ids \(PID-3\)"):
        preview()
