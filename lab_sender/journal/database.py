"""What the journal needs of a database, whichever it is.

Holds: where a journal is; the protocols of a connection, a writer and a reader; what their failures mean; the wall
clock.
Promises: SQLite's own connection is a `Db`: nothing stands between a book's statement and the database.
Never: knows a statement, or opens a database (opening.py does).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from lab_sender.config.server import Server
from lab_sender.errors import AgentError, ExitCode, LabSenderError

if TYPE_CHECKING:
    from lab_sender.journal.mark import Mark

T = TypeVar("T")
Values = Sequence[Any] | Mapping[str, Any]
"""A statement's values: in the order of its `?`, or by the names of its `:name`."""


Address: TypeAlias = Path | Server
"""Where a journal is: SQLite's file, or a schema of a PostgreSQL."""


class JournalUnavailable(LabSenderError):
    """Nothing was written; the same call may work later. Whoever called waits."""

    exit_code = ExitCode.LATER


class DeletionRejected(LabSenderError):
    """The journal refuses to delete something; nothing was deleted in that transaction."""


class Result(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """Return how many rows it changed."""

    def fetchone(self) -> Any:
        """Return the next row, None behind the last one."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows that are left."""


class Db(Protocol):
    """A connection; its statements are in `sql/`."""

    def execute(self, sql: str, values: Values = ..., /) -> Result:
        """Run one statement."""

    def executemany(self, sql: str, values: Iterable[Values], /) -> Result:
        """Run one statement for each of the values."""


class Reader(Protocol):
    """A connection that only reads, and blocks no writer."""

    node: str
    """The name of the agent whose notes are read, where several share the journal."""

    @property
    def known_version(self) -> int:
        """The version of the tables that this lab-sender makes on such a database."""

    def reading(self) -> AbstractContextManager[Db]:
        """Read within a block; the database's errors are mapped."""

    def rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows; none while the journal is being made."""

    def dicts(self, sql: str, values: Values = ()) -> list[dict[str, Any]]:
        """Return all rows by the names of their columns; none while the journal is being made."""

    def schema_version(self) -> int:
        """Return the version of the journal's tables; 0 while it is being made."""

    def foreign_version(self) -> int:
        """Return a number that changes when somebody has written."""

    def size_bytes(self) -> int:
        """Return what the journal takes on the disk."""

    def weaknesses(self) -> list[str]:
        """Return what of the database's settings can lose what was committed, in words."""

    def rights_lacking(self) -> list[str]:
        """Return what this account may not do that an agent has to, in words."""

    def clock_ahead_ms(self) -> int:
        """Return by how much the database's clock is ahead of this machine's; behind it, less than 0."""

    def keeps_out(self) -> str:
        """Return by which code an agent at work keeps out the one of this address, "" where none does.

        That is its session in a database; the locks of files are looked at elsewhere.
        """

    def damage(self, within_s: float | None = None) -> str:
        """Return what a look at the whole journal finds wrong, "" if nothing.

        Raises AgentError where it cannot be read to its end, TimeoutError when that many seconds were not enough
        and nothing was found until then.
        """

    def close(self) -> None:
        """Close the connection."""


class Aside(Protocol):
    """A second writer of the same process: for deleting much in small steps, while another one sends."""

    def transaction(self) -> AbstractContextManager[Db]:
        """Run a transaction between the writer's; it survives kill -9, and is undone whole by a power cut, or not."""

    def catch_up(self) -> None:
        """Bring into the file what the log has, while others write."""

    def give_back(self, most: int) -> bool:
        """Give free pages back to the disk, so many at most; False where no more than a reserve is left."""

    def finish(self) -> bool:
        """Empty the log: it holds what was deleted. False where somebody reads just now."""

    def close(self) -> None:
        """Close the connection."""


class Bell(Protocol):
    """Listens until stopped."""

    def run(self) -> None:
        """Listen; the thread's work."""

    def stop(self) -> None:
        """End at once."""


class Store(Protocol):
    """A process's writer. Threads share it."""

    path: Any
    """Its address, for whoever reads beside it."""
    node: str
    """The agent's name, where several share the journal; "": it is the only one."""
    sees_each_write: bool
    """Whether `foreign_version` moves with all that others write, not with their acts alone."""
    lock: threading.RLock
    finished: set[int]
    """Sources that the keeper has to look at; filled within transactions, emptied by `finished_sources`."""

    def trouble(self) -> tuple[str, int] | None:
        """Return why the last transaction could not be made, by its code, and since when none can; None: it could."""

    def look(self) -> None:
        """See that the open journal is still the one at its address. Raises AgentError (exit 74)."""

    def durable(self) -> AbstractContextManager[Db]:
        """Run a transaction that is on the disk when the block has ended."""

    def acting(self, *lanes: str | int, spools: bool = False) -> AbstractContextManager[Db]:
        """Run a durable transaction that has these destinations' lanes alone; all, where none is named.

        A lane is named by its destination, or by the number of one of its messages. What the transaction looks at
        there is so until it is committed: no lane marks or records meanwhile. `spools`: it adds messages too.
        """

    def marking(self, lane: str | int) -> AbstractContextManager[Db]:
        """Run a lane's transaction, as durable as `quick`: between two acts on it."""

    def quick(self) -> AbstractContextManager[Db]:
        """Run a transaction that survives kill -9 now and a power cut after the next tick; it marks no message."""

    def append(self, sql: str, values: Values) -> bool:
        """Add a row by one statement, as durable as `quick`; the next transaction folds it in (verdicts.py).

        False: nothing was done, a transaction is to be made: the statement found nothing to add, or this database
        has no use for it.
        """

    def insert(self, db: Db, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Insert rows, in their order, by the statement that inserts one of such values."""

    def arriving(self, destinations: Collection[str]) -> AbstractContextManager[Db]:
        """Run a durable transaction that adds what has come to these; lanes go on beside it where they can.

        At each of them one follows the other: ids are seen in their order, and nobody else adds until it is over.
        """

    def own(self, db: Db, run: str) -> None:
        """From this transaction on, the journal is worked on by the agent's run `run` and by no other one.

        Raises AgentError where another agent works on it.
        """

    def heed(self, marks: Sequence[Mark]) -> None:
        """Hold these marks of the agent's outboxes against each database that is connected to from now on."""

    def aside(self) -> Aside:
        """Open a connection for deleting much beside the writer's transactions."""

    def reading(self) -> AbstractContextManager[Db]:
        """Read between the writer's transactions."""

    def reader(self) -> Reader:
        """Open a connection of its own for a thread that reads while others write."""

    def retention_turn(self) -> AbstractContextManager[bool]:
        """Have retention for oneself among all agents of the journal; False: another one is at it."""

    def ids(self, db: Db, destination: str, sources: int, messages: int) -> tuple[Iterator[int], Iterator[int]]:
        """Return ids for so many new sources and messages: higher than all before, in the order of delivery."""

    def run_id(self) -> str:
        """Return what tells this run of the machine from all others; "" if nothing can."""

    def trust(self, db: Db, run_id: str, *, ended_clean: bool) -> bool:
        """After an end in the run `run_id`: see that the journal is whole, if that end can have torn it.

        Also where anybody else has written it since. Returns whether it was looked at whole. Raises AgentError
        `journal.damaged`.
        """

    def tick(self, within_s: float = -1.0) -> None:
        """Flush what `quick` transactions have left unflushed; nothing to do costs nothing.

        Not where whoever writes just now takes longer than `within_s` (negative: however long that is).
        """

    def foreign_version(self, *, as_appended: bool = False) -> int:
        """Return a number that changes when another process has written.

        `as_appended`: as it was in the transaction of the last `append`, where that was the last thing done. Whoever
        has written since has met the row.
        """

    def bell(self, ring: Callable[[], None]) -> Bell | None:
        """Return what listens to other processes, for a thread of its own; None where looking is as cheap."""

    def times_listened(self) -> int:
        """Return how often the bell began to listen: what was told before the last time may have been missed."""

    def tell_finished(self, node: str, sources: Collection[int]) -> None:
        """Tell the agent of this name that sources of its files may be finished; it looks by itself as well."""

    def close(self) -> None:
        """Flush and close."""


def now_ms() -> int:
    """Return the wall clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def damaged(what: str) -> AgentError:
    """Make the error of a journal that cannot be trusted."""
    return AgentError(
        "journal.damaged",
        f"the journal cannot be trusted ({what}); nothing is sent.",
        hint="Follow 'The journal is damaged' in docs/SYMPTOMS.md; do not delete journal.db.",
        exit_code=ExitCode.STORAGE,
    )


def until_available(
    call: Callable[[], T], stopping: threading.Event, on_wait: Callable[[JournalUnavailable], None]
) -> T:
    """Make the same call until the journal takes it.

    `on_wait` is called once, on the first failed try. Raises the last JournalUnavailable when `stopping` is set
    meanwhile.
    """
    waits = False
    while True:
        try:
            return call()
        except JournalUnavailable as error:
            if not waits:
                on_wait(error)
                waits = True
            if stopping.wait(1.0):
                raise
