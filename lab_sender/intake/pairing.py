"""Which documents go with which report.

Holds: the rules of who gets what.
Promises: a document is given to a report only where nothing else could be meant. Two reports that want one document
are both rejected, and it with them; a document that nobody wants is rejected in the end. No result is sent inside
another report.
Never: reads the outbox as a whole, or writes the journal: what it rejects is returned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from lab_sender import files
from lab_sender.errors import DocumentAlone, FileError
from lab_sender.files import Look
from lab_sender.intake.claims import Claims
from lab_sender.intake.phases import Claimed, Interpreted, Read, Rejected, Waiting
from lab_sender.intake.plan import Plan
from lab_sender.intake.unpaired import Document, Unpaired, unclaimed
from lab_sender.readers import companion_names
from lab_sender.report.pdf import is_cut

Named = TypeVar("Named", Look, Claimed)


class Paired(NamedTuple):
    """What becomes of files, each in the order of the claims.

    `complete` go on with all their documents, `waiting` are reports that have not got theirs yet.
    """

    complete: list[Interpreted]
    waiting: list[Waiting]
    rejected: list[Rejected]



class Pairing:
    """Brings reports and their documents together.

    A document belongs to the report that names it, or whose file has its base name (`inputs.pdf.beside`), unless a
    report of other orders wanted one of that name and lies in quarantine, or was sent without it a short time ago:
    `owed(names)` returns whose these reports are, for each name.
    """

    def __init__(
        self,
        claims: Claims,
        plan: Plan,
        *,
        outbox: Path,
        owed: Callable[[Collection[str]], Mapping[str, list[frozenset[str]]]],
    ) -> None:
        self._claims = claims
        self._outbox = outbox
        self._owed = owed
        self._unpaired = Unpaired()
        self._all_seen_s = 0.0
        self.use(plan)

    def use(self, plan: Plan) -> list[Claimed]:
        """Pair by another plan; returns the unpaired documents, which may be something else by that one."""
        self._composer = plan.composer
        self._pdf = plan.composer.inputs.pdf
        self._wants_whole = any(each.attachments.cut == "quarantine" for each in plan.composer.profiles.values())
        self._wait_s = plan.settings.attachment_wait_s
        return self._unpaired.take_all()

    def paths(self) -> set[str]:
        """Return where the documents lie that wait for their report."""
        return self._unpaired.paths()

    def documents_first(self, found: Iterable[Named]) -> list[Named]:
        """Put PDFs that may belong to a file before all else, so that no report finds its own not read yet."""
        if self._pdf.beside == "ignore":
            return list(found)
        return sorted(found, key=lambda each: not self._may_belong(each.name))

    def pair(self, waiting: Collection[Waiting], fresh: Sequence[Interpreted | Rejected]) -> Paired:
        """Bring what has just been read together with what waits.

        The result holds all of `fresh`, but for the documents, which are given to a report or kept for one; and of
        `waiting` those for which something has changed. The others wait on as they are.
        """
        in_hand = {each.claim.name for each in (*waiting, *fresh)}
        phases = (*(each.phase for each in waiting), *fresh)
        reports = {
            each.claim.path: self._with_companion(each, in_hand) for each in phases if isinstance(each, Interpreted)
        }
        wanted, shared, sharing = self._wishes(reports.values())
        offered: dict[str, Document] = {
            each.claim.name: each for each in fresh if each.claim.name in wanted and not _holds_results(each)
        }
        paired = Paired([], [], [])
        of_nobody = set()
        for name in shared:  # neither report gets it, and no later one either
            for document in (offered.pop(name, None), self._unpaired.take(name)):
                if document is not None:
                    paired.rejected.append(_rejected(document, _shared()))
                    of_nobody.add(document.claim.path)
        documents = {each.claim.path for each in offered.values()} | of_nobody
        served = {wanted[name].claim.path for name in offered} | sharing
        turn = [reports.get(each.claim.path, each) for each in fresh if each.claim.path not in documents]
        turn += [reports[each.claim.path] for each in waiting if each.claim.path in served]
        for each in sorted(turn, key=_claim_id):
            if isinstance(each, Rejected):
                paired.rejected.append(each)
            elif each.claim.path in sharing:
                paired.rejected.append(self._going_without(each).rejected(_shared()))
            else:
                self._complete(each, offered, paired)
        paired.rejected.extend(self._unpaired.keep(offered.values()))
        return paired

    def keep(self, documents: Iterable[Claimed]) -> list[Rejected]:
        """Keep documents for the reports that will want them; returns those that they replace."""
        return self._unpaired.keep(documents)

    def wait_anew(self) -> None:
        """Let all waits begin now: what is waited for may lie in the outbox, behind what was looked at."""
        self._all_seen_s = time.monotonic()

    def has_waited(self, claim: Claimed) -> bool:
        """Say whether a file's time is up."""
        return time.monotonic() - max(claim.since_s, self._all_seen_s) >= self._wait_s

    def overdue(self) -> list[Rejected]:
        """Give up on the documents that nobody has wanted for too long."""
        return self._unpaired.overdue(self.has_waited)

    def _wishes(self, reports: Collection[Interpreted]) -> tuple[dict[str, Interpreted], set[str], set[str]]:
        """Find out which report wants which document.

        Returns the first that wants each name, the names that are not for one report alone, and the paths of the
        reports that want one of these.
        """
        wishes = [(report, missing) for report in reports if (missing := report.missing)]
        owed = self._owed({name for _, missing in wishes for name in missing}) if wishes else {}
        wanted: dict[str, Interpreted] = {}
        shared: set[str] = set()
        sharing: set[str] = set()
        for report, missing in wishes:
            for name in missing:
                first = wanted.setdefault(name, report)
                is_owed = any(owners.isdisjoint(report.owners) for owners in owed.get(name, ()))
                if is_owed or first is not report:
                    shared.add(name)
                    sharing.add(report.claim.path)
                if first is not report:
                    sharing.add(first.claim.path)
        return wanted, shared, sharing

    def _complete(self, report: Interpreted, offered: dict[str, Document], paired: Paired) -> None:
        """Give a report its documents, and say what becomes of it."""
        step = self._with_documents(report, offered, paired.rejected)
        if isinstance(step, Waiting):
            paired.waiting.append(step)
        elif isinstance(step, Rejected):
            paired.rejected.append(step)
        elif step.said.findings and isinstance(step.said.findings[0], DocumentAlone):
            paired.rejected.extend(self._unpaired.keep([step]))
        else:
            paired.complete.append(step)

    def _with_documents(
        self, report: Interpreted, offered: dict[str, Document], rejected: list[Rejected]
    ) -> Interpreted | Waiting | Rejected:
        """Give a report the documents that belong to it; Waiting while one is still to come and there is time.

        When the time is up the report goes on without it, and the composer names what is missing.
        """
        if not (report.belonging or report.documents):
            return report
        step = self._with_contents(*self._given(report, offered, rejected))
        if not isinstance(step, Interpreted):
            return step
        if step.missing and not self.has_waited(step.claim):
            return Waiting(step)
        report = self._going_without(step)
        if self._pdf.beside == "attach" and report.companion not in report.documents:
            return replace(report, companion="")  # the PDF never became complete; the report is sent without it
        return report

    def _given(
        self, report: Interpreted, offered: dict[str, Document], rejected: list[Rejected]
    ) -> tuple[Interpreted, set[str]]:
        """Give a report the documents that are here; returns also the names of those known to be no results."""
        documents = dict(report.documents)
        no_results = set()
        for name in documents.keys() - report.belonging:  # kept for it under another configuration
            rejected.extend(self._unpaired.keep([documents.pop(name).claim]))
        for name in sorted(report.missing):
            new, older = offered.pop(name, None), self._unpaired.take(name)
            if new is not None and older is not None:
                rejected.append(older.rejected(unclaimed()))
            document = older if new is None else new
            if document is not None:
                if name in documents:
                    rejected.append(documents[name].rejected(_cut()))
                if isinstance(document, Interpreted):
                    no_results.add(name)
                documents[name] = self._claims.bind(document.claim, report.claim.claim_id)
        return replace(report, documents=documents), no_results

    def _with_contents(self, report: Interpreted, no_results: Collection[str]) -> Interpreted | Waiting | Rejected:
        """Read the documents of a report that have not been read yet."""
        documents = dict(report.documents)
        for name, document in report.documents.items():
            if isinstance(document, Read):
                continue
            read = self._claims.read(document)
            error = None
            if isinstance(read, Waiting):
                return Waiting(replace(report, documents=documents), read.why)
            if isinstance(read, Rejected):
                error = document_too_large()
            elif read is None:
                del documents[name]
            else:
                documents[name] = replace(read, cut=self._wants_whole and is_cut(read.data))
                if name not in no_results and self._holds_results(read):
                    error = _another_result()
            if error is not None:
                return self._going_without(replace(report, documents=documents)).rejected(error)
        return replace(report, documents=documents)

    def _going_without(self, report: Interpreted) -> Interpreted:
        """Note the documents that a report goes without: one that comes late must not be the next report's."""
        missing = report.missing
        beside = companion_names(report.claim.name, self._pdf) if report.companion in missing else ()
        return replace(report, without=report.without | missing | frozenset(beside))

    def _with_companion(self, file: Interpreted, in_hand: Collection[str]) -> Interpreted:
        """Find the PDF of a file's base name, where the site wants it to go with the file."""
        if not file.said.pairs:
            return file
        names = companion_names(file.claim.name, self._pdf)
        there = [name for name in names if name in file.documents]
        there = there or [name for name in names if self._is_there(name, in_hand)]
        companion = next(iter(there or (names if self._pdf.beside == "wait" else ())), "")
        return replace(file, companion=companion, without=frozenset(() if companion else names))

    def _may_belong(self, name: str) -> bool:
        own = self._pdf.name
        return name.lower().endswith(".pdf") and (own is None or own.whole(name) is None)

    def _is_there(self, name: str, in_hand: Collection[str]) -> bool:
        if name in self._unpaired or name in in_hand:
            return True
        try:
            look = files.look(self._outbox / name)
        except OSError:
            return True  # nobody can say: the report is put off, and looked at again
        return look is not None and look.regular

    def _holds_results(self, document: Read) -> bool:
        return not self._composer.interpret(document.data, document.claim.name).findings


