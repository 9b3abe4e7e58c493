"""config/dialects/: what analyzers of one maker mean in ASTM, as the keys of inputs.astm.

Holds: the names and texts of the dialects that come with the package.
Promises: a dialect says nothing that a site could not say itself; what the site says comes first.
Never: reads a file of the site.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from lab_sender.config.text.tree import read

_FOLDER = Path(__file__).parent


@functools.cache
def dialect_names() -> tuple[str, ...]:
    """Name the dialects of the package."""
    return tuple(sorted(each.name.removesuffix(".yaml") for each in _FOLDER.iterdir() if each.name.endswith(".yaml")))


@functools.cache
def dialect(name: str) -> dict[str, Any]:
    """Return what a dialect says, as texts by the keys of inputs.astm."""
    tree: dict[str, Any] = read(dialect_text(name), {}, f"{name}.yaml").tree
    return tree


def dialect_text(name: str) -> str:
    """Return the file of a dialect."""
    return (_FOLDER / f"{name}.yaml").read_text("utf-8")
