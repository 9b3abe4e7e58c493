"""docs/PROFILES.md says what the profiles are: every setting, and where each field that one demands comes from.

After a change run this file as a program: it prints every row as it must stand in the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from lab_sender.config.load import load, profile_schema
from lab_sender.config.profile import Profile, builtin, builtin_names
from lab_sender.config.profile.field_rules import Requirement
from lab_sender.config.profile.model import CodeMap
from lab_sender.hl7 import grammar
from lab_sender.oru import Builder
from lab_sender.oru.rules.sources import source

DOCS = Path(__file__).parents[2] / "docs"
NATIONAL = ("us-lri", "us-elr", "ihe-lab3")
PLACES = {
    "MSH": "", "SFT": "", "PID": "patient", "PV1": "visit", "ORC": "orders[]", "OBR": "orders[]", "NTE": "notes[]",
    "OBX": "orders[].results[]", "SPM": "orders[].specimens[]",
}  # fmt: skip
"""Segment -> what of a report it stands for."""


def setting_rows(model: type[BaseModel] = Profile, place: str = "") -> Iterator[tuple[str, str]]:
    """Give each setting and its row: name, values, default, meaning."""
    for name, field in model.model_fields.items():
        kinds = [kind for kind in _kinds(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if kinds == [CodeMap]:
            yield from setting_rows(CodeMap, f"{place}*.") if name == "test" else ()
            yield f"{place}{name}", f"| `{place}{name}` | section | none | {field.description} |"
        elif kinds and field.description is None:
            yield from setting_rows(kinds[0], f"{place}{name}.")
        else:
            values = ", ".join(f"`{each}`" for each in _choices(field.annotation)) or _kind(field.annotation)
            default = f"`{json.dumps(field.default)}`" if isinstance(field.default, bool) else f"`{field.default}`"
            default = {"``": "empty", "`()`": "none", "`{}`": "none", "`None`": "none"}.get(default, default)
            default = "`[reports]`" if name == "apply_to" else "required" if field.is_required() else default
            meaning = str(field.description).replace("|", r"\|")
            yield f"{place}{name}", f"| `{place}{name}` | {values} | {default} | {meaning} |"
            if kinds:
                yield from setting_rows(kinds[0], f"{place}{name}.")


def _kinds(annotation: Any) -> Iterator[Any]:
    """Give what an annotation is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


def _choices(annotation: Any) -> list[str]:
    found = [part for part in _kinds(annotation) if isinstance(part, str) and part]
    return list(dict.fromkeys(found)) if "Literal" in str(annotation) else []


def _kind(annotation: Any) -> str:
    if get_origin(annotation) in (dict, tuple):
        return "map" if get_origin(annotation) is dict else "list"
    return {bool: "`true`, `false`", int: "number"}.get(annotation, "text")


def field_rows(name: str) -> Iterator[str]:
    """Give a row for each field that a profile requires or expects: field, content, usage, source."""
    settings = builtin(name).settings
    own = builtin(name).origins
    assigned = {str(each.field): each for each in settings.set}
    for kind, usage in (("require", "R"), ("expect", "RE")):
        for each in getattr(settings, kind):
            path = each.field
            version = "2.8.2" if path in settings.preadopted else settings.version
            definition = grammar.load(version).fields(path.segment)[path.field - 1]
            content = definition.name.replace("_", " ").capitalize()
            if path.component:
                part = grammar.load(settings.version).components(definition.datatype)[path.component - 1]
                content += f": {part.name.lower()}"
            when = f", when {each.when}" if each.when else ""
            yield f"| {path} | {content} | {usage}{when} | {_source(each, own, name, assigned)} |"


def _source(demand: Requirement, origins: Any, name: str, assigned: Any) -> str:
    path = demand.field
    found = source(path.segment, path.field, path.component, PLACES[path.segment])
    text = f"`{found.strip('.')}`" if found else "the builder"
    if found and found.startswith("message."):
        setting = found.removeprefix("message.")
        if origins.get(setting, "").startswith(name) or (setting in origins and name not in NATIONAL):
            text += " (set by this profile)"
        elif setting in ("version", "processing_id", "sending_application", "message_type"):
            text += " (has a default)"
    rule = assigned.get(str(path))
    if rule is None:
        return text
    return f"`set`: `{rule.value}`" if found is None else f"{text}, else `set`: `{rule.value}`"


DOCUMENT = (DOCS / "PROFILES.md").read_text("utf-8")


@pytest.mark.parametrize(("setting", "row"), list(setting_rows()), ids=lambda each: each.split(" ")[0].strip("|"))
def test_every_setting_has_its_row(setting, row):
    assert [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{setting}` |")] == [row]


@pytest.mark.parametrize("name", NATIONAL)
def test_every_demanded_field_has_its_row_and_there_is_no_other(name):
    part = DOCUMENT.split(f"\n### {name}\n")[1].split("\n## ")[0].split("\n### ")[0]
    rows = [line for line in part.splitlines() if re.match(r"\| [A-Z][A-Z0-9]{2}-\d", line)]
    assert rows == list(field_rows(name))
    forbidden = ", ".join(str(each.field) for each in builtin(name).settings.forbid)
    assert f"Must be empty: {forbidden}." in part


def test_every_example_can_be_used(tmp_path):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "tests.csv").write_text("code,to_code\na,b\n", "utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(examples) > 2
    for text in examples:
        indented = text if text.startswith("message:") else "message:\n" + re.sub("(?m)^", "  ", text)
        path = tmp_path / "config.yaml"
        path.write_text("outbox: outbox\nhis: {host: localhost, port: 1}\n" + indented, "utf-8")
        Builder(load(path, {}).message)


def test_every_builtin_profile_is_told():
    for name in builtin_names():
        assert f"`{name}`" in DOCUMENT


def test_the_published_schema_is_the_one_of_the_model():
    """After a change of the model, write `lab-sender schema profile` to docs/profile.schema.json."""
    assert json.loads((DOCS / "profile.schema.json").read_text("utf-8")) == json.loads(json.dumps(profile_schema()))


if __name__ == "__main__":
    print("\n".join(row for _, row in setting_rows()))
    for profile in NATIONAL:
        print(f"\n### {profile}\n", *field_rows(profile), sep="\n")
