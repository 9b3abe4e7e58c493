"""The second processor: a process beside the agent that reads and builds when many files wait, or large ones.

Holds: the helper process, the pipes to it, and its main loop.
Promises: what comes back is what `Composer.interpret` gives in the agent itself. If the helper process is lost, or
cannot be started, small files are done in the agent and nothing waits; a large one is tried alone in a new helper,
and refused when that is lost over it too. A stop never waits for a large file. The helper takes no more than
`MEMORY_BYTES` (not on Windows), and ends with the agent, however that ends.
Never: touches a file, the journal or a socket. One job at a time is with it.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any

from lab_sender.errors import FileError
from lab_sender.intake.compose import Composer, Interpretation
from lab_sender.log import say

Named = tuple[bytes, str]
"""A file's content and its name."""
_WORTH_IT = 32
"""Fewer files are quicker done here than sent over."""
_LARGE_BYTES = 256 << 10
"""More is never read in the agent: in the worst case a second's work, and no stop waits for longer."""
MEMORY_BYTES = 2 << 30
"""The helper's address space. A file that needs more is refused; the machine does not suffer from it."""
_LENGTH_BYTES = 8
_LONGEST_S = 60.0
_LONGEST_S_A_MIB = 10.0
"""A helper that takes longer for a batch is stuck, and ended."""


class Stopped(Exception):
    """The agent is stopping; what was given is not read, and read at the next start."""


class Workshop:
    """Interprets files, here or in the helper process. Used by one thread."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._helper: subprocess.Popen[bytes] | None = None
        self._given: Sequence[Named] = ()
        self._sent = False
        self._interrupted = False

    def use(self, composer: Composer) -> None:
        """Work as another composer from now on, in a helper process of its own; nothing may be under way."""
        self.close()
        self._composer = composer

    def give(self, contents: Sequence[Named]) -> None:
        """Begin with the contents and names of some files; nothing may be under way."""
        self._given = contents
        self._sent = (len(contents) >= _WORTH_IT or _bytes_of(contents) > _LARGE_BYTES) and self._send(contents)

    def take(self) -> list[Interpretation]:
        """Return what the files given last say, in their order; [] if none were given.

        Raises Stopped, where they are large and `interrupt` was called; MemoryError.
        """
        given, self._given = self._given, ()
        sent, self._sent = self._sent, False
        results = self._receive(given) if sent else None
        if results is not None:
            return results
        large = _bytes_of(given) > _LARGE_BYTES
        if large and self._interrupted:
            raise Stopped
        if not (sent and large):
            return [self._composer.interpret(*each) for each in given]
        return [self.alone(each, tries=1) for each in given]

    def alone(self, file: Named, *, apart: bool = False, tries: int = 2) -> Interpretation:
        """Interpret one file with nothing else in hand; a large one, or `apart`, in the helper process.

        It is refused when the helper is lost over it so many times. Raises Stopped; MemoryError.
        """
        if self._interrupted:
            raise Stopped
        if not apart and len(file[0]) <= _LARGE_BYTES:
            return self._composer.interpret(*file)
        for _ in range(tries):
            if not self._send([file]):
                break
            results = self._receive([file])
            if results is not None:
                return results[0]
        else:
            if not self._interrupted:
                return _refused(file[0], stopped_the_agent())
        if self._interrupted:
            raise Stopped
        return self._composer.interpret(*file)

    def interrupt(self) -> None:
        """Take the work back from the helper process, for good; for other threads."""
        self._interrupted = True
        self._end_helper()

    def close(self) -> None:
        """End the helper process."""
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()
            helper.communicate()

    def _end_helper(self) -> None:
        helper = self._helper
        if helper is not None:
            helper.kill()

    def _send(self, contents: Sequence[Named]) -> bool:
        if self._interrupted:
            return False
        try:
            if self._helper is None:
                command = [sys.executable, "-m", "lab_sender.intake.workshop"]
                self._helper = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
                _write(self._helper.stdin, (self._composer.profile, self._composer.inputs))
            if self._interrupted:  # just now: whoever did it may not have seen the helper
                self._end_helper()
            _write(self._helper.stdin, contents)
        except OSError as error:
            self._lost(error)
            return False
        return True

    def _receive(self, given: Sequence[Named]) -> list[Interpretation] | None:
        assert self._helper is not None
        longest_s = _LONGEST_S + _LONGEST_S_A_MIB * (_bytes_of(given) >> 20)
        patience = threading.Timer(longest_s, self._end_helper)
        patience.daemon = True
        try:
            patience.start()
            results: list[Interpretation] | None = _read(self._helper.stdout)
        except MemoryError:
            self.close()
            raise
        except Exception as error:  # no more threads; or what a helper says that was upgraded under us
            self._lost(error)
            return None
        finally:
            patience.cancel()
        if results is None:  # the machine is short of memory, and not the file too large
            raise MemoryError
        return results

    def _lost(self, error: Exception) -> None:
        say(logging.WARNING, "workshop.lost", reason=type(error).__name__)
        self.close()


def main() -> None:
    """Be the helper process: interpret until the agent closes the pipe, or is gone."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    composer = Composer(*asked.get())
    gc.disable()  # reports hold no cycles; looking for some costs a tenth of the time
    ours = _limit_memory()
    while True:
        given = asked.get()
        try:
            results: list[Interpretation] | None = [_within_memory(composer, each, ours) for each in given]
        except MemoryError:
            results = None
        try:
            _write(sys.stdout.buffer, results)
        except OSError:
            return


def _listen(pipe: IO[bytes], asked: queue.SimpleQueue[Any]) -> None:
    """Hand on what the agent asks; when it has gone, end this process in the middle of whatever it does."""
    try:
        while True:
            asked.put(_read(pipe))
    finally:
        os._exit(0)


def _limit_memory() -> bool:
    """Take no more than MEMORY_BYTES; False where the system, or a narrower limit of the account, decides."""
    try:
        import resource
    except ImportError:  # Windows
        return False
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY and most < MEMORY_BYTES:
        return False
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, most))
    return True


def _within_memory(composer: Composer, file: Named, ours: bool) -> Interpretation:
    """Interpret a file; `ours`: what it cannot have is more than we want to give it."""
    try:
        return composer.interpret(*file)
    except MemoryError:
        if not ours:
            raise
    text = f"reading this file takes more than {MEMORY_BYTES >> 30} GiB of memory; it was not sent."
    hint = "Split it; docs/PERFORMANCE.md says how much each format takes."
    return _refused(file[0], FileError.of("file.too-much-memory", text, hint=hint))


def stopped_the_agent() -> FileError:
    """Make the refusal of a file that nobody survives to read."""
    text = "lab-sender, or its helper, was ended twice while it read this file and nothing else; it was not sent."
    return FileError.of("file.stopped-the-agent", text, hint="Keep the file and report this; `preview` shows where.")


def _refused(data: bytes, error: FileError) -> Interpretation:
    return Interpretation("unreadable", hashlib.sha256(data).digest(), findings=error.findings)


def _bytes_of(contents: Sequence[Named]) -> int:
    return sum(len(data) for data, _ in contents)


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
