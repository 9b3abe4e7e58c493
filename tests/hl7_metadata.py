"""lab_sender/hl7/metadata, made from hl7apy's tables. `make metadata` writes it; tests/hl7/test_grammar.py compares.

Holds: how hl7apy's tuples become the lines that hl7/metadata.py reads.
Promises: the segments, data types and tables of every version that hl7apy has are there, and how ORU^R01 is put
together; nothing is corrected here.
Never: adds what hl7apy does not say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hl7apy

FOLDER = Path(__file__).parents[1] / "lab_sender" / "hl7" / "metadata"


def lines(version: str) -> Iterator[str]:
    """Write the metadata of a version, a line for each thing that is asked for by its name."""
    library = hl7apy.load_library(version)
    yield f"# HL7 {version}, from the tables of hl7apy (MIT licence): `make metadata`"
    yield _line("structure", [_node(child) for child in library.MESSAGES["ORU_R01"][1]])
    for name, (kind, *fields) in sorted(library.SEGMENTS.items()):
        if kind == "sequence" and fields:  # ANYHL7SEGMENT is a choice of all, and no segment
            yield _line(f"segment {name}", [_field(*each) for each in fields[0]])
    known = library.DATATYPES
    for name, parts in sorted(library.DATATYPES_STRUCTS.items()):
        kept = [(key, least) for key, _, (least, _), *_ in parts if key in known]
        yield _line(
            f"type {name}", [[_number(key), _words(known[key][3]), known[key][2], least] for key, least in kept]
        )
    for name, (_, codes) in sorted(getattr(library, "TABLES", {}).items()):
        yield _line(f"table {name}", sorted(set(codes)))


def _line(key: str, value: Any) -> str:
    return f"{key} {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"


def _node(child: Any) -> list[Any]:
    name, reference, (least, most), kind = child
    return [name, least, most, [_node(each) for each in reference[1]] if kind == "GRP" else []]


def _field(key: str, reference: Any, bounds: tuple[int, int], _: str) -> list[Any]:
    least, most = bounds
    return [_number(key), _words(reference[3]), reference[2] or "", least, most, reference[4] or ""]


def _number(key: str) -> int:
    return int(key.rpartition("_")[2])


def _words(name: str | None) -> str:
    """Turn `DATE_TIME_OF_MESSAGE` into `date time of message`."""
    return (name or "").replace("_", " ").strip().lower()


def text(version: str) -> str:
    """Return a version's file."""
    return "".join(f"{line}\n" for line in lines(version))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in hl7apy.SUPPORTED_LIBRARIES:
        (FOLDER / f"{each}.txt").write_text(text(each), encoding="utf-8", newline="\n")
