"""Own JSON: what is put into a report comes out in the message, refuses it, or is named in a remark."""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.examples import examples
from msgspec import inspect

from lab_sender.config.profile import builtin
from lab_sender.errors import FileError
from lab_sender.hl7.escape import unescape
from lab_sender.oru import Builder
from lab_sender.readers import BadItem, read
from lab_sender.report import model

BUILDERS = {version: Builder(builtin(version=version)) for version in ("2.3.1", "2.5.1", "2.8.2")}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = frozenset(
    ("birth", "died", "admitted", "discharged", "requested", "collected", "collected_until", "received", "reported",
     "observed", "analysed", "start", "end")
)  # fmt: skip
CHOSEN = {
    (model.Patient, "sex"): ["F", "männlich", "U"],
    (model.Visit, "class"): ["I", "outpatient"],
    (model.Order, "status"): ["final", "C", "vorläufig"],
    (model.Order, "priority"): ["S", "routine"],
    (model.Result, "status"): ["F", "corrected", "P"],
    (model.Attachment, "status"): ["F", "P"],
    (model.Phone, "type"): ["CP", "FX"],
    (model.Report, "schema"): [model.SCHEMA_NAME],
    (model.Result, "type"): ["auto"],
    (model.InlineData, "type"): ["application"],
    (model.InlineData, "encoding"): ["Base64"],
    (model.Attachment, "mime"): ["application/pdf"],
}
"""Keys whose words are of a table: what goes out is its code."""
NEEDED = {
    (model.Report, "patient"), (model.Report, "orders"), (model.Patient, "ids"), (model.Order, "results"),
    (model.Order, "filler"), (model.Specimen, "type"), (model.Coded, "code"), (model.Result, "value"),
}  # fmt: skip
SEEDS = st.integers(0, 2**32)
PDF = b"%PDF-1.4 a small one %%EOF"


class Reports:
    """Draws reports by the model's own types, in which every text is its own, so that it can be found again."""

    def __init__(self, seed):
        self.random = random.Random(seed)  # a draw of Hypothesis for each key would take minutes to shrink
        self.one = self.random.choice
        self.numbers = itertools.count(1)

    def maybe(self):
        return self.random.random() < 0.3

    def word(self):
        return self.one(["Ulna", "Ärzte", "A&B", "x^y", "50 %", "a\\b"]) + f"#n{next(self.numbers)}#"

    def time(self):
        n = next(self.numbers)
        return f"2026-0{n % 9 + 1}-{n % 27 + 1:02}T{n // 60 % 24:02}:{n % 60:02}:00Z"

    def number(self):
        return f"{self.one(['', '-'])}{1000 + next(self.numbers)}.50"

    def value(self):
        return self.one(
            [
                self.word,
                self.number,
                lambda: [self.word(), self.word()],
                lambda: {"cmp": "<", "n1": self.number()},
                lambda: self.part(model.Coded),
                lambda: [self.part(model.Coded), self.part(model.Coded)],
                lambda: self.part(model.Pointer),
                self.data,
                lambda: f"{self.word()}\n{self.word()}",
            ]
        )()

    def data(self):
        content = f"%PDF-1.4 {next(self.numbers)} %%EOF".encode()
        return {"data": base64.b64encode(content).decode(), "type": "application", "subtype": "pdf"}

    def part(self, kind):
        return {
            field.encode_name: self.of(kind, field.encode_name, field.type)
            for field in inspect.type_info(kind).fields
            if (kind, field.encode_name) in NEEDED or field.required or self.maybe()
        }

    def of(self, kind, key, wanted):
        if (kind, key) in CHOSEN:
            return self.one(CHOSEN[kind, key])
        if (kind, key) == (model.Result, "value"):
            return self.value()
        if key in TIMES:
            return self.time()
        if (kind, key) == (model.Timing, "quantity") or (kind is model.Range and key != "text"):
            return self.number()
        if (kind, key) == (model.Attachment, "path"):
            return f"F{next(self.numbers)}.pdf"
        return self.made(wanted)

    def made(self, wanted):
        match wanted:
            case inspect.UnionType():
                return self.made(self.one([one for one in wanted.types if not isinstance(one, inspect.NoneType)]))
            case inspect.StructType():
                return self.part(wanted.cls)
            case inspect.ListType():
                return [self.made(wanted.item_type) for _ in range(self.one([1, 2]))]
        return self.word()


def drawn(seed):
    """A report that is in order."""
    made = Reports(seed).part(model.Report)
    for order in made["orders"]:
        order.pop("accession", None)
        for specimen in order.get("specimens", []):
            if "filler" in specimen:
                specimen.pop("id", None)
    return made


