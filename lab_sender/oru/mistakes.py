"""What cannot work in a site profile, and in the rules of what a destination takes.

Holds: the list of their mistakes, from the rules to the names in MSH.
Promises: every mistake is named by its setting, whatever else is wrong; one that may only follow from a setting that
cannot be read is none.
Never: reads the profile's files, or looks at a report.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

from lab_sender.errors import SettingError
from lab_sender.hl7 import dialect, grammar
from lab_sender.hl7.charset import CHARSETS
from lab_sender.hl7.checks import Checks
from lab_sender.hl7.escape import needs_care
from lab_sender.oru.compiled import segments_of
from lab_sender.oru.header import msh_of
from lab_sender.oru.identity import mistakes_in_copies
from lab_sender.oru.relocations import Relocations
from lab_sender.oru.rules.paths import Fields, Origin, cannot_work
from lab_sender.oru.rules.rules import Rules
from lab_sender.oru.status_words import mistakes_in_words
from lab_sender.oru.times import mistakes_in_times

if TYPE_CHECKING:
    from lab_sender.config.profile import Profile, SiteProfile
    from lab_sender.config.takes import Takes
    from lab_sender.hl7.dialect import Dialect
    from lab_sender.hl7.grammar import Grammar

_OF_MSH: Final = {
    3: "sending_application",
    4: "sending_facility",
    5: "receiving_application",
    6: "receiving_facility",
    9: "message_type",
    12: "version_id",
    17: "country",
    18: "charset",
    21: "profile_ids",
}
"""Fields of MSH that the profile says."""


def mistakes_of_profile(given: SiteProfile, unread: Collection[str] = ()) -> list[SettingError]:
    """Find all that cannot work in a profile.

    `unread` names the settings at its top that are there and cannot be read, with `extends` for a whole profile. All
    hangs on `version`.
    """
    if "version" in unread:
        return []
    profile, own = given.settings, dialect.of(given.settings.version)
    found: list[SettingError] = []
    known = _grammar(profile, found)
    in_part = _in_part(unread)
    found += mistakes_in_times(profile, known, any_zone=not {"extends", "time_zone"}.isdisjoint(unread))
    found += mistakes_in_copies(profile, known)
    found += mistakes_in_words(given, "order_status")
    found += mistakes_in_words(given, "result_status")
    found += _missing_segments(profile, known, own)
    found += Relocations(profile, known, own.value_types.get("CWE", "CWE")).mistakes
    found += _mistakes_in_msh(profile, known, own)
    found += Rules(given, known, in_part=in_part).mistakes
    return found


def mistakes_of_takes(takes: Takes, given: SiteProfile, unread: Collection[str] = ()) -> list[SettingError]:
    """Find the rules on fields that a message of a profile cannot have; `unread` as above.

    A rule on a field that the profile sets or preadopts can work, whatever its version.
    """
    if "version" in unread:
        return []
    profile = given.settings
    fields = Fields(_grammar(profile, []), (one.field for one in profile.set), in_part=_in_part(unread))
    reasons = ((rule, fields.why_not(rule.path)) for rule in takes.rules)
    return [cannot_work("takes.field", why, Origin(rule.key, "")) for rule, why in reasons if why]


def _in_part(unread: Collection[str]) -> bool:
    """Tell whether what takes over fields of later versions may be among what cannot be read."""
    return not {"extends", "preadopted", "set"}.isdisjoint(unread)


def _grammar(profile: Profile, found: list[SettingError]) -> Grammar:
    """Return the grammar with all that can be adopted into it."""
    known = grammar.load(profile.version)
    good: list[tuple[str, int]] = []
    for number, path in enumerate(profile.preadopted):
        try:
            known = grammar.load(profile.version).adopting([*good, (path.segment, path.field)])
        except SettingError as error:
            found.append(SettingError(error.code, f"preadopted[{number}]", error.text, hint=error.hint))
        else:
            good.append((path.segment, path.field))
    return known


def _missing_segments(profile: Profile, known: Grammar, own: Dialect) -> Iterator[SettingError]:
    """Find the segments for specimen and timing that the version lacks."""
    specimen, timing = segments_of(profile, own)
    for setting, wanted, segment, number in (
        ("specimen", specimen in ("SPM", "both"), "SPM", 4),
        ("specimen", specimen in ("OBR-15", "both"), "OBR", 15),
        ("timing", timing == "TQ1", "TQ1", 9),
        ("timing", timing == "OBR-27", "OBR", 27),
    ):
        if wanted and not known.has(segment, number):
            yield SettingError(
                f"profile.{setting}", setting, f"HL7 {profile.version} has no {segment}-{number}.",
                hint=f"Leave out {setting}, or set it to auto.",
            )  # fmt: skip


def _mistakes_in_msh(profile: Profile, known: Grammar, own: Dialect) -> Iterator[SettingError]:
    """Find the values that cannot stand in MSH, or not in the profile's character set."""
    msh, codec = msh_of(profile, own), CHARSETS[profile.charset]
    misfits = {one.field for one in Checks(known, own.value_types).line_misfits(0, msh)}
    for number, setting in _OF_MSH.items():
        value = msh[number] if number < len(msh) else ""
        fits = not value or (known.has("MSH", number) and not needs_care(re.sub("[~^&]", "", value)))
        if not fits or number in misfits:
            text = f"It cannot stand in MSH-{number} of HL7 {profile.version}."
            yield SettingError("profile.value", setting, text)
        elif value != value.encode(codec, "ignore").decode(codec):
            text = "It has a character that the profile's own character set lacks."
            yield SettingError("profile.charset", setting, text, hint="Choose another charset, or other words.")
