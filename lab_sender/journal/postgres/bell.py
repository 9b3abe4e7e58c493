"""The bell of a journal on PostgreSQL: processes tell each other that they have spooled or done an act.

Holds: the channel and what is told by it; the connection that listens.
Promises: who listens is told of what is committed, and of nothing else. While the connection is lost nothing is told;
when it is there again that counts as an act, for nobody knows what was missed.
Never: is the only way to know: whoever waits also looks by himself. Nothing is told with a verdict; what verdicts
have finished of another agent's files is told to that one, together, by whoever files here.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, Literal

import psycopg

from lab_sender.config.server import Server
from lab_sender.errors import LabSenderError
from lab_sender.journal.postgres.connection import connect

What = Literal["new", "act"]
"""New messages wait; or an act was done: what was read of the journal may be so no more."""
_AGAIN_S: Final = 1.0
_EACH: Final = 300
_LOOK_S: Final = 0.25
"""How long a stop may go unseen."""


def channel_of(schema: str) -> str:
    """Return a journal's channel: all schemas of a database hear each other's."""
    return f"lab_sender_{hashlib.sha256(schema.encode()).hexdigest()[:16]}"


def telling(channel: str, what: What) -> str:
    """Return the statement that tells it, once the transaction is committed."""
    return f"SELECT pg_notify('{channel}', '{what}')"


class Heard:
    """What a process has heard, for its threads.

    `acts` moves with each act, while `stands` says that one would be heard; `times` is how often it began to listen.
    """

    def __init__(self) -> None:
        self.acts = self.times = 0
        self.stands = False


def finished(node: str, sources: Collection[int]) -> Iterator[str]:
    """Write what is told of finished sources to the agent that has their files; a text has room for so many."""
    ids = [str(each) for each in sorted(sources)]
    for first in range(0, len(ids), _EACH):
        yield " ".join(["finished", node, *ids[first : first + _EACH]])


class Bell:
    """Listens; `run` is its thread."""

    def __init__(
        self,
        server: Server,
        heard: Heard,
        ring: Callable[[], None],
        finished: Callable[[set[int]], None] = lambda _: None,
    ) -> None:
        """`ring` is called in the bell's thread when others have spooled or acted.

        `finished` is given the sources of ours that others have finished.
        """
        self._server = server
        self._channel = channel_of(server.schema)
        self._heard = heard
        self._ring = ring
        self._finished = finished
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End within a moment; for other threads."""
        self._stopping.set()

    def run(self) -> None:
        """Listen until stopped; what cannot be reached is tried again."""
        while not self._stopping.is_set():
            with contextlib.suppress(psycopg.Error, LabSenderError):
                self._listen()
            self._stopping.wait(_AGAIN_S)

    def _listen(self) -> None:
        """Listen over one connection until that is lost, or the bell is stopped."""
        with contextlib.closing(connect(self._server, read_only=True)) as db:
            db.script(f"LISTEN {self._channel}")
            told, self._heard.stands = ["act"], True
            self._heard.times += 1
            try:
                while not self._stopping.is_set():
                    self._tell(told)
                    told = [each.payload for each in db.raw.notifies(timeout=_LOOK_S, stop_after=1)]
            finally:
                self._heard.stands = False

    def _tell(self, told: Iterable[str]) -> None:
        """Pass on what was heard."""
        rings = False
        for each in told:
            what, *words = each.split()
            if what == "finished":
                if words[0] == self._server.node:
                    self._finished(set(map(int, words[1:])))
            else:
                rings = True
                self._heard.acts += what == "act"
        if rings:
            self._ring()
