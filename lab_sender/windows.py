"""What only Windows can do: keep writers out of a file, append to one that all may use, say whose account this is.

Holds: `CreateFileW` with the share mode that admits readers and renames, with or without writers; `GetUserNameExW`.
Promises: the descriptor is had only while nobody has the file open for writing, also over SMB, whose servers enforce
share modes; as long as it is open, no writer comes in, and our own rename goes through.
Never: is there on another system: it has no name then.
"""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _GENERIC_READ = 0x80000000
    _APPEND_DATA, _READ_ATTRIBUTES, _SYNCHRONIZE = 0x4, 0x80, 0x100000
    _SHARE_READ, _SHARE_WRITE, _SHARE_DELETE = 1, 2, 4
    _OPEN_EXISTING, _OPEN_ALWAYS = 3, 4
    _OPEN_REPARSE_POINT = 0x00200000
    """A link is opened itself, not followed."""
    _INVALID = wintypes.HANDLE(-1).value

    _create_file = ctypes.WinDLL("kernel32", use_last_error=True).CreateFileW
    _create_file.restype = wintypes.HANDLE
    _create_file.argtypes = [
        wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD,
        wintypes.HANDLE,
    ]  # fmt: skip

    _NAME_SAM_COMPATIBLE = 2
    """`DOMAIN\\name`."""
    _user_name = ctypes.WinDLL("secur32", use_last_error=True).GetUserNameExW
    _user_name.restype = wintypes.BOOLEAN
    _user_name.argtypes = [ctypes.c_int, wintypes.LPWSTR, ctypes.POINTER(wintypes.ULONG)]

    def account() -> str:
        """Return the process's account, `DOMAIN\\name`, whatever the environment says; "" where it has none."""
        size = wintypes.ULONG(512)
        name = ctypes.create_unicode_buffer(size.value)
        return name.value if _user_name(_NAME_SAM_COMPATIBLE, name, ctypes.byref(size)) else ""

    def open_without_writers(path: str) -> int:
        """Open a file for reading, and keep writers out while it is open; returns a descriptor.

        Raises OSError; its `winerror` is 32 while a writer has the file open, or somebody shares it with nobody.
        """
        share = _SHARE_READ | _SHARE_DELETE
        handle = _create_file(path, _GENERIC_READ, share, None, _OPEN_EXISTING, _OPEN_REPARSE_POINT, None)
        if handle is None or handle == _INVALID:
            error = ctypes.WinError(ctypes.get_last_error())
            error.filename = path
            raise error
        return msvcrt.open_osfhandle(handle, os.O_RDONLY | os.O_BINARY)

    def open_to_append(path: str) -> int:
        """Open a file to write behind its end, making it at need; returns a descriptor.

        Others may read, write and rename it meanwhile. Raises OSError; its `winerror` is 32 while another program has
        the file open and lets nobody write.
        """
        access = _APPEND_DATA | _READ_ATTRIBUTES | _SYNCHRONIZE
        share = _SHARE_READ | _SHARE_WRITE | _SHARE_DELETE
        handle = _create_file(path, access, share, None, _OPEN_ALWAYS, 0, None)
        if handle is None or handle == _INVALID:
            error = ctypes.WinError(ctypes.get_last_error())
            error.filename = path
            raise error
        return msvcrt.open_osfhandle(handle, os.O_APPEND | os.O_WRONLY | os.O_BINARY)
