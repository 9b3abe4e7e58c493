"""The base of all sections of a configuration, and the errors of their settings.

Holds: `Section`, how a setting is declared, the errors that say what to write instead, and checks of a whole list.
Promises: what is wrong with a list as a whole is found beside what is wrong in it. Reading a configuration costs
every command its start, so the modules of sections do not postpone their annotations: pydantic would compile and
evaluate each of them again.
Never: quotes a value that may be a secret.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, get_args

from msgspec import Struct
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

_OF_CORE = frozenset(get_args(core_schema.ErrorType))


def key_of(attribute: str) -> str:
    """Name the key in the file of a model's attribute."""
    return attribute.removesuffix("_s").removesuffix("_bytes")


class Section(BaseModel):
    """Base of a section. A time or size carries its unit in the attribute's name (`ack_timeout_s`,
    `largest_file_bytes`); in the file it carries it in the value (`ack_timeout: 30s`)."""

    ONE_OF: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of keys of which one stands: the short form and the long one."""

    model_config = ConfigDict(
        frozen=True,
        arbitrary_types_allowed=True,
        defer_build=True,  # each kind is built within what it stands in, and by itself only where it is read so
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
        alias_generator=key_of,
    )

    @model_validator(mode="before")
    @classmethod
    def _all_defaults(cls, data: object) -> object:
        """Treat an empty section as missing."""
        return {} if data is None else data


def setting(default: Any, description: str) -> Any:
    """Declare a setting; `default` is written as in the file, `...` where one must be given."""
    return Field(default, description=description)


def section(description: str | None = None) -> Any:
    """Declare a section whose settings all have defaults: left out, it is read as an empty one."""
    return Field(default_factory=dict, description=description)


def either(description: str, alias: str | None = None) -> Any:
    """Declare a setting that has a value where it is written, and None where another stands in its place."""
    return Field(
        None, alias=alias, description=description, validate_default=False, json_schema_extra=_without_default
    )


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def wrong(text: str, hint: str = "") -> PydanticCustomError:
    """Make the error of a value that cannot stand: why, and what to write. It may be quoted."""
    return PydanticCustomError("setting", "{text}", {"text": text, "hint": hint, "quote": True})


def unusable(text: str, hint: str) -> PydanticCustomError:
    """Make the error of a value that cannot stand and is a secret: it is not quoted."""
    what = {"text": text, "hint": hint, "quote": False, "code": "config.value"}
    return PydanticCustomError("setting", "{text}", what)


def at_odds(text: str, hint: str, other: str = "") -> PydanticCustomError:
    """Make the error of a value that cannot stand beside `other`, a key. It may be a secret: it is not quoted.

    `{here}` in either text is the section that the setting stands in, as written: `his.tls`.
    """
    return PydanticCustomError("setting", "{text}", {"text": text, "hint": hint, "quote": False, "other": other})


def details(error: ValidationError) -> list[InitErrorDetails]:
    """Return what a validation found, to be raised again beside something else."""
    return [
        InitErrorDetails(
            type=each["type"] if each["type"] in _OF_CORE else _made_again(each),
            loc=each["loc"], input=each["input"], ctx=each.get("ctx", {}),
        )
        for each in error.errors(include_url=False)
    ]  # fmt: skip


def _made_again(error: Mapping[str, Any]) -> PydanticCustomError:
    """Make an error of `wrong`, `at_odds` or pydantic itself once more."""
    return PydanticCustomError(error["type"], "{text}" if error["type"] == "setting" else "", error.get("ctx"))


class Beside(Struct, frozen=True):
    """Annotation of a list or map: its parts are held against one another, whatever is wrong with any of them.

    `check` is given the value as it is written, and yields each error with its place in it.
    """

    check: Callable[[Any], Iterable[tuple[PydanticCustomError, tuple[str | int, ...]]]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._both, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(core)

    def _both(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        errors: list[InitErrorDetails] = []
        read = None
        try:
            read = inner(value)
        except ValidationError as error:
            errors = details(error)
        errors += [InitErrorDetails(type=each, loc=place, input=None) for each, place in self.check(value)]
        if errors:
            raise ValidationError.from_exception_data("beside", errors)
        return read


def some(text: str, hint: str) -> AfterValidator:
    """Annotation of a list or map that has an item at least: why an empty one cannot stand, and what to write."""

    def check(value: Any) -> Any:
        if not value:
            raise wrong(text, hint)
        return value

    return AfterValidator(check)


class OneOrMore(Struct, frozen=True):
    """Annotation of a list: an item may stand in its place."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._listed, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        return {"anyOf": [schema["items"], schema]}

    def _listed(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        if value is None or isinstance(value, list | tuple):
            return inner(value)
        try:
            return inner([value])
        except ValidationError as error:
            found = [{**each, "loc": each.get("loc", ())[1:]} for each in details(error)]
            raise ValidationError.from_exception_data("one", found) from None  # type: ignore[arg-type]  # as details
