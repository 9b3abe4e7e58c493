"""The mutation check is no check where its changes no longer fit the code."""

from __future__ import annotations

import ast

import pytest
from mutations import MUTATIONS, ROOT, Mutation, mutated


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.safety.replace(" ", "-"))
def test_a_mutation_fits_the_code_and_its_tests_exist(mutation: Mutation) -> None:
    source = (ROOT / "lab_sender" / mutation.file).read_text("utf-8")
    changed = mutated(mutation, source)
    assert changed != source
    if mutation.file.endswith(".py"):
        ast.parse(changed)
    assert all((ROOT / "tests" / test).exists() for test in mutation.tests)
