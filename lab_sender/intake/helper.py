"""The helper process: how it is started, what goes over its pipes, and what it does.

Holds: the command that starts it, the agent's end of its pipes (`Helper`), and its main loop.
Promises: it starts where the agent runs: in a service's host, without console or standard handles, in any folder. A
job names its plan, and is done by that one or not at all; what a reader prints does not get among the answers. It
takes no more than `MEMORY_BYTES` (not on Windows), and ends with the agent, however that ends.
Never: touches a file, the journal or a socket. One job at a time is with it.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import hashlib
import os
import pickle
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from lab_sender import files
from lab_sender.errors import FileError
from lab_sender.intake.compose import Composer, Interpretation, Recipient
from lab_sender.readers import Inputs

Content = tuple[bytes, str]
"""A file's content and its name."""
MEMORY_BYTES = 2 << 30
"""The helper's address space. A file that needs more is quarantined; the machine does not suffer from it."""
_LENGTH_BYTES = 8
_PACKAGE = str(Path(__file__).parents[2])
"""Where `lab_sender` itself is imported from."""
_BOOT = "import sys; sys.path[:] = sys.argv[1:]; from lab_sender.intake.helper import main; main()"
"""Not `-m`: that would look for modules in the current folder first."""
_IS_PYTHON = re.compile(r"(python|pypy)[0-9.]*[td]?w?(_d)?(\.exe)?", re.IGNORECASE)
_IN_HOME = (
    ("python.exe", r"Scripts\python.exe")
    if files.WINDOWS
    else (f"bin/python{sys.version_info.major}.{sys.version_info.minor}", "bin/python3", "bin/python")
)


class Unfit(Exception):
    """The helper process has ended before it had its plan: no file is to blame for that."""


class _Plan(NamedTuple):
    digest: str
    recipients: Sequence[Recipient]
    inputs: Inputs


class _Job(NamedTuple):
    digest: str
    contents: Sequence[Content]


class Helper:
    """The agent's end of a helper process. A plan is sent when a job needs another one than the job before."""

    def __init__(self) -> None:
        """Start it. Raises OSError."""
        self.process = subprocess.Popen(
            command(),
            cwd=_PACKAGE,  # the folder that the agent was started in may have gone
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._digest = ""
        self._has_plan = False
        self._begins: threading.Thread | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it has its plan, or will never have one: what is given before that waits for it."""
        return self._begins is not None and not self._begins.is_alive()

    def await_ready(self, timeout_s: float) -> None:
        """Wait until it `is_ready`, but no longer than this."""
        assert self._begins is not None
        self._begins.join(timeout_s)

    def prepare(self, composer: Composer) -> None:
        """Give it its plan, or another one once it is ready.

        Raises OSError when it has ended, RuntimeError where there is no thread to hear of it.
        """
        if composer.digest != self._digest:
            self._digest, self._has_plan = composer.digest, False
            _write(self.process.stdin, _Plan(composer.digest, composer.recipients, composer.inputs))
            begins = threading.Thread(target=self._hear_of_plan, name="helper begins", daemon=True)
            begins.start()
            self._begins = begins

    def give(self, composer: Composer, contents: Sequence[Content]) -> None:
        """Give it a job, to be done as this composer would. Raises OSError when it has ended."""
        self.prepare(composer)
        _write(self.process.stdin, _Job(composer.digest, contents))

    def take(self) -> list[Interpretation] | None:
        """Return what the contents given last say; None where the machine is short of memory.

        Raises Unfit; any other error when the helper has ended over its job, or speaks otherwise than we do.
        """
        assert self._begins is not None
        self._begins.join()
        if not self._has_plan:
            raise Unfit
        results: list[Interpretation] | None = _read(self.process.stdout)
        return results

    def _hear_of_plan(self) -> None:
        """Hear that it has compiled its plan; one that was upgraded under us says something else, or nothing."""
        with contextlib.suppress(Exception):
            self._has_plan = _read(self.process.stdout) == self._digest

    def kill(self) -> None:
        """End it now; for other threads too."""
        self.process.kill()

    def close(self) -> None:
        """End it, and wait until it has."""
        self.process.kill()
        if self._begins is not None:
            self._begins.join()
        self.process.communicate()


def command() -> list[str]:
    """Return the command that starts a helper: a Python, and where this process finds its modules.

    What depends on the current folder is left out. Raises FileNotFoundError where there is no Python.
    """
    paths = [path for path in sys.path if os.path.isabs(path)]
    if _PACKAGE not in paths:
        paths.insert(0, _PACKAGE)
    return [_python(), "-c", _BOOT, *paths]


def _python() -> str:
    """Find the Python of this process, which may be embedded in a service's host."""
    homes = dict.fromkeys((sys.exec_prefix, sys.prefix, sys.base_exec_prefix, sys.base_prefix))
    own = (sys.executable, getattr(sys, "_base_executable", ""))
    for path in (*own, *(os.path.join(home, name) for home in homes for name in _IN_HOME)):
        if path and _IS_PYTHON.fullmatch(os.path.basename(path)) and os.path.isfile(path):
            return path
    raise FileNotFoundError(errno.ENOENT, "there is no Python for a helper process")


def main() -> None:
    """Be the helper process: interpret until the agent closes the pipe, or is gone."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    questions, answers = _own_pipes()
    asked: queue.SimpleQueue[_Plan | _Job] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions, asked), daemon=True).start()
    gc.disable()  # reports hold no cycles; looking for some costs a tenth of the time
    composer, digest, ours = None, "", None
    while True:
        given = asked.get()
        answer: object
        if isinstance(given, _Plan):
            composer, digest = Composer(given.recipients, given.inputs), given.digest
            answer = digest
            ours = _limit_memory() if ours is None else ours
        elif composer is None or given.digest != digest:
            return  # it is not this one's to do
        else:
            answer = _interpreted(composer, given.contents, bool(ours))
        try:
            _write(answers, answer)
        except OSError:
            return


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take the pipes of standard input and output; what readers print, or want to read, goes nowhere."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard, inheritable=False)
    os.close(nowhere)
    return questions, answers


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


def _interpreted(composer: Composer, contents: Sequence[Content], ours: bool) -> list[Interpretation] | None:
    try:
        return [_within_memory(composer, each, ours) for each in contents]
    except MemoryError:
        return None


def _within_memory(composer: Composer, content: Content, ours: bool) -> Interpretation:
    """Interpret a file; `ours`: what it cannot have is more than we want to give it."""
    try:
        return composer.interpret(*content)
    except MemoryError:
        if not ours:
            raise
    text = f"reading this file takes more than {MEMORY_BYTES >> 30} GiB of memory; it was not sent."
    hint = "Split it; docs/PERFORMANCE.md says how much each format takes."
    return unreadable(content[0], FileError.of("file.too-much-memory", text, hint=hint))


def unreadable(data: bytes, error: FileError) -> Interpretation:
    """Make the interpretation of a file that nobody can read."""
    return Interpretation("unreadable", hashlib.sha256(data).digest(), findings=error.findings)


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
