"""An outbox that agents share, as the one of them has it that takes it in."""

from __future__ import annotations

import threading
from unittest.mock import Mock

import pytest

from lab_sender.agent import receiving
from lab_sender.agent.receiving import Shared, SharedReceiving


def test_an_outbox_that_is_out_of_reach_for_long_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now, there, intake = [0.0], [False], Mock()
    monkeypatch.setattr(receiving, "clock", lambda: now[0])
    shared = Shared("ID", Mock(), lambda: there[0], Mock())
    receives = SharedReceiving("intake", shared, Mock(), Mock(), Mock(), Mock(), lambda _: None)
    receives._now = intake, Mock()

    def look_at(second: float, *, is_there: bool) -> None:
        now[0], there[0] = second, is_there
        receives.check()

    look_at(0.0, is_there=False)
    look_at(9.0, is_there=False)
    look_at(10.0, is_there=True)
    look_at(11.0, is_there=False)
    look_at(21.0, is_there=False)
    intake.stop.assert_not_called()
    look_at(22.0, is_there=False)
    intake.stop.assert_called_once()


def test_an_outbox_that_is_back_is_not_shown_as_away_while_another_machine_has_it() -> None:
    there, forget, node = [False, False, True], Mock(), Mock()
    shared = Shared("ID", Mock(), lambda: there.pop(0), forget)
    receives = SharedReceiving("intake", shared, Mock(), Mock(), Mock(), node, lambda _: None)

    def wait_for(_lease: str, stopping: threading.Event, _beat: object) -> None:
        stopping.set()

    node.wait_for.side_effect = wait_for
    receives._stopping.wait = lambda _: forget.assert_not_called()  # type: ignore[method-assign]
    receives.run()
    forget.assert_called_once_with()
