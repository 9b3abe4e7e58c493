"""Which documents go with which report.

Holds: the documents that came before their report, and the rules of who gets what.
Promises: a document is given to a report only where nothing else could be meant: the report names it, or it is the
PDF of its file's base name (`inputs.pdf.beside`); and no report of another patient or order went without a document
of that name and lies in quarantine, or did so a short time ago (the journal knows). A document is taken in its turn
among all files, so that no report older than it is still to be read. Two reports that want one document are both
refused, and it with them; a result is never sent inside another report; a document that nobody wants ends in
quarantine.
Never: reads the outbox as a whole, or writes the journal: what is refused here is handed to `refuse`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from lab_sender import files
from lab_sender.errors import DocumentAlone, FileError
from lab_sender.files import Look
from lab_sender.intake.claims import Claim, Claims
from lab_sender.intake.compose import Composer
from lab_sender.readers import companion_names
from lab_sender.report.pdf import is_cut

Named = TypeVar("Named", Look, Claim)


class Pairing:
    """Brings reports and their documents together. `refuse(claim, error)` takes what goes to quarantine alone."""

    def __init__(
        self,
        claims: Claims,
        composer: Composer,
        *,
        outbox: Path,
        wait_s: float,
        refuse: Callable[[Claim, FileError], None],
        owed: Callable[[Collection[str]], dict[str, list[frozenset[str]]]],
    ) -> None:
        self._claims = claims
        self._composer = composer
        self._pdf = composer.inputs.pdf
        self._wants_whole = composer.profile.settings.attachments.cut == "quarantine"
        self._outbox = outbox
        self._wait_s = wait_s
        self._refuse = refuse
        self._owed = owed
        self._loose: dict[str, Claim] = {}
        self._offered: dict[str, Claim] = {}
        self._in_hand: Collection[str] = frozenset()

    @property
    def loose(self) -> Collection[Claim]:
        """The documents that wait for their report."""
        return self._loose.values()

    def documents_first(self, found: Iterable[Named]) -> list[Named]:
        """Put PDFs that may belong to a file before all else, so that no report finds its own not read yet."""
        if self._pdf.beside == "ignore":
            return list(found)
        return sorted(found, key=lambda each: not self._may_belong(each.name))

    def share_out(self, waiting: Iterable[Claim], claims: Sequence[Claim]) -> list[Claim]:
        """Find out which of `claims` are documents that a report wants; return the others, in their order."""
        named: dict[str, Claim] = {}
        shared: set[str] = set()
        held = (*waiting, *claims)
        self._in_hand = {claim.name for claim in held}
        for claim in held:
            self._find_companion(claim)
        wishes = [(claim, wanted) for claim in held if (wanted := claim.wants())]
        owed = self._owed({name for _, wanted in wishes for name in wanted}) if wishes else {}
        for claim, wanted in wishes:
            for name in wanted:
                if any(owners.isdisjoint(claim.owners()) for owners in owed.get(name, ())):
                    claim.refusal = _shared()
                    shared.add(name)
                if named.setdefault(name, claim) is not claim:
                    claim.refusal = named[name].refusal = _shared()
                    shared.add(name)
        offered = {claim.name: claim for claim in claims if claim.name in named and not _holds_results(claim)}
        for name in shared:  # neither report gets it, and no later one either
            document = offered.pop(name, None)
            if document is not None:
                document.refusal = document.refusal or _shared()
                named.pop(name)
            stray = self._loose.pop(name, None)
            if stray is not None:
                self._refuse(stray, _shared())
        self._offered = offered
        for name in offered:
            named[name].retry_s = 0.0
        taken = set(map(id, offered.values()))
        return [claim for claim in claims if id(claim) not in taken]

    def keep_the_rest(self) -> None:
        """Lay aside what was offered and not taken."""
        for claim in self._offered.values():
            self.lay_aside(claim)
        self._offered = {}

    def is_complete(self, claim: Claim) -> bool:
        """Give a report the documents that belong to it; False while one is still to come and there is time.

        When the time is up the report goes on without it, and the composer names what is missing.
        """
        for name in claim.attachments.keys() - claim.documents():  # kept for it under another configuration
            self.lay_aside(claim.attachments.pop(name))
        for name in sorted(claim.wants()):
            attachment = self._offered.pop(name, None)
            stray = self._loose.pop(name, None)
            if attachment is not None and stray is not None:
                self._refuse(stray, unclaimed())
            attachment = attachment or stray
            if attachment is not None:
                if name in claim.attachments:
                    self._refuse(claim.attachments[name], _cut())
                self._claims.bind(attachment, claim.claim_id)
                claim.attachments[name] = attachment
        for name, attachment in list(claim.attachments.items()):
            if attachment.data or self._claims.read(attachment):
                attachment.cut = self._wants_whole and is_cut(attachment.data)
                too_large = document_too_large() if attachment.refusal is not None else None
                claim.refusal = claim.refusal or too_large or self._another_result(attachment)
            elif attachment.path:
                claim.trouble = attachment.trouble
                return False
            else:
                del claim.attachments[name]
        if claim.wants() and time.monotonic() - claim.since_s < self._wait_s:
            return False
        self.goes_without(claim)
        if claim.companion not in claim.attachments and self._pdf.beside == "attach":
            claim.companion = ""  # it was there and never whole; the report does not stand or fall with it
        return True

    def goes_without(self, claim: Claim) -> None:
        """Note the documents that a report goes without: one that comes late must not be the next report's."""
        for name in claim.wants():
            beside = companion_names(claim.name, self._pdf) if name == claim.companion else ()
            claim.without |= {name, *beside}

    def lay_aside_if_loose(self, claim: Claim) -> bool:
        """Keep a claim that may be a document whose report has not come; False if it is something else."""
        said = claim.interpretation
        if said is None or not said.findings or not isinstance(said.findings[0], DocumentAlone):
            return False
        self.lay_aside(claim)
        return True

    def lay_aside(self, claim: Claim) -> None:
        """Keep a document for the report that will want it; an older one of its name has waited in vain."""
        older = self._loose.get(claim.name)
        self._loose[claim.name] = claim
        if older is not None:
            self._refuse(older, unclaimed())

    def refuse_overdue(self) -> None:
        """Refuse the documents that nobody has wanted for too long."""
        now = time.monotonic()
        for name, claim in list(self._loose.items()):
            if now - claim.since_s >= self._wait_s:
                del self._loose[name]
                self._refuse(claim, unclaimed())

    def _find_companion(self, claim: Claim) -> None:
        """Find the PDF of a file's base name, where the site wants it to go with the file."""
        if claim.interpretation is None or not claim.interpretation.pairs:
            return
        names = companion_names(claim.name, self._pdf)
        there = [name for name in names if name in claim.attachments] or list(filter(self._is_there, names))
        claim.companion = next(iter(there or (names if self._pdf.beside == "wait" else ())), "")
        claim.without = frozenset(names) if names and not claim.companion else frozenset()

    def _may_belong(self, name: str) -> bool:
        own = self._pdf.name
        return name.lower().endswith(".pdf") and (own is None or own.whole(name) is None)

    def _is_there(self, name: str) -> bool:
        if name in self._loose or name in self._in_hand:
            return True
        try:
            look = files.look(self._outbox / name)
        except OSError:
            return True  # nobody can say: the report is put off, and looked at again
        return look is not None and look.regular

    def _another_result(self, attachment: Claim) -> FileError | None:
        """A result that a report names as its attachment may be another patient's: it is not sent with this one."""
        if attachment.interpretation is None:
            attachment.interpretation = self._composer.interpret(attachment.data, attachment.name)
        if not _holds_results(attachment):
            return None
        text = "a file that the report names as its attachment is a result file itself; neither was sent."
        return FileError.of("attachment.result", text, hint="Drop the two apart, each as a result of its own.")


