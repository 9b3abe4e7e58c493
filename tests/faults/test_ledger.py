"""Every fault of the list has its test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faults.ledger import FAULTS, faults_of, without_a_test

HERE = Path(__file__).parent


def test_every_fault_of_the_list_has_a_test() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", str(HERE)]
    collected = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=60, check=False)
    tests = [line for line in collected.stdout.splitlines() if "::" in line]
    assert collected.returncode == 0, collected.stdout + collected.stderr
    assert without_a_test(tests) == []
    assert not {number for test in tests for number in faults_of(test)} - set(FAULTS)


@pytest.mark.parametrize(
    ("test", "faults"),
    [
        ("test_x.py::test_fault_33a_the_brake", ["33a"]),
        ("test_x.py::test_fault_51_52_links[a]", ["51", "52"]),
        ("test_x.py::test_his_answers[fault_27-ack-byte-by-byte]", ["27"]),
        ("test_faults.py::test_default_27", []),
    ],
    ids=["letter", "two", "parameter", "none"],
)
def test_a_test_names_its_faults(test: str, faults: list[str]) -> None:
    assert faults_of(test) == faults
