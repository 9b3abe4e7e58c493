"""Several destinations and outboxes, made for a test: rules, recipients, and the stations of one agent."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kit.core import rows
from kit.intake import plan, section
from lab_sender.config.folders import Folders
from lab_sender.config.profile.notation import read_path
from lab_sender.config.takes import Takes, TakesRule
from lab_sender.filing.feed import Feed
from lab_sender.filing.keeper import Keeper
from lab_sender.intake.arrivals import Arrivals
from lab_sender.intake.compose import Composer, Recipient
from lab_sender.intake.intake import Intake
from lab_sender.intake.together import Together
from lab_sender.journal import Attempt, Journal
from lab_sender.patterns import Pattern
from lab_sender.readers import Inputs


def rule(field: str, *values: str, matches: str = "", negated: bool = False) -> TakesRule:
    """A rule: one value is `is`, several are `in`."""
    pattern = Pattern(matches, ignore_case=True) if matches else None
    kind: Any = "matches" if matches else "is" if len(values) == 1 else "in"
    return TakesRule(read_path(field), kind, frozenset(values), pattern, negated, "takes[0]")


def takes(*rules: TakesRule) -> Takes:
    return Takes(rules)


class Station:
    """One outbox with its intake, stepped by hand: `look` is one round."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        together: Together,
        wanted: Sequence[Recipient],
        *,
        name: str,
        inputs: Inputs | None = None,
        **settings: Any,
    ) -> None:
        self.name = name
        outbox = folder / name
        work = outbox / ".lab-sender"
        self.folders = Folders(outbox, outbox / "sent", outbox / "quarantine", work, folder)
        self.outbox, self.claimed = outbox, self.folders.by_name["claimed"]
        self.claimed.mkdir(parents=True, exist_ok=True)
        values = {"poll_s": 0.0, "settle_s": 0.0, "largest_file_bytes": 1 << 20, "attachment_wait_s": 600.0}
        self.intake = Intake(
            journal, plan(Composer(wanted, inputs), **(values | settings)),
            Arrivals(outbox, section(settle_s=0.0, temporary=("*.tmp",)), own=self.folders.ours),
            destination=wanted[0].name, outbox=outbox, claimed=self.claimed, on_spooled=lambda: None, name=name,
            together=together,
        )  # fmt: skip

    def put(self, name: str, data: bytes) -> Path:
        """Put a file in place as a producer does: whole, by rename."""
        part = self.outbox / f".{name}"
        part.write_bytes(data)
        return part.rename(self.outbox / name)

    def look(self, rounds: int = 2) -> None:
        for _ in range(rounds):
            self.intake._round()

    def files(self) -> dict[str, str]:
        """Name -> folder of what lies in this outbox's folders, the day in sent/ left out."""
        found = {}
        for path in self.outbox.rglob("*"):
            if path.is_file() and not path.name.endswith(".lock"):
                parts = path.relative_to(self.outbox).parts
                if parts[0] == ".lab-sender":
                    found[path.name.partition("_")[2]] = "claimed"
                else:
                    found[path.name] = parts[0] if len(parts) > 1 else "outbox"
        return found


class House:
    """Several outboxes over one journal, with the keeper and whatever the destinations say."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        outboxes: dict[str, Sequence[Recipient]],
        *,
        inputs: Inputs | None = None,
        **settings: Any,
    ) -> None:
        self.journal = journal
        self.together = Together(journal, {name: name for name in outboxes})
        self.accepted: dict[str, list[str]] = {}
        """Destination -> the control ids that it has accepted."""
        self.stations = {
            name: Station(folder, journal, self.together, wanted, name=name, inputs=inputs, **settings)
            for name, wanted in outboxes.items()
        }
        self.feed = Feed(journal, list(outboxes))
        self.keepers = {
            name: Keeper(journal, each.folders, on_returned=each.intake.returned, name=name, feed=self.feed)
            for name, each in self.stations.items()
        }

    def __getitem__(self, name: str) -> Station:
        return self.stations[name]

    def look(self) -> None:
        for each in self.stations.values():
            each.look()

    def keep(self) -> None:
        """Let the keepers do all that there is to do."""
        self.feed._finished.update(self.journal.filing.unsettled_sources())
        for keeper in self.keepers.values():
            keeper.round()

    def accept(self, destination: str) -> list[str]:
        """Let a destination accept all that waits for it, in order; returns the control ids."""
        accepted = self.accepted.setdefault(destination, [])
        count = len(accepted)
        while found := self.journal.delivery.head(destination, after_quarantine="continue"):
            for message in found:
                assert self.journal.delivery.sending(message.id)
                self.journal.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))
                accepted.append(message.control_id)
        return accepted[count:]

    def refuse(self, destination: str) -> None:
        """Let a destination refuse all that waits for it."""
        for message in self.journal.delivery.head(destination, after_quarantine="continue"):
            assert self.journal.delivery.sending(message.id)
            self.journal.delivery.quarantined(message, code="refused", reason="The HIS answered AE.")

    def leave_unanswered(self, destination: str) -> str:
        """Let a destination never answer the first message, until that is quarantined; returns its control id.

        It may have arrived: a person is to ask.
        """
        first = self.journal.delivery.head(destination, after_quarantine="continue")[0]
        self.journal.delivery.sending(first.id)
        self.journal.delivery.unknown(first, Attempt(first.id, 5, "unknown", "ack", "ack.timeout", ""))
        first = self.journal.delivery.head(destination, after_quarantine="continue")[0]
        self.journal.delivery.quarantined(first, code="unanswered", reason="no answer")
        return first.control_id

    def messages(self) -> list[tuple[str, str, str]]:
        """Destination, state and code of each message, in order."""
        return rows(self.journal, "SELECT destination, state, code FROM message ORDER BY id")

    def bodies(self) -> dict[str, list[bytes]]:
        """Destination -> what goes there, in order."""
        found: dict[str, list[bytes]] = {}
        question = "SELECT m.destination, w.body FROM message m JOIN wire w ON w.message_id = m.id ORDER BY m.id"
        for destination, body in rows(self.journal, question):
            found.setdefault(destination, []).append(body)
        return found

    def outboxes(self) -> dict[str, str]:
        """File -> the outbox that the journal has for it."""
        question = "SELECT f.name, s.outbox FROM source s JOIN file f ON f.source_id = s.id ORDER BY s.id"
        return dict(rows(self.journal, question))


def at_once(*calls: Any) -> None:
    """Make calls in threads of their own that begin together; raise what one of them raises."""
    start, failed = threading.Barrier(len(calls)), []

    def run(call: Any) -> None:
        start.wait()
        try:
            call()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in calls]
    for each in threads:
        each.start()
    for each in threads:
        with contextlib.suppress(RuntimeError):
            each.join()
    if failed:
        raise failed[0]
