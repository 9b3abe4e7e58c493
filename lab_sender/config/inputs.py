"""The section `inputs` of config.yaml: how files are read whose content alone is ambiguous.

Holds: one frozen model per reader that has settings.
Promises: a model that exists is consistent; its names are those of docs/CONFIGURATION.md.
Never: reads a file.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from lab_sender.config.dialects import dialect, dialect_names
from lab_sender.config.tables import OF_ASCII, CsvFormat, SkipRule, each_used
from lab_sender.config.text.scalars import SWITCH, Scalar, matching, pattern, whole
from lab_sender.config.text.section import Beside, Section, at_odds, section, setting, wrong
from lab_sender.config.wide import Wide, WideTest
from lab_sender.patterns import Pattern
from lab_sender.report.nothing import WORDS_FOR_NOTHING

__all__ = [
    "AstmInput",
    "CsvFormat",
    "FhirInput",
    "Hl7Input",
    "Inputs",
    "PdfInput",
    "SkipRule",
    "Wide",
    "WideTest",
]

Coded = tuple[str, str, str]
"""Code, text and system; without a system it is the laboratory's own."""
PDF_GROUPS = (
    "patient_id", "authority", "family", "given", "birth", "sex", "filler", "placer", "code", "text", "system",
)  # fmt: skip
"""What the name of a PDF can say."""


def _file_name(text: str) -> Pattern:
    name = pattern(text)
    unknown = sorted(name.groups - set(PDF_GROUPS))
    if unknown:
        raise wrong(f"has a group of unknown name: {unknown[0]}", f"known are {', '.join(PDF_GROUPS)}")
    if not {"filler", "patient_id"} <= name.groups:
        raise wrong(
            "does not find out whose result it is",
            r"it needs the groups filler and patient_id, for example (?P<patient_id>[^_]+)_(?P<filler>[^_]+)\.pdf",
        )
    return name


_FILE_NAME = Scalar(_file_name, {"type": "string", "format": "regex"})
_CODED_TEXT = r"[^|~\\&\r\n^]+(\^[^|~\\&\r\n^]*){0,2}"


def _coded(text: str) -> Coded | None:
    code, words, system = (*text.split("^"), "", "")[:3]
    return (code, words, system or "L") if code else None


_CODED = matching(_CODED_TEXT, "must be CODE^TEXT^SYSTEM", into=_coded)
_CODED_OR_NONE = matching("|" + _CODED_TEXT, "must be CODE^TEXT^SYSTEM", into=_coded)


def _dialect(text: str) -> str:
    if text and text not in dialect_names():
        raise wrong("is no dialect we know", f"known are {', '.join(dialect_names())}")
    return text


_DIALECT = Scalar(_dialect, {"type": "string", "enum": ["", *dialect_names()]})
_CODE = matching(r"[A-Za-z0-9]{1,8}", "must be a code of H-12", "such as PR", str.upper)
_ORDER_FIELD = matching(
    r"O-[1-9][0-9]?\.[1-9]", "must be a field and component of the O record", "such as O-4.3",
    lambda text: tuple(map(int, text.removeprefix("O-").split("."))),
)  # fmt: skip


def _patient_field(text: str) -> int:
    if text not in ("P-3", "P-4", "P-5"):
        raise wrong("must be P-3, P-4 or P-5")
    return int(text[-1])


_PATIENT_FIELD = Scalar(_patient_field, {"type": "string", "enum": ["P-3", "P-4", "P-5"]})
_ASTM_PLACE = matching(
    r"[HPORCL]-[1-9][0-9]?(\.[1-9][0-9]?)?", "must be a field or component of a record", "such as O-11 or R-5.2"
)


def _one_meaning(processing: Any) -> Iterator[tuple[PydanticCustomError, tuple[str]]]:
    said: dict[str, Any] = {}
    for code, meaning in processing.items() if isinstance(processing, dict) else ():
        if said.setdefault(str(code).upper(), meaning) != meaning:
            yield at_odds("gives one code two meanings", "codes are compared without case; keep one of them"), (code,)


