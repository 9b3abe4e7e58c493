"""The house as it stands: rooms, floors and arrows. `make rooms` prints it; docs/ARCHITECTURE.md holds the output.

Holds: the floors of the import contract in pyproject.toml, and the imports that the code really has.
Promises: every package and module right below lab_sender/ is a room; an arrow is one room importing another, however
often; an arrow runs upward when it does not lead to a lower floor. Imports for type checkers alone do not count.
Never: imports the product.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PACKAGE = "lab_sender"
_DOOR = "__main__"
"""Not a room: what `python -m lab_sender` enters by."""


@dataclass(frozen=True)
class House:
    """Rooms by floor, the highest first, and which room imports which."""

    floors: tuple[tuple[str, ...], ...]
    arrows: frozenset[tuple[str, str]]

    @property
    def upward(self) -> list[tuple[str, str]]:
        """The arrows that do not lead to a lower floor."""
        floor = {room: number for number, rooms in enumerate(self.floors) for room in rooms}
        return sorted((room, other) for room, other in self.arrows if floor[room] >= floor[other])


def measured() -> House:
    """Read the contract's floors and the code's imports. Raises ValueError for a room that is on no floor."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    contract = next(each for each in settings["contracts"] if each.get("containers") == [PACKAGE])
    floors = tuple(tuple(room.strip() for room in line.split("|")) for line in contract["layers"])
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    rooms = {module.rpartition(".")[2] for module in graph.find_children(PACKAGE)} - {_DOOR}
    if astray := rooms ^ {room for line in floors for room in line}:
        raise ValueError(f"on no floor, or on one and not there: {', '.join(sorted(astray))}")
    arrows = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            room, other = _room(module), _room(imported)
            if room in rooms and other in rooms and room != other:
                arrows.add((room, other))
    return House(floors, frozenset(arrows))


def drawn(house: House) -> str:
    """Draw the house as text: a line for each room, the highest floor first."""
    lines = []
    for number, rooms in enumerate(house.floors):
        for room in rooms:
            below = [other for line in house.floors for other in line if (room, other) in house.arrows]
            floor = f"{len(house.floors) - number}" if room == rooms[0] else ""
            lines.append(f"{floor:2} {room:10} -> {' '.join(below)}" if below else f"{floor:2} {room}")
    count = sum(map(len, house.floors))
    arrows, upward = len(house.arrows), len(house.upward)
    lines.append(f"{count} rooms on {len(house.floors)} floors, {arrows} arrows, {upward} upward")
    return "\n".join(lines)


def _room(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


if __name__ == "__main__":
    print(drawn(measured()))
