"""The doorbell, with the system's own watch."""

from __future__ import annotations

import threading
from pathlib import Path

from lab_sender.intake.doorbell import Doorbell


def test_it_rings_while_files_go_on_coming(tmp_path: Path) -> None:
    """watchdog keeps back what stirs until nothing has for a while: on Windows that was a second."""
    rung = threading.Event()
    doorbell = Doorbell(tmp_path, lambda _: rung.set())
    assert doorbell.start()
    try:
        for number in range(40):
            (tmp_path / f"{number}.json").write_bytes(b"x")
            if rung.wait(0.5):
                break
    finally:
        doorbell.stop()
    assert rung.is_set()
