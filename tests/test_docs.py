"""The documents say what is: commands, exit codes, links. Codes and events are held by test_codes.py."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from lab_sender.cli.main import main
from lab_sender.codes import registry
from lab_sender.config.alerts import DELAYS
from lab_sender.errors import ExitCode

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SYMPTOMS = (ROOT / "docs" / "SYMPTOMS.md").read_text(encoding="utf-8")
_LONG = 100
"""Lines: a longer page begins with where what stands."""
PAGES = sorted({*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "files").glob("*.md")})
"""What users read."""
CODE = {path: path.read_text(encoding="utf-8") for path in (ROOT / "lab_sender").rglob("*.py")}
_COMMAND = re.compile(r"(?:\$ )?(?:\S*[/\\]|sudo -u lab-sender )?lab-sender(?: --config \S+)? ([a-z]+)\b(.*)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = document.parent / path if path else document
        assert found.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in _anchors(found), f"{target} has no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist_with_their_options(document: Path) -> None:
    for name, rest in _commands(document):
        command = main.commands.get(name)
        assert command is not None, f"there is no lab-sender {name}"
        if isinstance(command, click.Group) and rest.split():
            inner = command.commands.get(rest.split()[0])
            assert inner is not None, f"there is no lab-sender {name} {rest.split()[0]}"
            command = inner
        known = {option for each in command.params if isinstance(each, click.Option) for option in each.opts}
        for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
            assert option in known | {"--help"}, f"lab-sender {name} has no {option}"


def test_every_command_is_in_the_documents() -> None:
    named = {name for document in DOCUMENTS for name, _ in _commands(document)}
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for name in main.commands:
        assert name in named or name in changes, name


def test_every_heading_that_the_code_names_is_there() -> None:
    codes = [path.read_text("utf-8") for path in (ROOT / "lab_sender" / "codes").glob("*.toml")]
    named = {name for text in (*CODE.values(), *codes) for name in re.findall(r"'(The journal [a-z ]+)'", text)}
    parts = {f"The journal {each}" for each in ("is behind", "is damaged", "is missing", "was taken away")}
    assert named == parts
    named |= {name for text in codes for name in re.findall(r'see \\"([^"\\]+)\\"', text)}
    assert named <= set(re.findall(r"^#+ (.+)$", SYMPTOMS, re.MULTILINE))


def test_everything_that_status_can_say_is_a_symptom() -> None:
    """By its code, in the table that leads on."""
    table = SYMPTOMS.partition("\n## ")[0]
    alone = SYMPTOMS.partition("## What can wait for the morning")[2].partition("\n## ")[0]
    conditions = {name for name, code in registry().items() if "condition" in code.kinds} | set(DELAYS)
    assert {name for name in conditions if f"`{name}`" not in table + alone} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_long_page_begins_with_where_what_stands(page: Path) -> None:
    """Each of its parts is a link above the first of them."""
    text = _without_code(page)
    head, *_ = re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)
    if text.count("\n") > _LONG:
        parts = {_anchor(each) for each in re.findall(r"^## (.+)$", text, re.MULTILINE)}
        assert parts - set(re.findall(r"\]\(#([^)]+)\)", head)) == set()


def test_exit_codes_are_those_of_the_documents() -> None:
    commands = (ROOT / "docs" / "COMMANDS.md").read_text(encoding="utf-8")
    service = (ROOT / "docs" / "SERVICE.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d+) \| (.+) \|$", commands, re.MULTILINE)
    assert [(int(number), meaning) for number, meaning in table] == [(code, code.meaning) for code in ExitCode]
    for code in ExitCode:
        assert f"\n| {code} |" in service, code


def test_an_exit_code_is_never_a_mere_number() -> None:
    number = re.compile(r"(?:exit_code\b[^=\n]*= ?|EXIT_[A-Z]+ ?= ?|\.exit\()\d.*")
    assert [found for source in CODE.values() for found in number.findall(source)] == []


def test_the_unit_names_what_exists() -> None:
    unit = (ROOT / "docs" / "lab-sender.service").read_text(encoding="utf-8")
    assert re.search(r"^ExecStart=\S+/lab-sender --config \S+ run$", unit, re.MULTILINE)
    assert "RestartPreventExitStatus=78\n" in unit


def _without_code(document: Path) -> str:
    return re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)


def _commands(document: Path) -> list[tuple[str, str]]:
    """Find `lab-sender NAME OPTIONS` in code, inline or fenced."""
    text = document.read_text(encoding="utf-8")
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    pieces = [line for block in fenced for line in block.splitlines()]
    pieces += re.findall(r"`([^`\n]+)`", _without_code(document))
    return [(found[1], found[2]) for piece in pieces if (found := _COMMAND.match(piece.strip()))]


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _without_code(document), re.MULTILINE)
    return {_anchor(heading) for heading in headings}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
