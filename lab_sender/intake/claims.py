"""Files that are ours: claimed by a rename, read whole.

Holds: claiming, what a claimed file's name says, and reading it.
Promises: a claim is a rename under an id of its own that overwrites nothing, durable when `claim` returns. Ids sort
in the order of the claims, also over a restart with the clock set back. On Windows no writer comes in from the claim
until the file has been read. The name says whose an attachment is (`CLAIMID@REPORTID_NAME`; durable after `flush`),
so that a restart finds it for its report again.
Never: opens a file in the outbox for its content, and never deletes one (a marker is not a result).
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lab_sender import files
from lab_sender.errors import FileError
from lab_sender.files import Look
from lab_sender.ids import ID_LENGTH, ClaimName, is_id, new_id
from lab_sender.intake.compose import Interpretation
from lab_sender.journal import NewFile
from lab_sender.log import say
from lab_sender.readers import owners_of

_NONE: frozenset[str] = frozenset()


@dataclass(slots=True)
class Claim:
    """A claimed file. `since_s` is monotonic; `retry_s` says when to look at it again.

    `refusal` is set where it is known without its content that it cannot go on; `trouble` is why it cannot be read
    now; `waited` says that newer files may have passed it. `companion` is the PDF of its base name that goes with it,
    though it does not name it; `without` are the names of documents that it goes without. `size` is -1 until it was
    read. `hold` keeps writers out, on Windows. `cut`: it is a PDF that is not whole, and a whole one is waited for.
    """

    claim_id: str
    name: str
    path: str
    since_s: float
    retry_s: float = 0.0
    trouble: str = ""
    data: bytes = b""
    size: int = -1
    hold: files.Hold | None = None
    refusal: FileError | None = None
    waited: bool = False
    companion: str = ""
    without: frozenset[str] = _NONE
    cut: bool = False
    interpretation: Interpretation | None = None
    attachments: dict[str, Claim] = field(default_factory=dict)

    def documents(self) -> frozenset[str]:
        """Return the names of the attachments that belong to the file."""
        named = self.interpretation.named if self.interpretation else _NONE
        return named | {self.companion} if self.companion else named

    def wants(self) -> frozenset[str]:
        """Return the attachments that belong to the file and are not here yet, or not whole."""
        documents = self.documents()
        if not documents:
            return documents
        return documents - {name for name, each in self.attachments.items() if not each.cut}

    def owners(self) -> frozenset[str]:
        """Say whose a document of the file is: patient and order of each of its reports."""
        said = self.interpretation
        return frozenset(owner for item in said.items for owner in owners_of(item)) if said else _NONE

    def files(self) -> tuple[NewFile, ...]:
        """Return the journal's entries of this file and its attachments."""
        return self._file("report"), *(each._file("attachment") for each in self.attachments.values())

    def paths(self) -> tuple[str, ...]:
        """Return where the file and its attachments lie."""
        return self.path, *(each.path for each in self.attachments.values())

    def _file(self, role: Literal["report", "attachment"]) -> NewFile:
        return NewFile(files.valid_name(self.name), os.path.basename(self.path), role, self.size)


