"""What a test can do to an agent from inside: every effect passes one of a few seams, and those are wrapped here.

Holds: the tricks by name; `play` puts them in place before the agent is made.
Promises: product code has no hooks; a seam that moves breaks the tests at once (AttributeError).
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from lab_sender import files
from lab_sender.agent import JOURNAL_NAME, Agent
from lab_sender.doorbell import Doorbell
from lab_sender.journal import Journal
from lab_sender.journal.store import Store
from lab_sender.mllp.connection import Connection

KILLED = 137
SETTLED = "SELECT COUNT(*) FROM file WHERE place = 'claimed'"


def play(tricks: dict[str, Any]) -> None:
    """Put these tricks in place."""
    for name, value in tricks.items():
        {
            "die_at": die_at,
            "power_cut": power_cut,
            "until_settled": until_settled,
            "deaf": deaf,
            "vanish_before_claim": vanish_before_claim,
            "vanish_before_read": vanish_before_read,
            "tell_connects": tell_connects,
            "busy_timeout_s": busy_timeout_s,
            "descriptors": descriptors,
            "fsync_fails_at": fsync_fails_at,
        }[name](value)


def die_at(k: int) -> None:
    """Die at the k-th effect as by kill -9; its name is the last line of the log."""
    lock = threading.Lock()
    count = 0

    def due() -> bool:
        nonlocal count
        with lock:
            count += 1
            return count == k

    def die(name: str) -> NoReturn:
        os.write(2, f"died: {name}\n".encode())
        os._exit(KILLED)

    def before(owner: Any, name: str, *, after: bool = False) -> None:
        call = getattr(owner, name)

        def counted(*args: Any, **more: Any) -> Any:
            if due():
                die(f"before {name}")
            result = call(*args, **more)
            if after and due():
                die(f"after {name}")
            return result

        setattr(owner, name, counted)

    def half(connection: Connection, data: bytes, timeout_s: float) -> None:
        if due():
            whole(connection, data[: len(data) // 2], timeout_s)
            die("half send")
        whole(connection, data, timeout_s)

    for name in ("rename", "fsync", "sync_folder"):
        before(files, name)
    before(files, "write_new", after=True)
    before(Store, "commit", after=True)
    before(Connection, "receive", after=True)
    whole = Connection.send
    Connection.send = half  # type: ignore[method-assign]
    before(Connection, "send", after=True)


def power_cut(cut: dict[str, Any]) -> None:
    """Cut the power at the n-th moment (`at`) at which something is not on the disk yet.

    `drop` says which of the unflushed names are lost ("all", "odd", "even", "none"; each rename is lost or made as a
    whole), `journal` whether its commits since the last flushed one are ("lost" or "kept"). A name is on the disk when
    every folder it changed was flushed; what SQLite flushes at synchronous=FULL is trusted, and pinned elsewhere.
    """
    lock = threading.RLock()
    unflushed: list[tuple[str, str | None, set[str]]] = []  # name now, name before, folders still to be flushed
    durable: dict[str, bytes] = {}
    count = 0

    def moment(name: str) -> None:
        nonlocal count
        if unflushed or (durable and durable != journal_files()):
            count += 1
            if count == cut["at"]:
                lose()
                os.write(2, f"power cut after {name}\n".encode())
                os._exit(KILLED)

    def lose() -> None:
        for number, (now, before, _) in reversed(list(enumerate(unflushed))):
            if cut["drop"] == "all" or cut["drop"] == ("even", "odd")[number % 2]:
                os.unlink(now) if before is None else os.rename(now, before)
        if cut["journal"] == "lost" and durable:
            for path in (store_path, f"{store_path}-wal", f"{store_path}-shm"):
                Path(path).unlink(missing_ok=True)
            for path, data in durable.items():
                Path(path).write_bytes(data)

    def journal_files() -> dict[str, bytes]:
        paths = [path for path in (store_path, f"{store_path}-wal") if os.path.exists(path)]
        return {path: Path(path).read_bytes() for path in paths}

    def renamed(source: Any, target: Any) -> None:
        with lock:
            rename(source, target)
            unflushed.append((str(target), str(source), {os.path.dirname(source), os.path.dirname(target)}))
            moment("rename")

    def written(path: Path, data: bytes) -> None:
        with lock:
            write_new(path, data)
            unflushed.append((str(path), None, {str(path.parent)}))
            moment("write_new")

    def synced(folder: Any) -> None:
        with lock:
            sync_folder(folder)
            for entry in unflushed.copy():
                entry[2].discard(str(folder))
                if not entry[2]:
                    unflushed.remove(entry)
            moment("sync_folder")

    def committed(store: Store) -> None:
        nonlocal durable, store_path
        with lock:
            commit(store)
            store_path = str(store.path)
            if store._full:
                durable = journal_files()
            moment("commit")

    def sent(connection: Connection, data: bytes, timeout_s: float) -> None:
        with lock:
            send(connection, data, timeout_s)
            moment("send")

    store_path = ""
    rename, write_new, sync_folder = files.rename, files.write_new, files.sync_folder
    commit, send = Store.commit, Connection.send
    files.rename, files.write_new, files.sync_folder = renamed, written, synced
    Store.commit, Connection.send = committed, sent  # type: ignore[method-assign]


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
    """Let the doorbell be dead."""
    Doorbell.start = lambda _: False  # type: ignore[method-assign, assignment, misc]


def vanish_before_claim(name: str) -> None:
    """Let somebody delete a file between the look and the claim."""
    _first(files, "rename", lambda source, _: Path(source).name == name and os.unlink(source))


def vanish_before_read(name: str) -> None:
    """Let somebody delete a file from claimed/ before it is read."""
    _first(files, "read_whole", lambda path, *_, **__: str(path).endswith(f"_{name}") and os.unlink(path))


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


def _first(owner: Any, name: str, act: Callable[..., object]) -> None:
    call = getattr(owner, name)

    def changed(*args: Any, **more: Any) -> Any:
        act(*args, **more)
        return call(*args, **more)

    setattr(owner, name, changed)
