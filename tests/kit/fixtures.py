"""A journal that waits for nobody long, closed after the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_sender.journal import Journal

SQLITE_ONLY = pytest.mark.parametrize("address", ["sqlite"], indirect=True)
"""Above a test of tests/journal that speaks SQLite, or of its file."""


OF_THE_FILE = pytest.mark.usefixtures("of_the_file")
"""Above a test of another room that is about journal.db itself: with `--postgres` it does not run."""


@pytest.fixture
def of_the_file(request: pytest.FixtureRequest) -> None:
    """Skip the test where the journal is no file."""
    if request.config.getoption("postgres"):
        pytest.skip("it is about journal.db")


@pytest.fixture
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """A journal of its own, on SQLite, or with `--postgres` there; in tests/journal one on each database."""
    if request.config.getoption("postgres"):
        opened = Journal(request.getfixturevalue("server"), who="tester", busy_timeout_s=2.0)
    else:
        folder = tmp_path / "journal"
        folder.mkdir()
        opened = Journal(folder / "journal.db", who="tester", busy_timeout_s=0.02)
    yield opened
    opened.close()
