"""A writer's connections, one for each thread that is in a transaction.

Holds: those that are free, and how one is taken and given back.
Promises: one that was lost while it was free is replaced when it is taken: nothing was done over it. What a block has
left open is undone; a connection with which that cannot be is closed.
Never: begins or commits by itself, or says what an error means.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from lab_sender.journal.postgres.connection import PostgresDb
from lab_sender.journal.postgres.failures import is_lost
from lab_sender.journal.postgres.reader import leave


class Pool:
    """Threads share it."""

    def __init__(self, connect: Callable[[], PostgresDb]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._free: list[PostgresDb] = []
        self._is_closed = False

    def take(self, first: str) -> tuple[contextlib.AbstractContextManager[PostgresDb], list[tuple[Any, ...]]]:
        """Take a connection and run its first statements; returns it for a block, and their rows."""
        while True:
            with self._lock:
                kept = self._free.pop() if self._free else None
            db = kept or self._connect()
            try:
                return self._in_use(db), db.script(first)
            except psycopg.Error as error:
                leave(db)
                if kept is None or not is_lost(error):
                    self.give(db)
                    raise
                db.close()
            except BaseException:
                db.close()
                raise

    def give(self, db: PostgresDb) -> None:
        """Keep a connection for whoever is next."""
        with self._lock:
            if db.is_idle and not self._is_closed:
                self._free.append(db)
            else:
                db.close()

    def close(self) -> None:
        """Close those that are free; one that is in use is closed when it is given back."""
        with self._lock:
            self._is_closed = True
            for db in self._free:
                db.close()
            self._free.clear()

    @contextlib.contextmanager
    def _in_use(self, db: PostgresDb) -> Iterator[PostgresDb]:
        try:
            yield db
        finally:
            leave(db)
            self.give(db)
