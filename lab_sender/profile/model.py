"""The settings of a site profile: what one HIS wants its messages to look like.

Holds: one frozen model per section of a profile, field by field as written in YAML.
Promises: a model that exists is consistent in itself; whether the version has a named field is found when the Builder
is made.
Never: reads a file or the environment, knows a report or a message.

A path is `PID-3`, `PID-3.4`, `PID-3.4.2` (field, component, subcomponent), with `PID-3[2].1` for one repetition; without
a repetition every one is meant. In `limits` a path may also be a data type's component, `HD.1`. A condition is tests
joined by `and`: `OBX-2 = NM`, `OBX-11 != X`, `OBX-2 in NM SN`, `OBX-11 not in X D`, `OBX-5 present`, `OBX-5 absent`; a
segment named in it is the nearest one before or at the place (the OBR of an OBX), MSH and PID the message's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ValidationInfo, field_validator

from lab_sender.config_fields import (
    ENTITY,
    HIERARCHIC,
    SWITCH,
    TIME_ZONE,
    Section,
    at_odds,
    matching,
    section,
    setting,
    whole,
)
from lab_sender.profile.notation import (
    CONDITION,
    FIELD_PATH,
    LIMIT_PATH,
    TEMPLATE,
    Condition,
    FieldPath,
    LimitPath,
    Template,
)

VERSIONS = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2")

AckCondition = Literal["", "AL", "NE", "ER", "SU"]
Path = Annotated[FieldPath, FIELD_PATH]
Segment = Annotated[str, matching(r"[A-Z][A-Z0-9]{2}", "must be a segment's three letters", "for example PV1")]
When = Annotated[Condition | None, CONDITION]
Leaf = Annotated[str, matching(r"[^\r\n\x0b\x1c]*", "must be one line of text")]


class TimeForm(Section):
    """The form of the times of one field, or of all."""

    offset: Literal["", "keep", "never", "always"] = setting(
        "", "UTC offset: as the time has it (keep), left off (never), or on every time of day (always)."
    )
    precision: Literal["", "keep", "day", "minute", "second"] = setting(
        "", "The finest part that is sent; a coarser time stays as coarse as it is."
    )


class Times(Section):
    """How dates and times are written."""

    offset: Literal["keep", "never", "always"] = setting("keep", "UTC offset of every field without a form of its own.")
    precision: Literal["keep", "day", "minute", "second"] = setting("keep", "The same for precision.")
    convert: Annotated[bool, SWITCH] = setting(False, "Convert times that have an offset into time_zone.")
    unknown_collection: Literal["", "0000"] = setting("", "OBR-7 (and SPM-17, OBX-14 where required) of an unknown collection time.")
    fields: dict[Path, TimeForm] = setting({}, "Forms of single fields, such as OBR-22: {precision: minute}.")


class CodeMap(Section):
    """One table from the report's codes to the HIS's: a CSV file, inline lines, or both (inline wins)."""

    file: str = setting("", "CSV file, its path counted from the profile's folder. docs/PROFILES.md has its columns.")
    inline: dict[str, Leaf] = setting({}, "code: code, code: CODE^TEXT^SYSTEM, or SYSTEM|code: ... .")
    unmapped: Literal["", "local", "error"] = setting("", "A code the table lacks: goes as it is, or is an error.")


class Maps(Section):
    """Code maps by what they translate."""

    test: CodeMap = section(CodeMap)
    unit: CodeMap = section(CodeMap)
    value: CodeMap = section(CodeMap)
    flag: CodeMap = section(CodeMap)
    result_status: CodeMap = section(CodeMap)
    order_status: CodeMap = section(CodeMap)
    specimen_type: CodeMap = section(CodeMap)


class Codes(Section):
    """Which code comes first, how coding systems are named, and what is translated."""

    order: Literal["as-reported", "loinc-first", "local-first", "loinc-only", "local-only"] = setting(
        "as-reported", "Which of two codes of a test stands in components 1 to 3."
    )
    systems: dict[str, Leaf] = setting({}, "Names of coding systems on the wire, such as LN: LOINC.")
    units: Literal["as-reported", "code", "ucum"] = setting(
        "as-reported", "OBX-6: as the report has it, the code alone, or code^text^UCUM."
    )
    unmapped: Literal["local", "error"] = setting("local", "A code that its map lacks: goes as it is, or is an error.")
    maps: Maps = section(Maps)


class Text(Section):
    """How texts, numbers and notes are written."""

    multiline: Literal["formatted", "repeat", "split"] = setting(
        "formatted", r"A value of several lines: one FT with \.br\, repetitions of TX, or one OBX a line."
    )
    notes: Literal["per-note", "per-line"] = setting("per-note", r"One NTE a note with \.br\, or one NTE a line.")
    structured: Literal["SN", "ST"] = setting("SN", "Values like <5 or 1:128: type SN, or ST as they are read.")
    unencodable: Literal["error", "strip-accents", "question-mark"] = setting(
        "error", "A character the character set lacks. What is replaced is a warning."
    )


class Identifiers(Section):
    """Which of the patient's identifiers are sent, and where."""

    order: tuple[str, ...] = setting((), "Identifier types (table 0203) that come first in PID-3, in this order.")
    send: tuple[str, ...] = setting((), "The only types that are sent. Empty: all.")
    copies: dict[Path, str] = setting({}, "Further places of one type, such as PID-2: MR or PID-18: AN.")


