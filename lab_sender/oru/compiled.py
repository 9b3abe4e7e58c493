"""One site's profile, compiled.

Holds: what every writer of a message needs of the profile: settings, code maps, grammar and dialect of the version,
clock.
Promises: made once for a Builder; a profile that the version has no fields for is an error here.
Never: changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lab_sender.errors import LabSenderError, SettingError
from lab_sender.hl7 import dialect, grammar
from lab_sender.hl7.charset import CHARSETS
from lab_sender.hl7.checks import Checks, Test
from lab_sender.hl7.escape import escaping
from lab_sender.oru import times
from lab_sender.oru.coding import compile_coding
from lab_sender.oru.identity import compile_identity
from lab_sender.oru.relocations import Relocations
from lab_sender.oru.status_words import compile_words
from lab_sender.oru.values import rewritten
from lab_sender.report.model import Coded, Visit

if TYPE_CHECKING:
    from lab_sender.config.profile import SiteProfile


class CompiledProfile:
    """A site profile as the writers of a message use it."""

    def __init__(self, given: SiteProfile) -> None:
        self.given = given
        self.profile = given.settings
        self.maps = given.maps
        self.origins = given.origins
        self.grammar = grammar.load(self.profile.version)
        if self.profile.preadopted:
            self.grammar = self.grammar.adopting((path.segment, path.field) for path in self.profile.preadopted)
        self.dialect = dialect.of(self.profile.version)
        self.codec = CHARSETS[self.profile.charset]
        self.clock, clocks = times.clocks(self.profile, _zone(self.profile.time_zone), self.grammar)
        self.clocks = clocks or None
        self.unknown_collection = times.unknown_collection(self.profile)
        self.coding = compile_coding(given)
        self.plain_flags = "flag" not in given.maps and "OBX-8" not in self.dialect.coded_words
        self.order_words = compile_words(given, "order_status")
        self.result_words = compile_words(given, "result_status")
        self.identity = compile_identity(self.profile, self.grammar)
        self.escaping = escaping(self.profile.delimiters)
        self.rewritten = rewritten(self.profile.text)
        document = self.profile.attachments.test
        code, text, system = (document + "^^").split("^")[:3]
        self.document = Coded(code, text, system) if document else None
        """OBX-3 of an attached document without a test of its own."""
        specimen = self.profile.specimen if self.profile.specimen != "auto" else self.dialect.specimen
        self.specimen_segment = specimen in ("SPM", "both")
        self.specimen_source = specimen in ("OBR-15", "both")
        self.timing = self.profile.timing if self.profile.timing != "auto" else self.dialect.timing
        if not self.specimen_segment:
            self.unknown_collection -= {"SPM"}
        needs_class = any(str(one.field) == "PV1-2" and one.when is None for one in self.profile.require)
        self.unknown_visit = Visit() if needs_class else None
        """The visit of a report without one, where the profile requires the patient's class (PV1-2) in any case."""
        self._check_the_version()
        self.relocations = Relocations(self.profile, self.grammar, self.dialect.value_types.get("CWE", "CWE"))
        self.checks = Checks(self.grammar, self.dialect.value_types)
        self.tests: dict[str, Test] = {}
        """Segment, of those met so far -> the test that a line passes which needs no closer look."""

    def test(self, segment: str) -> Test:
        """Return the test that a line of `segment` passes when it fits and nothing of it is to be relocated."""
        return self._test(segment, self.checks.usual(segment))

    def widened(self, segment: str) -> Test:
        """Return the same test for lines that fill any fields; it is the segment's test from now on."""
        return self._test(segment, self.checks.widened(segment))

    def _test(self, segment: str, fits: Test) -> Test:
        wanted = self.relocations.wanted.get(segment)
        self.tests[segment] = test = _without(wanted, fits) if wanted else fits
        return test

    def has(self, segment: str, field: int) -> bool:
        """Return whether the version has a field."""
        fields = self.grammar.fields(segment)
        return field <= len(fields) and fields[field - 1].most != 0

    def _check_the_version(self) -> None:
        for setting, wanted, segment, field in (
            ("specimen", self.specimen_segment, "SPM", 4),
            ("specimen", self.specimen_source, "OBR", 15),
            ("timing", self.timing == "TQ1", "TQ1", 9),
            ("timing", self.timing == "OBR-27", "OBR", 27),
        ):
            if wanted and not self.has(segment, field):
                raise SettingError(
                    f"profile.{setting}", setting, f"HL7 {self.profile.version} has no {segment}-{field}.",
                    hint=f"Leave out {setting}, or set it to auto.",
                )  # fmt: skip


def _without(fields: Sequence[int], usual: Test) -> Test:
    """Return a test that only lines without a value in `fields` pass."""
    end = max(fields) + 1

    def test(line: str) -> object:
        row = line.split("|", end)
        return None if any(row[field] for field in fields if field < len(row)) else usual(line)

    return test


def _zone(name: str) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise LabSenderError(
            "profile.time-zone", f"There is no time zone {name!r}.", hint="Write it like Europe/Dublin."
        ) from None
