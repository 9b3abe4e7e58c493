"""That an agent works, part by part, as others can see it.

Holds: `Beats`, when each part was at work last; `Pulse`, the thread that writes it beside the journal, each second
(premises/beat.py says how it is read).
Promises: a part that waits for the HIS, for its next look or for a connection has said until when, and is not silent
before. The file is written in place, so that a full disk does not keep it from being written.
Never: touches the outbox or the journal's database, or ends a part that is silent.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lab_sender import files
from lab_sender.agent.parts import shortage
from lab_sender.premises.beat import BEAT_NAME, Beat, now_ms

_EACH_S: Final = 1.0
_SIZE: Final = 4096
"""The file's size: written at once, and never longer."""


class Beats:
    """When each part of an agent was at work last; for several threads."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._until: dict[str, float] = {}
        self.leads: Callable[[], bool] = lambda: True
        """Says whether the agent has a lane: of several agents on a journal some stand by."""

    def of(self, name: str) -> Callable[[float], None]:
        """Return what the part of this name calls while it works; with the seconds that it may be silent now."""
        until, clock_s = self._until, self._clock_s

        def beat(for_s: float = 0.0) -> None:
            until[name] = clock_s() + for_s

        return beat

    def silent_s(self) -> dict[str, float]:
        """Return for how long each part has been silent beyond what it said; 0 for one that is at work."""
        now = self._clock_s()
        return {name: max(0.0, now - until) for name, until in list(self._until.items())}


class Pulse:
    """The thread that writes the file; a context, entered while the agent has its locks."""

    def __init__(self, folder: Path, beats: Beats) -> None:
        self._path = folder / BEAT_NAME
        self._beats = beats
        self._trouble: Callable[[], tuple[str, int] | None] = lambda: None
        self._started_ms = now_ms()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def watch(self, journal: Callable[[], tuple[str, int] | None]) -> None:
        """Write too why the journal cannot be written, and since when, as `journal` says it."""
        self._trouble = journal

    def __enter__(self) -> Pulse:
        """Begin. Raises AgentError `agent.short` where there is no thread for it."""
        self._write()
        try:
            self._thread.start()
        except RuntimeError as error:
            raise shortage(error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._trouble = lambda: None
        self._write(ended=kind is None, at_work=False)

    def _run(self) -> None:
        while not self._stopping.wait(_EACH_S):
            self._write()

    def _write(self, *, ended: bool = False, at_work: bool = True) -> None:
        code, since_ms = self._trouble() or ("", None)
        silent_s = {name: round(each, 1) for name, each in self._beats.silent_s().items()}
        beat = Beat(
            os.getpid(), self._started_ms, now_ms(), silent_s if at_work else {}, code, since_ms, ended,
            leads=at_work and self._beats.leads(),
        )  # fmt: skip
        data = json.dumps(beat._asdict()).encode()
        if len(data) > _SIZE:  # hundreds of lanes: those that are silent
            few = {name: each for name, each in silent_s.items() if each > _EACH_S}
            data = json.dumps(beat._replace(silent_s=dict(list(few.items())[:20]))._asdict()).encode()
        with contextlib.suppress(OSError):  # whoever looks sees that it is old
            files.overwrite(self._path, data[:_SIZE].ljust(_SIZE))
