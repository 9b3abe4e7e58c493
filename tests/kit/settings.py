"""Sections of a configuration from values: seconds and bytes as numbers, by their names in code."""

from __future__ import annotations

from typing import TypeVar

from lab_sender.config.sections import Brake, His, ReplySetting, Retry
from lab_sender.config.text.section import Section, key_of
from lab_sender.patterns import Pattern

S = TypeVar("S", bound=Section)


def made(kind: type[S], **values: object) -> S:
    """Make a section; what is left out has its default."""
    return kind(**{key_of(name): value for name, value in values.items()})


def his_at(port: int = 1, *replies: ReplySetting, **settings: object) -> His:
    """The settings of a HIS on this machine."""
    return made(His, **{"host": "127.0.0.1", "port": port, "replies": replies} | settings)


def retry(first_wait_s: float = 1.0, longest_wait_s: float = 60.0, **more: object) -> Retry:
    return made(Retry, first_wait_s=first_wait_s, longest_wait_s=longest_wait_s, **more)


def brake(**settings: object) -> Brake:
    return made(Brake, **settings)


def rule(then: str, code: str = "", error: str = "", text: Pattern | None = None) -> ReplySetting:
    """One of the site's rules for answers."""
    return made(ReplySetting, then=then, code=code, error=error, text=text)
