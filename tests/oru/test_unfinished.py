"""What can be said of a message with errors, held against the message that it would be without them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from config.test_profile_national import FILES, FULL, MSH, NOW, remove
from kit.destinations import rule, takes
from kit.examples import one_of

from lab_sender.config.profile import builtin
from lab_sender.config.takes import TakesRule
from lab_sender.hl7.escape import unescape
from lab_sender.intake.routing import route, route_failed
from lab_sender.oru import Builder, UnfinishedError
from lab_sender.report.model import Report

RICH = json.loads((Path(__file__).parent / "golden" / "rich.json").read_text(encoding="utf-8"))
EDITS: dict[str, Any] = {
    "set": [
        {"field": "OBR-20", "value": "{OBR-24}"},
        {"field": "OBR-21", "value": "{order.section}"},
        {"field": "OBX-15", "value": "{OBR-16.1}"},
        {"field": "PV1-10", "value": "{PV1-3.1}", "when": "PV1-2 present"},
        {"field": "MSH-8", "value": "URGENT", "when": "PV1-2 = I"},
    ],
    "add": [{"segment": "ZLB|1|{OBR-22}|{OBR-24}", "after": "OBR"}],
    "identifiers": {"copies": {"PID-2": "MR"}},
}
TESTS = {"LN|24323-8": "CMP^Panel^99L", "LN|2951-2": "NA^Sodium^99L"}
DROPS = {"drop": [{"segment": "NTE", "when": "PID-8 = F"}, {"segment": "OBX", "when": "OBR-24 absent"}]}
GIVEN: dict[str, tuple[str, dict[str, Any]]] = {
    "us-elr": ("us-elr", {}),
    "us-lri": ("us-lri", {}),
    "oldest": ("generic-2.3", {}),
    "newest": ("generic-2.8.2", {}),
    "edited": ("generic-2.5.1", EDITS),
    "dropping": ("generic-2.5.1", DROPS),
    "split": (
        "generic-2.5.1",
        {"text": {"multiline": "split", "structured": "ST"}, "corrections": {"cancelled": "order-only"}},
    ),
    "latin": ("generic-2.5.1", {"charset": "8859/1"}),
    "mapped": ("us-elr", {"codes": {"unmapped": "error", "maps": {"test": {"inline": TESTS}}}}),
}
REPORTS = {"full": FULL, "rich": RICH}
BAD = ("\x07bad", "yesterday", "cancelled", "", {"nobody": "knows"}, "\u6f22", 7)


@lru_cache(64)
def builder_of(name: str, *required: str) -> Builder:
    parent, settings = GIVEN[name]
    return Builder(builtin(parent, **MSH, **settings, **({"require": [*required]} if required else {})))


def leaves(part: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every part of a report with its key, the whole ones too."""
    if key:
        yield key, part
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for step, value in inner:
        yield from leaves(value, f"{key}[{step}]" if isinstance(step, int) else f"{key}.{step}".lstrip("."))


def put(report: Any, key: str, value: Any) -> None:
    *steps, last = re.findall(r"\w+", key)
    at = report
    for step in steps:
        at = at[int(step) if step.isdigit() else step]
    at[int(last) if last.isdigit() else last] = value


def build(builder: Builder, report: Any) -> str | UnfinishedError | None:
    """The message, or the error that has what was written of it; None: it is no report."""
    try:
        read = msgspec.convert(report, Report)
    except msgspec.ValidationError:
        return None
    try:
        built = builder.build(read, control_id="1", now=NOW, attachments=FILES | DOCUMENTS)
        return built.body.decode(builder.site.codec)
    except UnfinishedError as error:
        return error


DOCUMENTS = {
    part["path"]: b"%PDF-1.4\n%%EOF\n" for report in REPORTS.values() for key, part in leaves(report)
    if isinstance(part, dict) and "path" in part
}  # fmt: skip


