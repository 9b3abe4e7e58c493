"""Print what the tests need on Windows, a line each as pip reads it.

The markers are judged here: pip, asked for another platform, judges them by the machine that it runs on.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

NOT_THERE = ("mypy", "playwright", "ruff", "types-PyYAML")
"""What looks at the code, not at what it does; and the browser, which is Debian's."""
OF_THEIR_NEEDS = ("colorama", "tzdata")
"""What click, pytest and others need on Windows alone."""


def main() -> None:
    """Read pyproject.toml."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    for need in project["dependencies"] + project["optional-dependencies"]["dev"]:
        name, _, marker = need.partition(";")
        if "linux" not in marker and not name.startswith(NOT_THERE):
            print(name.strip())
    print(*OF_THEIR_NEEDS, sep="\n")


if __name__ == "__main__":
    main()
