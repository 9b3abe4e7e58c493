"""What the configuration says of each destination: the settings of its connection, and its profile.

Holds: `DestinationConfig`, one of them.
Promises: frozen; the name is the journal's, and stays the same over restarts.
Never: connects, or judges a message.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab_sender.config.profile import SiteProfile
from lab_sender.config.sections import His
from lab_sender.config.takes import Takes

SHORT_FORM = "his"
"""The name of the destination that `his:` stands for."""


@dataclass(frozen=True, slots=True)
class DestinationConfig:
    """One destination. `message` is the profile that its messages are built by."""

    name: str
    his: His
    message: SiteProfile
    takes: Takes = Takes()  # noqa: RUF009
