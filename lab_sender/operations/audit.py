"""The audit: who saw and did what, in a chain that shows whether a row was changed.

Holds: `Audit`, which adds rows and reads them, and `verify`, which walks the chain; `Kept`, one that is taken along.
Promises: a row is on the disk when `note` or `asked` returns: before data is sent, before an act is done. Each row's
hash covers the row before it; each year of rows begins with the hash that the year before closed with.
Never: holds a value, a patient's name or a file's name; a patient's key only where his data was shown.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import logging
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from msgspec.structs import replace

from lab_sender.errors import LabSenderError
from lab_sender.journal.database import now_ms
from lab_sender.log import say
from lab_sender.operations.records import Connection, Records
from lab_sender.operations.rights_of import MASK, Visitor
from lab_sender.operations.values import FORMAT, Instant, Value, about

Phase = Literal["noted", "asked", "done", "rejected"]
FIRST: Final = bytes(32)
"""What the first year begins with."""
_COVERED: Final = (
    "id", "year", "at_ms", "who", "role", "address", "act", "phase", "asked", "target", "patient", "why", "detail",
)  # fmt: skip
_ADD: Final = (
    f"INSERT INTO audit ({', '.join(_COVERED)}, hash) VALUES ({', '.join(f':{each}' for each in _COVERED)}, :hash)"
)
_OF_YEAR: Final = ("year", "opening", "closing", "last_id", "removed_ms")
_ADD_YEAR: Final = (
    f"INSERT INTO audit_segment ({', '.join(_OF_YEAR)}) VALUES ({', '.join(f':{each}' for each in _OF_YEAR)})"
)
_ROWS: Final = f"SELECT {', '.join(_COVERED)}, hash FROM audit"
_CHUNK: Final = 1000


class AuditRow(Value, frozen=True):
    """One row of the audit."""

    id: Annotated[int, about("Its number; they have no gaps.")]
    at_ms: Annotated[Instant, about("When, in ms since 1970 UTC.")]
    who: Annotated[str, about("The account, the key, or who typed it.")]
    role: Annotated[str, about("The role that he had.")]
    address: Annotated[str, about("From where; empty: the command line.")]
    act: Annotated[str, about("What: `login`, `reveal`, `release`, ...")]
    phase: Annotated[Phase, about("noted; of an act asked, then done or rejected.")]
    asked: Annotated[int | None, about("Of done and rejected: the row that asked.")]
    target: Annotated[str, about("What it was about: a message's id, an account, a setting.")]
    patient: Annotated[str, about("The patient's key, where one was shown. Patient data.")]
    why: Annotated[str, about("The reason that was given. May be patient data.")]
    detail: Annotated[str, about("Codes and counts.")]


class AuditListing(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/audit/1"):
    """What `audit list` shows, the newest first."""

    rows: Annotated[tuple[AuditRow, ...], about("The rows, the newest first.")]
    more: Annotated[bool, about("There are older ones.")]


class AuditVerdict(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/audit-verify/1"):
    """What `audit verify` finds."""

    ok: Annotated[bool, about("No row was changed or removed.")]
    rows: Annotated[int, about("How many rows were looked at.")]
    years: Annotated[tuple[int, ...], about("The years that are there, the oldest first.")]
    removed_years: Annotated[tuple[int, ...], about("The years that retention has removed.")]
    last_hash: Annotated[str, about("The hash of the last row; written down elsewhere, it proves the rows to it.")]
    first_wrong: Annotated[int | None, about("The first row that is not as it was written.")]
    text: Annotated[str, about("The same in words.")]


class Kept:
    """The audit of another database, to be read within a transaction of its `Records`."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def years(self) -> list[dict[str, Any]]:
        """Return its years, the oldest first."""
        rows = self._db.execute(f"SELECT {', '.join(_OF_YEAR)} FROM audit_segment ORDER BY year")
        return [dict(zip(_OF_YEAR, row, strict=True)) for row in rows]

    def chunks(self) -> Iterator[list[dict[str, Any]]]:
        """Yield its rows, the oldest first."""
        after = 0
        while True:
            rows = self._db.execute(f"{_ROWS} WHERE id > ? ORDER BY id LIMIT {_CHUNK}", (after,)).fetchall()
            if not rows:
                return
            yield [dict(zip((*_COVERED, "hash"), row, strict=True)) for row in rows]
            after = rows[-1][0]

    @property
    def has_nul(self) -> bool:
        """Whether a text has a NUL, which PostgreSQL's hold none of: its hash would be another one."""
        return any(without_nul(value) != value for chunk in self.chunks() for row in chunk for value in row.values())