class Corrections(Section):
    """What is sent when an order was reported before."""

    send: Literal["snapshot", "changed"] = setting(
        "snapshot", "Every result of the order each time, or only those that are new or changed."
    )
    suspicious: Literal["send", "hold", "quarantine"] = setting(
        "quarantine",
        "A report that its order's last one contradicts: an older one after a newer, a preliminary after a final, "
        "a change without corrected status.",
    )
    cancelled: Literal["with-results", "order-only"] = setting(
        "with-results", "A cancelled order: with an OBX of status X for each result, or the OBR alone."
    )


class Attachments(Section):
    """How an attached document is sent."""

    test: Annotated[str, matching(r"[^|~\r\n]*", "must be CODE^TEXT^SYSTEM")] = setting(
        "", "OBX-3 of a document without a test of its own. Empty: PDF^Display format in PDF^AUSPDI and the like."
    )


class Limit(Section):
    """The most characters a receiver takes, counted before escaping."""

    length: Annotated[int, whole(1, 1_000_000)] = setting(..., "The most characters.")
    then: Literal["truncate", "error"] = setting("error", "A longer text: is cut with a warning, or is an error.")


class Requirement(Section):
    """A field that must (or must not) have a value."""

    field: Path = setting(..., "The field or component.")
    when: When = setting(None, "Only where this holds.")


class Assignment(Section):
    """A field set by the profile."""

    field: Path = setting(..., "The field or component.")
    value: Annotated[Template, TEMPLATE] = setting(
        ..., "ER7 text with {PID-3.1} (a field) or {order.section} (of the report) in it; {a|b} is b where a is empty."
    )
    when: When = setting(None, "Only where this holds.")


class Addition(Section):
    """A segment added by the profile."""

    segment: Annotated[Template, TEMPLATE] = setting(..., "The whole segment, such as ZLB|1|{OBR-3.1}.")
    after: Segment = setting(..., "The segment after each of which it stands (after its notes).")
    when: When = setting(None, "Only where this holds, looked at from the segment before.")


class Drop(Section):
    """A segment left out by the profile."""

    segment: Segment = setting(..., "The segment. Dropping OBX, OBR, PID or MSH needs a condition.")
    when: When = setting(None, "Only where this holds.")


