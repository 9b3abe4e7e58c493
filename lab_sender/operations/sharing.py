"""What `check` says of outboxes that machines share.

Holds: the look at each, of whoever may share it or must not.
Promises: changes nothing. Of a share that hangs it says nothing: the look at its folders does.
Never: says that a share keeps what it promises: only a trial of it can.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab_sender import files
from lab_sender.errors import LabSenderError
from lab_sender.operations import patience
from lab_sender.operations.nodes import SharedOutbox, shared_outboxes
from lab_sender.operations.outboxes import ask_share
from lab_sender.operations.probes import Check

if TYPE_CHECKING:
    from lab_sender.config.folders import OutboxConfig
    from lab_sender.operations.installation import Installation
    from lab_sender.premises.needs import Lack


def shared(installation: Installation) -> Iterator[Check]:
    """Can whoever works on an outbox share it: is their journal one, and can they go on for one another?"""
    config = installation.config
    known, takers = None, dict[str, SharedOutbox]()
    try:
        if config.folders.node and installation.has_journal:
            with installation.view() as view:
                known = {lease.name for lease in view.leases()}
                takers = dict(shared_outboxes(config, view))
    except LabSenderError:
        pass  # the look at the journal says so
    for outbox in config.outboxes:
        try:
            yield from ask_share(outbox, lambda each=outbox: list(_of(each, known, takers)))  # type: ignore[misc]
        except (OSError, patience.Hangs):
            continue


def _of(outbox: OutboxConfig, known: set[str] | None, takers: dict[str, SharedOutbox]) -> Iterator[Check]:
    from lab_sender.journal import lease_of
    from lab_sender.premises import needs
    from lab_sender.premises.sharing import (
        identity_of,
        none_claimed_otherwise,
        not_shared_otherwise,
        of_another_journal,
    )

    places = outbox.folders
    for premise in (not_shared_otherwise, none_claimed_otherwise):
        if lack := premise(places):
            yield _lacking(lack)
    if not places.may_be_shared:
        return
    identity = identity_of(places)
    if identity and known is not None and lease_of(identity) not in known:
        yield _lacking(of_another_journal(places))
    try:
        others = needs.others_claimed(places)
    except PermissionError as error:
        text = f"{error.filename} cannot be read by this account: it could not go on with what is claimed there."
        hint = "All agents that share an outbox may read and write what is in its .lab-sender."
        yield Check("outbox", "fail", text, hint)
        return
    for folder in others:
        if not files.same_device(places.outbox, folder):
            text = f"{folder} is on another disk or share than the outbox: nobody goes on with what is claimed there."
            yield Check("outbox", "fail", text, "Let the whole .lab-sender folder lie on the outbox's share.")
    if others:
        names = ", ".join(each.parent.name for each in others)
        taker = takers.get(outbox.name)
        now = f"; {taker.node or 'nobody'} receives now" if taker is not None else ""
        yield Check("outbox", "ok", f"{places.outbox} is shared: {names} has worked there too{now}")


def _lacking(lack: Lack) -> Check:
    return Check(lack.what, "fail", lack.text, lack.hint)
