"""Whole names by a declared form: in parts, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_sender.report.names import NameForm


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("{family}, {given}", "Doe, Jane", {"family": "Doe", "given": "Jane"}),
        ("{family}, {given}", "van der Berg ,Anna Maria", {"family": "van der Berg", "given": "Anna Maria"}),
        ("{family}, {given}", "Doe,", {"family": "Doe"}),
        ("{family}, {given}", "Doe", None),
        ("{family}, {given}", ", Jane", None),
        ("{family}, {given}", "Doe, Jane, Jr", None),
        ("{family}, {given}", "Doe^Jane, X", None),
        ("{given} {family}", "Jane  Doe", {"given": "Jane", "family": "Doe"}),
        ("{given} {family}", "Anna Maria Doe", None),
        ("{given} {family}", "Doe", None),
        ("{given} {family}", "Doe, Jane", None),
        ("{family} {given}", "Doe Jane", {"family": "Doe", "given": "Jane"}),
        ("{family}^{given}", "Doe^Jane^^", {"family": "Doe", "given": "Jane"}),
        ("{family}^{given}^{middle}", "Doe^Jane", None),
        ("{family}, {given} {middle}", "van Doe, Jane Q", {"family": "van Doe", "given": "Jane", "middle": "Q"}),
        ("{family}, {given} {middle}", "Doe, Jane", None),
        ("{prefix} {family}", "Dr. House", {"prefix": "Dr.", "family": "House"}),
        ("{family}", "van Doe", {"family": "van Doe"}),
        ("{family}", "Doe, Jane", None),
        ("{given}", "Jane", {"given": "Jane"}),
    ],
)
def test_a_name_is_taken_apart_or_does_not_fit(form, text, expected):
    assert NameForm(form).read(text) == expected


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("", "has no part"), ("family, given", "has no part"), ("{name}", "unknown name: name"),
        ("{family}{given}", "needs a blank"), ("{family}-{given}", "needs a blank"), ("{family},,{given}", "needs a"),
        ("{family}, {family}", "twice"), ("Dr {family}", "something before"), ("{family} (m)", "something before"),
    ],
)  # fmt: skip
def test_what_is_no_form(form, reason):
    with pytest.raises(ValueError, match=reason):
        NameForm(form)


_words = st.text(st.characters(codec="utf-8", categories=("Lu", "Ll")), min_size=1, max_size=8)


@given(st.permutations(["family", "given", "middle"]), st.lists(st.sampled_from(" ,^"), min_size=2, max_size=2),
       st.lists(_words, min_size=3, max_size=3))  # fmt: skip
def test_what_is_written_by_a_form_is_read_by_it(parts, between, words):
    marks = [*between, ""]
    form = "".join(f"{{{part}}}{mark}" for part, mark in zip(parts, marks, strict=True))
    text = "".join(map("".join, zip(words, marks, strict=True)))
    assert NameForm(form).read(text) == dict(zip(parts, words, strict=True))
