"""What `--json` prints, held against the types and the schema that it is said to be of.

Holds: `checked`, through which the tests read every document.
Promises: a document that is of no known format, lacks a field, has one that its type does not know, or one of another
type fails the test that reads it.
Never: runs a command.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import msgspec

from lab_sender.operations.output import DOCUMENTS, output_schema

TYPES = {each.__struct_config__.tag: each for each in DOCUMENTS}


def checked(text: str) -> dict[str, Any]:
    """Read one document."""
    document = json.loads(text)
    kind = TYPES[document["format"]]
    value = msgspec.json.decode(text, type=kind, strict=True)
    assert json.loads(msgspec.json.encode(value)) == document, "a field that the type does not know"
    return document


def validate(document: dict[str, Any]) -> None:
    """Hold a document against the JSON Schema, as a program of somebody else would."""
    _validator().validate(document)


@functools.cache
def _validator() -> Any:
    import jsonschema

    schema = output_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
