"""What a run of the tests spares itself: the price of one more test, where it is not the test's own.

Holds: a worker's reports to the controller, the collector of garbage.
Promises: whatever did not pass is told with all there is.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol


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
