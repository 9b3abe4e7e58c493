"""What a document shows of a command, and what the command prints."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from lab_sender.cli.main import main

COLUMNS = "220"
"""How wide the terminal of the documents is."""
_OURS = re.compile(r"[0-9A-Z]{20}")
"""A control id that we gave; one that stands in the file is always the same."""


def blocks_of(page: Path) -> list[str]:
    """Return the fenced blocks of a page."""
    return re.findall(r"^```\w*\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def printed(*arguments: str) -> tuple[list[str], int]:
    """Run a command here; return its lines, but for what is another at each run, and its exit code."""
    output, exit_code = output_of(*arguments)
    return lines_of(output), exit_code


def output_of(*arguments: str) -> tuple[str, int]:
    """Run a command here; return what it prints, on both streams, and its exit code."""
    result = CliRunner().invoke(main, arguments)
    return result.output, result.exit_code


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without times, control ids, versions and sizes."""
    return [_without_examples(line) for line in text.splitlines() if line.strip()]


def _without_examples(line: str) -> str:
    fields = line.rstrip().split("|")
    if fields[0] == "MSH" and _OURS.fullmatch(fields[9]):
        fields[6], fields[9] = "TIME", "ID"
    if fields[0] == "SFT":
        fields[2] = fields[4] = "VERSION"
    return re.sub(r"[\d,]+ bytes", "bytes", "|".join(fields))