def _claim_id(file: Interpreted | Rejected) -> str:
    return file.claim.claim_id


def _holds_results(file: Interpreted | Rejected) -> bool:
    return isinstance(file, Interpreted) and not file.said.findings


def _rejected(document: Document, error: FileError) -> Rejected:
    return document if isinstance(document, Rejected) else document.rejected(error)


def document_too_large() -> FileError:
    """Make the error of a report whose document is not read for its size."""
    text = "a file that the report names is larger than intake.largest_file; it was not read."
    return FileError.of("attachment.too-large", text, hint="Send a smaller one, or raise the limit.")


def _another_result() -> FileError:
    """A result that a report names as its document may be another patient's: it is not sent with this one."""
    text = "a file that the report names as its attachment is a result file itself; neither was sent."
    return FileError.of("attachment.result", text, hint="Drop the two apart, each as a result of its own.")


def _shared() -> FileError:
    """Two reports want one document: giving it to the wrong one would show it to the wrong patient's doctor."""
    text = "another report wants the same attachment, or has gone without it, and nothing shows whose it is."
    hint = (
        "Give each attachment a name of its own, and drop all again. A report that went without one is in quarantine"
        " as attachment.missing or attachment.shared: release or dismiss it first."
    )
    return FileError.of("attachment.shared", text, hint=hint)


def _cut() -> FileError:
    text = "the PDF has no end mark (%%EOF): it is cut off. Its report got a later one of the same name."
    return FileError.of("attachment.cut", text, hint="Dismiss it.")
