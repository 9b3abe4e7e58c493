"""The one start that brings an older journal up to date: until it is open, its copy made, and an agent has begun.

The journals of tests/journal, which older versions wrote, with each row of theirs that a waiting, a quarantined and a
delivered message has, over and over: a third of the messages each, every one its own file and order, two thousand
bytes long. Ends with 1 where one takes longer than it may.

`python benchmarks/upgrade.py [--messages 100000]`
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import rig

from lab_sender.journal import Journal

MOST_S: Final = 10.0
_DUMPS: Final = Path(__file__).parents[1] / "tests" / "journal"
_JOURNALS: Final = {
    1: ("journal-v1.sql",), 2: ("journal-v2-schema.sql", "journal-v2.sql"), 3: ("journal-v3.sql",),
    4: ("journal-v4-written.sql",),
}  # fmt: skip
_STATES: Final = ("spooled", "quarantined", "acked")
_APART: Final = 1000
"""How far the ids of two copies of a row are apart."""
_MORE: Final = b"OBX|9|NM|718-7^Hb^LN||1|g/dL|||||F|||20261122101500\r" * 32
_ID: Final = "{0} + n.i * " + str(_APART)
_OWN: Final = "{0} || '-' || n.i"
_COPIED: Final[Mapping[str, Mapping[str, str]]] = {
    "source": {"id": _ID, "claim_id": _OWN},
    "file": {"source_id": _ID, "claimed_as": _OWN},
    "message": {"id": _ID, "source_id": _ID, "control_id": _OWN, "replaces": "NULL", "same_as": "NULL"},
    "wire": {"message_id": _ID, "body": "CAST({0} || :more AS BLOB)", "crc32": "crc32({0} || :more)"},
    "message_order": {"message_id": _ID, "order_key": _OWN},
    "attempt": {"message_id": _ID},
}
"""What a copy has for itself; `id` of a file and an attempt are given by SQLite."""


def make(path: Path, version: int, messages: int) -> int:
    """Make a journal of this schema with at least so many messages; returns how many there are."""
    import zlib

    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for name in _JOURNALS[version]:
            db.executescript((_DUMPS / name).read_text("utf-8"))
        db.execute("PRAGMA synchronous = OFF")
        db.create_function("crc32", 1, lambda body: zlib.crc32(body if isinstance(body, bytes) else body.encode()))
        chosen = [row[0] for row in (_one(db, state) for state in _STATES) if row is not None]
        ids = ", ".join(map(str, chosen))
        copies = messages // len(chosen)
        where = {
            "source": f"id IN (SELECT source_id FROM message WHERE id IN ({ids}))",
            "file": f"source_id IN (SELECT source_id FROM message WHERE id IN ({ids}))",
            "message": f"id IN ({ids})",
        }
        db.execute("BEGIN")
        for table, own in _COPIED.items():
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            columns = [name for name in columns if name != "id" or "id" in own]
            values = [own.get(name, "{0}").format(f"t.{name}") for name in columns]
            db.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :copies)"
                f" INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM n CROSS JOIN"
                f" (SELECT * FROM {table} WHERE {where.get(table, f'message_id IN ({ids})')}) t",
                {"copies": copies, "more": _MORE},
            )
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'tally'").fetchone():
            db.execute("UPDATE tally SET number = number + ? WHERE what = 'messages'", (copies * len(chosen),))
        db.execute("COMMIT")
        (count,) = db.execute("SELECT COUNT(*) FROM message").fetchone()
    return int(count)


def _one(db: sqlite3.Connection, state: str) -> tuple[int] | None:
    """Find a message of this state with bytes, in a file of its own."""
    found: tuple[int] | None = db.execute(
        "SELECT MIN(m.id) FROM message m JOIN wire w ON w.message_id = m.id WHERE m.state = ? GROUP BY m.source_id"
        " HAVING COUNT(*) = 1 ORDER BY 1",
        (state,),
    ).fetchone()
    return found


def main() -> int:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--messages", type=int, default=100_000)
    options = parser.parse_args()
    slow = False
    for version in _JOURNALS:
        with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name:
            path = Path(name) / "journal.db"
            count = make(path, version, options.messages)
            before = os.stat(path).st_size
            begun_s = time.perf_counter()
            journal = Journal(path)
            open_s = time.perf_counter() - begun_s
            journal.begin()
            took_s = time.perf_counter() - begun_s
            with journal.store.reading() as db:
                (left,) = db.execute("SELECT COUNT(*) FROM message").fetchone()
            journal.close()
            copy = path.with_name(f"journal.db.schema-{version}.bak")
            figures = {
                "messages": count,
                "MiB": before / 2**20,
                "seconds until it is open": open_s,
                "seconds until an agent has begun": took_s,
                "MiB of the copy": os.stat(copy).st_size / 2**20,
                "messages lost": count - left,
            }
            slow |= took_s > MOST_S
            rig.show(f"a journal of schema {version}", figures, as_json=options.json)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
