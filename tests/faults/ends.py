"""How an agent's process can end in the middle of something.

Holds: the kill at the k-th effect, the kill at a named place, and the power cut.
Promises: every effect passes one of a few seams (files, the store's commit, the connection), and those are wrapped
in the child only. A kill is `os._exit(137)`: nothing is cleaned up.
"""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path
from typing import Any, NoReturn

from lab_sender import files
from lab_sender.filing.delivered import Delivered
from lab_sender.intake.helper import Helper
from lab_sender.journal.delivery import DeliveryBook
from lab_sender.journal.spool import SpoolBook
from lab_sender.journal.sqlite import SqliteStore
from lab_sender.mllp.connection import Connection

KILLED = 137
_SEAMS = {
    "files": files, "SpoolBook": SpoolBook, "DeliveryBook": DeliveryBook, "Store": SqliteStore,
    "Connection": Connection, "Delivered": Delivered, "Helper": Helper,
}  # fmt: skip


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
    before(SqliteStore, "commit", after=True)
    before(SqliteStore, "append", after=True)
    before(Connection, "receive", after=True)
    whole = Connection.send
    Connection.send = half  # type: ignore[method-assign]
    before(Connection, "send", after=True)


def power_cut(cut: dict[str, Any]) -> None:
    """Cut the power at the n-th moment (`at`) at which something is not on the disk yet; with `after` only
    moments of that name count ("send").

    `drop` says which of the unflushed names are lost ("all", "odd", "even", "none"; each rename is lost or made
    as a whole), `journal` whether its commits since the last flushed one are ("lost" or "kept"). A name is on
    the disk when every folder it changed was flushed; what SQLite flushes at synchronous=FULL is trusted, and
    pinned elsewhere.
    """
    lock = threading.RLock()
    unflushed: list[tuple[str, str | None, set[str]]] = []  # name now, name before, folders still to be flushed
    durable: dict[str, bytes] = {}
    count = 0

    def moment(name: str) -> None:
        nonlocal count
        if cut.get("after", name) == name and (unflushed or (durable and durable != journal_files())):
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

    def committed(store: SqliteStore) -> None:
        nonlocal durable, store_path
        with lock:
            commit(store)
            store_path = str(store.path)
            if store._full:
                durable = journal_files()
            moment("commit")

    def appended(store: SqliteStore, sql: str, values: Any) -> bool:
        with lock:
            done = append(store, sql, values)
            if done:
                moment("append")
            return done

    def sent(connection: Connection, data: bytes, timeout_s: float) -> None:
        with lock:
            send(connection, data, timeout_s)
            moment("send")

    store_path = ""
    rename, write_new, sync_folder = files.rename, files.write_new, files.sync_folder
    commit, append, send = SqliteStore.commit, SqliteStore.append, Connection.send
    files.rename, files.write_new, files.sync_folder = renamed, written, synced
    SqliteStore.commit, SqliteStore.append, Connection.send = committed, appended, sent  # type: ignore[method-assign]


def killed(place: dict[str, Any]) -> None:
    """Die at a place: `when` ("before", "half" or "after") the `nth` call of `call` (`files.rename`).

    With `within` only calls count that come, in the same thread, from within another one.
    """
    here = threading.local()
    if "within" in place:
        owner, name = _seam(place["within"])
        outer = getattr(owner, name)

        def entered(*args: Any, **more: Any) -> Any:
            here.inside = True
            try:
                return outer(*args, **more)
            finally:
                here.inside = False

        setattr(owner, name, entered)
    owner, name = _seam(place["call"])
    call = getattr(owner, name)
    calls = itertools.count(1)  # counts right also where several threads call

    def watched(*args: Any, **more: Any) -> Any:
        if "within" in place and not getattr(here, "inside", False):
            return call(*args, **more)
        is_the_one = next(calls) == place.get("nth", 1)
        if is_the_one and place["when"] == "half":
            connection, data, timeout_s = args
            call(connection, data[: len(data) // 2], timeout_s)
        if is_the_one and place["when"] != "after":
            os._exit(KILLED)
        result = call(*args, **more)
        if is_the_one:
            os._exit(KILLED)
        return result

    setattr(owner, name, watched)


def _seam(path: str) -> tuple[Any, str]:
    owner, _, name = path.partition(".")
    return _SEAMS[owner], name
