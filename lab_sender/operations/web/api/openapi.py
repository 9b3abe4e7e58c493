"""The API as an OpenAPI document.

Holds: `openapi`, which `lab-sender schema api` prints.
Promises: it is made from the operations themselves, their values and their parameters.
Never: is served: the page needs no other's viewer.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from lab_sender import __version__
from lab_sender.operations.problems import Problem
from lab_sender.operations.web.api import OPERATIONS
from lab_sender.operations.web.api.core import Operation

_REF: Final = "#/components/schemas/{name}"


def openapi() -> dict[str, Any]:
    """Make the document."""
    kinds: list[type[Any]] = [Problem]
    for each in OPERATIONS:
        kinds += [kind for kind in (each.answers, each.takes) if isinstance(kind, type) and kind not in kinds]
    references, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
    of = dict(zip(kinds, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _described(each, of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lab-sender",
            "version": __version__,
            "description": "Fields of patients are masked with three dots for who may not see them.",
        },
        "servers": [{"url": "http://127.0.0.1:8425"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "`lab-sender key add` makes one."}
            },
        },
    }


def _described(operation: Operation, of: dict[type[Any], dict[str, Any]]) -> dict[str, Any]:
    failed = {"description": "Why not.", "content": {"application/json": {"schema": of[Problem]}}}
    done: dict[str, Any] = {"description": operation.about}
    if isinstance(operation.answers, str):
        done["content"] = {operation.answers: {"schema": {"type": "string", "format": "binary"}}}
    else:
        done["content"] = {"application/json": {"schema": of[operation.answers]}}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.about,
        "description": f"For who may {operation.right.value}.",
        "responses": {str(operation.status): done, "default": failed},
    }
    if operation.parameters:
        described["parameters"] = [
            {"name": each.name, "in": each.place, "description": each.about, "required": each.required,
             "schema": dict(each.schema)}
            for each in operation.parameters
        ]  # fmt: skip
    if operation.takes is not None:
        if isinstance(operation.takes, str):
            content: dict[str, Any] = {operation.takes: {"schema": {"type": "string", "format": "binary"}}}
        else:
            content = {"application/json": {"schema": of[operation.takes]}}
        described["requestBody"] = {"required": True, "content": content}
    return described
