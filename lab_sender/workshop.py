"""The second processor: a process beside the agent that reads and builds when many files wait.

Holds: the helper process, the pipe to it, and its main loop.
Promises: what comes back is what `Composer.interpret` gives in the agent itself; if the helper process is lost, or
cannot be started, the work is done in the agent, and nothing waits. It ends with the agent, however that ends.
Never: touches a file, the journal or a socket. One job at a time is with it.
"""

from __future__ import annotations

import logging
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import BinaryIO

from lab_sender.compose import Composer, Interpretation
from lab_sender.log import say
from lab_sender.oru import Builder, MessageProfile

_WORTH_IT = 32
"""Fewer files are quicker done here than sent over."""
_LENGTH_BYTES = 8


class Workshop:
    """Interprets files, here or in the helper process. Used by one thread."""

    def __init__(self, profile: MessageProfile, composer: Composer) -> None:
        self._profile = profile
        self._composer = composer
        self._helper: subprocess.Popen[bytes] | None = None
        self._given: Sequence[bytes] = ()
        self._waiting = False

    def give(self, files: Sequence[bytes]) -> None:
        """Begin with the contents of some files; `take` gives the results. Nothing may be under way."""
        self._given = files
        self._waiting = len(files) >= _WORTH_IT and self._send(files)

    def take(self) -> list[Interpretation]:
        """Return what the files given last say, in their order."""
        files, self._given = self._given, ()
        if self._waiting:
            self._waiting = False
            results = self._receive()
            if results is not None:
                return results
        return [self._composer.interpret(data) for data in files]

    def close(self) -> None:
        """End the helper process."""
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()
            for pipe in (helper.stdin, helper.stdout):
                if pipe is not None:
                    pipe.close()
            helper.wait()

    def _send(self, files: Sequence[bytes]) -> bool:
        try:
            if self._helper is None:
                self._helper = subprocess.Popen(
                    [sys.executable, "-m", "lab_sender.workshop"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
                _write(self._helper.stdin, (self._profile, self._composer.settings))
            _write(self._helper.stdin, files)
        except OSError as error:
            self._lost(error)
            return False
        return True

    def _receive(self) -> list[Interpretation] | None:
        assert self._helper is not None
        try:
            results: list[Interpretation] = _read(self._helper.stdout)
        except (OSError, EOFError) as error:
            self._lost(error)
            return None
        return results

    def _lost(self, error: Exception) -> None:
        say(logging.WARNING, "workshop.lost", reason=type(error).__name__)
        self.close()


def _write(pipe: BinaryIO | None, value: object) -> None:
    assert pipe is not None
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    pipe.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
    pipe.flush()
