"""A claim on Windows refuses while any writer has the file open.

Fault 93: by the rule on every platform, and with Windows' own Python under Wine where that is here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from intake.test_intake import Station
from kit.core import ready

from lab_sender import writers
from lab_sender.journal import Journal

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".windows" / "python" / "python.exe"


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


def test_fault_93_a_claim_under_wine() -> None:
    wine = shutil.which("wine")
    if wine is None:
        pytest.skip("Wine is not installed")
    if not PYTHON.exists():
        pytest.skip("no Windows Python: tests/windows/prepare.sh fetches one")
    environment = os.environ | {
        "WINEPREFIX": str(ROOT / ".windows" / "prefix"), "WINEDEBUG": "-all", "PYTHONPATH": f"Z:{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    run = subprocess.run(
        [wine, str(PYTHON), f"Z:{ROOT}/tests/windows/claim.py"],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    for share in ("nobody", "readers", "read-write", "all"):
        assert told[share]["open"] == {"claimed": False}, share
        assert told[share]["closed?"] is False
        assert told[share]["closed"] == {
            "claimed": True, "data": "FIRSTSECOND", "size": 11, "late writer": 32,
        }, share  # fmt: skip
    assert told["beside a reader"]["data"] == "READ"
    assert told["taken target"] == "two"
    assert told["gone"] == "FileNotFoundError"
