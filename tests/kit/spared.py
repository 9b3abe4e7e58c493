"""What a run of the tests spares itself: the price of one more test, where it is not the test's own.

Holds: a worker's reports to the controller, the tables of a new journal, the collector of garbage.
Promises: whatever did not pass is told with all there is; a new journal's tables are those that `schema.make` made in
this very process, in SQLite's own pages, and a journal that has any is left alone.
Never: a part of what a process of its own (an agent, a command) does.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from lab_sender.journal.sqlite import schema

_MADE = threading.Lock()
_prepare = schema.prepare


class OneReportATest:
    """A worker's plugin: of what passes one report is told, where pytest-xdist tells five and a result's log."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test and tell what came of it; a set-up and a teardown that passed are not told."""
        for report in runtestprotocol(item, log=False, nextitem=nextitem):
            if report.passed:
                report.sections.clear()
            if report.when == "call" or not report.passed:
                report.keywords = {}
                item.ihook.pytest_runtest_logreport(report=report)
        return True


def pytest_configure() -> None:
    """Let a new journal of this process have its tables as a copy: they cost thrice as much as all else of it."""
    schema.prepare = _prepared


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let the collector of garbage leave alone what the tests are made of, and come more rarely afterwards."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


@contextlib.contextmanager
def tables_made(*, copied: bool = False) -> Iterator[None]:
    """Let each new journal make its tables meanwhile, as it does in a laboratory; `copied`: let it copy them."""
    before, schema.prepare = schema.prepare, _prepared if copied else _prepare
    try:
        yield
    finally:
        schema.prepare = before


def _prepared(connection: sqlite3.Connection, path: Path) -> None:
    with _MADE:
        if not connection.execute("PRAGMA page_count").fetchone()[0]:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            _tables().backup(connection)
    _prepare(connection, path)


@functools.cache
def _tables() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    made.execute("PRAGMA auto_vacuum = INCREMENTAL")
    made.execute("BEGIN")
    schema.make(made)
    made.execute("COMMIT")
    return made