class Profile(Section):
    """A site profile: how the messages of one destination look."""

    extends: str = setting("generic-2.5.1", "The profile this one starts from: a built-in one's name, or a YAML file.")
    apply_to: tuple[Literal["reports", "hl7"], ...] = setting(
        ("reports",), "hl7: the field rules also hold for ready HL7 files, which change in the named fields only."
    )
    version: Literal[
        "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"
    ] = setting("2.5.1", "HL7 version (MSH-12).")  # fmt: skip
    version_id: Leaf = setting("", "MSH-12 where it is not the version alone, such as 2.4^AUS.")
    message_type: Literal["", "ORU^R01", "ORU^R01^ORU_R01"] = setting("", "MSH-9. Empty: as the version has it.")
    delimiters: Literal["^~\\&", "^~\\&#"] = setting("^~\\&", "MSH-2.")
    sending_application: Annotated[str, HIERARCHIC] = setting(
        "LAB-SENDER", "MSH-3, as NAME or NAME^OID^ISO; the same for the three below."
    )
    sending_facility: Annotated[str, HIERARCHIC] = setting("", "MSH-4.")
    receiving_application: Annotated[str, HIERARCHIC] = setting("", "MSH-5.")
    receiving_facility: Annotated[str, HIERARCHIC] = setting("", "MSH-6.")
    processing_id: Literal["P", "T", "D"] = setting("P", "MSH-11: P production, T training, D debugging.")
    accept_ack: AckCondition = setting(
        "", "MSH-15: when the HIS sends a commit ACK (AL always, NE never, ER on error, SU on success)."
    )
    application_ack: AckCondition = setting(
        "", "MSH-16: when the HIS sends an application ACK. Both empty: original mode, one ACK."
    )
    country: Annotated[str, matching("([A-Z]{3})?", "must be a country's three letters (ISO 3166)", "for example IRL")] = (
        setting("", "MSH-17, three letters.")
    )
    charset: Literal[
        "ASCII", "8859/1", "8859/2", "8859/3", "8859/4", "8859/5", "8859/6", "8859/7", "8859/8", "8859/9",
        "8859/15", "UNICODE UTF-8",
    ] = setting(
        "UNICODE UTF-8", "Character set of the bytes and of MSH-18 (HL7 table 0211). What it cannot carry is an error."
    )  # fmt: skip
    msh18: Literal["charset", "empty"] = setting("charset", "MSH-18: the character set, or empty for a HIS that refuses it.")
    profile_ids: tuple[Annotated[str, ENTITY], ...] = setting(
        (), "MSH-21: message profiles the messages follow, each ID^NAMESPACE^OID^ISO."
    )
    time_zone: Annotated[str, TIME_ZONE] = setting(
        "", "IANA zone of times written without one, for example Europe/Dublin. Empty: they stay without."
    )
    times: Times = section(Times)
    text: Text = section(Text)
    codes: Codes = section(Codes)
    identifiers: Identifiers = section(Identifiers)
    specimen: Literal["auto", "SPM", "OBR-15", "both", "none"] = setting(
        "auto", "Where the specimen stands. auto: SPM from 2.5 on, OBR-15 before."
    )
    timing: Literal["auto", "TQ1", "OBR-27", "none"] = setting(
        "auto", "Where priority and timing stand. auto: TQ1 from 2.5 on, OBR-27 and ORC-7 before."
    )
    places: dict[Path, str] = setting(
        {},
        "Where something goes that the version or the HIS has no field for: another field (OBX-23: OBX-15), note (an "
        "NTE), or nowhere. What has no field and no place is an error.",
    )
    corrections: Corrections = section(Corrections)
    attachments: Attachments = section(Attachments)
    require: tuple[Requirement, ...] = setting((), "Fields that must have a value; a report that lacks one is refused.")
    expect: tuple[Requirement, ...] = setting((), "Fields whose absence is a warning.")
    forbid: tuple[Requirement, ...] = setting((), "Fields that must be empty.")
    allow: dict[Path, tuple[str, ...]] = setting({}, "The only values of a field, such as OBR-25: [P, F, C, X].")
    limits: dict[Annotated[LimitPath, LIMIT_PATH], Limit] = setting({}, "Longest texts, by field or data type.")
    set: tuple[Assignment, ...] = setting((), "Fields set by the profile, in this order.")
    drop: tuple[Drop, ...] = setting((), "Segments left out.")
    add: tuple[Addition, ...] = setting((), "Segments added, mostly Z-segments.")

    @field_validator("application_ack")
    @classmethod
    def _some_answer_always_comes(cls, application: str, info: ValidationInfo) -> str:
        accept = info.data.get("accept_ack", "AL")
        if (accept or application) and "AL" not in (accept, application):
            raise at_odds(
                "with this accept_ack a message could stay without any answer",
                "set one of them to AL, or leave both empty",
            )
        return application
