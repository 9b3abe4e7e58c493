"""What a test can do to an agent from inside: every effect passes one of a few seams, and those are wrapped here.

Holds: the tricks by name; `play` puts them in place before the agent is made.
Promises: product code has no hooks; a seam that moves breaks the tests at once (AttributeError).
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import errno
import importlib
import json
import os
import select
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from faults import ends
from lab_sender import files, writers
from lab_sender.agent.process import Agent
from lab_sender.delivery import retry
from lab_sender.intake import doorbell
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.claims import Claims
from lab_sender.intake.compose import Composer
from lab_sender.intake.doorbell import Doorbell
from lab_sender.intake.workshop import Workshop
from lab_sender.journal import FilingBook, Journal, outbox_of
from lab_sender.journal.spool import SpoolBook
from lab_sender.journal.sqlite import schema
from lab_sender.mllp.connection import Connection
from lab_sender.mllp.link import Link
from lab_sender.operations.web import child
from lab_sender.premises.names import JOURNAL_NAME

_LONG = 100
SETTLED = "SELECT COUNT(*) FROM file WHERE folder = 'claimed'"


def play(tricks: dict[str, Any]) -> None:
    """Put these tricks in place: a trick is a function of this module or of ends.py, called with its value."""
    for name, value in tricks.items():
        (getattr(ends, name, None) or globals()[name])(value)


def page_waits(seconds: float) -> None:
    """Start the page's process after so long, each time; else it takes minutes until it was killed twenty times."""
    child._FIRST_S = child._LONGEST_S = seconds  # type: ignore[misc]


def until_settled(expected: int) -> None:
    """End the agent in good order once it has taken `expected` files and none of them waits any more."""
    run = Agent.run

    def settled(agent: Agent) -> bool:
        folders = agent._config.folders
        uri = f"{(folders.journal / JOURNAL_NAME).as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
            (files_known,) = db.execute("SELECT COUNT(*) FROM file").fetchone()
            return files_known >= expected and db.execute(SETTLED).fetchone() == (0,)

    Agent.run = lambda agent: run(agent, until=settled)  # type: ignore[method-assign, assignment, misc]


def deaf(_: object) -> None:
    """Let the system have no watch to give, as where fs.inotify.max_user_instances is reached."""

    def none_left() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    doorbell._observer = none_left  # type: ignore[assignment]


def vanish_before_claim(name: str) -> None:
    """Let somebody delete a file between the look and the claim."""
    _first(writers, "hold", lambda path: Path(path).name == name and os.unlink(path))


def vanish_before_read(name: str) -> None:
    """Let somebody delete a file from claimed/ before it is read."""
    _first(writers, "read_whole", lambda path, *_, **__: str(path).endswith(f"_{name}") and os.unlink(path))


def tell_connects(_: object) -> None:
    """Write a line into the log at each try to connect."""
    _first(Connection, "open", lambda _: os.write(2, b"connects\n"))


def busy_timeout_s(seconds: float) -> None:
    """Let the agent lose patience with a locked journal sooner."""
    make = Journal.__init__

    def impatient(journal: Journal, path: Path) -> None:
        make(journal, path, busy_timeout_s=seconds)

    Journal.__init__ = impatient  # type: ignore[method-assign, assignment]


def descriptors(most: int) -> None:
    """Let the system give no more than so many files and sockets."""
    import resource  # not on Windows

    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def descriptors_beyond(more: int) -> None:
    """Once the journal is open, let the system give no more than so many files and sockets beyond those in use."""
    import resource  # not on Windows

    begin = Journal.begin

    def limited(journal: Journal, **given: Any) -> None:
        begin(journal, **given)
        most = max(map(int, os.listdir("/proc/self/fd"))) + 1 + more
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    Journal.begin = limited  # type: ignore[method-assign]


