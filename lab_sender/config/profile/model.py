"""The settings of a site profile: what one HIS wants its messages to look like.

Holds: one frozen model per section of a profile, field by field as written in YAML.
Promises: a model that exists is consistent in itself; whether the version has a named field is found when the Builder
is made.
Never: reads a file or the environment, knows a report or a message.
"""

from typing import Annotated, Literal

from pydantic import ValidationInfo, WithJsonSchema, field_validator

from lab_sender.config.profile.field_rules import Addition, Assignment, Drop, Limit, Path, Requirement
from lab_sender.config.profile.notation import LIMIT_PATH, PATH, LimitPath
from lab_sender.config.text.scalars import ENTITY, HIERARCHIC, SWITCH, matching
from lab_sender.config.text.section import Section, at_odds, section, setting
from lab_sender.config.text.zones import TIME_ZONE

VERSIONS = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2")

_NUMBERS = [float(version) for version in VERSIONS if version.count(".") == 1]
Version = Annotated[
    Literal["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"],
    WithJsonSchema({"enum": [*VERSIONS, *_NUMBERS], "type": ["string", "number"]}),
]
"""An editor takes `2.5` for a number; we read the text, so both are right."""

AckCondition = Literal["", "AL", "NE", "ER", "SU"]
Goal = Annotated[
    str, matching(rf"note|nowhere|{PATH.pattern}", "must be note, nowhere or a field", "for example OBX-23: OBX-15")
]
Mapped = Annotated[str, matching(r"[^^\x00-\x1f]+(\^[^^\x00-\x1f]*){0,2}", "must be CODE or CODE^TEXT^SYSTEM")]
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

    offset: Literal["keep", "never", "always"] = setting(
        "keep", "UTC offset of every field without a form of its own."
    )
    precision: Literal["keep", "day", "minute", "second"] = setting(
        "keep", "The finest part of a time that is sent, likewise."
    )
    convert: Annotated[bool, SWITCH] = setting(False, "Convert times that have an offset into time_zone.")
    unknown_collection: Literal["", "0000"] = setting("", "What stands for an unknown time of collection.")
    fields: dict[Path, TimeForm] = setting({}, "Forms of single fields, such as OBR-22: {precision: minute}.")


class CodeMap(Section):
    """One table from the report's codes to the HIS's: a CSV file, inline lines, or both (inline wins)."""

    file: str = setting(
        "", "CSV file with columns code, to_code and more, its path counted from the profile's folder."
    )
    inline: dict[str, Mapped] = setting({}, "code: code, code: CODE^TEXT^SYSTEM, or SYSTEM|code: ... .")
    unmapped: Literal["", "local", "error"] = setting("", "A code this map lacks. Empty: as codes.unmapped says.")


class Maps(Section):
    """Code maps by what they translate."""

    test: CodeMap = section("Tests: OBR-4 and OBX-3.")
    unit: CodeMap = section("Units: OBX-6.")
    value: CodeMap = section("Coded values: OBX-5 of type CE and CWE.")
    flag: CodeMap = section("Flags: OBX-8.")
    sex: CodeMap = section("Words for the patient's sex: PID-8.")
    result_status: CodeMap = section("Words or HL7 codes of a result's status: OBX-11.")
    order_status: CodeMap = section("Words or HL7 codes of an order's status: OBR-25.")
    specimen_type: CodeMap = section("Types of specimen: SPM-4 or OBR-15.")


class Codes(Section):
    """Which code comes first, how coding systems are named, and what is translated."""

    order: Literal["as-reported", "loinc-first", "local-first", "loinc-only", "local-only"] = setting(
        "as-reported", "Which of two codes of a test stands in components 1 to 3."
    )
    systems: dict[str, Leaf] = setting({}, "Names of coding systems on the wire, such as LN: LOINC.")
    units: Literal["as-reported", "code", "ucum"] = setting(
        "as-reported", "OBX-6: as the report has it, the code alone, or code^text^UCUM."
    )
    unmapped: Literal["local", "error"] = setting(
        "local", "A code that its map lacks: goes as it is, or is an error."
    )
    maps: Maps = section()


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
    cut: Literal["quarantine", "send"] = setting(
        "quarantine",
        "What becomes of a PDF without its end mark (%%EOF). quarantine: its report waits for a whole one, then goes "
        "to quarantine. send: it is sent as it is.",
    )


class Profile(Section):
    """A site profile: how the messages of one destination look."""

    extends: str = setting(
        "",
        "The profile this one starts from: a built-in one's name, or a YAML file, its path counted from this one's "
        "folder. Left out: the generic profile of `version`.",
    )
    apply_to: tuple[Literal["reports", "hl7"], ...] = setting(
        ("reports",),
        "hl7: the field rules also hold for ready HL7 files, which change in the named fields only.",
    )
    version: Version = setting("2.5.1", "HL7 version (MSH-12).")
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
    country: Annotated[
        str, matching("([A-Z]{3})?", "must be a country's three letters (ISO 3166)", "for example IRL")
    ] = setting("", "MSH-17, three letters.")
    charset: Literal[
        "ASCII", "8859/1", "8859/2", "8859/3", "8859/4", "8859/5", "8859/6", "8859/7", "8859/8", "8859/9",
        "8859/15", "UNICODE UTF-8",
    ] = setting(
        "UNICODE UTF-8",
        "Character set of the bytes and of MSH-18 (HL7 table 0211). What it cannot carry is an error.",
    )  # fmt: skip
    msh18: Literal["charset", "empty"] = setting(
        "charset", "MSH-18: the character set, or empty for a HIS that refuses it."
    )
    profile_ids: tuple[Annotated[str, ENTITY], ...] = setting(
        (), "MSH-21: message profiles the messages follow, each ID^NAMESPACE^OID^ISO."
    )
    time_zone: Annotated[str, TIME_ZONE] = setting(
        "", "IANA zone of times written without one, for example Europe/Dublin. Empty: they stay without."
    )
    times: Times = section()
    text: Text = section()
    codes: Codes = section()
    identifiers: Identifiers = section()
    specimen: Literal["auto", "SPM", "OBR-15", "both", "none"] = setting(
        "auto", "Where the specimen stands. auto: SPM from 2.5 on, OBR-15 before."
    )
    timing: Literal["auto", "TQ1", "OBR-27", "none"] = setting(
        "auto", "Where priority and timing stand. auto: TQ1 from 2.5 on, OBR-27 and ORC-7 before."
    )
    places: dict[Path, Goal] = setting(
        {},
        "Where something goes that the version or the HIS has no field for: another field (OBX-23: OBX-15), note (an "
        "NTE), or nowhere. What has no field and no place is an error.",
    )
    preadopted: tuple[Path, ...] = setting(
        (), "Fields of a later version that the HIS takes in this one, such as OBX-29. `set` can fill them."
    )
    corrections: Corrections = section()
    attachments: Attachments = section()
    require: tuple[Requirement, ...] = setting((), "Fields that must have a value, or the report is quarantined.")
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
                "accept_ack",
            )
        return application
