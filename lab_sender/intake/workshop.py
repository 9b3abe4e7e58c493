"""The second processor: a process beside the agent that reads and builds when many files wait.

Holds: the helper process, the pipes to it, and its main loop.
Promises: what comes back is what `Composer.interpret` gives in the agent itself; if the helper process is lost, or
cannot be started, the work is done in the agent, and nothing waits. It ends with the agent, however that ends.
Never: touches a file, the journal or a socket. One job at a time is with it.
"""

from __future__ import annotations

import gc
import logging
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any

from lab_sender.intake.compose import Composer, Interpretation
from lab_sender.log import say

Named = tuple[bytes, str]
"""A file's content and its name."""
_WORTH_IT = 32
"""Fewer files are quicker done here than sent over."""
_LENGTH_BYTES = 8
_LONGEST_S = 60.0
"""A helper that takes longer for a batch is stuck, and ended."""


class Workshop:
    """Interprets files, here or in the helper process. Used by one thread."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._helper: subprocess.Popen[bytes] | None = None
        self._given: Sequence[Named] = ()
        self._sent = False

    def give(self, contents: Sequence[Named]) -> None:
        """Begin with the contents and names of some files; nothing may be under way."""
        self._given = contents
        self._sent = len(contents) >= _WORTH_IT and self._send(contents)

    def take(self) -> list[Interpretation]:
        """Return what the files given last say, in their order; [] if none were given."""
        given, self._given = self._given, ()
        sent, self._sent = self._sent, False
        results = self._receive() if sent else None
        return [self._composer.interpret(*each) for each in given] if results is None else results

    def interrupt(self) -> None:
        """Take the work back from the helper process; for other threads."""
        helper = self._helper
        if helper is not None:
            helper.kill()

    def close(self) -> None:
        """End the helper process."""
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()
            helper.communicate()

    def _send(self, contents: Sequence[Named]) -> bool:
        try:
            if self._helper is None:
                command = [sys.executable, "-m", "lab_sender.intake.workshop"]
                self._helper = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
                _write(self._helper.stdin, (self._composer.profile, self._composer.inputs))
            _write(self._helper.stdin, contents)
        except OSError as error:
            self._lost(error)
            return False
        return True

    def _receive(self) -> list[Interpretation] | None:
        assert self._helper is not None
        patience = threading.Timer(_LONGEST_S, self.interrupt)
        patience.daemon = True
        try:
            patience.start()
            results: list[Interpretation] = _read(self._helper.stdout)
        except Exception as error:  # no more threads; or what a helper says that was upgraded under us
            self._lost(error)
            return None
        finally:
            patience.cancel()
        return results

    def _lost(self, error: Exception) -> None:
        say(logging.WARNING, "workshop.lost", reason=type(error).__name__)
        self.close()


def main() -> None:
    """Be the helper process: interpret until the agent closes the pipe, or is gone."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    try:
        composer = Composer(*_read(asked))
        gc.disable()  # reports hold no cycles; looking for some costs a tenth of the time
        while True:
            _write(told, [composer.interpret(*each) for each in _read(asked)])
    except (EOFError, OSError):
        return


def _write(pipe: IO[bytes] | None, value: object) -> None:
    assert pipe is not None
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    pipe.write(len(data).to_bytes(_LENGTH_BYTES, "big"))
    pipe.write(data)
    pipe.flush()


def _read(pipe: IO[bytes] | None) -> Any:
    assert pipe is not None
    length = pipe.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        raise EOFError
    size = int.from_bytes(length, "big")
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


if __name__ == "__main__":
    main()
