"""What the journal promises, it promises on each database: the tests here run on both.

A test that speaks SQLite itself, or of its file, says so: `SQLITE_ONLY` (kit/fixtures.py) above it, or as its
module's `pytestmark`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from lab_sender.journal import Address, Journal


@pytest.fixture
def journal(address: Address) -> Iterator[Journal]:
    """A journal of its own, on each database."""
    opened = Journal(address, who="tester", busy_timeout_s=0.02)
    yield opened
    opened.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what takes a journal on both; `--quick` starts no server."""
    if "address" in metafunc.fixturenames and not any(
        each.args[0] == "address" for each in metafunc.definition.iter_markers("parametrize")
    ):
        others = [] if metafunc.config.getoption("quick") else ["postgresql"]
        metafunc.parametrize("address", ["sqlite", *others], indirect=True)


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Where a new journal may be made, on each database."""
    if request.param == "postgresql":
        return cast(Address, request.getfixturevalue("server"))
    folder = tmp_path / "journal"
    folder.mkdir()
    return folder / "journal.db"
