"""A journal that waits for nobody long, closed after the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_sender.journal import Journal

SQLITE_ONLY = pytest.mark.parametrize("address", ["sqlite"], indirect=True)
"""Above a test of tests/journal that speaks SQLite, or of its file."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal of its own, on SQLite; in tests/journal one on each database that there is."""
    folder = tmp_path / "journal"
    folder.mkdir()
    opened = Journal(folder / "journal.db", who="tester", busy_timeout_s=0.02)
    yield opened
    opened.close()
