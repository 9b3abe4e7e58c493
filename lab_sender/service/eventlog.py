"""Windows' Event Log (Application), by its own calls.

Holds: `enter`, which writes an entry, and the source's place in the registry, by which the Event Viewer shows it.
Promises: the texts of the entries come from EventCreate.exe, which every Windows has: its messages 1 to 1000 are
"%1". Without the registry the entries are written all the same. A call that fails raises OSError.
Never: is there on another system: it has no name then.
"""

from __future__ import annotations

import contextlib
import sys

from lab_sender.service.events import Entry

if sys.platform == "win32":
    import ctypes
    import winreg
    from ctypes import wintypes as w

    _A = ctypes.WinDLL("advapi32", use_last_error=True)
    _A.RegisterEventSourceW.restype = w.HANDLE
    _A.RegisterEventSourceW.argtypes = [w.LPCWSTR, w.LPCWSTR]
    _A.ReportEventW.argtypes = [
        w.HANDLE, w.WORD, w.WORD, w.DWORD, w.LPVOID, w.WORD, w.DWORD, ctypes.POINTER(w.LPCWSTR), w.LPVOID,
    ]  # fmt: skip
    _A.DeregisterEventSource.argtypes = [w.HANDLE]
    _KEY = r"SYSTEM\CurrentControlSet\Services\EventLog\Application"
    _TEXTS = r"%SystemRoot%\System32\EventCreate.exe"
    _ALL_KINDS = 7

    def enter(source: str, entry: Entry) -> None:
        """Write an entry. Raises OSError."""
        handle = _A.RegisterEventSourceW(None, source)
        if not handle:
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            texts = (w.LPCWSTR * 1)(entry.text)
            if not _A.ReportEventW(handle, entry.kind, 0, entry.number, None, 1, 0, texts, None):
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            _A.DeregisterEventSource(handle)

    def register(source: str) -> None:
        """Say where the texts of a source's entries come from. Raises OSError."""
        with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, rf"{_KEY}\{source}") as key:
            winreg.SetValueEx(key, "EventMessageFile", 0, winreg.REG_EXPAND_SZ, _TEXTS)
            winreg.SetValueEx(key, "TypesSupported", 0, winreg.REG_DWORD, _ALL_KINDS)

    def forget(source: str) -> None:
        """Take that away; what was written stays. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, rf"{_KEY}\{source}")
