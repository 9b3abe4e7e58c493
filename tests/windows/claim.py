"""Runs with Windows' own Python: the claim beside writers of each share mode. Prints one JSON object."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from share import GENERIC_READ, GENERIC_WRITE, OPEN_EXISTING, SHARES, close, opened, write

from lab_sender import files, writers

assert sys.platform == "win32"


def claim(source: Path, target: Path) -> dict[str, object]:
    """Claim as the agent does: keep writers out, rename, read through the same descriptor."""
    try:
        hold = writers.hold(source)
    except writers.StillChanging:
        return {"claimed": False}
    try:
        files.rename(source, target)
        try:
            close(opened(target, SHARES["all"], GENERIC_WRITE, OPEN_EXISTING))
            late = 0
        except OSError as error:
            late = error.winerror
        data, look = writers.read_whole(target, 1 << 20, ask_for_writers=True, hold=hold)
    finally:
        writers.let_go(hold)
    return {"claimed": True, "data": data.decode(), "size": look.size, "late writer": late}


def main() -> None:
    """Try each share mode: while its writer has the file open, and when it has closed it."""
    told: dict[str, object] = {"shares": list(SHARES)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for who, share in SHARES.items():
            source = folder / f"{who}.hl7"
            writer = opened(source, share)
            write(writer, b"FIRST")
            open_now = claim(source, folder / f"{who}.open")
            said = writers.closed_by_its_writer(source)
            write(writer, b"SECOND")
            close(writer)
            closed = claim(source, folder / f"{who}.claimed")
            told[who] = {"open": open_now, "closed?": said, "closed": closed}
        read = folder / "read.hl7"
        read.write_bytes(b"READ")
        reader = opened(read, SHARES["all"], GENERIC_READ, OPEN_EXISTING)
        told["beside a reader"] = claim(read, folder / "read.claimed")
        close(reader)
        for each in ("one", "two"):
            (folder / each).write_bytes(each.encode())
        hold = writers.hold(folder / "one")
        try:
            files.rename(folder / "one", folder / "two")
            told["taken target"] = "overwritten"
        except FileExistsError:
            told["taken target"] = (folder / "two").read_bytes().decode()
        writers.let_go(hold)
        try:
            writers.hold(folder / "none")
        except FileNotFoundError:
            told["gone"] = "FileNotFoundError"
    print(json.dumps(told))


if __name__ == "__main__":
    main()
