"""Runs with Windows' own Python: the claim beside writers of each share mode. Prints one JSON object."""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
from ctypes import wintypes
from pathlib import Path

from lab_sender import files, writers

assert sys.platform == "win32"
KERNEL = ctypes.WinDLL("kernel32", use_last_error=True)
KERNEL.CreateFileW.restype = wintypes.HANDLE
KERNEL.CreateFileW.argtypes = [
    wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD,
    wintypes.HANDLE,
]  # fmt: skip
KERNEL.WriteFile.argtypes = [
    wintypes.HANDLE, ctypes.c_char_p, wintypes.DWORD, ctypes.POINTER(wintypes.DWORD), ctypes.c_void_p,
]  # fmt: skip
KERNEL.CloseHandle.argtypes = [wintypes.HANDLE]
READ, WRITE, DELETE = 1, 2, 4
SHARES = {"nobody": 0, "readers": READ, "read-write": READ | WRITE, "all": READ | WRITE | DELETE}
GENERIC_READ, GENERIC_WRITE = 0x80000000, 0x40000000
CREATE_ALWAYS, OPEN_EXISTING = 2, 3


def opened(path: Path, share: int, access: int = GENERIC_WRITE, how: int = CREATE_ALWAYS) -> int:
    """Open a file as another program does. Raises OSError with its `winerror`."""
    handle = KERNEL.CreateFileW(str(path), access, share, None, how, 0x80, None)
    if handle in (None, wintypes.HANDLE(-1).value):
        raise ctypes.WinError(ctypes.get_last_error())
    return int(handle)


def write(handle: int, data: bytes) -> None:
    assert KERNEL.WriteFile(handle, data, len(data), ctypes.byref(wintypes.DWORD()), None)


def claim(source: Path, target: Path) -> dict[str, object]:
    """Claim as the agent does: keep writers out, rename, read through the same descriptor."""
    try:
        hold = writers.hold(source)
    except writers.StillChanging:
        return {"claimed": False}
    try:
        files.rename(source, target)
        try:
            KERNEL.CloseHandle(opened(target, SHARES["all"], GENERIC_WRITE, OPEN_EXISTING))
            late = 0
        except OSError as error:
            late = error.winerror
        data, look = writers.read_whole(target, 1 << 20, ask_for_writers=True, hold=hold)
    finally:
        writers.let_go(hold)
    return {"claimed": True, "data": data.decode(), "size": look.size, "late writer": late}


def main() -> None:
    """Try each share mode: while its writer has the file open, and when it has closed it."""
    told: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for who, share in SHARES.items():
            source = folder / f"{who}.hl7"
            writer = opened(source, share)
            write(writer, b"FIRST")
            open_now = claim(source, folder / f"{who}.open")
            said = writers.closed_by_its_writer(source)
            write(writer, b"SECOND")
            KERNEL.CloseHandle(writer)
            closed = claim(source, folder / f"{who}.claimed")
            told[who] = {"open": open_now, "closed?": said, "closed": closed}
        read = folder / "read.hl7"
        read.write_bytes(b"READ")
        reader = opened(read, SHARES["all"], GENERIC_READ, OPEN_EXISTING)
        told["beside a reader"] = claim(read, folder / "read.claimed")
        KERNEL.CloseHandle(reader)
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
