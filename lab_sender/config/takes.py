"""Which finished messages a destination takes.

Holds: `Takes` and its rules.
Promises: a rule that exists names one field and what is held against it.
Never: looks at a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab_sender.config.profile.notation import FieldPath
from lab_sender.patterns import Pattern


@dataclass(frozen=True, slots=True)
class TakesRule:
    """One rule: `path` must have, in any repetition, what is named; `negated`: in none.

    Of `is` and `in` it is one of `values`, compared with the whole unescaped text; of `matches` what `pattern` is
    found in. `key` is the rule's setting: `destinations.registry.takes[0]`.
    """

    path: FieldPath
    kind: Literal["is", "in", "matches"]
    values: frozenset[str]
    pattern: Pattern | None
    negated: bool
    key: str


@dataclass(frozen=True, slots=True)
class Takes:
    """The rules of a destination: it takes a message for which all of them hold, without any every message."""

    rules: tuple[TakesRule, ...] = ()
