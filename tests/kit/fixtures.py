"""A journal that waits for nobody long, closed after the test; on each database that there is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_sender.journal import Journal


@pytest.fixture(params=["sqlite"])
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal of its own; a test that speaks SQLite itself stands in tests/journal/test_sqlite.py."""
    folder = tmp_path / "journal"
    folder.mkdir()
    opened = Journal(folder / "journal.db", who="tester", busy_timeout_s=0.02)
    yield opened
    opened.close()
