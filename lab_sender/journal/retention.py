"""What retention deletes, step by step, and what it leaves.

Holds: the questions what may go, its deletion in small transactions, and what an order and a control id need to be
known by afterwards.
Promises: nothing that is unfinished, flagged or in quarantine goes, nor what shares its fate: the rule stands in the
WHERE of each DELETE, and the journal's triggers refuse the rest. A file's messages go together, with its earlier and
later readings. Of each order the last message stays known by its digest, time and status, a used control id as used.
Never: touches a file, or decides how old something must be.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

from lab_sender.ids import is_id
from lab_sender.journal import acts, tally
from lab_sender.journal.acts import Act
from lab_sender.journal.database import Db, DeletionRejected, Store, now_ms
from lab_sender.journal.notes import note, noted
from lab_sender.journal.order_history import LONGEST
from lab_sender.journal.statements import Statements

_SQL: Final = Statements("retention")
WHO: Final = "retention"
_RULES: Final = 8
"""So many instants before which things go are remembered: a night has four."""
_ALL: Final = 2**62
"""A limit that is none, in words that each database takes."""
_AT_ONCE: Final = 5000


class OldFile(NamedTuple):
    """A file of ours in sent/ or quarantine/dismissed; `sha256` is empty where its content is not known."""

    id: int
    source_id: int
    role: str
    filed_as: str
    size: int
    sha256: bytes
    outbox: str


class Due(NamedTuple):
    """What may be deleted of some sources: messages, the newest first; and the sources, once these are gone."""

    sources: tuple[int, ...]
    messages: tuple[int, ...]


class RetentionBook:
    """Retention's part of the journal, on a connection of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = store.reader()
        self._aside = store.aside()
        self._young: dict[int, int] = {}

    def close(self) -> None:
        """Close its connections."""
        self._reader.close()
        self._aside.close()

    def turn(self) -> AbstractContextManager[bool]:
        """Have retention for oneself; False: another agent on the journal is at it. Raises JournalUnavailable."""
        return self._store.retention_turn()

    # ------------------------------------------------------------- the bytes of messages

    def with_bytes(self, after: int, most: int) -> list[tuple[int, int, int]]:
        """Return the next messages behind the id `after` that have their bytes: id, source, when spooled."""
        return self._reader.rows(_SQL["with_bytes"], {"after": after, "most": most})

    def content_due(self, messages: Mapping[int, int], before_ms: int) -> list[int]:
        """Return those of the messages (id -> source) whose bytes may go: all of their files was finished before."""
        values = self._asked(messages, messages.values(), before_ms)
        return [row[0] for row in self._reader.rows(_SQL["content_due"], values)]

    def delete_content(self, messages: Mapping[int, int], before_ms: int) -> int:
        """Delete bytes, answers and words of those that may go now; returns how many messages that were."""
        values = self._asked(messages, messages.values(), before_ms)
        with self._aside.transaction() as db:
            done = db.execute(_SQL["delete_bytes"], values).rowcount
            if done:
                for name in ("delete_acks", "delete_answers", "delete_words"):
                    db.execute(_SQL[name], {"ids": values["ids"], "nothing": b""})
            self._note_archives(db)
        return done

    # ------------------------------------------------------------- files

    def days_of_sent(self, after: str) -> str | None:
        """Return the first day after this one (`2026-11-22`) of which files lie in sent/."""
        row = self._reader.rows(_SQL["next_day"], {"after": after})[0][0]
        return None if row is None else str(row)

    def sent_of_day(self, day: str, after: int, most: int) -> list[OldFile]:
        """Return the next files of a day in sent/, behind the id `after`."""
        values = {"day": day, "after": after, "most": most}
        return [OldFile(*row) for row in self._reader.rows(_SQL["sent_of_day"], values)]

    def given_up(self, beginning: str, after: int, most: int) -> list[OldFile]:
        """Return the next files in quarantine/dismissed, behind one with this beginning of its name and id."""
        values = {"beginning": beginning, "after": after, "most": most}
        return [OldFile(*row) for row in self._reader.rows(_SQL["given_up"], values)]

    def files_due(self, files: Collection[OldFile], folder: str, before_ms: int) -> set[int]:
        """Return the ids of those that may go: nothing of them is open, and all was finished before."""
        values = self._asked([each.id for each in files], [each.source_id for each in files], before_ms)
        values |= {"files": values["ids"], "folder": folder}
        return {row[0] for row in self._reader.rows(_SQL["files_due"], values)}

    def files_deleted(self, gone: Collection[int], left: Collection[int], folder: str) -> int:
        """Note the files that are gone, and those that are not ours any more and were left; returns the former."""
        with self._aside.transaction() as db:
            at_ms = now_ms()
            for ids, deleted_ms in ((left, None), (gone, at_ms)):
                done = [
                    db.execute(
                        _SQL["file_deleted"], {"id": each, "folder": folder, "deleted_ms": deleted_ms}
                    ).rowcount
                    for each in ids
                ]
        return sum(done)

    # ------------------------------------------------------------- the record

    def next_sources(self, after: int, most: int) -> list[tuple[int, int, int]]:
        """Return the next sources behind the id `after`: id, when received, how many messages they have."""
        return self._reader.rows(_SQL["next_sources"], {"after": after, "most": most})

    def record_due(self, sources: Sequence[int], before_ms: int, most: int) -> Due:
        """Return what may go of these sources, and so many messages at most."""
        values = self._asked((), sources, before_ms) | {"most": most}
        messages = [row[0] for row in self._reader.rows(_SQL["messages_due"], values)]
        due = tuple([row[0] for row in self._reader.rows(_SQL["sources_due"], values)])
        return Due(due, tuple(messages))

    def delete_record(self, due: Due, before_ms: int) -> tuple[int, int]:
        """Delete messages with all that hangs on them, and sources that have none left; returns both numbers."""
        values = self._asked(due.messages, due.sources, before_ms)
        with self._aside.transaction() as db:
            now_due = db.execute(_SQL["messages_due"], values | {"most": _ALL}).fetchall()
            ids = sorted({row[0] for row in now_due}.intersection(due.messages))
            if ids:
                self._delete_messages(db, ids, values | {"ids": json.dumps(ids)})
            db.execute(_SQL["delete_files"], values)
            sources = 0
            while gone := db.execute(_SQL["delete_sources"], values).rowcount:  # one reading after the other
                sources += gone
            for name in ("delete_remarks", "delete_owed"):
                db.execute(_SQL[name], {"sources": values["sources"]})
            self._note_archives(db)
        return len(ids), sources

    def _delete_messages(self, db: Db, ids: Sequence[int], values: dict[str, Any]) -> None:
        uncounted: Counter[str] = Counter()
        for message_id, destination, control_id, state in db.execute(_SQL["control_ids"], values).fetchall():
            uncounted[destination] += state in ("dismissed", "replaced")
            if control_id and not is_id(control_id):  # ours are never given again
                used = {"destination": destination, "control_id": control_id.rstrip(" "), "id": message_id}
                db.execute(_SQL["used_id"], used)
        db.execute(_SQL["keep_orders"], values)
        kept = db.execute(_SQL["kept_orders"], values).fetchall()
        deleted = db.execute(_SQL["delete_messages"], values).rowcount
        if deleted != len(ids):
            raise DeletionRejected("retention.rejected", "not all of it is finished; nothing was deleted.")
        for name in ("delete_messages_bytes", "delete_attempts", "delete_messages_answers"):
            db.execute(_SQL[name], values)
        bounds = {"last": ids[-1], "longest": LONGEST - 1}
        db.executemany(
            _SQL["drop_orders"],
            [{"destination": destination, "order_key": key, **bounds} for destination, key in kept],
        )
        for destination, number in uncounted.items():  # of these the journal counts what it has; see view.sql
            tally.add(db, destination, "messages", -number)

    # ------------------------------------------------------------- acts

    def next_events(self, after: int, most: int) -> list[tuple[int, int]]:
        """Return the next acts on record behind the id `after`: id, when."""
        return self._reader.rows(_SQL["next_events"], {"after": after, "most": most})

    def delete_events(self, events: Collection[int], before_ms: int) -> int:
        """Delete acts on what is not there any more; returns how many."""
        with self._aside.transaction() as db:
            return db.execute(_SQL["delete_events"], self._asked(events, (), before_ms)).rowcount

    # ------------------------------------------------------------- the archive

    def archived_messages(self, messages: Collection[int]) -> list[dict[str, Any]]:
        """Return all that the journal has of messages, for the archive."""
        values = {"ids": json.dumps(sorted(messages))}
        found = self._reader.dicts(_SQL["archived_message"], values)
        of = {row["id"]: row for row in found}
        for name in ("archived_attempts", "archived_answers", "archived_orders", "archived_events"):
            kind = name.removeprefix("archived_")
            for row in found:
                row[kind] = []
            for part in self._reader.dicts(_SQL[name], values):
                of[part.pop("message_id")][kind].append(part)
        return found

    def archived_files(self, sources: Collection[int]) -> list[dict[str, Any]]:
        """Return what the journal has of files, for the archive."""
        return self._reader.dicts(_SQL["archived_file"], {"sources": json.dumps(sorted(sources))})

    def archives(self) -> dict[str, dict[str, Any]]:
        """Return the archives that were written: name -> length, SHA-256, and whether that is on record."""
        with self._store.reading() as db:
            return dict(json.loads(noted(db, "archives") or "{}"))

    def note_archives(self, archives: Mapping[str, Mapping[str, Any]]) -> None:
        """Let what is written next note how long these archives are: with it, or not at all."""
        self._archives = dict(archives)

    _archives: Mapping[str, Mapping[str, Any]] | None = None

    def _note_archives(self, db: Db) -> None:
        if self._archives is not None:
            note(db, "archives", json.dumps(self._archives))
            self._archives = None

    # ------------------------------------------------------------- how it went

    def recorded(self, archives: Mapping[str, Mapping[str, Any]]) -> None:
        """Put on record the SHA-256 of archives. Durable on return."""
        with self._store.durable() as db:
            for name, each in archives.items():
                if not each["recorded"]:
                    detail = f"{name}: {each['bytes']} bytes, SHA-256 {each['sha256']}"
                    acts.record(db, Act(WHO, None), "retention.archived", detail)
            note(db, "archives", json.dumps({name: {**each, "recorded": True} for name, each in archives.items()}))

    def done(self, counts: Mapping[str, int], *, whole: bool) -> None:
        """Put on record what was deleted, and whether that is all that may be. Durable on return."""
        with self._store.durable() as db:
            detail = ", ".join(f"{what} {number}" for what, number in counts.items())
            acts.record(db, Act(WHO, None), "retention.purged", detail if whole else f"{detail}; more is left")
            if whole:
                note(db, "retention_done", str(now_ms()))
                note(db, "retention_trouble", "")

    def trouble(self, code: str) -> None:
        """Note for `status` why nothing could be deleted; "" when it can."""
        with self._store.quick() as db:
            note(db, "retention_trouble", code)

    def clock(self) -> tuple[int, int]:
        """Return since when the clock has gone on without a leap, and when it was seen last, in ms; 0: not yet."""
        with self._store.reading() as db:
            since_ms, seen_ms = json.loads(noted(db, "retention_clock") or "[0, 0]")
        return int(since_ms), int(seen_ms)

    def note_clock(self, since_ms: int, seen_ms: int, *, leapt: bool) -> None:
        """Note that; where it has `leapt`, `status` shows why nothing is deleted."""
        with self._store.quick() as db:
            note(db, "retention_clock", json.dumps([since_ms, seen_ms]))
            if leapt:
                note(db, "retention_trouble", "retention.clock")

    # ------------------------------------------------------------- room

    def catch_up(self) -> None:
        """Bring into the file what the log has, while others write."""
        self._aside.catch_up()

    def give_back(self, most: int) -> bool:
        """Give free pages back to the disk; False where no more than a reserve is left."""
        return self._aside.give_back(most)

    def finish(self) -> bool:
        """Empty the log: it holds what was deleted. False where somebody reads just now."""
        return self._aside.finish()

    # ------------------------------------------------------------- what is old

    def _asked(self, ids: Collection[int], sources: Collection[int], before_ms: int) -> dict[str, Any]:
        return {
            "ids": json.dumps(sorted(ids)),
            "sources": json.dumps(sorted(set(sources))),
            "before": before_ms,
            "young": self._first_young(before_ms),
        }

    def _first_young(self, before_ms: int) -> int:
        """Return the first file that was received at `before_ms` or later: what came after it is as young.

        Whatever instant it has: the clock may have been behind.
        """
        if before_ms not in self._young:
            self._young = dict(list(self._young.items())[-_RULES:])
            self._young[before_ms] = self._looked_for_young(before_ms)
        return self._young[before_ms]

    def _looked_for_young(self, before_ms: int) -> int:
        after = 0
        while True:
            values = {"after": after, "before": before_ms, "most": _AT_ONCE}
            last, young = self._reader.rows(_SQL["first_young"], values)[0]
            if young is not None or last is None:
                return after + 1 if young is None else int(young)
            after = last
