"""What the configuration says of each destination: its connection, its profile, and what it takes.

Holds: `DestinationConfig`, one of them, and the section that it is written as.
Promises: frozen; the name is the journal's, and stays the same over restarts.
Never: connects, or judges a message.
"""

from typing import Annotated

from msgspec import Struct
from pydantic import ConfigDict

from lab_sender.config.profile import Profile, SiteProfile
from lab_sender.config.sections import His, Tls
from lab_sender.config.takes import TAKES_ALL, Takes, TakesSetting, one_test_each
from lab_sender.config.text.scalars import matching
from lab_sender.config.text.section import Beside, Section, section, setting

SHORT_FORM = "his"
"""The name of the destination that `his:` stands for."""

Name = Annotated[
    str,
    matching(
        r"[a-z0-9][a-z0-9-]{0,31}",
        "is no name of a destination",
        "small letters, digits and -, at most 32, such as registry",
    ),
]


class DestinationConfig(Struct, frozen=True):
    """One destination. `message` is the profile that its messages are built by; it gets those that `takes` says."""

    name: str
    his: His
    message: SiteProfile
    takes: Takes = TAKES_ALL


class Destination(His):
    """One destination: the settings of `his`, and what is its own."""

    message: Profile = section("What its messages look like. Left out: the message at the top of the file.")
    takes: Annotated[tuple[TakesSetting, ...], Beside(one_test_each)] = setting(
        (), "Rules on the finished message, which must all hold. None: it takes all."
    )

    def connection(self) -> His:
        """Return what `his:` would say of it."""
        return His.model_construct(**{name: getattr(self, name) for name in His.model_fields})


class OfDestination(Section):
    """What of a destination is looked at beyond its text, whatever else of it is wrong."""

    model_config = ConfigDict(extra="ignore")

    tls: Tls | None = None
    takes: tuple[TakesSetting, ...] = ()