def fails_once(what: dict[str, Any]) -> None:
    """Let the n-th call of a function of files.py fail with a number of errno."""
    call, left = getattr(files, what["call"]), what["nth"]

    def failing(*args: Any, **more: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(what["errno"], os.strerror(what["errno"]))
        return call(*args, **more)

    setattr(files, what["call"], failing)


def poison(mark: str) -> None:
    """Let a file that holds this mark end whoever reads it."""
    _first(Composer, "interpret", lambda _, data, *__: os._exit(139) if mark.encode() in data else None)


def helper_dies_over(mark: str) -> None:
    """Let the helper process end over a file that holds this mark, before it has said anything."""
    take = Workshop._receive

    def taken(workshop: Workshop, given: Any) -> Any:
        if not any(mark.encode() in data for data, _ in given):
            return take(workshop, given)
        assert workshop._helper is not None
        assert workshop._helper._begins is not None
        workshop._helper._begins.join()
        workshop._end_helper()
        workshop._lost(EOFError())
        return None

    Workshop._receive = taken  # type: ignore[method-assign]


def all_die_over(mark: str) -> None:
    """Let the agent end when it gives its helper a file that holds this mark."""

    def die(_: Workshop, given: Any) -> None:
        if any(mark.encode() in data for data, _ in given):
            os._exit(137)

    _first(Workshop, "_send", die)


def fsync_fails_at(k: int) -> None:
    """Let the disk fail at the k-th flush of ours, and tell of each flush after that."""
    flushes = 0
    flush = os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal flushes
        flushes += 1
        if flushes == k:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if flushes > k:
            os.write(2, b"flushes again\n")
        flush(descriptor)

    os.fsync = fsync


def thread_fails_at(k: int) -> None:
    """Let the system have no thread to give at the k-th that is asked for."""
    start = threading.Thread.start
    asked = 0

    def refused(thread: threading.Thread) -> None:
        nonlocal asked
        asked += 1
        if asked == k:
            os.write(2, b"none left\n")
            raise RuntimeError("can't start new thread")
        start(thread)

    threading.Thread.start = refused  # type: ignore[method-assign]


def memory_fails_at(k: int) -> None:
    """Let there be no memory at the k-th step of a file's way into the journal."""
    steps = 0

    def short(*_: Any, **__: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == k:
            os.write(2, b"none left\n")
            raise MemoryError

    _first(Claims, "claim", short)
    _first(Claims, "read", short)
    _first(Composer, "interpret", short)
    _first(Journal, "__init__", short)
    _first(Connection, "send", short)


def memory_bytes(most: int) -> None:
    """Let the system give the process no more than so much address space beyond what it has."""
    import resource  # not on Windows

    (pages, *_) = Path("/proc/self/statm").read_text().split()
    whole = int(pages) * resource.getpagesize() + most
    resource.setrlimit(resource.RLIMIT_AS, (whole, whole))


def user(number: int) -> None:
    """Become another user, for good. What Python would read later is read now: it may lie in root's own folder."""
    for codec in ("utf-8-sig", "idna"):
        codecs.lookup(codec)
    importlib.import_module("watchdog.observers.inotify")
    os.setgroups([])
    os.setgid(number)
    os.setuid(number)


def umask(mask: int) -> None:
    """Let the account give everybody rights on what it makes."""
    os.umask(mask)


def network(namespace: str) -> None:
    """Enter a network namespace."""
    with open(f"/var/run/netns/{namespace}") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


def wall_clock(path: str) -> None:
    """Let the wall clock be off by so many seconds as stand in a file; monotonic time goes on."""
    now_s, now_ns = time.time, time.time_ns

    def off_s() -> int:
        return int(Path(path).read_text())

    time.time = lambda: now_s() + off_s()
    time.time_ns = lambda: now_ns() + off_s() * 10**9


def names(path: str) -> None:
    """Let a file be the name service: JSON, `[[host, port], ...]`, "unknown" or "hangs"."""

    def ask(*_: Any, **__: Any) -> list[Any]:
        answer = json.loads(Path(path).read_text())
        os.write(2, f"asked for a name: {answer}\n".encode())
        if answer == "unknown":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if answer == "hangs":
            threading.Event().wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", tuple(address)) for address in answer]

    socket.getaddrinfo = ask


def slow_to_write(_: object) -> None:
    """Let so much time pass after each connect that the peer has spoken, or will not for five seconds."""
    connect = Connection.open

    def opened(connection: Connection) -> None:
        connect(connection)
        select.select([connection._socket], [], [], 5)

    Connection.open = opened  # type: ignore[method-assign]


def file_system(kinds: dict[str, str]) -> None:
    """Let folders lie on file systems of these kinds."""
    real = writers.file_system
    writers.file_system = lambda folder: kinds.get(str(folder)) or real(folder)


def locks_reach_nobody(folder: str) -> None:
    """Give locks in this folder to everybody, as a share without locks does."""
    real = files.take_lock
    files.take_lock = lambda path: path.open("a+b") if path.is_relative_to(folder) else real(path)


def doorbell_dies(_: object) -> None:
    """Let the watch's threads end at the first ring, as by an error nobody foresaw."""

    def fails(*_: Any, **__: Any) -> None:
        os.write(2, b"the doorbell is broken\n")
        raise RuntimeError

    make = Doorbell.__init__
    Doorbell.__init__ = lambda bell, folder, _: make(bell, folder, fails)  # type: ignore[method-assign, misc]


def schema_grows(sql: str) -> None:
    """Be a newer lab-sender, whose journal has something more."""
    schema.SCHEMA_VERSION += 1
    ddl, step = schema.ddl, f"to-{schema.SCHEMA_VERSION}.sql"
    schema.ddl = lambda name: sql if name == step else ddl(name)


def tell_waits(_: object) -> None:
    """Write a line into the log for each wait of the lane, with the number of troubles it comes from."""
    _first(retry, "wait_s", lambda _, troubles: os.write(2, f"waits after {troubles}\n".encode()))


def _first(owner: Any, name: str, act: Callable[..., object]) -> None:
    call = getattr(owner, name)

    def changed(*args: Any, **more: Any) -> Any:
        act(*args, **more)
        return call(*args, **more)

    setattr(owner, name, changed)


def freezes_before_write(nth: int) -> None:
    """Stand still right before the n-th message is written, as a machine does that is suspended."""
    _at(Link, "_write", nth, _freeze)


def freezes_in_transaction(nth: int) -> None:
    """Stand still before the n-th COMMIT of a lane's store."""
    _at(*_commits(), nth, _freeze, lambda store, *_: not outbox_of(store._fence.name))


def looks_once(path: str) -> None:
    """See nothing in the outbox before this file is there: a backlog is found as a whole."""
    from lab_sender.intake import at_rest

    at_rest._GRAIN_NS = -(10**9)  # nothing comes while the look goes on
    complete = Arrivals.complete

    def looked(looks: Arrivals, *args: Any, **more: Any) -> Any:
        return complete(looks, *args, **more) if os.path.exists(path) else []

    Arrivals.complete = looked  # type: ignore[method-assign]


def freezes_before_claim(nth: int) -> None:
    """Stand still between the last look whether the outbox is ours and the n-th claim."""
    make, calls = Claims.__init__, 0

    def made(claims: Claims, *args: Any, **more: Any) -> None:
        make(claims, *args, **more)
        may = claims._may

        def asked() -> bool:
            nonlocal calls
            is_ours = may()
            calls += 1
            if calls == nth:
                _freeze()
            return is_ours

        claims._may = asked

    Claims.__init__ = made  # type: ignore[method-assign]


def freezes_before_spool(nth: int) -> None:
    """Stand still before the n-th batch is spooled; what is claimed is not known to the journal."""
    _at(SpoolBook, "spooled", nth, _freeze)


def dies_before_spool(nth: int) -> None:
    """Be killed there."""
    _at(SpoolBook, "spooled", nth, lambda: os.kill(os.getpid(), signal.SIGKILL))


def freezes_in_spool(nth: int) -> None:
    """Stand still before the n-th COMMIT of an intake that shares its outbox."""
    _at(*_commits(), nth, _freeze, lambda store, *_: outbox_of(store._fence.name) != "")


def freezes_in_pipeline(nth: int) -> None:
    """Stand still while the n-th long list of rows is being written, after some of it has been sent."""
    from lab_sender.intake import batches
    from lab_sender.journal.postgres.connection import PostgresDb
    from lab_sender.journal.postgres.translation import translated

    write, calls = PostgresDb.executemany, 0
    batches._FEW_FILES = batches._MOST_FILES  # type: ignore[misc]

    def rows(values: list[Any]) -> Iterator[Any]:
        for number, each in enumerate(values):
            if number == _LONG:
                _freeze()
            yield each

    def executemany(db: PostgresDb, statement: str, values: Iterable[Any]) -> Any:
        nonlocal calls
        values = list(values)
        calls += len(values) > _LONG
        if calls != nth or len(values) <= _LONG:
            return write(db, statement, values)
        known, cursor = translated(statement), db.raw.cursor()
        cursor.executemany(known.sql, rows([known.in_order(each) for each in values]))
        return cursor

    PostgresDb.executemany = executemany  # type: ignore[method-assign]


def freezes_before_note(nth: int) -> None:
    """Stand still between the n-th move to sent/ and the note of it."""
    _at(FilingBook, "sent", nth, _freeze)


def _commits() -> tuple[Any, str]:
    from lab_sender.journal.postgres.lane_store import LaneStore

    return LaneStore, "_commit"


def _freeze() -> None:
    os.write(2, b"stands still\n")
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(0.2)  # which thread has the signal first, nobody says


def _at(
    owner: Any, name: str, nth: int, act: Callable[[], None], counts: Callable[..., bool] = lambda *_, **__: True
) -> None:
    calls = 0

    def counted(*args: Any, **more: Any) -> None:
        nonlocal calls
        if counts(*args, **more):
            calls += 1
            if calls == nth:
                act()

    _first(owner, name, counted)
