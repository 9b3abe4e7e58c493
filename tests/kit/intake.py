"""What intake works by, made for a test, and a clock for it."""

from __future__ import annotations

from typing import Any

from lab_sender.config.profile import builtin
from lab_sender.config.sections import Intake
from lab_sender.intake.compose import Composer
from lab_sender.intake.plan import Plan


class Clock:
    """A clock in our hands; `pass_` turns it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def pass_(self, seconds: float) -> None:
        self.now_s += seconds


def section(**values: Any) -> Intake:
    """The `intake` section, with values that no file could have: no time is too short for a test."""
    return Intake().model_copy(update=values)


def plan(composer: Composer | None = None, **values: Any) -> Plan:
    """A plan; `values` are settings of its `intake` section."""
    return Plan(section(**values), composer or Composer(builtin()))
