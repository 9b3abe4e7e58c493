"""What the configuration says of each destination: the settings of its connection, and its profile.

Holds: `DestinationConfig`, one of them.
Promises: frozen; the name is the journal's, and stays the same over restarts.
Never: connects, or judges a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab_sender.config.profile import SiteProfile
from lab_sender.config.profile.notation import FieldPath
from lab_sender.config.sections import His
from lab_sender.patterns import Pattern

SHORT_FORM = "his"
"""The name of the destination that `his:` stands for."""


@dataclass(frozen=True, slots=True)
class TakesRule:
    """One rule of `takes`: a field, and what it must be. `key` is where it is written."""

    path: FieldPath
    kind: Literal["is", "in", "matches"]
    values: frozenset[str] = frozenset()
    pattern: Pattern | None = None
    negated: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Takes:
    """What a destination takes: a message for which all rules hold."""

    rules: tuple[TakesRule, ...] = ()


@dataclass(frozen=True, slots=True)
class DestinationConfig:
    """One destination. `message` is the profile that its messages are built by."""

    name: str
    his: His
    message: SiteProfile
    takes: Takes = Takes()
