"""What a password costs who guesses it, and that a name that is not there costs as much."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from lab_sender.operations.web import passwords


@pytest.fixture
def as_installed() -> ModuleType:
    """The module as a laboratory has it; other tests make it cheap."""
    spec = importlib.util.spec_from_file_location("as_installed", passwords.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_password_is_kept_as_argon2id_of_nineteen_mebibytes(as_installed: Any) -> None:
    kept = as_installed.hashed("a horse walks home")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert kept != as_installed.hashed("a horse walks home"), "each has a salt of its own"
    assert as_installed.is_right("a horse walks home", kept)
    assert not as_installed.is_right("a horse walks", kept)


@pytest.mark.parametrize("kept", ["", "no hash at all"])
def test_where_nothing_is_kept_no_password_is_right(as_installed: Any, kept: str) -> None:
    assert not as_installed.is_right("a horse walks home", kept)
    assert not as_installed.is_right("", kept)


def test_a_name_that_is_not_there_costs_as_much(as_installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    class Noted:
        def verify(self, kept: str, _: str) -> bool:
            compared.append(kept.rsplit("$", 2)[0])
            return True

    kept = as_installed.hashed("a horse walks home")
    monkeypatch.setattr(as_installed, "_HASHER", Noted())
    assert not as_installed.is_right("x", "")
    assert as_installed.is_right("x", kept)
    assert compared == ["$argon2id$v=19$m=19456,t=2,p=1"] * 2
