"""A journal that waits for nobody long, closed after the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_sender.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    folder = tmp_path / "journal"
    folder.mkdir()
    opened = Journal(folder / "journal.db", who="tester", busy_timeout_s=0.02)
    yield opened
    opened.close()