@lru_cache(8)
def values(text: str) -> frozenset[tuple[str, str]]:
    """Path and unescaped value of every field, and of its first two components."""
    found = set()
    for line in text.removesuffix("\r").split("\r"):
        row = line.split("|")
        for number, field in enumerate(row[1:], 2 if row[0] == "MSH" else 1):
            for one in field.split("~") if (row[0], number) != ("MSH", 2) else ():
                parts = one.split("^")
                found |= {(f"{row[0]}-{number}", one), (f"{row[0]}-{number}.1", parts[0])}
                found |= {(f"{row[0]}-{number}.2", parts[1])} if len(parts) > 1 else set()
    return frozenset([(path, unescape(value)) for path, value in found if value.strip("^&")])


@cache
def rules_on(good: str) -> tuple[TakesRule, ...]:
    """Rules that all hold for the good message: on what it has."""
    return met(good, [rule(path, value) for path, value in values(good)])


def rules_against(good: str, bad: str) -> tuple[TakesRule, ...]:
    """Rules that all hold for the good message: on what only the bad one has."""
    was, now = values(good), values(bad)
    further = {path for path, _ in now} - {path for path, _ in was}
    every = [rule(path, matches=".", negated=True) for path in further]
    return met(good, [*(rule(path, value, negated=True) for path, value in now - was), *every])


def met(good: str, rules: Iterable[TakesRule]) -> tuple[TakesRule, ...]:
    wanted = takes(*rules)
    assert route(good.encode(), wanted).taken
    return wanted.rules


def surely_unmet(good: str, error: UnfinishedError) -> set[str]:
    """The rules, all met by the good message, of which the one with errors says that they are not."""
    rules = takes(*rules_on(good), *rules_against(good, error.message.text))
    unmet = route_failed(error, rules).unmet
    return {f"{'not ' if each.negated else ''}{each.kind} {each.path}" for each in unmet}


@pytest.mark.long
@pytest.mark.parametrize(
    ("which", "name"), [*(("full", name) for name in GIVEN), ("rich", "oldest"), ("rich", "split")]
)
def test_what_a_correction_would_bring_is_never_surely_not_taken(which: str, name: str) -> None:
    """Every part of a report is made wrong in every way: no rule that the right one meets is surely unmet.

    Of the large one a sixth by day, another sixth each time.
    """
    builder, report = builder_of(name), REPORTS[which]
    good = build(builder, report)
    assert isinstance(good, str)
    tried, found = 0, {}
    step = one_of(6) if which == "rich" else 1
    for key, part in list(leaves(report))[random.randrange(step) :: step]:
        for bad in BAD[:1] if isinstance(part, dict | list) else BAD if which == "full" else BAD[:4]:
            wrong = json.loads(json.dumps(report))
            put(wrong, key, bad)
            made = build(builder, wrong)
            if isinstance(made, UnfinishedError):
                tried += 1
                if unmet := surely_unmet(good, made):
                    found[f"{key}: {bad!r}"] = unmet, sorted({each.code + each.field for each in made.findings})
    assert not found
    assert tried > 20


@pytest.mark.long
@pytest.mark.parametrize("name", GIVEN)
def test_what_is_empty_with_a_required_field_is_never_surely_not_taken(name: str) -> None:
    """Whatever part is missing: the profile requires one of the fields that it leaves empty, rules look at others."""
    builder = builder_of(name)
    good = build(builder, FULL)
    assert isinstance(good, str)
    there = {path for path, _ in values(good)}
    tried, found = 0, {}
    for key, part in leaves(FULL):
        wrong = json.loads(json.dumps(FULL))
        if isinstance(part, dict | list) or key.count("."):
            remove(wrong, key)
        made = build(builder, wrong)
        if not isinstance(made, str):
            continue
        for path in sorted(there - {path for path, _ in values(made)})[:4]:
            error = build(builder_of(name, path), wrong)
            if isinstance(error, UnfinishedError):
                tried += 1
                if unmet := surely_unmet(good, error):
                    found[f"{key}, requires {path}"] = unmet
    assert not found
    assert tried > 5
