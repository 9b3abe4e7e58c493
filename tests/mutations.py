"""Does a test fail when a safety is switched off? `make mutations` tries it, one safety at a time.

Holds: the safeties that the promise rests on, each as one change of the code, and the tests that must notice it.
Promises: works on a copy; a change that no longer fits the code is an error, not a pass; ends with 1 where a safety
could be switched off unnoticed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "demo-run")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Mutation:
    """One safety switched off: in `file` of lab_sender/, `code` becomes `instead`."""

    safety: str
    file: str
    code: str
    instead: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "the flush of the folders after a claim", "intake/claims.py",
        "            files.sync_folder(self._claimed)\n            files.sync_folder(self._outbox)\n",
        "            pass\n",
        ("faults/test_syscall_order.py", "faults/test_power_cut.py"),
    ),
    Mutation(
        "the flush of the folders after a move", "filing/keeper.py",
        "                files.sync_folder(folder)\n",
        "                pass\n",
        ("faults/test_power_cut.py",),
    ),
    Mutation(
        "the FULL commit", "journal/store.py",
        "{'FULL' if full else 'NORMAL'}",
        "{'NORMAL'}",
        ("faults/test_syscall_order.py",),
    ),
    Mutation(
        "the comparison of MSA-2 with our id", "mllp/exchange.py",
        "        if ack.control_id != self._control_id:\n",
        "        if False:\n",
        ("mllp",),
    ),
    Mutation(
        "the closing of the connection after a time-out", "mllp/exchange.py",
        "        if not machine.clean:\n            self._drop()\n",
        "",
        ("mllp", "delivery/test_lane.py"),
    ),
    Mutation(
        "the second fstat", "files.py",
        "        if len(data) != after.st_size or before.st_mtime_ns != after.st_mtime_ns:\n",
        "        if False:\n",
        ("test_files.py",),
    ),
    Mutation(
        "the start-up reconciliation of claimed files", "intake/intake.py",
        "            self._recover()\n",
        "",
        ("faults/test_power_cut.py", "faults/test_killed_at_every_effect.py"),
    ),
    Mutation(
        "the checksum of the stored bytes", "journal/delivery.py",
        "                if zlib.crc32(row[3]) != row[9]:\n",
        "                if False:\n",
        ("journal/test_journal.py", "faults/test_journal_faults.py"),
    ),
    Mutation(
        "the look for a stale connection before a send", "mllp/exchange.py",
        '            if connection.look() == "quiet":\n',
        "            if True:\n",
        ("mllp",),
    ),
    Mutation(
        "the plan before a move", "filing/keeper.py",
        "        self._journal.filing.planned(\n",
        "        (lambda _: None)(\n",
        ("filing/test_keeper.py", "faults/test_killed_at_every_effect.py"),
    ),
    Mutation(
        "the brake", "delivery/brake.py",
        "        return any(self.count(kind) >= most for kind, most in self._most.items())\n",
        "        return False\n",
        ("delivery/test_lane.py", "faults/test_ill_his.py"),
    ),
    Mutation(
        "the lock that keeps a second agent out", "files.py",
        "            flock(handle, LOCK_EX | LOCK_NB)\n",
        "            pass\n",
        ("faults/test_process.py", "test_files.py"),
    ),
    Mutation(
        "what nobody has read of an ASTM record is refused", "readers/astm/doubts.py",
        "    return field in GRAVE.get(kind, ()) or (kind in (\"R\", \"C\") and field > LENGTH[kind])\n",
        "    return False\n",
        ("readers/test_cases.py", "readers/test_astm_account.py"),
    ),
    Mutation(
        "another patient's messages are no base for leaving out", "journal/rows.py",
        "        return bool(self.patient_key and patient_key) and self.patient_key != patient_key\n",
        "        return False\n",
        ("intake/test_ledger.py",),
    ),
    Mutation(
        "a spoilt text refuses the report", "readers/guards/reports.py",
        "        if is_spoilt(what, bare):\n            self._fault(at)\n",
        "        if is_spoilt(what, bare):\n            pass\n",
        ("readers/test_guards.py",),
    ),
)  # fmt: skip


def mutated(mutation: Mutation, source: str) -> str:
    """Switch a safety off. Raises ValueError where the code is not there exactly once."""
    if source.count(mutation.code) != 1:
        raise ValueError(f"{mutation.file} has the code of {mutation.safety!r} {source.count(mutation.code)} times")
    return source.replace(mutation.code, mutation.instead)


def _noticed(mutation: Mutation | None, tests: tuple[str, ...]) -> str:
    """Run tests on a copy; return the first that failed, "" if none did."""
    with tempfile.TemporaryDirectory(prefix="lab-sender-mutation-") as folder:
        copy = Path(folder) / "lab-sender"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        if mutation is not None:
            path = copy / "lab_sender" / mutation.file
            path.write_text(mutated(mutation, path.read_text("utf-8")), "utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--timeout", "60"]
        paths = [str(copy / "tests" / each) for each in tests]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(copy), str(copy / "tests")])}
        run = subprocess.run(
            [*command, *paths], cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        failed = _FAILED.search(run.stdout)
        if run.returncode not in (0, 1) or (run.returncode == 1 and failed is None):
            raise RuntimeError(run.stdout[-2000:] + run.stderr[-2000:])
        return failed[1].rpartition("tests/")[2] if failed else ""


def main() -> int:
    """Try every mutation and print the table."""
    every = tuple(dict.fromkeys(test for mutation in MUTATIONS for test in mutation.tests))
    if failed := _noticed(None, every):
        print(f"{failed} fails without any mutation")
        return 1
    unnoticed = 0
    for mutation in MUTATIONS:
        begun = time.monotonic()
        failed = _noticed(mutation, mutation.tests)
        unnoticed += not failed
        print(f"{mutation.safety:48} {failed or 'NOT NOTICED'} ({time.monotonic() - begun:.0f} s)", flush=True)
    print(f"{len(MUTATIONS) - unnoticed} of {len(MUTATIONS)} switched-off safeties noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
