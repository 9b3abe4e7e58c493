"""Files that are ours: claimed by a rename, read whole.

Holds: claiming, finding what was claimed before, binding a document to its report, and reading.
Promises: a claim is a rename under an id of its own that overwrites nothing, durable when `claim` returns. What has
become younger since its look is not claimed in its old place, nor anything behind it by that look. Ids sort in the
order of the claims, also over a restart with the clock set back. On Windows no writer comes in from the claim until
the file has been read. Where a claimed file may be in nobody's hand, it says so (`unsure`).
Never: opens a file in the outbox for its content, and never deletes one (a marker is not a result).
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from msgspec.structs import replace

from lab_sender import files, writers
from lab_sender.errors import FileError
from lab_sender.files import Look
from lab_sender.ids import ClaimName
from lab_sender.intake.phases import Claimed, Read, Rejected, Waiting
from lab_sender.intake.together import ClaimIds
from lab_sender.log import say
from lab_sender.paths import verbatim


class Claims:
    """Claims files from the outbox into claimed/.

    `may()` is asked as the last thing before each claim: whether the outbox is still ours. `taken(name)` is called
    after it and returns the markers that go with it; `trouble(code, error)` with what cannot be claimed or read now.
    """

    def __init__(
        self,
        outbox: Path,
        claimed: Path,
        *,
        largest_file_bytes: int,
        taken: Callable[[str], Iterable[Path]],
        trouble: Callable[[str, Exception], None],
        ids: ClaimIds | None = None,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self.largest_file_bytes = largest_file_bytes
        self._outbox = outbox
        self._claimed = claimed
        self._outbox_prefix = f"{outbox}{os.sep}"
        self._claimed_prefix = f"{claimed}{os.sep}"
        self._taken = taken
        self._trouble = trouble
        self._ask_writers = writers.can_be_asked(claimed)
        self._ids = ids or ClaimIds()
        self._may = may
        self._flushed = True
        self.outdated = False
        """True where a file has another turn by now than its look saw: nothing more may be claimed by that one."""
        self.unsure = False
        """True where a file may lie in claimed/ that nobody has in hand, until somebody has looked there."""

    def look(self) -> None:
        """See that claimed/ is there. Raises OSError: without it the outbox is not ours, whatever lies in it."""
        os.stat(verbatim(self._claimed))

    def go_on_from(self, journaled: str) -> None:
        """Let ids sort behind the journal's last one."""
        self._ids.go_on_from((journaled,))

    def go_on_from_left(self) -> None:
        """Let ids sort behind those that lie in claimed/; where it is away, once it is back."""
        with contextlib.suppress(OSError):
            self._ids.go_on_from(ClaimName.parse(entry.name).claim_id for entry in files.entries(self._claimed))

    def claim(self, looks: Sequence[Look]) -> list[Claimed]:
        """Make these files ours by renaming them into claimed/; durable on return."""
        if not looks:
            return []
        with contextlib.ExitStack() as folders:
            try:
                outbox, claimed = (
                    folders.enter_context(files.OpenFolder(each)) for each in (self._outbox, self._claimed)
                )
            except OSError as error:
                self._trouble("claim.failed", error)
                return []
            claims = [
                claim for look in looks
                if not self.outdated and (claim := self._claim(look, outbox, claimed)) is not None
            ]  # fmt: skip
            if claims:
                try:
                    files.sync_folder(claimed)
                    files.sync_folder(outbox)
                except OSError as error:  # it has just gone away, with all that was claimed
                    self._flushed = False
                    self._lost_sight("claim.failed", error)
                    return self._let_go(claims)
        return claims

    def _lost_sight(self, code: str, error: OSError) -> None:
        self.unsure = True
        self._trouble(code, error)

    @staticmethod
    def _let_go(claims: Sequence[Claimed]) -> list[Claimed]:
        for each in claims:
            writers.let_go(each.hold)
        return []

    def _claim(self, look: Look, outbox: files.OpenFolder, claimed: files.OpenFolder) -> Claimed | None:
        claim_id = self._ids.next()
        name = str(ClaimName(claim_id, files.short_name(files.valid_name(look.name))))
        source = self._outbox_prefix + look.name
        hold = None
        try:
            hold = writers.hold(source)
            now = files.seen(outbox / look.name)
            self.outdated = now is not None and now.st_mtime_ns > look.mtime_ns
            if self.outdated or not self._may():
                writers.let_go(hold)
                return None
            files.rename(outbox / look.name, claimed / name)
        except writers.StillChanging:
            return None  # a writer has it open (Windows): not complete, though it looked so
        except (OSError, files.Busy) as error:
            self._not_claimed(source, name, hold, error)
        else:
            return self._claimed_as(claim_id, look.name, name, hold)
        return None

    def _not_claimed(self, source: str, name: str, hold: writers.Hold | None, error: Exception) -> None:
        """A claim has failed; or it was made, where the file is not in the outbox either: a share has done it and
        denied it to a repeated request, or nobody can see that now."""
        writers.let_go(hold)
        is_there, is_gone = files.exists(source), isinstance(error, FileNotFoundError)
        if not is_there:
            self.unsure |= not is_gone or self._is_away() or files.exists(self._claimed_prefix + name)
        if is_there or not is_gone:
            self._trouble("claim.failed", error)

    def _claimed_as(self, claim_id: str, was: str, name: str, hold: writers.Hold | None) -> Claimed:
        self._remove_markers(was)
        return Claimed(claim_id, was, self._claimed_prefix + name, time.monotonic(), hold=hold)

    def bind(self, document: Claimed, report_id: str) -> Claimed:
        """Write into a claimed document's name whose it is, durably after `flush`.

        So a restart finds it for its report again, and a crash does not give it to another one.
        """
        name = ClaimName.parse(os.path.basename(document.path))
        if name.report_id is None:
            path = f"{self._claimed_prefix}{name._replace(report_id=report_id)}"
            try:
                files.rename(document.path, path)
            except (OSError, files.Busy):
                self.unsure |= not files.exists(document.path)
                return document
            self._flushed = False
            return replace(document, path=path)
        return document

    def flush(self) -> bool:
        """Make durable what `bind` has written, before the journal answers for it; False where its folder is away."""
        if not self._flushed:
            try:
                files.sync_folder(self._claimed)
            except OSError as error:
                self._lost_sight("outbox.unreachable", error)
                return False
            self._flushed = True
        return True

    def left_behind(
        self, known: Callable[[list[str]], set[str]], in_hand: Collection[str] = ()
    ) -> tuple[list[Claimed], list[Claimed]]:
        """Return what lies in claimed/ and is not known: reports in order, and documents without one.

        That is what was claimed before a crash, or was released. What is claimed from now on sorts behind all of it.
        `known` are the names that the journal answers for; `in_hand` are paths.
        """
        looks = [look for entry in files.entries(self._claimed) if (look := files.look(entry)) and look.regular]
        self._ids.go_on_from(ClaimName.parse(look.name).claim_id for look in looks)
        looks = [look for look in looks if self._claimed_prefix + look.name not in in_hand]
        in_journal = known([look.name for look in looks])
        now = time.monotonic()
        claims, alone = [], []
        bound: dict[str, dict[str, Claimed]] = {}
        for claimed_as in sorted(look.name for look in looks if look.name not in in_journal):
            name = ClaimName.parse(claimed_as)
            claim = Claimed(name.claim_id, name.name, self._claimed_prefix + claimed_as, now, waited=True)
            if name.report_id is None:
                claims.append(claim)
                continue
            documents = bound.setdefault(name.report_id, {})
            if claim.name in documents:  # as where a whole one came in the place of a cut one
                alone.append(documents[claim.name])
            documents[claim.name] = claim
        reports = [replace(claim, documents=tuple(bound.pop(claim.claim_id, {}).values())) for claim in claims]
        return reports, [*alone, *(claim for documents in bound.values() for claim in documents.values())]

    def read(self, claim: Claimed) -> Read | Waiting | Rejected | None:
        """Read a claim's content; Waiting where it cannot be had now, None where the file has gone, or its folder."""
        free = claim if claim.hold is None else replace(claim, hold=None)
        try:
            data, look = writers.read_whole(
                claim.path, self.largest_file_bytes, ask_for_writers=self._ask_writers, hold=claim.hold
            )
        except writers.TooLarge:
            return free.rejected(too_large(self.largest_file_bytes))
        except writers.StillChanging:
            return Waiting(free)
        except FileNotFoundError as error:
            self.unsure = True
            if self._is_away():
                self._lost_sight("outbox.unreachable", error)
            else:
                say(logging.ERROR, "claim.vanished", claim=claim.claim_id)
            return None
        except OSError as error:
            self._trouble("file.unreadable-now", error)
            return Waiting(free, "file.unreadable-now")
        finally:
            writers.let_go(claim.hold)
        return claim.read(data, look.size)

    def _is_away(self) -> bool:
        """Say whether claimed/ itself is not there."""
        try:
            self.look()
        except OSError:
            return True
        return False

    def _remove_markers(self, name: str) -> None:
        """Take away the markers of a claimed file, before its name may come again."""
        self.remove_markers(self._taken(name))

    def remove_markers(self, markers: Iterable[Path]) -> None:
        """Take these away; one that cannot be is a trouble."""
        for marker in markers:
            try:
                files.remove(marker)
            except OSError as error:
                self._trouble("marker.stays", error)


def too_large(most_bytes: int) -> FileError:
    """Make the error of a file that is not read for its size."""
    text = f"the file is larger than intake.largest_file ({most_bytes} bytes); it was not read."
    return FileError.of("file.too-large", text, hint="Split it, or raise the limit.")
