"""Over the whole test run: no patient data in logs and error texts, and no code that nobody has explained.

Every event that any test makes `lab_sender` log, every text of its errors and findings, the log of every agent's
process and the reasons beside quarantined files are gathered in one folder (LAB_SENDER_TEST_LOGS). When the run
ends they are searched for the patients of kit/patients.py; a find fails the run. So does a code that a line of the
package made, or an agent logged, and that is not in the registry (kit/codes_seen.py). Works under pytest-xdist: the
workers gather, the controller searches. The end lines also say which tests did not run, and why; `--quick` leaves out
what kit/quick.py lists, `--unlike` what kit/alike.py does.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from faults.ledger import Ledger
from hypothesis import settings
from kit import examples, spared
from kit.alike import ALIKE
from kit.codes_seen import CodesSeen, unregistered
from kit.fixtures import journal, of_the_file
from kit.patients import leaks
from kit.postgres import _tables, cluster, server
from kit.quick import LeavingOut, Quick

from lab_sender import errors
from lab_sender.log import LOGGER

__all__ = ["_tables", "cluster", "journal", "of_the_file", "server"]

settings.load_profile(examples.EVERY_DAY)

_FOLDER = "LAB_SENDER_TEST_LOGS"
_FILES = "LAB_SENDER_TEST_FILES"
"""Where temporary files are to lie: Wine itself would heed TMPDIR."""
_report = ""
_codes = ""
_gathering = ExitStack()
"""What ends the gathering: Windows removes no file that is open."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know `--quick`, `--unlike` and `--postgres`."""
    parser.addoption("--postgres", action="store_true", help="what takes a journal gets one on PostgreSQL")
    parser.addoption("--quick", action="store_true", help="each room by itself, with few examples: `make quick`")
    parser.addoption("--unlike", action="store_true", help="what differs from system to system: `make test-windows`")


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder and count the faults covered (the controller does), and gather from this process."""
    if folder_of_files := os.environ.get(_FILES):
        os.environ["TMPDIR"], tempfile.tempdir = folder_of_files, None
    if config.getoption("quick"):
        settings.load_profile(examples.QUICK)
        config.pluginmanager.register(Quick())
    if config.getoption("unlike"):
        config.pluginmanager.register(LeavingOut(ALIKE, "the same on every system (tests/kit/alike.py)"))
    config.pluginmanager.register(spared)
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(spared.OneReportATest())
    else:
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="lab-sender-logs-")
        config.pluginmanager.register(Ledger())
    folder = Path(os.environ[_FOLDER])
    _gather(folder / f"texts-{os.getpid()}.log", CodesSeen(folder, os.getpid()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Gather no more, and search; the controller does, when all have ended."""
    global _report, _codes
    _gathering.close()
    if hasattr(session.config, "workerinput"):
        return
    folder = Path(os.environ.pop(_FOLDER))
    if unknown := unregistered(folder):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        _codes = "CODES that are in no file of lab_sender/codes (tests/test_codes.py says what to add):\n  "
        _codes += "\n  ".join(unknown)
    found = list(leaks(folder))
    sizes = [path.stat().st_size for path in folder.iterdir()]
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        _report = f"PATIENT DATA in what was logged (kept in {folder}):\n  " + "\n  ".join(found)
        return
    shutil.rmtree(folder)
    _report = f"patient data: none in {len(sizes)} logs and error texts ({sum(sizes) >> 10} KiB)"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what came of the searches, and what was skipped for which reason."""
    reasons = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ()))
    for reason, tests in reasons.most_common():
        terminalreporter.write_line(f"not run: {tests} ({reason.removeprefix('Skipped: ')})", yellow=True)
    if _codes:
        terminalreporter.write_line(_codes, red=True)
    terminalreporter.write_line(_report, red=_report.startswith("PATIENT"))


def _gather(path: Path, codes: CodesSeen) -> None:
    """Write what this process logs, and every error it makes, into a file; note the codes apart."""
    target = _gathering.enter_context(path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1))
    _gathering.callback(codes.close)

    def take(record: logging.LogRecord) -> bool:
        fields = getattr(record, "fields", {})
        target.write(f"{record.getMessage()} {fields}\n")
        codes.note(record.getMessage())
        codes.note(fields.get("code"))
        return True

    LOGGER.addFilter(take)
    LOGGER.setLevel(logging.DEBUG)
    make_error, make_finding = errors.LabSenderError.__init__, errors.Finding.__init__

    def error(self: errors.LabSenderError, *args: Any, **more: Any) -> None:
        make_error(self, *args, **more)
        target.write(f"{self}\n")
        if not isinstance(self, errors.FileError):  # its code is that of a finding
            codes.note(self.code)

    def finding(self: errors.Finding, *args: Any, **more: Any) -> None:
        make_finding(self, *args, **more)
        target.write(f"{self.line()}\n")
        codes.note(self.code)

    def as_before() -> None:
        LOGGER.removeFilter(take)
        errors.LabSenderError.__init__, errors.Finding.__init__ = make_error, make_finding  # type: ignore[method-assign]

    errors.LabSenderError.__init__ = error  # type: ignore[method-assign]
    errors.Finding.__init__ = finding  # type: ignore[method-assign]
    _gathering.callback(as_before)


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Undo what `log.set_up` did: a command run within the tests' process must not deafen the next test.

    A fixture of a whole module may have run one too, before the first of its tests.
    """
    _undo_set_up()
    yield
    _undo_set_up()


def _undo_set_up() -> None:
    LOGGER.handlers.clear()
    LOGGER.propagate = True
    LOGGER.setLevel(logging.DEBUG)  # by assignment the logger would go on with what it has cached
