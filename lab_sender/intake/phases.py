"""A claimed file on its way into the journal, phase by phase.

Holds: the phases `Claimed`, `Read` and `Interpreted`, and the two ways off: `Waiting` and `Rejected`.
Promises: each is frozen; a step takes one phase and returns the next. Each knows the claim that it began with.
Never: touches a file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from lab_sender import files, writers
from lab_sender.errors import FileError
from lab_sender.intake.compose import Interpretation
from lab_sender.journal import NewFile
from lab_sender.readers import owners_of

_NONE: frozenset[str] = frozenset()


class Claimed(Struct, frozen=True):
    """A file that is ours by its rename into claimed/.

    `name` is that in the outbox, `path` where it lies now. `since_s` is monotonic. `size` is as it was read last, -1
    before. `hold` keeps writers out until it is read (Windows). `waited`: newer files may have passed it.
    `documents` are those that are bound to it. `first` is the first claim of a released file, "" of any other;
    `forced`: a person has had something of it go out whatever is newer.
    """

    claim_id: str
    name: str
    path: str
    since_s: float
    size: int = -1
    hold: writers.Hold | None = None
    waited: bool = False
    documents: tuple[Claimed, ...] = ()
    first: str = ""
    forced: bool = False

    @property
    def turn(self) -> tuple[str, str]:
        """What files are taken in the order of: a released one has waited since it came first."""
        return self.first or self.claim_id, self.claim_id

    @property
    def claim(self) -> Claimed:
        """Return the claim itself, as the other phases do."""
        return self

    def back(self) -> Claimed:
        """Return the phase to begin anew with."""
        return self

    def put_off(self) -> Claimed:
        """Note that newer files may pass it."""
        return replace(self, waited=True)

    def read(self, data: bytes, size: int) -> Read:
        """Go on with its content: nothing keeps writers out any more."""
        return Read(
            Claimed(
                self.claim_id, self.name, self.path, self.since_s, size,
                waited=self.waited, documents=self.documents, first=self.first, forced=self.forced,
            ),
            data,
        )  # fmt: skip

    def rejected(self, error: FileError) -> Rejected:
        """Give up on it, for this reason."""
        return Rejected(self, error)

    def paths(self) -> tuple[str, ...]:
        """Return where the file and its documents lie."""
        return self.path, *(each.path for each in self.documents)

    def files(self) -> tuple[NewFile, ...]:
        """Return the journal's entries of the file and its documents."""
        return self._file("report"), *(each._file("attachment") for each in self.documents)

    def _file(self, role: Literal["report", "attachment"]) -> NewFile:
        return NewFile(files.valid_name(self.name), os.path.basename(self.path), role, self.size)


class Read(Struct, frozen=True):
    """A file with its content. `cut`: it is a PDF that is not whole, and a whole one is waited for."""

    claim: Claimed
    data: bytes
    cut: bool = False

    def interpreted(self, said: Interpretation) -> Interpreted:
        """Go on with what its content says."""
        return Interpreted(self.claim, said, {each.name: each for each in self.claim.documents})

    def rejected(self, error: FileError) -> Rejected:
        """Give up on it, for this reason."""
        return Rejected(self.claim, error, hashlib.sha256(self.data).digest())


class Interpreted(Struct, frozen=True):
    """A file of which we know what it says.

    `documents` are those it has, by their names in the outbox. `companion` is the PDF of its base name that belongs
    to it, though it does not name it. `without` are the names of documents that it goes without.
    """

    claim: Claimed
    said: Interpretation
    documents: Mapping[str, Claimed | Read]
    companion: str = ""
    without: frozenset[str] = _NONE

    @property
    def belonging(self) -> frozenset[str]:
        """The names of the documents that belong to the file."""
        return self.said.named | {self.companion} if self.companion else self.said.named

    @property
    def missing(self) -> frozenset[str]:
        """The names of those that are not here yet, or not whole."""
        belonging = self.belonging
        if not belonging:
            return belonging
        cut = {name for name, each in self.documents.items() if isinstance(each, Read) and each.cut}
        return belonging - (self.documents.keys() - cut)

    @property
    def owners(self) -> frozenset[str]:
        """Whose a document of the file is: patient and order of each of its reports."""
        return frozenset(owner for item in self.said.items for owner in owners_of(item))

    def back(self) -> Claimed:
        """Return the claim with the documents that it has been given: the phase to begin anew with."""
        documents = tuple([each.claim for each in self.documents.values()])
        return self.claim if documents == self.claim.documents else replace(self.claim, documents=documents)

    def put_off(self) -> Interpreted:
        """Note that newer files may pass it."""
        return replace(self, claim=self.claim.put_off())

    def rejected(self, error: FileError) -> Rejected:
        """Give up on it, for this reason."""
        return Rejected(self.back(), error, self.said.sha256, self.without, self.owners)


class Waiting(Struct, frozen=True):
    """A file that cannot go on now: the phase that it is in, the code of why ("" for the usual), when to try again.

    `retry_s` is monotonic; 0 is at once.
    """

    phase: Claimed | Interpreted
    why: str = ""
    retry_s: float = 0.0

    @property
    def claim(self) -> Claimed:
        """The claim that it began with."""
        return self.phase.claim


class Rejected(Struct, frozen=True):
    """A file that goes to quarantine as a whole, and why. `sha256` is empty where it was not read."""

    claim: Claimed
    error: FileError
    sha256: bytes = b""
    without: frozenset[str] = _NONE
    owners: frozenset[str] = _NONE
