"""The rules of a profile on single fields and segments: demands, limits, and what is set, dropped and added.

Holds: one frozen model per kind of rule.
Promises: a rule that exists can be read; whether the version has its field is found when the Builder is made.
Never: looks at a message.

A path is `PID-3`, `PID-3.4`, `PID-3.4.2` (field, component, subcomponent), with `PID-3[2].1` for one repetition;
without a repetition every one is meant. In `limits` a path may also be a data type's component, `HD.1`. A condition
is tests joined by `and`: `OBX-2 = NM`, `OBX-11 != X`, `OBX-2 in NM SN`, `OBX-11 not in X D`, `OBX-5 present`,
`OBX-5 absent`; a segment named in it is the nearest one before or at the place (the OBR of an OBX), MSH and PID the
message's.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from lab_sender.config.profile.notation import CONDITION, FIELD_PATH, TEMPLATE, Condition, FieldPath, Template
from lab_sender.config.text.scalars import matching, whole
from lab_sender.config.text.section import Section, at_odds, setting

Path = Annotated[FieldPath, FIELD_PATH]
Segment = Annotated[str, matching(r"[A-Z][A-Z0-9]{2}", "must be a segment's three letters", "for example PV1")]
When = Annotated[Condition | None, CONDITION]


class Short(Section):
    """Base of a section that may be written as one value, that of the key `BRIEF`."""

    BRIEF: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _from_one_value(cls, data: object) -> object:
        return {cls.BRIEF: data} if isinstance(data, str | int) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        return {"anyOf": [handler.resolve_ref_schema(schema)["properties"][cls.BRIEF], schema]}


class Limit(Short):
    """The most characters a receiver takes, counted before escaping."""

    BRIEF: ClassVar[str] = "length"

    length: Annotated[int, whole(1, 1_000_000)] = setting(..., "The most characters.")
    then: Literal["truncate", "error"] = setting("error", "A longer text: is cut with a warning, or is an error.")


class Requirement(Short):
    """A field that must (or must not) have a value."""

    BRIEF: ClassVar[str] = "field"

    field: Path = setting(..., "The field or component.")
    when: When = setting(None, "Only where this holds.")


class Assignment(Section):
    """A field set by the profile."""

    field: Path = setting(..., "The field or component.")
    value: Annotated[Template, TEMPLATE] = setting(
        ...,
        "ER7 text with {PID-3.1} (a field) or {order.section} (of the report) in it; {a|b} is b where a is empty.",
    )
    when: When = setting(None, "Only where this holds.")


class Addition(Section):
    """A segment added by the profile."""

    segment: Annotated[Template, TEMPLATE] = setting(..., "The whole segment, such as ZLB|1|{OBR-3.1}.")
    after: Segment = setting(..., "The segment after each of which it stands (after its notes).")
    when: When = setting(None, "Only where this holds, looked at from the segment before.")


class Drop(Short):
    """A segment left out by the profile."""

    BRIEF: ClassVar[str] = "segment"

    segment: Segment = setting(..., "The segment. Never MSH or PID; OBX and OBR only with a condition.")
    when: When = setting(None, "Only where this holds.")

    @model_validator(mode="after")
    def _leaves_a_message(self) -> Self:
        if self.segment in ("MSH", "PID"):
            raise at_odds("would drop what every message needs", "without it a result is nobody's")
        if self.segment in ("OBR", "OBX") and self.when is None:
            raise at_odds("would drop what every message needs", "give it a condition: when: OBX-11 = X")
        return self
