"""None of the retired words is in what users see.

Holds: the words (issue 11, item 10; CONTRIBUTING.md has those that took their place), and the search for them in the
documents, in the help of all commands, in the codes' sentences, and in every text that the package has for people:
errors, findings, hints, checks, settings, answers in JSON, events.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from lab_sender.cli.main import main
from lab_sender.codes import registry

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lab_sender"
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted({*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "files").glob("*.md")} - {ROOT / "docs" / "CODES.md"}),
]
"""What users read; CODES.md is made of the codes' sentences, and docs/inside/ is for who changes the program."""
COMMANDS = (ROOT / "docs" / "COMMANDS.md").read_text("utf-8")
HIS_WORDS = ("known.py",)
"""Modules whose texts are what a HIS says."""
RETIRED = re.compile(
    r"\b(told|tells|telling"
    r"|tell(?! (us|the HIS|the laboratory|lab-sender|it)\b)"  # a person, or the program, is told something
    r"|(taken|taking|takes?|took) in(?! (its|their|the|this|a|one|[A-Z`])\b)|taken in$"
    r"|set aside|sets aside|setting aside|lay aside|lays aside|laid aside|settled|settles|bad files?"
    r"|how it stands|(stands?|standing) in the way|read anew)\b",
    re.IGNORECASE,
)
REFUSED = re.compile(r"(?<![-.])\brefus(e[sd]?|als?|ing)\b(?!:)", re.IGNORECASE)
BY_HIS = re.compile(
    r"\b(HIS|HIS's|receivers?|verdicts?|accepted|unanswered|you|stops us|connection|Refuse with words)\b|^… refused"
)
"""What a sentence speaks of in which something is refused: only the HIS refuses."""


def wrong(text: str) -> list[str]:
    """Return the retired words of a text, whose code is no text."""
    plain = re.sub(r"`[^`\n]*`", "`", text)
    found = [each[0] for each in RETIRED.finditer(plain)]
    sentences = [each for each in re.split(r"(?<=[.?!:;])\s|\n\n|\|", plain) if not BY_HIS.search(each)]
    return [*found, *(f"refused: {' '.join(each.split())[:100]}" for each in sentences if REFUSED.search(each))]


@cache
def texts(path: Path) -> tuple[tuple[int, str], ...]:
    """Return the texts that a module has for people, each with its line: of more than a word, and no docstring."""
    return tuple(_texts(path))


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text("utf-8"))
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, owners)]
    passed_over = {id(each.value) for body in bodies for each in body if isinstance(each, ast.Expr)}
    passed_over |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed_over:
            text = node.value
        else:
            continue
        if " " in text.strip():
            yield node.lineno, text


def modules() -> list[Path]:
    """Return the modules whose texts are searched."""
    rooms = ((path, path.relative_to(PACKAGE).parts) for path in sorted(PACKAGE.rglob("*.py")))
    return [path for path, parts in rooms if parts[-1] not in HIS_WORDS]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents(path: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert wrong(text) == []


@pytest.mark.parametrize("name", ["", *main.commands])
def test_help(name: str) -> None:
    shown = CliRunner().invoke(main, [*name.split(), "--help"]).stdout
    assert wrong(shown) == []


def test_texts_of_the_package() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in modules()
        for line, text in texts(path)
        for word in wrong(text)
    ]
    assert found == []


def test_the_texts_are_found() -> None:
    """Some of each kind: an error, a hint, an f-string, a setting, a field of an answer."""
    found = {text for path in modules() for _, text in texts(path)}
    assert {"there is no such file", "Give lab-sender's account the right to read it."} <= found
    assert any("… reports; a message is built of one." in text for text in found)
    assert any(text.startswith("Files that could not be delivered") for text in found)
    assert "The message; null: a file that could not be read." in found
    assert "Return what a file's content is known by." not in found, "a docstring"


def test_sentences_of_codes() -> None:
    found = {}
    for name, code in registry().items():
        words = [word for text in (code.means, code.next, *code.members.values()) for word in wrong(text)]
        if words:
            found[name] = words
    assert found == {}


def test_names_of_codes_and_events() -> None:
    assert {name for name in registry() if RETIRED.search(re.sub("[.-]", " ", name))} == set()


def test_retired_words_are_seen() -> None:
    for text in ("It is told apart.", "Files are taken in by name.", "It was set aside.", "The file is refused.",
                 "One line settles it.", "It is read anew."):  # fmt: skip
        assert wrong(text), text
    for text in ("Tell the HIS team.", "The HIS refused it.", "`intake.settle` is 2 s.", "It is taken in its turn.",
                 "`file.refused` is a code."):  # fmt: skip
        assert not wrong(text), text


@pytest.mark.parametrize("name", main.commands)
def test_every_option_is_documented(name: str) -> None:
    """In the section of its command, or in what is said of all."""
    section = re.search(rf"^### `{name}\b.*?(?=^##|\Z)", COMMANDS, re.MULTILINE | re.DOTALL)
    assert section is not None, f"{name} has no section"
    command = main.commands[name]
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    for parameter in (*command.params, *(each for one in inner for each in one.params)):
        if isinstance(parameter, click.Option) and not parameter.hidden:
            (option,) = (each for each in parameter.opts if each.startswith("--"))
            assert re.search(rf"`[^`]*{option}\b", section[0]) or option == "--help", f"{name} {option}"
