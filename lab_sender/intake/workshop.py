"""The second processor: reads and builds beside the agent when many files wait, or large ones.

Holds: which work goes to the helper process, and what follows when that is lost.
Promises: what comes back is what `Composer.interpret` gives in the agent itself. When the helper process is lost,
small files are done in the agent; a large one is tried alone in a new helper, and unreadable when that is lost over
it too. Where none can be started the agent does all. A stop never waits for a large file.
Never: gives the helper a job while another is with it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Sequence

from lab_sender.errors import FileError
from lab_sender.intake.compose import Composer, Interpretation
from lab_sender.intake.helper import Content, Helper, Unfit, unreadable
from lab_sender.log import say

WORTH_IT = 32
"""Fewer files are quicker done here than sent over."""
_LARGE_BYTES = 256 << 10
"""More is never read in the agent: in the worst case a second's work, and no stop waits for longer."""
_LONGEST_S = 60.0
_LONGEST_S_A_MIB = 10.0
"""A helper that takes longer for a batch is stuck, and ended."""


class Stopped(Exception):
    """The agent is stopping: what was given is read at the next start."""


class Workshop:
    """Interprets files, here or in the helper process. Used by one thread."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._helper: Helper | None = None
        self._given: Sequence[Content] = ()
        self._sent = False
        self._interrupted = False

    def use(self, composer: Composer) -> None:
        """Work as another composer from now on; nothing may be under way."""
        assert not self._given
        self._composer = composer
        if self._helper is not None and not self._helper.is_ready:
            self.close()  # it begins by the plan before

    def has_help(self) -> bool:
        """Say whether what is given now is done at once: by a helper process, or because there is none to be had.

        Where there is none yet, one begins, which takes longer than many files.
        """
        helper = self._begin()
        return helper is None or helper.is_ready

    def await_help(self) -> None:
        """Wait until a helper process can work, or there is none to be had."""
        helper = self._begin()
        if helper is not None:
            helper.await_ready(_LONGEST_S)

    def give(self, contents: Sequence[Content]) -> None:
        """Begin with the contents and names of some files; nothing may be under way."""
        self._given = contents
        self._sent = (len(contents) >= WORTH_IT or _bytes_of(contents) > _LARGE_BYTES) and self._send(contents)

    def take(self) -> list[Interpretation]:
        """Return what the files given last say, in their order; [] if none were given.

        Raises Stopped, where they are large and `interrupt` was called; MemoryError.
        """
        given, self._given = self._given, ()
        sent, self._sent = self._sent, False
        with contextlib.suppress(Unfit):
            results = self._receive(given) if sent else None
            if results is not None:
                return results
        large = _bytes_of(given) > _LARGE_BYTES
        if large and self._interrupted:
            raise Stopped
        if not (sent and large):
            return [self._composer.interpret(*each) for each in given]
        return [self.alone(each, tries=1) for each in given]

    def alone(self, file: Content, *, apart: bool = False, tries: int = 2) -> Interpretation:
        """Interpret one file with nothing else in hand; a large one, or `apart`, in the helper process.

        It is unreadable when the helper is lost over it so many times. Raises Stopped; MemoryError.
        """
        if self._interrupted:
            raise Stopped
        if not apart and len(file[0]) <= _LARGE_BYTES:
            return self._composer.interpret(*file)
        for _ in range(tries):
            if not self._send([file]):
                break
            try:
                results = self._receive([file])
            except Unfit:
                break
            if results is not None:
                return results[0]
        else:
            if not self._interrupted:
                return unreadable(file[0], stopped_the_agent())
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
            helper.close()

    def _end_helper(self) -> None:
        helper = self._helper
        if helper is not None:
            helper.kill()

    def _begin(self) -> Helper | None:
        """Return the helper process, which may have to begin yet; None where there is none to be had."""
        if self._interrupted:
            return None
        try:
            if self._helper is None:
                self._helper = Helper()
            if self._interrupted:  # just now: whoever did it may not have seen the helper
                self._end_helper()
            self._helper.prepare(self._composer)
        except (OSError, RuntimeError) as error:  # no more threads
            self._lost(error)
        return self._helper

    def _send(self, contents: Sequence[Content]) -> bool:
        helper = self._begin()
        if helper is None:
            return False
        try:
            helper.give(self._composer, contents)
        except OSError as error:
            self._lost(error)
            return False
        return True

    def _receive(self, given: Sequence[Content]) -> list[Interpretation] | None:
        """Return what the helper says, None when it is lost over its job. Raises Unfit, where it never began."""
        assert self._helper is not None
        longest_s = _LONGEST_S + _LONGEST_S_A_MIB * (_bytes_of(given) >> 20)
        patience = threading.Timer(longest_s, self._end_helper)
        patience.daemon = True
        try:
            patience.start()
            results = self._helper.take()
        except MemoryError:
            self.close()
            raise
        except Unfit as error:
            self._lost(error)
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


def stopped_the_agent() -> FileError:
    """Make the error of a file that nobody survives to read."""
    text = "lab-sender or its helper was ended more than once while it read this file alone; it was not sent."
    return FileError.of("file.stopped-the-agent", text, hint="Keep the file and report this; `preview` shows where.")


def _bytes_of(contents: Sequence[Content]) -> int:
    return sum(len(data) for data, _ in contents)
