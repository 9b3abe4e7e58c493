"""The demo, as a person starts it: in a pipe, on a terminal, and where a sample does not do what it should."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

import lab_sender
from lab_sender.cli import demo
from lab_sender.errors import LabSenderError

SAMPLES = Path(lab_sender.__file__).with_name("demo_samples")
PATIENT_DATA = re.compile(r"Demo-[A-Z]\w+|9001\d{4}|potassium|Escherichia|adenoma", re.IGNORECASE)


@pytest.mark.long
def test_every_sample_ends_as_its_story_says(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "lab_sender", "demo", "--folder", str(tmp_path / "here")],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    log = (tmp_path / "here" / "agent.log").read_text(encoding="utf-8")
    assert {json.loads(line)["event"] for line in log.splitlines()} >= {"agent.started", "agent.stopped"}
    assert not PATIENT_DATA.search(run.stdout + run.stderr + log)
    outbox = tmp_path / "here" / "outbox"
    (day,) = (outbox / "sent").iterdir()
    sent = {path.name for path in day.iterdir()}
    aside = {path.name for path in (outbox / "quarantine").iterdir()}
    assert sent == {path.name for path in SAMPLES.iterdir()} - aside
    assert aside == {
        "07-cut-off.json", "07-cut-off.json.reason.txt", "08-refused.json", "08-refused.json.reason.txt",
    }  # fmt: skip
    assert all(story.name in run.stdout for story in demo.STORIES)
    assert not list((outbox / ".lab-sender" / "claimed").iterdir())


def test_on_a_terminal_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(demo, "STORIES", demo.STORIES[:2])
    assert demo.demo(tmp_path / "here", keep=False) == 0
    assert not (tmp_path / "here").exists()
    assert "02-culture.json" in capsys.readouterr().out


def test_a_story_that_ends_otherwise_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = replace(demo.STORIES[0], ends=(demo.End("quarantined", "refused", "AE"),))
    monkeypatch.setattr(demo, "STORIES", (wrong,))
    assert demo.demo(tmp_path / "here", keep=False) == 1
    assert "01-chemistry.json did not end as its story says" in capsys.readouterr().out
    assert (tmp_path / "here" / "agent.log").exists()


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("where", ["on the path", "beside python", "another on the path"])
def test_what_it_says_to_type_works_when_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """Line for line, in the folder that the demo ran in; also where a folder's name has a blank."""
    script = _installed(tmp_path / "my venv" / "bin")
    monkeypatch.setattr(sys, "executable", str(script.parent / "python"))
    usual = os.environ["PATH"]
    if where != "beside python":
        other = script.parent if where == "on the path" else tmp_path / "other"
        if where == "another on the path":
            other.mkdir()
            (other / "lab-sender").write_text("#!/bin/sh\necho the wrong one; exit 9\n")
            (other / "lab-sender").chmod(0o755)
        monkeypatch.setenv("PATH", f"{other}{os.pathsep}{usual}")
    monkeypatch.setattr(demo, "STORIES", demo.STORIES[:1])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert demo.demo(Path("demo run"), keep=True) == 0
    steps = capsys.readouterr().out.partition("What you can look at next:")[2]
    assert "-m lab_sender" not in steps
    lines = [line.strip() for line in steps.splitlines() if line.startswith("  ")]
    first = [line for line in lines if line.startswith("export")]
    assert len(first) == (where != "on the path")
    commands = [line for line in lines if line.startswith("lab-sender ")]
    assert [line.split()[-1] for line in commands] == ["list", "1", "check", "run", "his"]
    for command in commands:
        typed = "\n".join([*first, command if command.endswith(("list", "1")) else f"{command} --help"])
        done = subprocess.run(["sh", "-c", typed], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{typed}\n{done.stdout}{done.stderr}"
        assert "01-chemistry.json" in done.stdout or "Usage: lab-sender" in done.stdout


def _installed(folder: Path) -> Path:
    """Put a `lab-sender` beside a `python`, as an installation does."""
    folder.mkdir(parents=True)
    script = folder / "lab-sender"
    command = "from lab_sender.cli.main import main; main(prog_name='lab-sender')"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{command}" "$@"\n')
    script.chmod(0o755)
    (folder / "python").symlink_to(sys.executable)
    return script


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(LabSenderError) as refused:
        demo.demo(tmp_path, keep=False)
    assert refused.value.code == "demo.folder-in-use"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_pdf_is_one() -> None:
    data = (SAMPLES / "04-histology.pdf").read_bytes()
    table = int(re.search(rb"startxref\n(\d+)\n%%EOF\n\Z", data).group(1))
    assert data.startswith(b"%PDF-1.4\n")
    assert data[table:].startswith(b"xref\n0 6\n")
    offsets = re.findall(rb"(\d{10}) 00000 n ", data[table:])
    assert all(data[int(at) :].startswith(b"%d 0 obj" % number) for number, at in enumerate(offsets, 1))