class Claims:
    """Claims files from the outbox into claimed/.

    `taken(name)` hears of each claim and returns the markers that go with it; `trouble(code, error)` hears of what
    cannot be claimed now.
    """

    def __init__(
        self,
        outbox: Path,
        claimed: Path,
        *,
        largest_file_bytes: int,
        taken: Callable[[str], Iterable[Path]],
        trouble: Callable[[str, Exception], None],
    ) -> None:
        self._outbox = outbox
        self._claimed = claimed
        self._outbox_prefix = f"{outbox}{os.sep}"
        self._claimed_prefix = f"{claimed}{os.sep}"
        self._largest_file_bytes = largest_file_bytes
        self._taken = taken
        self._trouble = trouble
        self._ask_writers = files.writers_can_be_asked(claimed)
        self._newest = ""
        self._flushed = True

    def look(self) -> None:
        """See that claimed/ is there. Raises OSError: without it the outbox is not ours, whatever lies in it."""
        os.stat(self._claimed)

    def go_on_from(self, journaled: str) -> None:
        """Let ids sort behind those given before: the journal's last one, and all in claimed/."""
        claimed = (ClaimName.parse(entry.name).claim_id for entry in files.entries(self._claimed))
        ids = (each[:ID_LENGTH] for each in (journaled, *claimed))  # one released under schema 2 has a letter more
        self._newest = max(filter(is_id, ids), default="")

    def claim(self, looks: Iterable[Look]) -> list[Claim]:
        """Make these files ours by renaming them into claimed/; durable on return."""
        claims = []
        now = time.monotonic()
        for look in looks:
            claim_id = self._newest = new_id(self._newest)
            source = self._outbox_prefix + look.name
            name = ClaimName(claim_id, files.short_name(files.valid_name(look.name)))
            target = f"{self._claimed_prefix}{name}"
            hold = None
            try:
                hold = files.hold(source)
                files.rename(source, target)
            except files.StillChanging:
                continue  # a writer has it open (Windows): not complete, though it looked so
            except FileNotFoundError as error:
                files.let_go(hold)
                if os.path.exists(source):
                    self._trouble("claim.failed", error)
            except (OSError, files.Busy) as error:
                files.let_go(hold)
                self._trouble("claim.failed", error)
            else:
                claims.append(Claim(claim_id, look.name, target, now, hold=hold))
                self._remove_markers(look.name)
        if claims:
            files.sync_folder(self._claimed)
            files.sync_folder(self._outbox)
        return claims

    def bind(self, attachment: Claim, report_id: str) -> None:
        """Write into a claimed document's name whose it is: a crash must not give it to another report."""
        name = ClaimName.parse(os.path.basename(attachment.path))
        if name.report_id is None:
            path = f"{self._claimed_prefix}{name._replace(report_id=report_id)}"
            with contextlib.suppress(OSError, files.Busy):
                files.rename(attachment.path, path)
                attachment.path = path
                self._flushed = False

    def flush(self) -> None:
        """Make durable what `bind` has written, before the journal answers for it."""
        if not self._flushed:
            files.sync_folder(self._claimed)
            self._flushed = True

    def left_behind(
        self, known: Callable[[list[str]], set[str]], in_hand: Collection[str] = ()
    ) -> tuple[list[Claim], list[Claim]]:
        """Return what lies in claimed/ and is not known: reports in order, and lone attachments.

        That is what was claimed before a crash, or was released. `known` are the names that the journal answers for;
        `in_hand` are paths.
        """
        looks = [look for entry in files.entries(self._claimed) if (look := files.look(entry)) and look.regular]
        looks = [look for look in looks if self._claimed_prefix + look.name not in in_hand]
        in_journal = known([look.name for look in looks])
        now = time.monotonic()
        claims = []
        attachments: dict[str, dict[str, Claim]] = {}
        for claimed_as in sorted(look.name for look in looks if look.name not in in_journal):
            name = ClaimName.parse(claimed_as)
            claim = Claim(name.claim_id, name.name, self._claimed_prefix + claimed_as, now, waited=True)
            if name.report_id is not None:
                attachments.setdefault(name.report_id, {})[claim.name] = claim
            else:
                claims.append(claim)
        for claim in claims:
            claim.attachments = attachments.pop(claim.claim_id, {})
        return claims, [claim for orphans in attachments.values() for claim in orphans.values()]

    def read(self, claim: Claim) -> bool:
        """Fill in a claim's content, or why it has none; False when it has to wait, or has gone."""
        claim.trouble = ""
        try:
            claim.data, look = files.read_whole(
                claim.path, self._largest_file_bytes, ask_for_writers=self._ask_writers, hold=claim.hold
            )
            claim.size = look.size
        except files.TooLarge:
            claim.refusal = too_large(self._largest_file_bytes)
        except files.StillChanging:
            return False
        except FileNotFoundError:
            say(logging.ERROR, "claim.vanished", claim=claim.claim_id)
            claim.path = ""
            return False
        except OSError as error:
            claim.trouble = "file.unreadable-now"
            self._trouble(claim.trouble, error)
            return False
        finally:
            files.let_go(claim.hold)
            claim.hold = None
        return True

    def _remove_markers(self, name: str) -> None:
        """Take away the markers of a claimed file, before its name may come again."""
        for marker in self._taken(name):
            try:
                files.remove(marker)
            except OSError as error:
                self._trouble("marker.stays", error)


def too_large(most_bytes: int) -> FileError:
    """Say that a file is not read for its size."""
    text = f"the file is larger than intake.largest_file ({most_bytes} bytes); it was not read."
    return FileError.of("file.too-large", text, hint="Split it, or raise the limit.")
