"""The outputs on the pages of docs/files, written anew. `make pages` does it; tests/cli/test_file_pages.py compares.

Holds: where a page shows a command (`$ lab-sender ...`) and what it printed.
Promises: a block whose output is the same but for times, control ids, versions and sizes stays as it is.
Never: changes anything but the lines below a command; look at the difference before you keep it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from kit.shown import COLUMNS, lines_of, output_of

PAGES = Path(__file__).parents[1] / "docs" / "files"
_SHOWN = re.compile(r"^```\n\$ lab-sender (?P<command>.+)\n(?P<output>(?:.*\n)*?)```$", re.MULTILINE)


def refreshed(page: Path) -> str:
    """Return the text of a page with the outputs that its commands give in the folder of its example."""

    def block(match: re.Match[str]) -> str:
        output, _ = output_of(*match["command"].split())
        if lines_of(output) == lines_of(match["output"]):
            return match[0]
        return f"```\n$ lab-sender {match['command']}\n{output.strip()}\n```"

    with tempfile.TemporaryDirectory() as folder:
        here = Path(shutil.copytree(page.parent / "examples" / page.stem, Path(folder) / page.stem))
        (here / "outbox").mkdir()
        with contextlib.chdir(here):
            return _SHOWN.sub(block, page.read_text(encoding="utf-8"))


def main() -> None:
    os.environ["COLUMNS"] = COLUMNS
    for page in sorted(PAGES.glob("*.md")):
        if (PAGES / "examples" / page.stem).is_dir():
            page.write_text(refreshed(page), encoding="utf-8")


if __name__ == "__main__":
    main()
