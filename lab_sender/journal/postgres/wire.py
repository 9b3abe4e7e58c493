"""A connection's socket, by which another thread ends it.

Holds: `Wire`, a handle of its own on that socket.
Promises: whoever waits for the server is woken at once; whatever became of the connection meanwhile, no other socket
is ended for it.
Never: sends or reads.
"""

from __future__ import annotations

import contextlib
import socket

from lab_sender.journal.postgres.connection import PostgresDb


class Wire:
    """One connection's; for several threads."""

    def __init__(self, db: PostgresDb) -> None:
        own = socket.socket(fileno=db.raw.fileno())
        try:
            self._socket = own.dup()
        finally:
            own.detach()

    def cut(self) -> None:
        """End what goes over the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()