def leaves(value, way=()):
    """Every text of a report, with the keys and numbers that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*way, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from leaves(inner, (*way, n))
    else:
        yield way, value


def place(way):
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way).removeprefix(".")


_NOT_ITSELF = {"sex", "class", "status", "priority", "schema", "type", "encoding", "path", "mime", "cmp"}
"""Keys whose words are of a table, and those that say where a file lies."""
_OF_THE_WRITER = ("id",)
"""The report's own number: by the format it is for the writer's eyes, and not sent."""
FILES = dict.fromkeys((f"F{n}.pdf" for n in range(2000)), PDF)


def outcome(data, version="2.5.1"):
    """The message's text, what is told of it by place, and the places of what refuses it."""
    reading = read(data)
    (item,) = reading.items
    if isinstance(item, BadItem):
        return "", set(), {one.place: one.code for one in item.findings}
    try:
        built = BUILDERS[version].build(item.report, control_id="1", now=NOW, attachments=FILES)
    except FileError as error:
        return "", set(), {one.place: one.code for one in error.findings if one.severity == "error"}
    return unescape(built.body.decode()), {one.place for one in (*reading.remarks, *built.warnings)}, {}


def named(way, places):
    """Whether a place, or one that it is within, is among `places`."""
    return any(place(way[:n]) in places for n in range(1, len(way) + 1))


def is_said(value, body):
    if re.fullmatch(r"[0-9-]{10}T[0-9:]{8}Z", value):
        return re.sub("[^0-9]", "", value) in re.sub(r"[^0-9|^~\r]", "", body)
    return all(line in body for line in value.split("\n"))


@pytest.mark.long
@pytest.mark.parametrize("version", BUILDERS)
@examples(100)
@given(seed=SEEDS)
def test_every_value_is_in_the_message_or_named_in_a_remark(version, seed):
    """Where an old version has no place for a code, its note for a reader goes without the coding system."""
    report = drawn(seed)
    body, told, faults = outcome(json.dumps(report).encode(), version)
    assert not faults or version == "2.8.2"  # which wants more of an identifier than a word
    aside = _NOT_ITSELF | ({"system", "authority"} if version == "2.3.1" else set())
    lost = [
        (place(way), value)
        for way, value in leaves(report)
        if aside.isdisjoint(way[-2:]) and way != _OF_THE_WRITER and not (is_said(value, body) or named(way, told))
    ]
    assert faults or not lost


# ---------------------------------------------------------------- one thing more


def parts(value, way=()):
    """Every object of a report, with the way to it."""
    if isinstance(value, dict):
        yield way, value
        for key, inner in value.items():
            yield from parts(inner, (*way, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from parts(inner, (*way, n))


@pytest.mark.long
@examples(200)
@given(SEEDS)
def test_an_unknown_key_refuses_at_any_depth(seed):
    report = drawn(seed)
    way, part = random.Random(seed).choice(list(parts(report)))
    part["zzz"] = "7.7"
    _, _, faults = outcome(json.dumps(report).encode())
    wanted = {place((*way, "zzz")): "json.unknown-key"}
    in_value = "value" in way and not {"value.key", "value.shape"}.isdisjoint(faults.values())
    assert faults == wanted or in_value


@pytest.mark.long
@examples(200)
@given(SEEDS)
def test_a_key_that_stands_twice_refuses_at_any_depth(seed):
    report = drawn(seed)
    way, part = random.Random(seed).choice([one for one in parts(report) if one[1]])
    key = random.Random(seed).choice(list(part))
    part["zzz"] = part[key]
    data = json.dumps(report).replace('"zzz":', f'"{key}":').encode()
    _, _, faults = outcome(data)
    assert faults == {place((*way, key)): "json.duplicate-key"}


OTHERS = (77001, 7.70025, True, False, {"zzz": "77001"}, ["77001"], [["77001"]])


@pytest.mark.long
@examples(200)
@given(SEEDS, st.sampled_from(OTHERS))
def test_a_value_of_another_type_refuses_or_goes_out_as_it_is(seed, other):
    """A number may stand for a value or a limit, a list of texts for another; nothing else for anything."""
    report = drawn(seed)
    way, part = random.Random(seed).choice([one for one in parts(report) if one[1]])
    key = random.Random(seed).choice(list(part))
    if part[key] == other:
        return
    part[key] = other
    body, told, faults = outcome(json.dumps(report).encode())
    assert faults or named((*way, key), told) or str(other).strip("[]'") in body, way
