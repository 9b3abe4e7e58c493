"""Everything that `check` looks at, and what came of it.

Holds: the order of the checks; the checks themselves are of probes.py and ways.py.
Promises: nothing is changed, nothing is sent, and one trouble does not end the look.
Never: waits longer than a connection may take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec.structs import replace

from lab_sender.operations import probes, sharing, ways
from lab_sender.operations.destinations import chosen
from lab_sender.operations.installation import Installation
from lab_sender.operations.probes import Check
from lab_sender.operations.values import FORMAT, Value, about


class Checks(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/check/1"):
    """What `check` found."""

    ok: Annotated[bool, about("Nothing has failed; there may be warnings.")]
    misconfigured: Annotated[bool, about("The configuration, its profile or a reader of your own has failed.")]
    checks: Annotated[tuple[Check, ...], about("What was looked at, in order.")]

    @property
    def failed(self) -> int:
        """How many have failed."""
        return sum(each.state == "fail" for each in self.checks)

    @property
    def warned(self) -> int:
        """How many warn."""
        return sum(each.state == "warn" for each in self.checks)


def check(installation: Installation, *, connect: bool = False, to: Sequence[str] = ()) -> Checks:
    """Look at everything up to the HIS; `connect`: also make a connection beside the running agent's.

    `to` names the destinations to look at. Raises UnknownDestination.
    """
    configured = _configuration(installation, to)
    if configured[0].state == "fail":
        return _checks(configured)
    config = installation.config
    left = tuple(probes.removed_ones(installation))
    others = [
        *(
            each
            for outbox in config.outboxes
            for each in probes.folders(
                config, outbox, away=installation.is_away(outbox), is_new=installation.is_new(outbox)
            )
        ),
        *sharing.shared(installation),
        *probes.journal(installation),
        *probes.page(config),
        *(each for name in chosen(config, to) for each in ways.way_to_his(installation, name, connect=connect)),
    ]
    return _checks([*configured, *left], others)


def check_configuration(installation: Installation) -> Checks:
    """Look at the configuration, its profiles and readers of one's own only."""
    return _checks(_configuration(installation))


def _configuration(installation: Installation, to: Sequence[str] = ()) -> list[Check]:
    """Look at the file first: without it there is nothing more to look at."""
    from lab_sender.config.load import ConfigError

    try:
        config = installation.config
    except ConfigError as error:
        return [Check("configuration", "fail", each.describe(error.path.name)) for each in error.mistakes]
    read = Check("configuration", "ok", f"{config.path} ({config.digest})")
    profiles = [each for name in chosen(config, to) for each in probes.profile(config, name)]
    return [read, *profiles, *probes.readers()]


def _checks(configured: Sequence[Check], others: Sequence[Check] = ()) -> Checks:
    misconfigured = any(each.state == "fail" for each in configured)
    failed = misconfigured or any(each.state == "fail" for each in others)
    checks = [replace(each, hint=each.hint or None) for each in (*configured, *others)]
    return Checks(not failed, misconfigured, tuple(checks))
