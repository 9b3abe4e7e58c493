"""By what files are taken in: one frozen value, so that a new configuration comes in force as a whole.

Holds: the `intake` section of config.yaml, and the composer made of the destinations' profiles and `inputs`.
Promises: a plan that exists can work: its profiles have been compiled.
Never: changes; intake takes another one between two rounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from lab_sender.config.sections import Intake
    from lab_sender.intake.compose import Composer


class Plan(Struct, frozen=True):
    """When a file is taken, and what is made of it."""

    settings: Intake
    composer: Composer
