"""How the journal stands: counts, lanes, troubles.

Holds: what `status` and `check` ask, and what acts would do; with it come lists (lists.py), searches (searching.py)
and the story of one message (story.py).
Promises: never blocks a writer, never writes; works while the agent runs and while it does not. No answer takes
longer because the journal has grown.
Never: opens a file of the folders.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from lab_sender.journal import causes, minutes, room, several, taken
from lab_sender.journal.causes import Cause
from lab_sender.journal.leases import LEASES, NODES, LeaseRow, NodeRow
from lab_sender.journal.mark import Mark
from lab_sender.journal.minutes import Sum
from lab_sender.journal.notes import begun, claimed_otherwise, his_noted, says_clean, shown
from lab_sender.journal.reloads import Reloaded, answers
from lab_sender.journal.rows import LaneRow, LeftFile, MinuteRow
from lab_sender.journal.searching import Searches
from lab_sender.journal.statements import Statements
from lab_sender.journal.story import Story

_SQL: Final = Statements("view")
_NO_LONGER_COUNTED: Final = ("spooled", "sending", "quarantined", "duplicate", "dismissed", "replaced")


class View(Searches, Story):
    """A reader's connection to the journal."""

    def counts(self, destination: str | None = None) -> dict[str, int]:
        """Return the number of messages by state, and of unreadable files in quarantine as `unreadable`.

        Of the delivered ones, those with a commit ACK only are also counted as `commit-only`, where there are any.
        Like all questions that take a destination: without one it is about all of them.
        """
        counts = {what: int(number) for what, number in self._reader.rows(_SQL["counts"], _at(destination)) if number}
        counts["acked"] = counts.pop("messages", 0) - sum(counts.get(state, 0) for state in _NO_LONGER_COUNTED)
        return {what: number for what, number in counts.items() if number} | {
            "unreadable": counts.get("unreadable", 0)
        }

    def quarantined_by(self, destination: str) -> list[tuple[str, int, int | None]]:
        """Return why a destination's messages are in quarantine: each code, how many, since when; the most first."""
        return [(row[0], row[1], row[2]) for row in self._reader.rows(_SQL["quarantined_by"], _at(destination))]

    def unreadable_by(self) -> list[tuple[str, int, int | None]]:
        """Return why unreadable files are in quarantine: each code, how many, since when; the most first."""
        return [(row[0], row[1], row[2]) for row in self._reader.rows(_SQL["unreadable_by"])]

    def not_built(self, destination: str | None = None) -> int:
        """Count what lies in quarantine without a message: nobody knows its order, patient or ward.

        A file that could not be read may have been for any destination.
        """
        return int(self._reader.rows(_SQL["not_built"], _at(destination))[0][0])

    def causes(self) -> list[Cause]:
        """Return why messages and files are in quarantine, the cause of the most first."""
        return causes.causes(self._reader, self.destinations())

    def of_cause(
        self, destination: str, code: str, his_code: str, his_error: str, newest: int | None = None
    ) -> tuple[list[int], list[int]]:
        """Return the messages of a cause, or where there is no destination its files, oldest first.

        Of `newest` only so many, the newest first.
        """
        return causes.of_cause(self._reader, destination, code, his_code, his_error, newest)

    def taken_ms(self) -> dict[str, int]:
        """Return when a file of each outbox was taken last."""
        return taken.taken_ms(self._reader)

    def contradictions(self, destination: str | None = None) -> int:
        """Return how many delivered messages the HIS has contradicted since."""
        rows = self._reader.rows(_SQL["contradictions"], _at(destination))
        return int(rows[0][0]) if rows else 0

    def claimed_names(self) -> set[str]:
        """Return the names, in claimed/, of the files that the journal has there."""
        return {row[0] for row in self._reader.rows(_SQL["claimed"])}

    def oldest_waiting_ms(self, destination: str | None = None) -> int | None:
        """Return when the oldest waiting message was spooled."""
        rows = self._reader.rows(_SQL["oldest_waiting"], _at(destination))
        return rows[0][0] if rows else None

    def last_ack_ms(self, destination: str | None = None) -> int | None:
        """Return when the newest acceptance was recorded, to a second."""
        rows = self._reader.rows(_SQL["last_acceptance"], _at(destination))
        return rows[0][0] if rows else None

    def minutes(self, since_minute: int, destination: str | None = None) -> list[MinuteRow]:
        """Return the figures from a minute of the epoch on, the oldest first."""
        return minutes.since(self._reader, since_minute, destination)

    def sums(self, since_minute: int) -> dict[tuple[str, str], Sum]:
        """Return, by destination and outcome, what came together from a minute of the epoch on."""
        return minutes.sums(self._reader, since_minute)

    def acks_within_ms(self, since_minute: int, share: float) -> dict[str, float]:
        """Return, by destination, in how many ms this share of the ACKs came since a minute of the epoch."""
        return minutes.within_ms(self._reader, since_minute, share)

    def room(self) -> list[room.Free]:
        """Return what was free on the journal's disk, hour by hour, the oldest first."""
        return room.room(self._reader)

    def weigh(
        self, what: several.What, ids: Sequence[int], *, force: bool = False, everywhere: bool = False
    ) -> several.Weighed:
        """Say to which of these messages an act would be done, in which transactions; and why not to the others."""
        with self._reader.reading() as db:
            return several.weigh(db, what, ids, force=force, everywhere=everywhere)

    def messages_of(self, source_id: int) -> list[several.OfFile]:
        """Return the messages of a file, oldest first, as acts see them."""
        with self._reader.reading() as db:
            return several.messages_of(db, source_id)

    def size_bytes(self) -> int:
        """Return what the journal takes on the disk."""
        return self._reader.size_bytes()

    def weaknesses(self) -> list[str]:
        """Return what of the database's settings can lose what was committed, in words."""
        return self._reader.weaknesses()

    def lanes(self) -> list[LaneRow]:
        """Return all lanes."""
        return [LaneRow(*row) for row in self._reader.rows(_SQL["lanes"])]

    def sources_since(self, source_id: int, name: str, sha256: bytes = b"") -> list[int]:
        """Return the sources above `source_id` whose report had this name in the outbox.

        With `sha256` also this content, unless it could not be read.
        """
        values = {"above": source_id, "name": name, "sha256": sha256, "none": b""}
        return [row[0] for row in self._reader.rows(_SQL["sources_since"], values)]

    def last_source_id(self) -> int:
        """Return the newest source's id, 0 if there is none."""
        rows = self._reader.rows(_SQL["last_source"])
        return (rows[0][0] or 0) if rows else 0

    def intake_trouble(self) -> str:
        """Return the code of what intake waits for, "" when nothing."""
        return shown(self._reader, "intake_trouble")

    def filing_trouble(self) -> str:
        """Return the code of what filing waits for, "" when nothing."""
        return shown(self._reader, "filing_trouble")

    def retention_trouble(self) -> str:
        """Return the code of why retention could delete nothing the last time, "" when it could."""
        return shown(self._reader, "retention_trouble")

    def last_purge_ms(self) -> int | None:
        """Return when retention last deleted all that may be; None: never."""
        noted = shown(self._reader, "retention_done")
        return int(noted) if noted else None

    def his_in_force(self, destination: str = "") -> str:
        """Return where the last agent delivers to (`host:port`), "" where it is not known.

        Without a destination it is that of the only one; of several, none.
        """
        his = his_noted(shown(self._reader, "his"))
        only = next(iter(his.values())) if len(his) == 1 and (not destination or "" in his) else ""
        return his.get(destination, only)

    def leases(self) -> list[LeaseRow]:
        """Return whose the lanes are, where several agents share the journal; else none."""
        return [LeaseRow(*row) for row in self._reader.rows(LEASES)] if self._reader.node else []

    def nodes(self) -> list[NodeRow]:
        """Return the agents that share the journal, or did."""
        return [NodeRow(*row) for row in self._reader.rows(NODES)] if self._reader.node else []

    def audit_broken(self) -> int | None:
        """Return the first row of the page's audit that was found wrong, where that is in the journal's schema."""
        rows = self._reader.rows("SELECT first_wrong FROM audit_check")
        return rows[0][0] if rows else None

    def has_begun(self) -> bool:
        """Say whether an agent has begun on it, this one or another."""
        return begun(self._reader)

    def outboxes_served(self) -> tuple[str, ...] | None:
        """Return the names of the outboxes that an agent has served; None where an older one worked last."""
        noted = shown(self._reader, "outboxes")
        if not noted and self._reader.node:  # no older agent has been one of several
            return ()
        return tuple(json.loads(noted)) if noted else None

    def claimed_folders(self) -> dict[str, str]:
        """Return where the claimed files of each outbox lie that the last agent worked on, by its name."""
        return dict(json.loads(shown(self._reader, "claimed") or "{}"))

    def claimed_folders_otherwise(self) -> dict[str, str]:
        """Return the same of agents that shared the journal, where this one has it alone; or the other way round."""
        return claimed_otherwise(self._reader)

    def taken_by_nobody(self, destination: str) -> int:
        """Return how many of a destination's messages in quarantine are there only because nobody takes them."""
        return int(next(iter(self._reader.rows(_SQL["taken_by_nobody"], {"destination": destination})), (0,))[0])

    def left_of_outbox(self, outbox: str) -> list[LeftFile]:
        """Return the files of an outbox that are not through: claimed, in quarantine, released or on the move."""
        return [LeftFile(*row) for row in self._reader.rows(_SQL["left_of_outbox"], {"outbox": outbox})]

    def ended_clean(self) -> bool:
        """Say whether the last agent ended in good order; False also while one runs."""
        return says_clean(shown(self._reader, "clean"), self._reader)

    def config_in_force(self) -> str:
        """Return the digest of the configuration that the last agent began with, "" where none is noted."""
        return shown(self._reader, "config_digest")

    def last_reload(self) -> Reloaded | None:
        """Return what became of the last try to bring a changed configuration in force, since the agent began."""
        return next(reversed(answers(shown(self._reader, "reload_answer"))), None)

    def reload_answer(self, act: str) -> Reloaded | None:
        """Return what became of a request to bring it in force; None where it waits."""
        return next((each for each in answers(shown(self._reader, "reload_answer")) if each.act == act), None)

    def schema_version(self) -> int:
        """Return the schema's version; 0 while the journal is being made."""
        return self._reader.schema_version()

    def known_version(self) -> int:
        """Return the version that this lab-sender makes on such a database."""
        return self._reader.known_version

    def rights_lacking(self) -> list[str]:
        """Return what this account may not do in the database that an agent has to, in words."""
        return self._reader.rights_lacking()

    def clock_ahead_ms(self) -> int:
        """Return by how much the database's clock is ahead of this machine's; behind it, less than 0."""
        return self._reader.clock_ahead_ms()

    def keeps_out(self) -> str:
        """Return by which code an agent at work keeps out the one of this address, "" where none does.

        That is its session in a database; the locks of files are looked at elsewhere.
        """
        return self._reader.keeps_out()

    def knows(self, mark: Mark) -> bool:
        """Say whether the journal knows what an outbox has spooled last."""
        return mark.is_known(self._reader)

    def integrity(self, within_s: float | None = None) -> str:
        """Return `ok`, or what the database's check finds. Reads the whole journal: a second for each gigabyte.

        With `within_s` it ends after that time with `unfinished` where nothing was found until then.
        """
        try:
            return self._reader.damage(within_s) or "ok"
        except TimeoutError:
            return "unfinished"


def _at(destination: str | None) -> dict[str, str | None]:
    return {"destination": destination}
