"""The search for patient data at the end of the test run (conftest.py) finds what it should."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from kit.patients import FAMILY, MARKS, VALUE, leaks

from lab_sender.errors import FileError
from lab_sender.log import say


def test_a_leak_is_found(tmp_path: Path) -> None:
    (tmp_path / "clean.log").write_text("message.acked message=1")
    assert not list(leaks(tmp_path))
    (tmp_path / "leaky.log").write_text(f"value {VALUE} of {FAMILY}")
    assert len(list(leaks(tmp_path))) == 2


def test_events_and_errors_are_gathered() -> None:
    say(logging.ERROR, "test.event", code="test.gathered-event")
    FileError.of("test.gathered-error", "a text", place="line 7")
    (gathered,) = Path(os.environ["LAB_SENDER_TEST_LOGS"]).glob(f"texts-{os.getpid()}.log")
    text = gathered.read_text()
    assert "test.gathered-event" in text
    assert "test.gathered-error at line 7: a text" in text
    assert not [mark for mark in MARKS if mark in text.encode()]
