"""A journal moved from a file to a PostgreSQL, or back.

Holds: the steps of a move, in their order.
Promises: all of it arrives, compared before it counts, or nothing was changed. Killed at whatever instant, one of the
two journals may be worked on and the other one not (moved.py). The instant at which it has moved: to a PostgreSQL,
the COMMIT by which the file says so (`MovedFile.leave`), behind that of the database; to a file, the rename that
gives it its name.
Never: looks whether an agent runs beside a file; edits a configuration.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar, cast

from lab_sender.config.server import Server
from lab_sender.errors import LabSenderError
from lab_sender.ids import new_id
from lab_sender.journal.contents import Copied, MoveRejected, Progress, copy
from lab_sender.journal.database import Address
from lab_sender.journal.moved import MOVED_TO, ToServer, has_not_arrived, of_this_machine
from lab_sender.journal.opening import driver
from lab_sender.journal.sqlite.copies import TargetTaken, demand_free
from lab_sender.journal.sqlite.moving import MovedFile, made, noted, tables

__all__ = ["Copied", "MoveRejected", "Progress", "move"]


class _End(Protocol):
    def close(self) -> None:
        """Let it go."""


Old = TypeVar("Old", bound=_End)
New = TypeVar("New", bound=_End)


def move(source: Address, target: Address, progress: Progress) -> Copied:
    """Move a journal; every mistake of both ends is found before anything is done. No agent may run.

    Raises MoveRejected, TargetTaken, AgentError, JournalUnavailable.
    """
    if isinstance(source, Path) and isinstance(target, Server):
        return _to_server(source, target, progress)
    if isinstance(source, Server) and isinstance(target, Path):
        return _to_file(source, target, progress)
    raise MoveRejected(
        "journal.move-way",
        f"a journal moves from a file to a PostgreSQL, or back, not from {source} to {target}; nothing was changed.",
        hint="From one PostgreSQL to another: pg_dump and pg_restore. A file: stop the agent, move journal.db*.",
    )


def _to_server(path: Path, server: Server, progress: Progress) -> Copied:
    with driver():
        from lab_sender.journal.postgres.moving import NewServer

    this = new_id()
    file = str(path.resolve())
    with _both(lambda: MovedFile(path), lambda: NewServer(server, file)) as (old, new):
        every = tables()
        new.demand_empty(every)
        copied = copy(every, old, new, progress)
        new.note(of_this_machine(this, "arriving", file))
        old.leave(ToServer(this, str(server)))
        with contextlib.suppress(LabSenderError):  # whoever opens it next sees that the file says so
            new.forget()
    return copied


def _to_file(server: Server, path: Path, progress: Progress) -> Copied:
    with driver():
        from lab_sender.journal.postgres.moving import MovedServer

    this = new_id()
    file = str(path.resolve())
    with _both(lambda: MovedServer(server), lambda: _Free(path)) as (old, _):
        try:
            with made(path, lambda part: old.note(of_this_machine(this, "leaving", file, str(part)))) as new:
                copied = copy(tables(), old, new, progress)
                new.note(this)
        except Exception as error:
            if isinstance(error, TargetTaken) or not path.exists():  # else it has its name
                with contextlib.suppress(LabSenderError):
                    old.forget()
            raise
        left = of_this_machine(this, "left", file)
        try:
            old.note(left)
        except LabSenderError as error:
            raise has_not_arrived(left) from error
    return copied


class _Free:
    """The place of a file that is not there yet."""

    def __init__(self, path: Path) -> None:
        if noted(path, MOVED_TO):
            raise MoveRejected(
                "journal.move-target",
                f"{path} is the journal that has moved away from there; nothing was changed.",
                hint=f"Move the files {path.name}* to another folder first, or name another file.",
            )
        demand_free(path)
        if not path.parent.is_dir():
            raise MoveRejected(
                "journal.move-target", f"{path.parent} is no folder; nothing was changed.", hint="Make it first."
            )

    def close(self) -> None:
        """Do nothing: nothing was made."""


@contextlib.contextmanager
def _both(open_old: Callable[[], Old], open_new: Callable[[], New]) -> Iterator[tuple[Old, New]]:
    """Open both ends, and close them; where neither can be opened, both are said."""
    with contextlib.ExitStack() as stack:
        mistakes = list[LabSenderError]()
        ends = [_opened(each, stack, mistakes) for each in (open_old, open_new)]
        if len(mistakes) > 1:
            text = "; ".join(f"{each.code}: {each.text}" for each in mistakes)
            raise MoveRejected("journal.move-rejected", text, hint=" ".join(each.hint for each in mistakes))
        if mistakes:
            raise mistakes[0]
        yield cast("tuple[Old, New]", tuple(ends))


def _opened(make: Callable[[], _End], stack: contextlib.ExitStack, mistakes: list[LabSenderError]) -> _End | None:
    try:
        end = make()
    except LabSenderError as error:
        mistakes.append(error)
        return None
    stack.callback(end.close)
    return end
