"""The section `wide` of a format of `inputs.csv`: tables with a column for each test.

Holds: one frozen model for the section and one for a test in it.
Promises: a model that exists names at least one test, and each once, as the reader compares them.
Never: reads a table.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from lab_sender.config.text.scalars import Scalar
from lab_sender.config.text.section import Beside, Section, setting, wrong


class WideTest(Section):
    """One test of a wide table."""

    code: str = setting("", "Code of the test. Empty: its heading.")
    text: str = setting("", "Name of the test. Empty: its heading, where a code is given.")
    system: str = setting("", "Coding system of the code: LN for LOINC, L for your own.")
    unit: str = setting("", "Its unit. Where the file gives one as well, it must be the same.")
    range: str = setting("", "Its reference range, where it is the same for all patients.")


class _Short:
    """Annotation of the tests: a list of headings stands for tests of which nothing else is said."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_written_out, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "array", "items": {"type": "string"}}, handler(core)]}


def _written_out(value: Any) -> Any:
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return dict.fromkeys(value) if is_list else value


def _each_once(value: Any) -> Iterator[tuple[PydanticCustomError, tuple[str | int, ...]]]:
    if not isinstance(value, list | dict):
        return
    if not value:
        yield wrong("names no test", "write the headings of their columns: [WBC, RBC]"), ()
    seen: set[str] = set()
    for n, one in enumerate(value):
        heading = " ".join(one.casefold().split()) if isinstance(one, str) else None
        place = n if isinstance(value, list) else one
        if heading == "":
            yield wrong("a test has no heading", "write the heading of its column"), (place,)
        elif heading in seen:
            yield wrong("names a test twice", "headings are compared without case; keep one of them"), (place,)
        if heading is not None:
            seen.add(heading)


def _flags(text: str) -> str:
    if set("{}") & set(text.replace("{test}", "")):
        raise wrong("has braces that are not {test}", 'write for example "{test} flag" in quotes')
    return text


class Wide(Section):
    """Tables with a column for each test."""

    tests: Annotated[dict[str, WideTest], _Short(), Beside(_each_once)] = setting(
        ..., "The tests: heading of the column, and what it is. Short: a list of headings, [WBC, RBC]."
    )
    flags: Annotated[str, Scalar(_flags, {"type": "string"})] = setting(
        "",
        'Heading of the column with a test\'s flags, {test} for the test\'s own: "{test} flag". Without {test}: what '
        "the column right behind each test is called.",
    )
    units: Literal["none", "heading", "row"] = setting(
        "none",
        "Where the file has the units. heading: in brackets behind the test, WBC(10^9/L). row: in the row below the "
        "header.",
    )
