"""What a name in the outbox means.

Holds: which names are temporary, which are markers and whose, and the names that a desktop leaves behind by itself.
Promises: pure; upper and lower case are the same. `NAME.ok` and `BASE.ok` both complete `NAME`; `BASE.ok` does not
where a file is called just `BASE`, for it is that one's.
Never: looks at the disk.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Collection, Container, Mapping

_DROPPINGS = re.compile(
    "|".join(
        fnmatch.translate(each)
        for each in ("desktop.ini", "thumbs.db", "ehthumbs.db", "*:zone.identifier", ".ds_store", "._*", ".directory",
                     ".git*", ".nfs*", ".fuse_hidden*", ".smbdelete*")
    )
)  # fmt: skip
"""What desktops and shares leave where people look: never a result, and no reason to worry."""


def is_dropping(name: str) -> bool:
    """Return whether a desktop or a share has left this file: it may lie there for ever."""
    return _DROPPINGS.match(name.lower()) is not None


class Names:
    """What names mean at one site: `temporary` are patterns of names, `marker` is an ending or empty."""

    def __init__(self, temporary: Collection[str], marker: str) -> None:
        self._temporary = re.compile("|".join(fnmatch.translate(each.lower()) for each in temporary) or r"(?!)")
        self.marker = marker.lower()

    def is_temporary(self, name: str) -> bool:
        """Return whether a file of this name is still being written, or is no result at all."""
        return name.startswith(".") or self._temporary.match(name.lower()) is not None

    def is_marker(self, name: str) -> bool:
        """Return whether a file of this name is the marker of another."""
        return bool(self.marker) and name.lower().endswith(self.marker)

    def markers_of(self, name: str, markers: Mapping[str, list[str]], names: Container[str]) -> tuple[str, ...]:
        """Return the names of the markers that complete a file.

        `markers` are those there, by their names in lower case; `names` the other files' names in lower case.
        """
        whole = name.lower()
        base = os.path.splitext(whole)[0]
        found = markers.get(whole + self.marker, [])
        if base != whole and base not in names:
            found = [*found, *markers.get(base + self.marker, ())]
        return tuple(found)
