"""Who does what, of several machines whose agents share the journal.

Holds: `NodeStatus`, how one machine stands; who receives from an outbox that several share.
Promises: asks the journal alone: no share that hangs keeps anybody from knowing.
Never: judges, or decides by the times of two machines.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from lab_sender.operations.values import Instant, Value, about

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab_sender.config.load import Config
    from lab_sender.journal import View

NODE_AWAY_S: Final = 60.0
"""For so long another machine's agent may not be heard of, and its page's process may look at nothing."""
_GONE_LEASES: Final = 2
"""Who was not heard of for so many leases takes nothing in any more."""


class NodeStatus(Value, frozen=True):
    """How one machine stands, of several whose agents share the journal."""

    name: Annotated[str, about("Its `journal.node`.")]
    version: Annotated[str, about("The lab-sender that it runs.")]
    here: Annotated[bool, about("It is the machine that answers.")]
    started_ms: Annotated[Instant, about("When its agent started, in ms since 1970 UTC, by the database's clock.")]
    silent_s: Annotated[float, about("For how many seconds its agent was not heard of, by the same clock.")]
    stopped: Annotated[bool, about("Its agent has ended in good order.")]
    away: Annotated[
        bool, about("Its agent was not heard of for a whole `journal.lease`: others take what it had.")
    ]
    unwatched: Annotated[
        bool, about("Its agent works, alerts are to go out, and for a minute nobody there has looked what is wrong.")
    ]
    alerts: Annotated[bool, about("It sends the alerts, and asks for the heartbeat.")]
    sends_to: Annotated[tuple[str, ...], about("The destinations to which it sends now.")]
    receives: Annotated[
        tuple[str, ...], about("The outboxes here that machines share from which it receives: their folders.")
    ]


class SharedOutbox(NamedTuple):
    """An outbox that machines share: its folder here, and the one that takes it in; None: nobody does."""

    folder: str
    node: str | None


def nodes_of(config: Config, view: View, shared: Mapping[str, SharedOutbox]) -> list[NodeStatus]:
    """Return how each machine stands, with what is `shared`; none where the agent has its journal alone."""
    from lab_sender.journal import ALERTS

    server = config.folders.database
    lease_s = server.lease_s if server is not None else 0.0
    leases = view.leases()
    found = []
    for node in view.nodes():
        away = not node.clean and node.silent_ms > lease_s * 1000
        watched = node.untold_ms <= NODE_AWAY_S * 1000
        has = [each for each in leases if each.node == node.name]
        found.append(
            NodeStatus(
                node.name,
                node.version,
                node.name == config.folders.node,
                node.started_ms,
                round(node.silent_ms / 1000, 1),
                stopped=node.clean,
                away=away,
                unwatched=bool(config.alerts.channels) and not (watched or away or node.clean),
                alerts=watched and any(each.name == ALERTS for each in has),
                sends_to=() if away else tuple(each.name for each in has if each.is_lane),
                receives=tuple(each.folder for each in shared.values() if each.node == node.name),
            )
        )
    return found


def shared_outboxes(config: Config, view: View) -> Mapping[str, SharedOutbox]:
    """Return the outboxes of the configuration that other machines have too, by their names in it."""
    from lab_sender.config.folders import identity_in
    from lab_sender.journal import lease_of

    nodes = view.nodes()
    if not nodes:
        return {}
    have = Counter(name for node in nodes for name in set(json.loads(node.serves)))
    heard = {node.name for node in nodes if not node.clean}
    silent_ms = {node.name: node.silent_ms for node in nodes}
    leases = {lease.name: lease for lease in view.leases()}
    found = dict[str, SharedOutbox]()
    for name, written in names_in_journal(config, view).items():
        lease = leases.get(lease_of(identity_in(written))) if identity_in(written) else None
        if lease is None or have[lease.name] < 2:
            continue
        takes = lease.node in heard and silent_ms[lease.node] < _GONE_LEASES * lease.lease_ms
        folder = next(str(each.folders.outbox) for each in config.outboxes if each.name == name)
        found[name] = SharedOutbox(folder, lease.node if takes else None)
    return found


def names_in_journal(config: Config, view: View) -> dict[str, str]:
    """Return the name that the journal has for each outbox of the configuration, as far as is noted."""
    from lab_sender.config.folders import is_shared

    noted = {folder: name for name, folder in view.claimed_folders().items() if is_shared(name)}
    return {
        each.name: noted.get(str(each.folders.by_name["claimed"]), each.in_journal) for each in config.outboxes
    }
