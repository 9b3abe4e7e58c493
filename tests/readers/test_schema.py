"""What is published about the format is what the model says, key for key."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from lab_sender.readers import report_schema
from lab_sender.report import model
from lab_sender.report.schema import key_descriptions

DOCS = Path(__file__).parents[2] / "docs"
PARTS = [part for part in vars(model).values() if isinstance(part, type) and issubclass(part, msgspec.Struct)]


def test_the_shipped_schema_is_the_models():
    """After a change of the model, write `json.dumps(report_schema(), indent=2)` to docs/lab-result-1.schema.json."""
    shipped = json.loads((DOCS / "lab-result-1.schema.json").read_text(encoding="utf-8"))
    assert shipped == report_schema()


def test_every_description_is_of_a_key_and_none_of_the_main_parts_is_missing():
    keys = {f"{part.__name__}.{key}" for part in PARTS for key in part.__struct_encode_fields__}
    described = set(key_descriptions())
    assert described <= keys
    main = tuple(f"{name}." for name in ("Report", "Patient", "Visit", "Order", "Result", "Range", "Attachment"))
    assert {key for key in keys if key.startswith(main)} <= described


def test_every_part_is_described():
    assert all(part["description"] for part in report_schema()["$defs"].values())


def test_the_guide_has_every_key():
    guide = (DOCS / "files" / "json.md").read_text(encoding="utf-8")
    for name, text in key_descriptions().items():
        assert f"| `{name.partition('.')[2]}` | {text.replace('|', chr(92) + '|')} |" in guide, name


def test_unknown_keys_are_closed_everywhere():
    assert all(part["additionalProperties"] is False for part in report_schema()["$defs"].values())


@pytest.mark.parametrize("block", range(3))
def test_the_guides_examples_can_be_read(block):
    from lab_sender.readers import BadItem, read

    guide = (DOCS / "files" / "json.md").read_text(encoding="utf-8")
    example = guide.split("```json\n")[block + 1].split("```")[0]
    assert not any(isinstance(item, BadItem) for item in read(example.encode()).items)
