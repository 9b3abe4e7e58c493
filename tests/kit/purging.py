"""A keeper's house whose clock can be put forward, and nights in which retention works."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

from kit.core import HIS, head, tree
from lab_sender.config.folders import Folders
from lab_sender.config.retention import Retention
from lab_sender.filing.keeper import Keeper
from lab_sender.filing.purge import Purge
from lab_sender.journal import Attempt, Journal, NewFile, NewMessage, NewSource

CONTENT = b"abc"
DAY_MS = 86_400_000
ALL = {"content": "7d", "sent": "7d", "dismissed": "7d", "record": "90d", "audit": "1y"}


class House:
    """The folders of an agent whose clock can be put forward."""

    def __init__(self, folder: Path, journal: Journal, *, is_new: bool = True) -> None:
        self.journal, self.folder = journal, folder / "house"
        self.paths = {name: self.folder / name for name in ("outbox", "claimed", "sent", "quarantine")}
        for path in self.paths.values():
            path.mkdir(parents=True, exist_ok=not is_new)
        paths = self.paths
        self.folders = Folders(paths["outbox"], paths["sent"], paths["quarantine"], self.folder, self.folder)
        self.count = 0
        self.days = 0

    @classmethod
    def over(cls, folder: Path, journal: Journal, days: int) -> House:
        """Return a house that is there already, so many days later."""
        house = cls(folder, journal, is_new=False)
        house.days = days
        return house

    def claim(self, name: str, *messages: NewMessage, code: str = "", attachment: str = "") -> int:
        self.count += 1
        claim_id = f"C{self.count}"
        claimed = [NewFile(name, f"{claim_id}_{name}", size=len(CONTENT))]
        if attachment:
            claimed.append(NewFile(attachment, f"D{self.count}@{claim_id}_{attachment}", "attachment", len(CONTENT)))
        for file in claimed:
            (self.paths["claimed"] / file.claimed_as).write_bytes(CONTENT)
        whole = NewSource(
            claim_id, "hl7", 3, hashlib.sha256(CONTENT).digest(), tuple(claimed), messages, code, code
        )
        self.journal.spool.spooled([whole], HIS)
        return self.count

    def deliver(self, *control_ids: str) -> None:
        for message in head(self.journal):
            if not control_ids or message.control_id in control_ids:
                attempt = Attempt(message.id, 1, "verdict", "ack", "", "said", "AA", b"MSA|AA\r")
                self.journal.delivery.sending(message.id)
                self.journal.delivery.acked(message, attempt)
        self.keep()

    def refuse(self, *control_ids: str) -> None:
        for message in head(self.journal):
            if message.control_id in control_ids:
                self.journal.delivery.quarantined(message, code="refused", reason="AE", his_words="words")
        self.keep()

    def keep(self) -> None:
        keeper = Keeper(self.journal, self.folders)
        keeper.stop()
        keeper.run()

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=self.days)

    def purge(self, days: int, **settings: str) -> dict[str, int]:
        """Let so many days pass, and a night."""
        self.days += days
        purge = Purge(self.journal, {"": self.folders}, retention(**settings), now=self.now)
        assert purge.night(retention(**settings))
        return {what: number for what, number in purge.counts.items() if number}

    def files(self) -> list[str]:
        """Every file, with the day in sent/ written as DAY."""
        parts = (path.split("/") for path in tree(self.folder))
        return ["/".join(["sent", "DAY", *each[2:]] if each[0] == "sent" else each) for each in parts]


def retention(**settings: str) -> Retention:
    whole_day = {"from": "00:00", "to": "23:59", "zone": "UTC"}
    made = Retention.model_validate({**ALL, **settings, "window": whole_day})
    return made.model_copy(update={"window": _Always()})


class _Always:
    """A window that is open at any time."""

    def until(self, now: datetime.datetime) -> datetime.datetime:
        return now + datetime.timedelta(hours=1)
