"""`explain`: a code, copied from a screen, and what it means."""

import json

from click.testing import CliRunner

from lab_sender.cli.main import main
from lab_sender.codes import registry


def explain(*words, exits=0):
    result = CliRunner().invoke(main, ["explain", *words])
    assert result.exit_code == exits, result.output
    return result


def test_a_code_is_explained_with_the_next_step_and_the_page():
    shown = explain("csv.column-unknown").stdout
    lines = [line.split(maxsplit=1) for line in shown.splitlines()[1:]]
    code = registry()["csv.column-unknown"]
    assert shown.startswith("csv.column-unknown  (Tables (CSV, TSV))\n")
    assert {"means", "next", "then", "waits", "kind", "more"} == {name for name, _ in lines}
    told = dict(lines)
    assert (told["means"], told["next"]) == (code.means, code.next)
    assert "`lab-sender dismiss ID --why TEXT`" in told["then"]
    assert told["more"] == "docs/files/csv.md"


def test_it_needs_no_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "nobody" in explain("link.up").stdout
    assert list(tmp_path.iterdir()) == []


def test_every_code_can_be_explained():
    """All of them at once; of a computed one its members too."""
    members = [f"{name.partition('{')[0]}{each}" for name, code in registry().items() for each in code.members]
    shown = explain(*registry(), *members).stdout
    for name in (*registry(), *members):
        assert f"\n{name}  (" in f"\n{shown}"


def test_a_computed_code_is_explained_by_its_member():
    assert "has no right to it" in explain("io.eacces:").stdout
    assert "Another program has locked" in explain("journal.busy").stdout
    assert "io.enospc" in explain("io.{errno}").stdout
    assert "a bug" in explain("bug.KeyError").stdout


def test_an_event_says_its_level():
    assert "level  error" in explain("claim.vanished").stdout


def test_a_word_that_is_no_code_is_asked_for():
    result = explain("csv.colum-missing", "AE", "whatever", exits=1)
    assert result.stdout.startswith("AE  (")
    assert "error code.unknown: no code of lab-sender: csv.colum-missing, whatever." in result.stderr
    assert "Did you mean csv.column-missing?" in result.stderr
    assert "docs/CODES.md" in explain("zzz", exits=1).stderr


def test_a_word_cannot_act_on_the_terminal():
    assert "\x1b" not in explain("\x1b[2Jcsv", exits=1).output


def test_a_code_is_wanted():
    explain(exits=2)


def test_json_has_the_same():
    told = json.loads(explain("file.grown", "file.grown", "--json").stdout)
    (code,) = told["codes"]
    entry = registry()["file.grown"]
    assert (code["code"], code["means"], code["next"]) == ("file.grown", entry.means, entry.next)
    assert (code["kinds"], code["levels"], code["waits"]) == (["error", "event"], ["error"], ["file"])
    assert code["more"] == "docs/FILES.md#when-a-file-is-complete"
    assert told["unknown"] == []
    told = json.loads(explain("csv.heder", "--json", exits=1).stdout)
    assert told["codes"] == []
    assert told["unknown"] == [{"word": "csv.heder", "near": ["csv.header"]}]
