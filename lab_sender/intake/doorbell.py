"""The doorbell: a file has come.

Holds: watchdog's watch on the outbox.
Promises: rings with the name of a file that its writer has closed or renamed into place (Linux), and without
a name for anything else that stirs. Losing every ring costs only time: the scan is the truth.
Never: decides that a file is complete.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileClosedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver
from watchdog.utils import BaseThread

from lab_sender.log import say

_CALM_S = 0.1
"""On Windows watchdog hands on what has stirred once nothing has for so long, and ends within this time."""


class Doorbell:
    """A watch on one folder; `ring(name or None)` is called on watchdog's thread."""

    def __init__(self, folder: Path, ring: Callable[[str | None], None]) -> None:
        self._folder = folder
        self._handler = _Handler(ring)
        self._observer: BaseObserver | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> bool:
        """Start watching; False where the system cannot watch this folder: scanning goes on without."""
        others = set(threading.enumerate())
        try:
            self._observer = _observer()
            self._observer.schedule(self._handler, str(self._folder), recursive=False)
            self._observer.start()
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
            say(logging.WARNING, "doorbell.dead", errno=getattr(error, "errno", None))
            return False
        begun = [thread for thread in threading.enumerate() if thread not in others]
        self._threads = [thread for thread in begun if isinstance(thread, BaseThread)]
        return True

    def check(self) -> None:
        """See whether the watch still works; log it once when it has ended by itself."""
        if not all(thread.is_alive() for thread in self._threads):
            self._threads = []
            self.stop()
            say(logging.WARNING, "doorbell.dead", errno=None)

    def stop(self) -> None:
        """End the watch, or what is left of it."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            if observer.is_alive():
                observer.join()


class _Handler(FileSystemEventHandler):
    def __init__(self, ring: Callable[[str | None], None]) -> None:
        self._ring = ring

    def dispatch(self, event: FileSystemEvent) -> None:
        if event.is_directory:
            return
        if sys.platform == "linux" and isinstance(event, FileClosedEvent | FileMovedEvent):
            path = event.dest_path if isinstance(event, FileMovedEvent) else event.src_path
            self._ring(os.path.basename(os.fsdecode(path)))
        else:
            self._ring(None)


def _observer() -> BaseObserver:
    if sys.platform != "linux":
        from watchdog.observers import Observer

        return Observer(timeout=_CALM_S)
    from watchdog.observers.inotify import InotifyEmitter, InotifyFullEmitter, InotifyObserver
    from watchdog.observers.inotify_c import InotifyConstants, Mask

    class Arriving(InotifyFullEmitter):
        """Watches for files that arrive, and not for those that leave.

        watchdog holds every event back for half a second behind a file that was moved away, waiting for its
        other half. Our own claims move files away all the time.
        """

        def get_event_mask_from_filter(self) -> Mask:
            return Mask(
                InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_DELETE_SELF
            )

    class ArrivingObserver(InotifyObserver):
        def __init__(self) -> None:
            super().__init__(generate_full_events=True)
            self._emitter_class: type[InotifyEmitter] = Arriving

    return ArrivingObserver()
