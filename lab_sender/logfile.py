"""The log's file: it is written, turned over by size, and the oldest are removed.

Holds: `LogFile`, the handler of the log that writes to a file, and `set_up`, which sends the log where it is wanted.
Promises: a line is written by one call behind the end, so that agent and page write to one file. What is turned over
or removed is ours by its name. Who reads the file, holds it or renames it (logrotate) costs no line and ends nothing:
on Windows it is opened so that it can be renamed while it is open, and where another program lets nobody write, the
lines go to a file beside it until it does.
Never: overwrites a file.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import re
import stat
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from lab_sender import files, log, rights

if sys.platform == "win32":
    from lab_sender import windows

if TYPE_CHECKING:
    from lab_sender.config.sections import Log

_EACH_S: Final = 1.0
"""How often it is looked whether the file is still at its path, and a failed try is repeated."""
_TOO_LARGE: Final = 2
"""By so many times `max_bytes` a file has grown that cannot be turned over: somebody has to know."""


def set_up(
    *, form: Literal["auto", "console", "json"], level: str, file: Path | None, max_bytes: int = 0, keep: int = 0
) -> None:
    """Send the log to standard error, or to `file`; again, it opens the file anew. Raises OSError, nothing changed.

    A file that is larger than `max_bytes` is turned over, and `keep` old ones stay; with 0 it grows for ever.
    """
    handler = LogFile(file, max_bytes=max_bytes, keep=keep) if file is not None else None
    log.set_up(form=form, level=level, handler=handler)


def set_up_as(settings: Log, *, level: str = "") -> None:
    """Send the log where the configuration says, from another level up if one is given. Raises as `set_up`."""
    set_up(
        form=settings.format,
        level=level or settings.level,
        file=settings.file,
        max_bytes=settings.max_size_bytes,
        keep=settings.keep,
    )


class LogFile(logging.Handler):
    """The log in a file. Raises OSError where it cannot be opened."""

    def __init__(self, path: Path, *, max_bytes: int = 0, keep: int = 0) -> None:
        super().__init__()
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._own = re.compile(re.escape(path.name) + r"\.\d{8}T\d{6}\.\d{6}Z")
        self._look_at = self._try_at = time.monotonic()
        self._is_told = False
        self._open = self._opened()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        try:
            line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
            is_stuck = self._turn(len(line))
            while line:
                line = line[os.write(self._open, line) :]
        except Exception:
            self.handleError(record)
        else:
            if is_stuck is not self._is_told:
                self._is_told = is_stuck
                if is_stuck:  # from a thread of its own: what is reported while a line is written is not heard
                    threading.Thread(target=_report_it, name="log", daemon=True).start()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            os.close(self._open)
        super().close()

    def _turn(self, more: int) -> bool:
        """See that the file is the one at the path, and not too large; True where it has grown far too large."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _EACH_S
            self._follow()
        size = os.fstat(self._open).st_size
        if not self._max_bytes or not size or size + more <= self._max_bytes:
            return False
        if now >= self._try_at:
            self._try_at = now + _EACH_S
            if self._turn_over():
                self._try_at = now
                return False
        return size > _TOO_LARGE * self._max_bytes

    def _follow(self) -> None:
        """Go on in the file at the path, if that is another one now: renamed, removed, or open to us again."""
        if files.identity_now(self._path) != files.identity_now(self._open):
            with contextlib.suppress(OSError):
                self._swap(_open_to_append(Path(os.path.realpath(self._path))))

    def _turn_over(self) -> bool:
        """Rename the file, and begin a new one."""
        self._follow()
        seen = os.fstat(self._open)
        if not stat.S_ISREG(seen.st_mode) or seen.st_size <= self._max_bytes // 2:
            return True  # a pipe or a device; or another process has just done it
        path = Path(os.path.realpath(self._path))
        try:
            files.rename(path, self._beside(path))
            fresh = _open_to_append(path)
        except (OSError, files.Busy):
            return False
        if sys.platform != "win32":
            _hand_on(fresh, seen)
        self._swap(fresh)
        self._tidy(path.parent)
        return True

    def _tidy(self, folder: Path) -> None:
        """Remove the oldest ones; one that somebody reads goes the next time."""
        with contextlib.suppress(OSError):
            own = sorted(each.name for each in files.entries(folder) if self._own.fullmatch(each.name))
            for name in own[: max(0, len(own) - self._keep)]:
                with contextlib.suppress(OSError):
                    files.remove(folder / name)

    def _swap(self, fresh: int) -> None:
        old, self._open = self._open, fresh
        with contextlib.suppress(OSError):
            os.close(old)

    def _opened(self) -> int:
        """Open the file, or one beside it where another program lets nobody write."""
        path = Path(os.path.realpath(self._path))
        try:
            return _open_to_append(path)
        except PermissionError as error:
            if getattr(error, "winerror", None) != files.SHARE_VIOLATION:
                raise
            return _open_to_append(self._beside(path))

    def _beside(self, path: Path) -> Path:
        return path.with_name(f"{self._path.name}.{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S.%fZ}")


def _report_it() -> None:
    log.say(logging.WARNING, "log.not-turned-over")


def _hand_on(fresh: int, seen: os.stat_result) -> None:
    """Let whoever may read the old file read the new one, and nobody else: its group, and its rights."""
    if sys.platform == "win32":
        return
    rights_then = stat.S_IMODE(seen.st_mode) & (stat.S_IRWXU | stat.S_IRWXG)
    with contextlib.suppress(OSError):  # root may; so may who is in that group
        os.fchown(fresh, seen.st_uid if os.geteuid() == 0 else -1, seen.st_gid)
    if os.fstat(fresh).st_gid != seen.st_gid:
        rights_then &= stat.S_IRWXU
    with contextlib.suppress(OSError):
        os.fchmod(fresh, rights_then)


def _open_to_append(path: Path) -> int:
    if sys.platform == "win32":
        return windows.open_to_append(str(path))
    rights.create_private(path)
    rights.close_to_others(path)
    # a pipe that nobody reads, or that is full, costs its lines: whoever logs must not stop for it
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK)
