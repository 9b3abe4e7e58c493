"""What intake works by, made for a test."""

from __future__ import annotations

from typing import Any

from lab_sender.config.profile import builtin
from lab_sender.config.sections import Intake
from lab_sender.intake.compose import Composer
from lab_sender.intake.plan import Plan


def section(**values: Any) -> Intake:
    """The `intake` section, with values that no file could have: no time is too short for a test."""
    return Intake().model_copy(update=values)


def plan(composer: Composer | None = None, **values: Any) -> Plan:
    """A plan; `values` are settings of its `intake` section."""
    return Plan(section(**values), composer or Composer(builtin()))
