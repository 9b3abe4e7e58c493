"""One site's profile, compiled.

Holds: what every writer of a message needs to know of the profile: its settings, its maps, its version's grammar and
dialect, its clock.
Promises: made once for a Builder, of a profile that has no mistakes (mistakes.py).
Never: changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from lab_sender.hl7 import dialect, grammar
from lab_sender.hl7.charset import CHARSETS
from lab_sender.hl7.checks import Checks, Test
from lab_sender.hl7.dialect import Dialect
from lab_sender.hl7.escape import escaping
from lab_sender.hl7.grammar import Grammar
from lab_sender.oru import times
from lab_sender.oru.coding import compile_coding
from lab_sender.oru.identity import compile_identity
from lab_sender.oru.relocations import Relocations
from lab_sender.oru.status_words import compile_words
from lab_sender.oru.values import rewritten
from lab_sender.report.model import Coded, Visit

if TYPE_CHECKING:
    from lab_sender.config.profile import Profile, SiteProfile


class CompiledProfile:
    """A site profile as the writers of a message use it."""

    def __init__(self, given: SiteProfile) -> None:
        self.given = given
        self.profile = given.settings
        self.maps = given.maps
        self.origins = given.origins
        self.grammar = grammar_of(self.profile)
        self.dialect = dialect.of(self.profile.version)
        self.codec = CHARSETS[self.profile.charset]
        zone = ZoneInfo(self.profile.time_zone) if self.profile.time_zone else None
        self.clock, clocks = times.clocks(self.profile, zone)
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
        """OBX-3 of an attached document that states no test."""
        specimen, self.timing = segments_of(self.profile, self.dialect)
        self.specimen_segment = specimen in ("SPM", "both")
        self.specimen_source = specimen in ("OBR-15", "both")
        if not self.specimen_segment:
            self.unknown_collection -= {"SPM"}
        needs_class = any(str(one.field) == "PV1-2" and one.when is None for one in self.profile.require)
        self.unknown_visit = Visit() if needs_class else None
        """What PV1 says of a report without a visit, where the profile wants the patient's class in any case."""
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
        """Tell whether the version has a field."""
        return self.grammar.has(segment, field)


def grammar_of(profile: Profile) -> Grammar:
    """Return the grammar of a profile's version, with the fields in it that the profile adopts."""
    own = grammar.load(profile.version)
    return own.adopting((path.segment, path.field) for path in profile.preadopted) if profile.preadopted else own


def segments_of(profile: Profile, own: Dialect) -> tuple[str, str]:
    """Return where specimen and timing stand: the site's choice, or the version's."""
    specimen = profile.specimen if profile.specimen != "auto" else own.specimen
    return specimen, profile.timing if profile.timing != "auto" else own.timing


def _without(fields: Sequence[int], usual: Test) -> Test:
    """Return a test that only lines without a value in `fields` pass."""
    end = max(fields) + 1

    def test(line: str) -> object:
        row = line.split("|", end)
        return None if any(row[field] for field in fields if field < len(row)) else usual(line)

    return test
