"""A schema of a PostgreSQL as one end of a move.

Holds: the schema that is read, the one that is filled, and what it notes of a move.
Promises: while it is read or filled nobody else writes to it, nor begins on it. What is filled is committed whole. A
note says that it is on its way, until the file at the other end has decided (`demand_here`).
Never: looks at the file, but for that.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Final

from psycopg import errors

from lab_sender.config.server import Server
from lab_sender.errors import AgentError, ExitCode
from lab_sender.journal import notes
from lab_sender.journal.asking import of_another_version
from lab_sender.journal.contents import OF_THE_DATABASE, Kind, MoveRejected, Row, Table
from lab_sender.journal.moved import MOVED, MOVED_IN, MOVED_TO, OnServer, ToServer, has_moved, has_not_arrived
from lab_sender.journal.postgres import schema, steps
from lab_sender.journal.postgres.connection import PostgresDb, connect
from lab_sender.journal.postgres.failures import mapped_errors
from lab_sender.journal.postgres.locks import locks_of
from lab_sender.journal.sqlite import moving as of_files

_TYPES: Final[dict[Kind, str]] = {
    "INTEGER": "int8", "TEXT": "text", "BLOB": "bytea", "REAL": "float8", "BOOLEAN": "bool",
}  # fmt: skip
_MOVED: Final = has_moved("").code
_OURS: Final = ", ".join(f"'{each}'" for each in sorted(OF_THE_DATABASE))


class _End:
    """A schema that is locked: a transaction in which nobody else writes, for as long as it takes."""

    def __init__(self, server: Server) -> None:
        """Raises AgentError or JournalUnavailable."""
        self.server = server
        self._locks = locks_of(server.schema)
        with mapped_errors():
            self._db = connect(server)
            try:
                self._prepare()
                if self._db.script(f"SELECT pg_try_advisory_lock({self._locks.agent})") != [(True,)]:
                    raise AgentError(
                        "journal.taken",
                        "an agent works on this journal; nothing was changed.",
                        hint="Stop it first. See which machines name this database and schema.",
                        exit_code=ExitCode.LATER,
                    )
                self._db.script(
                    "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0;"
                    f" SELECT pg_advisory_xact_lock({self._locks.all})"
                )
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        """Look at the version, before it is locked."""

    def rows(self, table: Table) -> Generator[Row]:
        """Return what a table has."""
        cursor = self._db.raw.cursor()
        statement = f"COPY {table.name} ({table.columns}) TO STDOUT (FORMAT BINARY)".encode()
        with mapped_errors(), cursor.copy(statement) as copy:
            copy.set_types([_TYPES[kind] for kind in table.kinds.values()])
            yield from copy.rows()

    def note(self, note: OnServer) -> None:
        """Note how far a move is, and commit all that was done."""
        with mapped_errors():
            if self._db.is_idle:
                self._db.script("BEGIN")
            notes.note(self._db, MOVED, str(note))
            self._db.commit()

    def forget(self) -> None:
        """Take the note away: the journal is here, and nothing keeps anybody from it."""
        with mapped_errors():
            self._db.script(f"DELETE FROM meta WHERE key = '{MOVED}'")

    def close(self) -> None:
        """Let it go; what was not committed is undone."""
        self._db.close()


class MovedServer(_End):
    """The schema that is moved."""

    def _prepare(self) -> None:
        version = schema.version_of(self._db)
        if version.number != steps.known():
            raise of_another_version(version.number, steps.known())
        demand_here(self._db, self._locks.agent)

    def count(self, table: Table) -> int:
        """Return how many rows a table has."""
        return int(self._db.script(f"SELECT COUNT(*) FROM {table.name}")[0][0])

    def last_ids(self) -> dict[str, int]:
        """Return the last id that each table has given."""
        found = dict[str, int]()
        for name, sequence in self._db.script(_SEQUENCES):
            if name in steps.OWN:
                continue
            ((last, is_called),) = self._db.script(f"SELECT last_value, is_called FROM {sequence}")
            found[name] = int(last) if is_called else 0
        return found


class NewServer(_End):
    """The schema that is filled."""

    has_nul = False

    def __init__(self, server: Server, file: str) -> None:
        """`file` is the one that it is filled from: what a move of it has left when it was cut off goes."""
        self._file = file
        super().__init__(server)

    def _prepare(self) -> None:
        schema.prepare(self._db, self.server, self._locks)

    def demand_empty(self, tables: Iterable[Table]) -> None:
        """Raise MoveRejected where it has a journal already."""
        with mapped_errors():
            names = [each.name for each in tables]
            found = [name for name in names if name != "meta" and self._db.script(f"SELECT 1 FROM {name} LIMIT 1")]
            if not found:
                return
            note = notes.noted(self._db, MOVED)
            begun = OnServer.read(note) if note else None
            if begun is None or begun.state != "arriving":
                raise _not_empty(self.server)
            if not begun.is_here or begun.file != self._file:  # that other file may say that it has moved
                raise has_not_arrived(begun)
            try:
                self._db.script("TRUNCATE " + ", ".join(name for name in names if name != "meta"))
            except errors.InsufficientPrivilege as error:
                raise _not_empty(self.server) from error

    def write(self, table: Table, rows: Iterable[Row]) -> None:
        """Add rows; the notes of a new journal go."""
        with mapped_errors():
            if table.name == "meta":
                self._db.script(f"DELETE FROM meta WHERE key NOT IN ({_OURS})")
            statement = f"COPY {table.name} ({table.columns}) FROM STDIN (FORMAT BINARY)".encode()
            with self._db.raw.cursor().copy(statement) as copy:
                copy.set_types([_TYPES[kind] for kind in table.kinds.values()])
                for row in rows:
                    copy.write_row(row)

    def give_ids_from(self, last: dict[str, int]) -> None:
        """Let each table go on behind the last id that was given, or the highest that is there."""
        with mapped_errors():
            for name, sequence in self._db.script(_SEQUENCES):
                ((highest,),) = self._db.script(f"SELECT COALESCE(MAX(id), 0) FROM {name}")
                number = max(int(highest), last.get(name, 0))
                self._db.script(f"SELECT setval('{sequence}', {max(number, 1)}, {bool(number)})")


_SEQUENCES: Final = (
    "SELECT table_name::text, pg_get_serial_sequence(quote_ident(table_name), 'id') FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND column_name = 'id' AND is_identity = 'YES' ORDER BY 1"
)


def demand_here(db: PostgresDb, agents_lock: int | None = None) -> None:
    """Raise AgentError where the journal has moved away, or has not arrived.

    With the number of the agent's lock, for whoever writes, a note that is over is taken away; none is while a move
    goes on.
    """
    if not (text := notes.noted(db, MOVED)):
        return
    note = OnServer.read(text)
    if agents_lock is None:
        _demand(note)
        return
    if db.script(f"SELECT pg_try_advisory_lock({agents_lock})") != [(True,)]:
        raise has_not_arrived(note)
    try:
        _demand(note)
        db.script(f"DELETE FROM meta WHERE key = '{MOVED}'")
    except AgentError as error:
        if error.code == _MOVED and note.state != "left":  # for the file may be called otherwise tomorrow
            notes.note(db, MOVED, str(note._replace(state="left")))
        raise
    finally:
        db.script(f"SELECT pg_advisory_unlock({agents_lock})")


def demand_unmoved(noted: Mapping[str, str]) -> None:
    """Raise AgentError where the journal has moved, or begun to, while it was open."""
    if MOVED in noted:
        note = OnServer.read(noted[MOVED])
        raise has_moved(note.file) if note.state == "left" else has_not_arrived(note)


def _demand(note: OnServer) -> None:
    if (error := _elsewhere(note)) is not None:
        raise error


def _elsewhere(note: OnServer) -> AgentError | None:
    """Say where the journal is, by what the file at the other end notes; None: here."""
    if note.state == "left":
        return has_moved(note.file)
    file = Path(note.file)
    if note.state == "arriving":
        is_here = ToServer.read(of_files.noted(file, MOVED_TO)).id == note.id
    elif of_files.noted(file, MOVED_IN) == note.id:
        return has_moved(note.file)
    else:
        is_here = of_files.noted(Path(note.part), MOVED_IN) == note.id
    return None if is_here else has_not_arrived(note)


def _not_empty(server: Server) -> MoveRejected:
    return MoveRejected(
        "journal.move-target",
        f"there is a journal already in {server}; nothing was changed.",
        hint=f"Name another schema. If nobody needs that one, a DBA removes it: DROP SCHEMA {server.schema} CASCADE.",
    )
