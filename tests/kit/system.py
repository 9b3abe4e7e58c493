"""What one system can and another cannot, for tests that need it or look at it.

Holds: patience, symbolic links, rights, signals that Windows does not know, processes that are not our own.
Promises: a test that needs what is not here is skipped, with the true reason.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

WINDOWS = sys.platform == "win32"
WAIT_S = 120.0 if WINDOWS else 30.0
"""How long is waited for what must come; under Wine a process takes seconds to start."""
SIGKILL: int = getattr(signal, "SIGKILL", 9)
"""Windows ends a process at once by whatever number it does not know: `os.kill` is TerminateProcess."""
SIGSTOP: int = getattr(signal, "SIGSTOP", 19)
SIGCONT: int = getattr(signal, "SIGCONT", 18)
SIGHUP: int = getattr(signal, "SIGHUP", 1)


def link(path: Path, target: str | Path, *, to_folder: bool = False) -> None:
    """Make a symbolic link, or skip the test: Windows lets few accounts, Wine makes none and says nothing."""
    try:
        path.symlink_to(target, target_is_directory=to_folder)
    except OSError as error:
        if not WINDOWS:
            raise
        pytest.skip(f"this account may make no symbolic links ({error.strerror})")
    if not path.is_symlink():
        pytest.skip("Wine makes no symbolic links")


@contextlib.contextmanager
def taking_away() -> Iterator[None]:
    """Take away what an agent has open, or skip the test: Windows lets nobody."""
    try:
        yield
    except PermissionError:
        if not WINDOWS:
            raise
        pytest.skip("what is open cannot be taken away there")


def is_private(path: Path) -> bool:
    """Say whether nobody but its owner may read a file or folder; on Windows the list of the folder above decides."""
    return WINDOWS or not path.stat().st_mode & 0o077


def freeze(process: subprocess.Popen[bytes]) -> None:
    """Let a process stand still, until `thaw` or a kill."""
    _send(process, "NtSuspendProcess", SIGSTOP)


def thaw(process: subprocess.Popen[bytes]) -> None:
    """Let a process go on."""
    _send(process, "NtResumeProcess", SIGCONT)


def _send(process: subprocess.Popen[bytes], call: str, number: int) -> None:
    if sys.platform == "win32":
        ctypes.WinDLL("ntdll")[call](ctypes.c_void_p(int(process._handle)))
    else:
        os.kill(process.pid, number)


class Watched:
    """A process of another one, by its id: waits for its end. Skips the test where nobody can."""

    def __init__(self, pid: int) -> None:
        if sys.platform == "win32":
            kernel = ctypes.WinDLL("kernel32")
            kernel.OpenProcess.restype = ctypes.c_void_p
            self._handle = ctypes.c_void_p(kernel.OpenProcess(0x0010_0001, False, pid))  # SYNCHRONIZE, TERMINATE
        elif not hasattr(os, "pidfd_open"):
            pytest.skip("this system waits for no process of another one")
        else:
            try:
                self._handle = os.pidfd_open(pid)
            except ProcessLookupError:
                self._handle = None

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end; one that has not come is brought about, and told by False."""
        if not self._handle:
            return True
        if sys.platform == "win32":
            kernel = ctypes.WinDLL("kernel32")
            ended = kernel.WaitForSingleObject(self._handle, int(seconds * 1000)) == 0
            if not ended:
                kernel.TerminateProcess(self._handle, 9)
            kernel.CloseHandle(self._handle)
        else:
            ended = bool(select.select([self._handle], [], [], seconds)[0])
            if not ended:
                signal.pidfd_send_signal(self._handle, SIGKILL)
            os.close(self._handle)
        return ended
