"""`journal move`: the journal to a PostgreSQL, or back into a file.

Holds: what is asked for before, and the lines that config.yaml needs behind it.
Promises: no agent runs meanwhile, on this machine or on that database. What page and alerts keep goes with it: to a
PostgreSQL with the first start there (taken_along.py), back before the journal does. Wherever the journal is then,
they are.
Never: edits the configuration.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from lab_sender import files
from lab_sender.config.server import SCHEMA
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations.installation import AgentRuns, Installation, Later
from lab_sender.operations.records import NAME, Records
from lab_sender.operations.values import FORMAT, Value, about
from lab_sender.operations.yaml_words import value_text

if TYPE_CHECKING:
    from lab_sender.config.server import Server
    from lab_sender.journal.moving import Progress


class BadTarget(LabSenderError):
    """The place to move to is none; nothing was changed."""

    exit_code = ExitCode.USAGE


class Target(NamedTuple):
    """Where to: a file, or an address of a PostgreSQL with its schema and files of TLS."""

    place: str
    schema: str = SCHEMA
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class MovedTable(Value, frozen=True):
    """A table that moved."""

    table: Annotated[str, about("The table.")]
    rows: Annotated[int, about("Its rows: as many, and the same, on both sides.")]


class JournalMoved(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/journal-moved/1"):
    """What `journal move` did."""

    source: Annotated[str, about("Where the journal was; an agent does not start there any more.")]
    target: Annotated[str, about("Where it is. No password is in it.")]
    tables: Annotated[tuple[MovedTable, ...], about("What moved.")]
    nul_replaced: Annotated[
        dict[str, int], about("In how many texts, by table and column, a NUL became U+FFFD: PostgreSQL's hold none.")
    ]
    configuration: Annotated[tuple[str, ...], about("What config.yaml has to say of it from now on, line by line.")]


def move(installation: Installation, target: Target, progress: Progress) -> JournalMoved:
    """Move the journal. Raises NoJournal, AgentRuns, BadTarget, MoveRejected, TargetTaken, AgentError."""
    from lab_sender.journal import moving

    installation.want_journal()
    place = _place(target)
    with _no_agent(installation), _records(installation):
        copied = moving.move(installation.journal_at, place, progress)
    lines = _to_file(installation, place) if isinstance(place, Path) else _to_server(target)
    tables = tuple([MovedTable(name, rows) for name, rows in copied.rows.items()])
    return JournalMoved(str(installation.journal_at), str(place), tables, copied.nul, tuple(lines))


def _place(target: Target) -> Path | Server:
    """Read where to, as the configuration would. Raises BadTarget."""
    if "://" not in target.place:
        return Path(target.place).absolute()
    from pydantic import ValidationError

    from lab_sender.config.journal import JournalSettings

    tls = {name: str(each) for name in ("ca", "certificate", "key") if (each := getattr(target, name)) is not None}
    section = {"database": target.place, "schema": target.schema, **({"tls": tls} if tls else {})}
    try:
        server = JournalSettings.model_validate(section).server
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, each['loc']))} {each['msg']}" for each in error.errors())
        raise BadTarget("journal.move-address", f"{said}.", hint="postgresql://USER@HOST/DATABASE") from None
    assert server is not None
    return server


@contextlib.contextmanager
def _no_agent(installation: Installation) -> Iterator[None]:
    """Take the locks of an agent. Raises AgentRuns."""
    from lab_sender.premises.locks import lock_files

    installation.want_no_agent()
    first, *others = lock_files(*(each.folders for each in installation.config.outboxes))
    with contextlib.ExitStack() as stack:
        files.make_folder(first.parent)
        paths = [first, *(each for each in (*others, installation.journal_path) if files.exists(each))]
        for path in dict.fromkeys(paths):
            lock = files.take_lock(path)
            if lock is None:
                raise AgentRuns
            stack.callback(lock.close)
        yield


@contextlib.contextmanager
def _records(installation: Installation) -> Iterator[None]:
    """Bring back what page and alerts keep on a PostgreSQL, to where the journal is behind the block. Raises Later.

    Where nobody can say whether it stays, both places have it: one that does puts the file away (taken_along.py).
    """
    server, path = installation.config.folders.database, installation.journal_path.with_name(NAME)
    if server is None:
        yield
        return
    from lab_sender.operations.taken_along import brought_back

    with contextlib.closing(installation.records()) as records:
        records.rows("SELECT 1")  # what lies on this machine is taken along first
        if path.exists():
            text = f"{path} is there, and is open, or cannot be read; nothing was changed."
            raise Later("records.there", text, hint="Stop the page (`lab-sender web`), or move that file away.")
        is_whole = False
        try:
            with brought_back(records, path, server.node):
                is_whole = True
                yield
        except BaseException:
            if not is_whole or _stays(records):
                files.remove(path)
            raise


def _stays(records: Records) -> bool:
    """Say whether the journal is known to be in its database still: no move has begun, or it was undone."""
    try:
        with records.transaction():
            return True
    except LabSenderError:
        return False


def _to_server(target: Target) -> Iterator[str]:
    yield "journal:"
    yield f"  database: {value_text(target.place)}"
    if target.schema != Target._field_defaults["schema"]:
        yield f"  schema: {target.schema}"
    if os.environ.get("PGPASSWORD"):
        yield "  password: ${LAB_SENDER_DB_PASSWORD}"
    given = {name: getattr(target, name) for name in ("ca", "certificate", "key")}
    tls = [f"{name}: {value_text(str(path))}" for name, path in given.items() if path is not None]
    if tls:
        yield f"  tls: {{{', '.join(tls)}}}"
    yield f"# accounts, audit and alerts ({NAME}) go there with the first start"


def _to_file(installation: Installation, path: Path) -> Iterator[str]:
    yield "# without the section `journal:`"
    yield "folders:"
    yield f"  journal: {value_text(str(installation.journal_path.parent))}"
    yield f"# accounts, audit and alerts are in {installation.journal_path.with_name(NAME)}"
    if path != installation.journal_path:
        yield f"# and {path} moved to {installation.journal_path}"
