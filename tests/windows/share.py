"""Files as other programs on Windows open them, with each share mode; for tests, and for on_windows.py in the ZIP.

Holds: `CreateFileW` and the writing through its handle.
Promises: a handle stays open until `close`.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from pathlib import Path

assert sys.platform == "win32"
_KERNEL = ctypes.WinDLL("kernel32", use_last_error=True)
_KERNEL.CreateFileW.restype = wintypes.HANDLE
_KERNEL.CreateFileW.argtypes = [
    wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD,
    wintypes.HANDLE,
]  # fmt: skip
_KERNEL.WriteFile.argtypes = [
    wintypes.HANDLE, ctypes.c_char_p, wintypes.DWORD, ctypes.POINTER(wintypes.DWORD), ctypes.c_void_p,
]  # fmt: skip
_KERNEL.CloseHandle.argtypes = [wintypes.HANDLE]
READ, WRITE, DELETE = 1, 2, 4
SHARES = {
    "nobody": 0, "readers": READ, "writers": WRITE, "read-write": READ | WRITE, "removers": DELETE,
    "read-remove": READ | DELETE, "write-remove": WRITE | DELETE, "all": READ | WRITE | DELETE,
}  # fmt: skip
"""Nobody, and the seven that let others do something."""
GENERIC_READ, GENERIC_WRITE = 0x80000000, 0x40000000
CREATE_NEW, CREATE_ALWAYS, OPEN_EXISTING = 1, 2, 3


def opened(path: Path, share: int, access: int = GENERIC_WRITE, how: int = CREATE_ALWAYS) -> int:
    """Open a file as another program does. Raises OSError with its `winerror`."""
    handle = _KERNEL.CreateFileW(str(path), access, share, None, how, 0x80, None)
    if handle in (None, wintypes.HANDLE(-1).value):
        raise ctypes.WinError(ctypes.get_last_error())
    return int(handle)


def write(handle: int, data: bytes) -> None:
    """Write at the end of what was written."""
    if not _KERNEL.WriteFile(handle, data, len(data), ctypes.byref(wintypes.DWORD()), None):
        raise ctypes.WinError(ctypes.get_last_error())


def close(handle: int) -> None:
    """Let the file go."""
    _KERNEL.CloseHandle(handle)
