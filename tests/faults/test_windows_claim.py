"""A claim on Windows refuses while any writer has the file open.

Fault 93: by the rule on every platform, and on Windows itself with writers of each share mode.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from intake.test_intake import Station
from kit.core import ready

from lab_sender import writers
from lab_sender.journal import Journal

TESTS = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows is asked itself: the test below")
def test_fault_93_a_file_whose_writer_is_there_is_not_claimed_and_no_trouble(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Windows says by error 32. The claim holds writers off until the file has been read, however that ends."""
    station = Station(tmp_path, journal)
    held: dict[str, int] = {}
    busy = {"a.hl7"}

    def hold(path: str) -> int:
        name = os.path.basename(path)
        if name in busy:
            raise writers.StillChanging
        held[name] = os.open(path, os.O_RDONLY)
        return held[name]

    def let_go(descriptor: int | None) -> None:
        if descriptor is not None:
            os.close(descriptor)
            held.pop(next(name for name, each in held.items() if each == descriptor))

    read = writers.read_whole

    def through_the_hold(path: str, *values: object, hold: int | None = None, **more: object) -> object:
        assert hold in held.values()
        return read(path, *values, hold=hold, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(writers, "hold", hold)
    monkeypatch.setattr(writers, "let_go", let_go)
    monkeypatch.setattr(writers, "read_whole", through_the_hold)
    station.put("a.hl7", ready("M1"))
    station.put("b.hl7", ready("M2", order="F2"))
    station.look()
    assert station.sources() == [("b.hl7", "")]
    assert (station.outbox / "a.hl7").exists()
    assert station.trouble() == ""
    busy.clear()
    station.look()
    assert station.sources() == [("b.hl7", ""), ("a.hl7", "")]
    assert held == {}


@pytest.mark.skipif(sys.platform != "win32", reason="share modes are Windows'; `make test-windows` tries them")
def test_fault_93_a_claim_beside_writers_of_each_share_mode() -> None:
    run = subprocess.run(
        [sys.executable, TESTS / "windows" / "claim.py"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    for share in told["shares"]:
        assert told[share]["open"] == {"claimed": False}, share
        assert told[share]["closed?"] is False
        assert told[share]["closed"] == {
            "claimed": True, "data": "FIRSTSECOND", "size": 11, "late writer": 32,
        }, share  # fmt: skip
    assert told["beside a reader"]["data"] == "READ"
    assert told["taken target"] == "two"
    assert told["gone"] == "FileNotFoundError"
