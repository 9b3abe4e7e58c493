"""Whose agent's a journal is: the lock that an agent has for as long as its session lasts.

Holds: that session; what a transaction finds noted of who began last, and what that means.
Promises: one agent has a journal alone; or agents have it together that each have a name of their own. Neither
begins beside the other, and a name has one agent. Who was cut off and finds that somebody has begun since ends.
Never: waits for the lock for longer than a killed agent's session may last.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final

import psycopg

from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal.database import JournalUnavailable
from lab_sender.journal.leases import Fence
from lab_sender.journal.postgres.connection import PostgresDb
from lab_sender.journal.postgres.failures import mapped_errors
from lab_sender.journal.postgres.locks import Locks
from lab_sender.journal.postgres.look import looked_at

_TRIES: Final = 5
_EACH_S: Final = 0.1


class Whose:
    """One process's. `run` is its agent's, "" until it has begun, and where no agent is one of it."""

    def __init__(self, connect: Callable[[], PostgresDb], locks: Locks, node: str) -> None:
        """`node` is the agent's name among several; "": it is the only one."""
        self.run = ""
        self._connect = connect
        self._locks = locks
        self._node = node
        self._session: PostgresDb | None = None

    def looked_at(self, fence: Fence | None = None) -> str:
        """Return the query of what a transaction looks at, who has begun last among it."""
        own = [f"agent_run@{self._node}"] if self._node else []
        return looked_at("acts", "agent_run", *own, fence=fence)

    def demand(self, noted: Mapping[str, str]) -> None:
        """Raise AgentError where another agent has begun since this one did."""
        if not self.run:
            return
        if self._node:
            if noted.get("agent_run"):
                raise _another_agents()
            if noted.get(f"agent_run@{self._node}") != self.run:
                raise _another_of_the_name(self._node)
        elif noted.get("agent_run") != self.run:
            raise _another_agents()

    def look(self) -> None:
        """Take the lock again where the server was started anew. Raises AgentError: another one has it."""
        if not self.run:
            return
        try:
            if self._session is not None:
                self._session.script("SELECT 1")
        except psycopg.Error:
            self.let_go()
        if self._session is None:
            with contextlib.suppress(JournalUnavailable):  # whoever writes waits for it, and says so
                self.take()

    def take(self) -> None:
        """Take the lock. Raises AgentError where another agent has it: a killed one for a moment longer."""
        if self._session is not None and not self._session.is_idle:
            self.let_go()
        if self._session is None:
            self._session = self._connect()
        try:
            for tries in range(_TRIES):
                if tries:
                    time.sleep(_EACH_S)
                with mapped_errors():
                    ((is_free, is_mine),) = self._session.script(self._locks.of_agent(self._node))
                if is_free and is_mine:
                    return
            raise _another_of_the_name(self._node) if is_free else _another_agents()
        except BaseException:
            self.let_go()
            raise

    def let_go(self) -> None:
        """End the session, and the lock with it."""
        if self._session is not None:
            self._session.close()
            self._session = None


def _another_agents() -> AgentError:
    return AgentError(
        "journal.taken",
        "another agent works on this journal; nothing more is sent by this one.",
        hint="One agent works on a journal, or several that each have a `node`. See which machines name this database"
        " and schema, and stop all but one, or give each a name.",
        exit_code=ExitCode.LATER,
    )


def _another_of_the_name(node: str) -> AgentError:
    return AgentError(
        "node.taken",
        f"another agent works on this journal as {node}; nothing more is sent by this one.",
        hint="Each machine has a `node` of its own: see which other one was given this name.",
        exit_code=ExitCode.LATER,
    )