def without_nul(value: Any) -> Any:
    """Take NUL from a text."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


def without_patients(listing: AuditListing) -> AuditListing:
    """Return a list with what may be of patients masked."""
    rows = [
        replace(each, patient=MASK if each.patient else "", why=MASK if each.why else "") for each in listing.rows
    ]
    return AuditListing(tuple(rows), listing.more)


class Audit:
    """The audit of one installation."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def note(
        self,
        visitor: Visitor,
        act: str,
        *,
        target: str = "",
        patient: str = "",
        why: str = "",
        detail: str = "",
        phase: Phase = "noted",
        asked: int | None = None,
    ) -> int:
        """Add a row; it is on the disk on return. Returns its number. Raises RecordsUnavailable."""
        with self._records.transaction() as db:
            return self.note_in(
                db, visitor, act, target=target, patient=patient, why=why, detail=detail, phase=phase, asked=asked
            )

    def note_in(self, db: Connection, visitor: Visitor, act: str, **more: Any) -> int:
        """Add a row within a transaction of `Records`: it is there if what the transaction does is."""
        at_ms = now_ms()
        year = max(datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).year, _last_year(db))
        last_id, last_hash = _last(db)
        _open_year(db, year, last_id, last_hash)
        row = {"target": "", "patient": "", "why": "", "detail": "", "phase": "noted", "asked": None} | more
        row |= {"id": last_id + 1, "year": year, "at_ms": at_ms, "act": act}
        row |= {"who": visitor.name, "role": visitor.role, "address": visitor.address}
        row = {name: without_nul(value) for name, value in row.items()}
        db.execute(_ADD, row | {"hash": _hash(last_hash, row)})
        return last_id + 1

    def take_along(self, db: Connection, kept: Kept, *, is_whole: bool) -> int:
        """Add what another audit has, within a transaction of `Records`; returns how many rows.

        Where there is no row yet and that one `is_whole`, it is this one from now on, with its numbers and hashes.
        Else its rows come behind ours, each with its own time, in our chain.
        """
        years = kept.years()
        last_id, last_hash = _last(db)
        if is_whole and not last_id:
            for each in years:
                db.execute(_ADD_YEAR, each)
            count = 0
            for chunk in kept.chunks():
                db.executemany(_ADD, chunk)
                count += len(chunk)
            return count
        year = max(datetime.datetime.now(datetime.UTC).year, _last_year(db))
        _open_year(db, year, last_id, last_hash)
        numbers, count = dict[int, int](), 0
        for chunk in kept.chunks():
            added = []
            for old in chunk:
                last_id, count = last_id + 1, count + 1
                numbers[old["id"]] = last_id
                row = {name: without_nul(old[name]) for name in _COVERED}
                row |= {"id": last_id, "year": year, "asked": numbers.get(old["asked"])}
                last_hash = _hash(last_hash, row)
                added.append(row | {"hash": last_hash})
            db.executemany(_ADD, added)
        return count

    @contextlib.contextmanager
    def around(self, visitor: Visitor, act: str, *, target: str = "", why: str = "") -> Iterator[list[str]]:
        """Note that an act is asked for, let the block do it, and note how it ended.

        The block may append to what it is given: that is the detail of `done`. An error that it raises is noted as
        `rejected` with its code. After a kill within the block, or where its end cannot be noted, there is `asked`
        alone.
        """
        asked = self.note(visitor, act, target=target, why=why, phase="asked")
        detail = list[str]()
        try:
            yield detail
        except BaseException as error:
            code = error.code if isinstance(error, LabSenderError) else type(error).__name__
            self._note_end(visitor, act, target, code, "rejected", asked)
            raise
        self._note_end(visitor, act, target, " ".join(detail), "done", asked)

    def _note_end(self, visitor: Visitor, act: str, target: str, detail: str, phase: Phase, asked: int) -> None:
        """Note how an act ended. Where that cannot be noted it has ended all the same: whoever asked is told how."""
        try:
            self.note(visitor, act, target=target, detail=detail, phase=phase, asked=asked)
        except LabSenderError as error:
            say(logging.ERROR, "audit.incomplete", code=error.code, asked=asked, phase=phase)

    def listing(self, *, limit: int = 50, before: int | None = None, who: str = "", act: str = "") -> AuditListing:
        """List rows, the newest first: those before a number, of one person, of one act."""
        where = "id < :before AND (:who = '' OR who = :who) AND (:act = '' OR act = :act)"
        values = {"before": before or 1 << 62, "who": who, "act": act, "limit": limit + 1}
        found = self._records.dicts(f"{_ROWS} WHERE {where} ORDER BY id DESC LIMIT :limit", values)
        rows = [AuditRow(**{name: each[name] for name in AuditRow.__struct_fields__}) for each in found[:limit]]
        return AuditListing(tuple(rows), len(found) > limit)

    def verify(self) -> AuditVerdict:
        """Walk the chain from its first row to its last, as it is now: others may add rows meanwhile."""
        with self._records.snapshot():
            return self._verified()

    def check(self) -> AuditVerdict:
        """Walk the chain, and keep what was found for whoever asks how it stands."""
        found = self.verify()
        with self._records.transaction() as db:
            db.execute(
                "INSERT INTO audit_check VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET at_ms = excluded.at_ms, first_wrong = excluded.first_wrong",
                (now_ms(), found.first_wrong),
            )
        return found

    def _verified(self) -> AuditVerdict:
        segments = self._records.dicts("SELECT * FROM audit_segment ORDER BY year")
        last = self._records.last_audit_row()
        before, number, count, wrong = FIRST, 0, 0, None
        noted = {row[0] for row in self._records.rows("SELECT target FROM audit WHERE act = 'audit-remove'")}
        newest_gone = max((each["year"] for each in segments if each["removed_ms"] is not None), default=0)
        for each in segments:
            if each["opening"] != before or (each["year"] == newest_gone and str(newest_gone) not in noted):
                wrong = number + 1  # of older years the row that says so may have gone with a year itself
            elif each["removed_ms"] is not None:
                before, number = each["closing"], each["last_id"]
            else:
                begun = number
                before, number, wrong = self._walk(each["year"], before, number)
                count += number - begun
                if wrong is None and each["closing"] is not None and (each["closing"], each["last_id"]) != (
                    before, number,
                ):  # fmt: skip
                    wrong = number + 1
            if wrong is not None:
                break
        if wrong is None and number != last:
            wrong = number + 1
        years = tuple(each["year"] for each in segments if each["removed_ms"] is None)
        removed = tuple(each["year"] for each in segments if each["removed_ms"] is not None)
        text = f"{count} rows, none changed" if wrong is None else f"row {wrong} is not as it was written, or is gone"
        return AuditVerdict(wrong is None, count, years, removed, before.hex(), wrong, text)

    def closed_years(self) -> list[int]:
        """Return the years that have ended and are there, the oldest first."""
        sql = "SELECT year FROM audit_segment WHERE closing IS NOT NULL AND removed_ms IS NULL ORDER BY year"
        return [row[0] for row in self._records.rows(sql)]

    def remove_year(self, visitor: Visitor, year: int) -> int:
        """Remove a year that is closed, and note so first; its closing hash stays. Returns how many rows went."""
        with self._records.transaction() as db:
            found = db.execute(
                "SELECT closing IS NOT NULL AND removed_ms IS NULL FROM audit_segment WHERE year = ?", (year,)
            ).fetchone()
            if not found or not found[0]:
                text = f"the audit of {year} is not a closed year that is there."
                raise LabSenderError("audit.year", text, hint="Only whole years that have ended can be removed.")
            self.note_in(db, visitor, "audit-remove", target=str(year))
            db.execute("UPDATE audit_segment SET removed_ms = ? WHERE year = ?", (now_ms(), year))
            return db.execute("DELETE FROM audit WHERE year = ?", (year,)).rowcount

    def _walk(self, year: int, before: bytes, number: int) -> tuple[bytes, int, int | None]:
        """Walk a year; return its last hash and row, and the first row that is wrong."""
        while True:
            values = {"year": year, "after": number, "limit": _CHUNK}
            rows = self._records.dicts(f"{_ROWS} WHERE year = :year AND id > :after ORDER BY id LIMIT :limit", values)
            for row in rows:
                if row["id"] != number + 1 or row["hash"] != _hash(before, row):
                    return before, number, number + 1
                before, number = row["hash"], row["id"]
            if len(rows) < _CHUNK:
                return before, number, None


def _last_year(db: Connection) -> int:
    """A clock that was set back opens no year before the last one."""
    return int(db.execute("SELECT coalesce(max(year), 0) FROM audit_segment").fetchone()[0])


def _last(db: Connection) -> tuple[int, bytes]:
    row = db.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    if row is not None:
        return int(row[0]), row[1]
    closed = db.execute("SELECT last_id, closing FROM audit_segment ORDER BY year DESC LIMIT 1").fetchone()
    return (closed[0] or 0, closed[1] or FIRST) if closed else (0, FIRST)


def _open_year(db: Connection, year: int, last_id: int, last_hash: bytes) -> None:
    if db.execute("SELECT 1 FROM audit_segment WHERE year = ?", (year,)).fetchone():
        return
    db.execute(
        "UPDATE audit_segment SET closing = ?, last_id = ? WHERE closing IS NULL", (last_hash, last_id)
    )
    db.execute("INSERT INTO audit_segment (year, opening) VALUES (?, ?)", (year, last_hash))


def _hash(before: bytes, row: dict[str, Any]) -> bytes:
    text = json.dumps([row[name] for name in _COVERED], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(before + text.encode("utf-8", "surrogatepass")).digest()
