"""An outbox that agents share, as the one of them has it that takes it in."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from lab_sender.agent import receiving
from lab_sender.agent.receiving import Shared, SharedReceiving


def test_an_outbox_that_is_out_of_reach_for_long_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    now, there, intake = [0.0], [False], Mock()
    monkeypatch.setattr(receiving, "clock", lambda: now[0])
    shared = Shared("ID", Mock(), lambda: there[0])
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
