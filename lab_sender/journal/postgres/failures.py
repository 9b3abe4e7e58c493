"""What PostgreSQL's errors mean to us.

Holds: the one edge at which they are mapped.
Promises: what may pass by itself is JournalUnavailable; what the disk or the server's files are to blame for is
`journal.damaged`; all else stays what it is. No text has a value of a statement.
Never: tries again.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Final, NoReturn

import psycopg

from lab_sender.journal.database import JournalUnavailable, damaged

_PASSES: Final = (
    (("40", "55P03", "57014"), "SQLITE_BUSY", "another one has locked the journal"),
    (("53",), "SQLITE_FULL", "PostgreSQL has no room or no connection left"),
    (("25006",), "SQLITE_READONLY", "this PostgreSQL takes no writes: it is a standby"),
)
"""What passes by itself: the beginnings of its SQLSTATE, SQLite's name for it, and what we say."""
_AWAY: Final = ("08", "57P", "25P03")
_DAMAGED: Final = ("XX001", "XX002", "58030")
_HINT: Final = "See that PostgreSQL runs and can be reached; a running agent goes on by itself."


@contextlib.contextmanager
def mapped_errors() -> Iterator[None]:
    """Map PostgreSQL's errors within a block."""
    try:
        yield
    except psycopg.Error as error:
        raise_mapped(error)


def raise_mapped(error: BaseException) -> NoReturn:
    """Raise an error as what it means to us."""
    if not isinstance(error, psycopg.Error):
        raise error
    state = error.sqlstate or ""
    if state.startswith(_DAMAGED):
        raise damaged(f"PostgreSQL says {state}") from error
    for states, name, text in _PASSES:
        if state.startswith(states):
            raise JournalUnavailable(
                f"journal.{name.removeprefix('SQLITE_').lower()}",
                f"{text} ({state}); nothing is sent without the journal.",
                hint=_HINT,
            ) from error
    if is_lost(error):
        raise _unreachable("" if state else _said(error)) from error
    raise error


def not_sure(warning: str) -> JournalUnavailable:
    """Make the error of a COMMIT that came with a warning of this SQLSTATE: the same again comes to the same.

    It is a server that ends, or else a standby that has not confirmed it.
    """
    if warning.startswith(_AWAY):
        return _unreachable("")
    return JournalUnavailable(
        "journal.not-replicated",
        "PostgreSQL did not wait until a standby had what was written; nothing is sent without that.",
        hint="Somebody has cancelled the wait. See to the standby, or to synchronous_standby_names.",
    )


def is_lost(error: psycopg.Error) -> bool:
    """Say whether the connection is to blame, not what was asked over it."""
    state = error.sqlstate or ""
    return state.startswith(_AWAY) or (not state and isinstance(error, psycopg.OperationalError))


def _unreachable(said: str) -> JournalUnavailable:
    text = f"PostgreSQL cannot be reached{said}; nothing is sent without the journal."
    return JournalUnavailable("journal.unreachable", text, hint=_HINT)


def _said(error: psycopg.Error) -> str:
    """Return what libpq said of a connection: addresses, names and the server's refusal, and never a password."""
    first = next(iter(str(error).strip().splitlines()), "")
    text = re.sub(r"^connection (?:is bad|failed): ", "", re.sub(r"\s+", " ", first))[:200]
    return f" ({text})" if text else ""