def _holds_results(claim: Claim) -> bool:
    return claim.interpretation is not None and not claim.interpretation.findings


def document_too_large() -> FileError:
    """Say that a report's document is not read for its size."""
    text = "a file that the report names is larger than intake.largest_file; it was not read."
    return FileError.of("attachment.too-large", text, hint="Send a smaller one, or raise the limit.")


def _shared() -> FileError:
    """Two reports want one document: giving it to the wrong one would show it to the wrong patient's doctor."""
    text = "another report wants the same attachment, or has gone without it, and nothing tells whose it is."
    hint = (
        "Give each attachment a name of its own, and drop all again. A report that went without one is in quarantine"
        " as attachment.missing or attachment.shared: release or dismiss it first."
    )
    return FileError.of("attachment.shared", text, hint=hint)


def _cut() -> FileError:
    text = "the PDF has no end mark (%%EOF): it is cut off. Its report got a later one of the same name."
    return FileError.of("attachment.cut", text, hint="Dismiss it.")


def unclaimed() -> FileError:
    """A document that came without its report; a newer one of the same name may be another patient's."""
    text = "no report has named this file as its attachment in time."
    hint = "Drop a report that names it, together with it; or see docs/files/documents.md."
    return FileError.of("attachment.unclaimed", text, hint=hint)