class AstmInput(Section):
    """ASTM E1394 / LIS2-A2 records."""

    dialect: Annotated[str, _DIALECT] = setting(
        "", "Settings for the analyzers of one maker; every other line here comes first, and ignore adds to it."
    )
    patient_from: Literal["required", "specimen-id"] = setting(
        "required",
        "Where the patient record has no id: quarantine the order, or take its specimen id for the patient's (only "
        "where your HIS finds the patient by it).",
    )
    tests_system: Annotated[str, matching(r"[A-Za-z0-9.]+", "must name a coding system", "for example L or LN")] = (
        setting("L", "Coding system of the test codes; L is the laboratory's own. Code maps of the profile see it.")
    )
    specimen_id: Annotated[tuple[int, int], _ORDER_FIELD] = setting(
        "O-3.1", "Field and component of the order record that hold the specimen's number."
    )
    test_parts: tuple[Annotated[int, whole(1, 20)], ...] = setting(
        (),
        "Components of R-3 and O-5 that make up the test's code, joined by a dash. Empty: the fourth; where it is "
        "blank the fifth, then the first.",
    )
    panel: Annotated[Coded | None, _CODED_OR_NONE] = setting(
        "", "What was ordered, for an order record that names several tests or none: CODE^TEXT^SYSTEM."
    )
    skip: tuple[str, ...] = setting((), 'Codes of results that are not sent, as patterns such as "SCAT_*".')
    no_value: Literal["quarantine", "flag", "skip"] = setting(
        "quarantine",
        "A result without a value (a judgement of the analyzer): quarantine it, send its flag as its value, or skip "
        "it.",
    )
    patient_ids: tuple[Annotated[int, _PATIENT_FIELD], ...] = setting(
        ("P-3", "P-4", "P-5"), "Fields of the patient record that hold identifiers, in the order of PID-3."
    )
    name_parts: tuple[Literal["", "family", "given", "middle", "suffix", "prefix"], ...] = setting(
        ("family", "given", "middle", "suffix", "prefix"), 'What the components of P-6 are; "" is nothing.'
    )
    processing: Annotated[
        dict[Annotated[str, _CODE], Literal["patient", "control"]], Beside(_one_meaning)
    ] = setting(
        {}, "Codes of H-12 that LIS2-A2 does not have: results of patients, or of quality control (passed over)."
    )
    value_part: Annotated[int, whole(0, 20)] = setting(
        0, "Component of R-4 that is the value where several are filled. 0: such a value is quarantined."
    )
    titers: Annotated[bool, SWITCH] = setting(False, "Two counts in R-4 are a titer: 1^128 is 1:128.")
    encoding: OF_ASCII = setting("", "Encoding of the files. Empty: UTF-8 if they are that, else cp1252.")
    ignore: frozenset[Annotated[str, _ASTM_PLACE]] = setting(
        (), "Fields and components that are known and not wanted: [O-11, R-5.2]. They get no remark."
    )

    @model_validator(mode="before")
    @classmethod
    def _in_its_dialect(cls, data: object) -> object:
        """Take what the dialect says where the site says nothing; what is ignored adds up."""
        if not isinstance(data, dict) or data.get("dialect") not in dialect_names():
            return data
        said = dialect(data["dialect"])
        own = data.get("ignore", [])
        both = {"ignore": [*own, *said.get("ignore", [])]} if isinstance(own, list | tuple | frozenset) else {}
        return {**said, **data, **both}


class PdfInput(Section):
    """PDF files that no report names."""

    name: Annotated[Pattern | None, _FILE_NAME] = setting(
        None,
        "Regular expression of a whole file name, with named groups: a PDF that fits is a result of its own.",
    )
    test: Annotated[Coded, _CODED] = setting(
        "11502-2^Laboratory report^LN",
        "What was ordered, for a PDF alone whose name does not say: CODE^TEXT^SYSTEM.",
    )
    beside: Literal["ignore", "attach", "wait"] = setting(
        "ignore",
        "A PDF of a report's base name (F1.pdf beside F1.hl7). attach: goes with it, if it is there. wait: every "
        "report of a file of its own waits for one, up to intake.attachment_wait. ignore: only what a report names.",
    )


_ELEMENT = matching(
    r"[A-Z][A-Za-z]+(\.[A-Za-z_]+(\([A-Za-z0-9._-]+\))?)*", "must name a kind of resource, or an element of it",
    "such as Observation.issued",
)  # fmt: skip


class FhirInput(Section):
    """FHIR R4 resources."""

    systems: dict[str, Annotated[str, matching(r"[^|^~\\&\r\n]+(\|[0-9.]+)?", "must be NAME or NAME|OID")]] = setting(
        {},
        "Your names for the URIs of coding systems (HL7 table 0396) and of identifiers (NAME or NAME|OID). "
        "Well-known ones need none.",
    )
    number: Literal["identifier", "report-id"] = setting(
        "identifier",
        "The laboratory's number of a report. report-id: its id, where it has no identifier and a correction of it "
        "keeps its id.",
    )
    pass_over: tuple[Annotated[str, _ELEMENT], ...] = setting(
        (),
        "What you know is not sent, and need no remark on: a kind of resource, or an element of it, such as "
        "Observation.issued.",
    )


class Hl7Input(Section):
    """Ready HL7: messages that are sent as they are."""

    end: Literal["required", "optional"] = setting(
        "required", "A file whose last segment has no line end: cut off (required), or the way its source writes."
    )
    no_answer: Literal["quarantine", "send"] = setting(
        "quarantine",
        "A message whose MSH-15 and MSH-16 ask for no answer: quarantine it, or send it to a HIS that answers.",
    )
    line_feed: Literal["quarantine", "escape"] = setting(
        "quarantine",
        "A line feed inside a segment of a file that ends with CR: quarantine it, or write it as \\.br\\."
    )


_WORD = Scalar(lambda text: text.strip().lower(), {"type": "string"})


def _not_blank(words: frozenset[str]) -> frozenset[str]:
    return words - {""}


class Inputs(Section):
    """How files are read."""

    csv: Annotated[tuple[CsvFormat, ...], Beside(each_used)] = setting(
        (), "Formats of tables beyond those we know; the first that fits is used."
    )
    astm: AstmInput = section()
    pdf: PdfInput = section()
    fhir: FhirInput = section()
    hl7: Hl7Input = section()
    words_for_nothing: Annotated[frozenset[Annotated[str, _WORD]], AfterValidator(_not_blank)] = setting(
        WORDS_FOR_NOTHING,
        "What programs write where there is nothing. As a value, number or code it quarantines the report; elsewhere "
        "it is nothing.",
    )
