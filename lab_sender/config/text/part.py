"""What of a file can be read, and what is wrong with the rest.

Holds: the way from a document to a model of its sound settings.
Promises: every mistake is found in one look; what only follows from a setting that is cut is none. The model of a
document without mistakes is the whole.
Never: knows what a setting means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from lab_sender.config.text.mistakes import empty_values, mistakes_of
from lab_sender.config.text.source import Mistake, Place
from lab_sender.config.text.tree import Document

_Model = TypeVar("_Model", bound=BaseModel)


class Part(Struct, Generic[_Model], frozen=True):
    """The model of a document without what is wrong in it: of `document`; None where too little is left.

    `cut` has the places of what is wrong in the document as it was.
    """

    model: _Model | None
    document: Document
    mistakes: list[Mistake]
    cut: frozenset[Place]


def read_part(
    document: Document, model: type[_Model], context: Mapping[str, Any] | None = None, enough: str = ""
) -> Part[_Model]:
    """Read what can be read of a document as a `model`; `enough` says what a whole file needs."""
    empty = empty_values(document, model)
    mistakes, cut = list(empty.values()), frozenset(empty)
    left = document
    while True:
        try:
            read = model.model_validate(left.tree, context=context)
        except ValidationError as error:
            found = error.errors(include_url=False)
            wrong = frozenset(place for each in found for place in _to_cut(left, each)) | left.broken
            if left is document:
                mistakes, cut = [*mistakes, *mistakes_of(document, model, error, enough)], cut | wrong
            if () in wrong:
                return Part(None, left, mistakes, cut)
            left = left.without(wrong)
        else:
            return Part(read, left, mistakes, cut)


def _to_cut(document: Document, error: Mapping[str, Any]) -> Iterator[Place]:
    """Name what must go for an error to go: the setting and what it is at odds with, or what lacks it."""
    place: Place = error["loc"]
    if place[-1:] == ("[key]",) or error["type"] == "missing":
        place = place[:-1]
    other = error.get("ctx", {}).get("other")
    if other:
        yield from (each for each in (place, (*place[:-1], other)) if each in document.lines)
        return
    while place and place not in document.lines:
        place = place[:-1]
    yield place
