"""What lies in sent/, read again by the configuration and the rules in force.

Holds: the walk over the last days of sent/, and how each report is judged as intake would judge it today.
Promises: nothing is written, moved or sent, and the journal is only read. A document is judged with the report that
it was sent with. One report with its documents is in memory at a time, and the names of one day.
Never: judges what depends on what was sent before: duplicates and corrections.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab_sender import writers
from lab_sender.errors import DocumentAlone, Finding
from lab_sender.ids import is_id
from lab_sender.intake.claims import too_large
from lab_sender.intake.compose import Composer, recipients, remarks_of
from lab_sender.intake.names import Names
from lab_sender.intake.pairing import document_too_large
from lab_sender.intake.unpaired import unclaimed
from lab_sender.intake.workshop import Workshop
from lab_sender.journal.states import NOBODY
from lab_sender.operations.destinations import chosen
from lab_sender.operations.tally import SentAgain, Tally
from lab_sender.readers import companion_names

if TYPE_CHECKING:
    from lab_sender.config.folders import OutboxConfig
    from lab_sender.intake.compose import Interpretation
    from lab_sender.journal import Kept, KeptView, NewMessage
    from lab_sender.operations.installation import Installation

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_sent_again(
    installation: Installation,
    days: int,
    *,
    to: Sequence[str] = (),
    remarks: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> SentAgain:
    """Read what lies in sent/ of today and the `days` days before it, of each outbox as for its destinations.

    `remarks`: note also what would newly get a remark. `to`: judge it for these destinations only. `progress` is
    called with the number of files read so far. Raises LabSenderError where the configuration cannot build messages,
    or the journal cannot be read.
    """
    since = (datetime.date.today() - datetime.timedelta(days=days)).isoformat()
    config, tally = installation.config, Tally()
    wanted = chosen(config, to)
    with contextlib.ExitStack() as readers, installation.kept_view() as view:
        folders = dict.fromkeys(each.folders.sent for each in config.outboxes)
        for outbox in config.outboxes:
            names = [each for each in outbox.to if each in wanted]
            if not names:
                continue
            reader = _Reader(installation, outbox, names, tally, remarks=remarks)
            readers.callback(reader.close)
            has_strangers = folders.pop(outbox.folders.sent, False) is None  # of a shared folder once
            for day in sorted({*reader.days(since), *(view.days_kept(since) if view is not None else ())}):
                reader.read_day(day, view, progress, strangers=has_strangers)
    return tally.as_value(days)


class _Reader:
    """Reads what was sent of one outbox, one day after the other."""

    def __init__(
        self,
        installation: Installation,
        outbox: OutboxConfig,
        names: Sequence[str],
        tally: Tally,
        *,
        remarks: bool,
    ) -> None:
        config, self.tally = installation.config, tally
        self._composer = Composer(recipients(config.destinations, names), config.inputs)
        self._workshop = Workshop(self._composer)
        self._takes_any = len(names) < len(outbox.to)
        self._sent = outbox.folders.sent
        self._outbox, self._installation = outbox, installation
        self._largest_bytes = config.intake.largest_file_bytes
        self._names = Names(config.intake.temporary, config.intake.marker)
        self._remarks = remarks

    def close(self) -> None:
        """End the process that large files are read in."""
        self._workshop.close()

    def _outbox_named(self, name: str) -> OutboxConfig:
        """Return the outbox that has the files of a name in the journal; of one that is removed, the first."""
        return self._installation.outbox_named(name) or self._installation.config.outboxes[0]

    def days(self, since: str) -> Iterator[str]:
        """Name the days that have a folder in sent/."""
        if not os.path.lexists(self._sent):
            return
        with os.scandir(self._sent) as entries:
            yield from (each.name for each in entries if _DAY.fullmatch(each.name) and each.name >= since)

    def read_day(
        self, day: str, view: KeptView | None, progress: Callable[[int], None], *, strangers: bool
    ) -> None:
        """Read what the journal has there, then, of `strangers`, what else lies there."""
        kept = view.kept(day) if view is not None else []
        for each in kept:
            if self._outbox_named(each.outbox) != self._outbox:
                continue
            remarked = view.remarked(each.source_id) if view is not None and self._remarks else set()
            self._read_kept(day, each, remarked)
            progress(self.tally.read)
        if not strangers:
            return
        here = [each for each in kept if self._outbox_named(each.outbox).folders.sent == self._sent]
        known = {each.filed_as for each in here}
        known.update(document.filed_as for each in here for document in each.documents)
        for _ in self._read_strangers(day, [name for name in self._in(day) if f"{day}/{name}" not in known]):
            progress(self.tally.read)

    def _in(self, day: str) -> list[str]:
        try:
            with os.scandir(self._sent / day) as entries:
                return sorted(each.name for each in entries if not self._names.is_temporary(each.name))
        except (FileNotFoundError, NotADirectoryError):  # cleaned up, and no folder of ours
            return []
        except OSError as error:
            self.tally.not_read(day, error.strerror or type(error).__name__)
            return []

    def _read_kept(self, day: str, report: Kept, remarked: set[str]) -> None:
        documents = {each.name: each.filed_as for each in report.documents}
        data = self._content(report.filed_as)
        if data is None:
            return
        said = self._workshop.alone((data, report.name))
        used = self._judge(day, report.filed_as, report.name, said, documents, remarked)
        for name in documents.keys() - used if not said.findings else ():
            self._read_unwanted(day, name, documents[name])

    def _read_strangers(self, day: str, names: Iterable[str]) -> Iterator[None]:
        """Read files that the journal does not know, documents by the names that their reports say."""
        taken = [(_taken_as(name), f"{day}/{name}") for name in names]
        at = dict(taken)
        used: set[str] = set()
        documents = []
        for name, filed_as in taken:
            data = self._content(filed_as)
            if data is None:
                continue
            said = self._workshop.alone((data, name))
            if said.findings and isinstance(said.findings[0], DocumentAlone):
                documents.append(name)
            else:
                used |= self._judge(day, filed_as, name, said, at, set())
            yield
        self.tally.alone += len(set(documents) - used)

    def _judge(
        self,
        day: str,
        filed_as: str,
        name: str,
        said: Interpretation,
        documents: Mapping[str, str],
        remarked: set[str],
    ) -> set[str]:
        """Note what would become of a report today; returns the documents that it takes."""
        messages = said.messages
        companion = self._companion(name, documents) if said.pairs else ""
        wanted = {each for each in {*said.named, companion} if each in documents}
        if said.named or companion:
            contents = self._contents(day, filed_as, {each: documents[each] for each in sorted(wanted)})
            if contents is None:
                return wanted
            entries = self._composer.entries
            messages = tuple([each for item in said.items for each in entries(item, contents, companion)])
        faults = [*said.findings, *(finding for each in messages for finding in each.findings)]
        if self._takes_any:  # others may take what these do not
            faults = [each for each in faults if each.code != NOBODY]
        self.tally.judged(day, filed_as, faults, messages=len(messages))
        if self._remarks:
            self.tally.remarked(day, filed_as, _new_remarks(said, messages, remarked))
        return wanted

    def _contents(self, day: str, filed_as: str, documents: Mapping[str, str]) -> dict[str, bytes] | None:
        """Return the documents of a report by their names; None, and a note, where one cannot be had."""
        contents: dict[str, bytes] = {}
        for name, at in documents.items():
            try:
                if not at:
                    raise FileNotFoundError
                contents[name] = self._whole(at)
            except writers.TooLarge:
                self.tally.judged(day, filed_as, document_too_large().findings, messages=0)
                return None
            except (OSError, writers.StillChanging):
                self.tally.not_read(filed_as, "its document is not there any more, or cannot be read")
                return None
        self.tally.documents += len(contents)
        return contents

    def _companion(self, name: str, documents: Mapping[str, str]) -> str:
        """Name the PDF of a file's base name, where there is one or where one is waited for."""
        pdf = self._composer.inputs.pdf
        names = companion_names(name, pdf)
        there = [each for each in names if each in documents]
        return next(iter(there or (names if pdf.beside == "wait" else ())), "")

    def _read_unwanted(self, day: str, name: str, filed_as: str) -> None:
        """Judge a document that its report went with, and does not take any more."""
        data = self._content(filed_as) if filed_as else None
        if data is None:
            return
        said = self._workshop.alone((data, name))
        loose = bool(said.findings) and isinstance(said.findings[0], DocumentAlone)
        if loose:
            said = said._replace(findings=unclaimed().findings)
        self._judge(day, filed_as, name, said, {}, set())

    def _whole(self, filed_as: str) -> bytes:
        return writers.read_whole(self._sent / Path(filed_as), self._largest_bytes, ask_for_writers=False)[0]

    def _content(self, filed_as: str) -> bytes | None:
        """Return a file's bytes; None, and a note, where they cannot be had."""
        try:
            return self._whole(filed_as)
        except writers.TooLarge:
            self.tally.judged(filed_as[:10], filed_as, too_large(self._largest_bytes).findings, messages=0)
        except FileNotFoundError:
            self.tally.vanished += 1
        except writers.StillChanging:
            self.tally.not_read(filed_as, "it changed while it was read")
        except OSError as error:
            self.tally.not_read(filed_as, error.strerror or type(error).__name__)
        return None


def _new_remarks(said: Interpretation, messages: Iterable[NewMessage], remarked: set[str]) -> list[Finding]:
    remarks = remarks_of(said.remarks) + tuple(each for message in messages for each in message.remarks)
    return [Finding(each.code, each.text, each.place) for each in remarks if each.code not in remarked]


def _taken_as(name: str) -> str:
    """Return the name that a file had in the outbox: a taken one was given the claim's id."""
    stem, ending = os.path.splitext(name)
    plain, mark, claim_id = stem.rpartition("~")
    return plain + ending if mark and is_id(claim_id) else name
