"""Looks that are made by hand, one behind the other, as if time passed between what is dropped and the look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab_sender.intake import at_rest


@pytest.fixture(autouse=True)
def a_second_later() -> Iterator[None]:
    """What lies there when a look of this process begins has lain there for a while: none comes while it goes on."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(at_rest, "_GRAIN_NS", -(10**9))
        yield
