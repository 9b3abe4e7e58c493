"""Single facts about the journal as a whole, by name: the table `meta`.

Holds: the names, and the two statements.
Promises: a note is part of the transaction that it is made in.
Never: has a row for what belongs to a message, a file or a lane.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal

from lab_sender.journal.database import Db, Reader
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("notes")

Note = Literal[
    "archives",  # what retention has written before it deleted it: the files, in JSON
    "agent_run",  # the process that noted `clean` last
    "clean",  # 1: the last agent ended in good order
    "claimed",  # where the claimed files of each outbox of the agent lie, in JSON
    "config_digest",  # of the configuration that the agent works with
    "disk_room",  # what was free on the journal's disk, hour by hour, in JSON
    "filing_trouble",  # what filing waits for
    "his",  # where the agent delivers to: the one address, or (JSON) the address of each destination
    "intake_trouble",  # what intake waits for
    "machine_run",  # in which run of the machine the agent began; empty: the journal is doubted
    "moved",  # on a PostgreSQL: how far a move is (moved.py), in JSON
    "moved_in",  # of a file: the move that it came by
    "moved_to",  # of a file: where the journal is now, in JSON
    "outboxes",  # the names of those that an agent has served, in JSON
    "retention_clock",  # since when the clock has not leapt, and when retention saw it last, in JSON
    "retention_done",  # when retention last deleted all that may be, in ms
    "retention_trouble",  # why it could not
    "reading_alone",  # which files were being read by themselves
    "reload_answer",  # what became of the last requests to take a changed configuration, in JSON
    "reload_asked",  # those that have no answer yet: their ids and who asked, in JSON
    "taken",  # when a file of each outbox came last, and up to which source that is known, in JSON
    "wards_since",  # from when on messages have their ward, in ms; nothing: all have it
]


_AN_AGENTS_OWN: Final = frozenset(
    {
        "agent_run", "clean", "claimed", "config_digest", "disk_room", "filing_trouble", "intake_trouble",
        "machine_run", "outboxes", "reading_alone", "reload_answer", "reload_asked", "retention_clock",
        "retention_done", "retention_trouble", "taken",
    }
)  # fmt: skip
"""What each agent notes for itself, where several share the journal."""


def note(db: Db, key: Note, value: str) -> None:
    """Note a fact, within a transaction."""
    db.execute(_SQL["note"], {"key": _named(key, db), "value": value})


def noted(db: Db, key: Note) -> str:
    """Return what is noted; "" where nothing is."""
    row = db.execute(_SQL["noted"], {"key": _named(key, db)}).fetchone()
    return str(row[0]) if row else ""


def shown(reader: Reader, key: Note) -> str:
    """Return what is noted, to whoever only looks; "" where nothing is."""
    rows = reader.rows(_SQL["noted"], {"key": _named(key, reader)})
    return str(rows[0][0]) if rows else ""


def claimed_otherwise(reader: Reader) -> dict[str, str]:
    """Return what is noted as `claimed` by agents that had the journal alone, or, to one that has, by several."""
    found = dict[str, str]()
    for key, value in reader.rows(_SQL["claimed"]):
        if ("@" in key) != bool(reader.node):
            found |= json.loads(value)
    return found


def begun(reader: Reader) -> bool:
    """Say whether an agent has begun on it, whichever: its tables may have been made before."""
    return bool(reader.rows(_SQL["begun"]))


def says_clean(clean: str, asked: object) -> bool:
    """Say whether by its note an agent ended in good order; one of several that never began has none."""
    return clean == "1" or (not clean and bool(_node(asked)))


def _named(key: Note, asked: object) -> str:
    """Return a note's name: that of the node which a connection is of, where it is an agent's own."""
    node = _node(asked)
    return f"{key}@{node}" if node and key in _AN_AGENTS_OWN else key


def _node(asked: object) -> str:
    return getattr(asked, "node", "")  # SQLite's own connection has none


def note_his(db: Db, his: str | Mapping[str, str]) -> None:
    """Note where the agent delivers to."""
    note(db, "his", his if isinstance(his, str) else json.dumps(dict(his)))


def his_noted(text: str) -> dict[str, str]:
    """Read that note: destination -> address, "" for one that is not named."""
    return dict(json.loads(text)) if text.startswith("{") else {"": text} if text else {}
