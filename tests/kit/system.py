"""What one system can and another cannot, for tests that need it or look at it.

Holds: symbolic links, rights, the numbers of signals that Windows does not know.
Promises: a test that needs what is not here is skipped, with the true reason.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

WINDOWS = sys.platform == "win32"
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


def is_private(path: Path) -> bool:
    """Say whether nobody but its owner may read a file or folder; on Windows the list of the folder above decides."""
    return WINDOWS or not path.stat().st_mode & 0o077
