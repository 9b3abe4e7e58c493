"""No patient data in logs and error texts: searched over the whole test run.

Every event that any test makes `lab_sender` log, every text of its errors and findings, the log of every agent's
process and the reasons beside quarantined files are gathered in one folder (LAB_SENDER_TEST_LOGS). When the run
ends they are searched for the patients of kit/patients.py; a find fails the run. Works under pytest-xdist: the
workers gather, the controller searches. The end lines also say which tests did not run, and why.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.ledger import Ledger
from hypothesis import settings
from kit import examples
from kit.fixtures import journal
from kit.patients import leaks

from lab_sender import errors
from lab_sender.log import LOGGER

__all__ = ["journal"]

settings.load_profile(examples.EVERY_DAY)

_FOLDER = "LAB_SENDER_TEST_LOGS"
_report = ""


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder and count the faults covered (the controller does), and gather from this process."""
    if not hasattr(config, "workerinput"):
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="lab-sender-logs-")
        config.pluginmanager.register(Ledger())
    _gather(Path(os.environ[_FOLDER]) / f"texts-{os.getpid()}.log")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search; the controller does, when all have ended."""
    global _report
    if hasattr(session.config, "workerinput"):
        return
    folder = Path(os.environ.pop(_FOLDER))
    found = list(leaks(folder))
    sizes = [path.stat().st_size for path in folder.iterdir()]
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        _report = f"PATIENT DATA in what was logged (kept in {folder}):\n  " + "\n  ".join(found)
        return
    shutil.rmtree(folder)
    _report = f"patient data: none in {len(sizes)} logs and error texts ({sum(sizes) >> 10} KiB)"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what came of the search, and what was skipped for which reason."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ()))
    for reason, tests in reasons.most_common():
        terminalreporter.write_line(f"not run: {tests} ({reason.removeprefix('Skipped: ')})", yellow=True)
    terminalreporter.write_line(_report, red=_report.startswith("PATIENT"))


def _gather(path: Path) -> None:
    """Write what this process logs, and every error it makes, into a file."""
    target = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)

    def take(record: logging.LogRecord) -> bool:
        target.write(f"{record.getMessage()} {getattr(record, 'fields', '')}\n")
        return True

    LOGGER.addFilter(take)
    LOGGER.setLevel(logging.DEBUG)
    make_error, make_finding = errors.LabSenderError.__init__, errors.Finding.__init__

    def error(self: errors.LabSenderError, *args: Any, **more: Any) -> None:
        make_error(self, *args, **more)
        target.write(f"{self}\n")

    def finding(self: errors.Finding, *args: Any, **more: Any) -> None:
        make_finding(self, *args, **more)
        target.write(f"{self.line()}\n")

    errors.LabSenderError.__init__ = error  # type: ignore[method-assign]
    errors.Finding.__init__ = finding  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Undo what `log.set_up` did: a command run within the tests' process must not deafen the next test."""
    before = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    yield
    LOGGER.handlers[:], LOGGER.level, LOGGER.propagate = before
