"""What Prometheus reads: the state of now, with what the agent has counted.

Holds: `exposition`, the text of `/metrics` and of `lab-sender metrics`.
Promises: what stands now is that of `status`, so both say the same, also without an agent; what is counted is what
the agent wrote last. Each family is there once. No patient, file, control id or order is in a label.
Never: judges; fails over a part that cannot be read: that part is left out, and `lab_sender_status_known` is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from lab_sender.agent.exposition import Family
from lab_sender.errors import LabSenderError
from lab_sender.operations.conditions import SEVERITIES
from lab_sender.operations.installation import Installation
from lab_sender.premises.names import METRICS_NAME

if TYPE_CHECKING:
    from lab_sender.operations.lanes import DestinationStatus
    from lab_sender.operations.status import Status

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_HELD_BY: Final = ("operator", "brake", "reply")
_RESULTS: Final = ("sent", "failed", "given-up")


def exposition(installation: Installation, now: Status | None = None, *, looks: bool = True) -> bytes:
    """Write all metrics; `now` is a status that somebody has just looked up. Raises ConfigError.

    `looks` says whether to look where there is none; else nobody could.
    """
    if now is None and looks:
        from lab_sender.operations.status import status

        try:
            now = status(installation)
        except (LabSenderError, OSError):
            pass
    families = [Family("status_known", "gauge", "1 where the state could be seen.").put(int(now is not None))]
    if now is not None:
        families += [*_of_all(now), *_of_destinations(now.destinations)]
    families += _alerts(installation)
    lines = [line for each in families for line in each.lines()]
    return ("\n".join(lines) + "\n").encode() + _counted(installation)


def _of_all(now: Status) -> Iterator[Family]:
    yield Family("agent_up", "gauge", "1 while an agent runs.").put(int(now.running))
    yield Family("config_in_force", "gauge", "0 where the configuration is not the one that the agent works by.").put(
        int(not now.config_changed)
    )
    yield Family("files_in_outbox", "gauge", "Files that will be taken.").put(now.outbox_files)
    ages = [each.oldest_file_s for each in now.outboxes if each.oldest_file_s is not None]
    yield Family("oldest_file_seconds", "gauge", "Age of the oldest file that is not taken; 0 where none is.").put(
        max(ages, default=0)
    )
    taken = [now.at_ms / 1000 - each.taken_s for each in now.outboxes if each.taken_s is not None]
    yield Family("last_file_timestamp_seconds", "gauge", "When a file was taken last.").put(max(taken, default=None))
    taker = Family("intake_owner", "gauge", "1 for the machine that receives, of several that share an outbox.")
    for box in now.outboxes:
        if box.shared:
            taker.put(int(box.node is not None), outbox=box.folder, node=box.node or "")
    yield taker
    yield Family("files_untaken", "gauge", "Entries of the outbox that lie there for long and are not taken.").put(
        sum(now.overdue.values())
    )
    yield Family("files_in_quarantine", "gauge", "Files in quarantine that could not be read.").put(now.unreadable)
    yield Family("journal_bytes", "gauge", "Size of the journal with its log.").put(now.journal_bytes)
    yield Family("disk_free_bytes", "gauge", "What is free on the journal's disk.").put(now.disk_free_bytes)
    conditions = Family("conditions", "gauge", "What is wrong now, by how grave it is.")
    for severity in SEVERITIES:
        conditions.put(sum(each.level == severity for each in now.conditions), severity=severity.lower())
    yield conditions
    by_code = Family("condition", "gauge", "1 for each thing that is wrong now, by its code.")
    for each in now.conditions:
        by_code.put(1, code=each.code, severity=each.level.lower(), destination=each.destination or "")
    yield by_code


def _of_destinations(lanes: Iterable[DestinationStatus]) -> Iterator[Family]:
    waiting = Family("messages_waiting", "gauge", "Messages that are not delivered yet.")
    quarantined = Family("messages_in_quarantine", "gauge", "Messages in quarantine now.")
    oldest = Family("oldest_waiting_seconds", "gauge", "Age of the oldest message that waits; 0 where none does.")
    up = Family("link_up", "gauge", "1 while a connection to the HIS stands.")
    silent = Family("his_silent_seconds", "gauge", "How long the HIS has answered nobody while something waits.")
    held = Family("lane_held", "gauge", "1 while nothing is sent, by who holds it.")
    closed = Family("his_closed", "gauge", "1 in the hours in which nothing is sent.")
    last = Family("last_ack_timestamp_seconds", "gauge", "When the HIS accepted a message last.")
    slow = Family("ack_p95_seconds", "gauge", "In which time 95 of 100 ACKs came, over the last hour.")
    ends = Family("certificate_expiry_timestamp_seconds", "gauge", "When a certificate ends.")
    sender = Family("lane_owner", "gauge", "1 for the machine that sends, of several that share the journal.")
    contradicted = Family("messages_contradicted", "gauge", "Deliveries that the HIS took back; open ones.")
    for each in lanes:
        to = {"destination": each.name}
        waiting.put(each.waiting, **to)
        quarantined.put(each.quarantined, **to)
        oldest.put(each.oldest_waiting_s or 0, **to)
        up.put(int(each.connections_up > 0), **to)
        silent.put(each.unanswered_s or 0, **to)
        closed.put(int(each.closed_until_ms is not None), **to)
        contradicted.put(each.contradicted, **to)
        if each.node is not None:
            sender.put(1, **to, node=each.node)
        last.put(None if each.last_ack_ms is None else each.last_ack_ms / 1000, **to)
        slow.put(None if each.ack_p95_ms is None else each.ack_p95_ms / 1000, **to)
        for certificate in each.certificates:
            ends.put(certificate.ends_ms / 1000, **to, role=certificate.whose)
        for by in _HELD_BY:
            held.put(int(each.hold == by), **to, by=by)
    return iter((waiting, quarantined, oldest, up, silent, held, closed, last, slow, contradicted, ends, sender))


def _alerts(installation: Installation) -> Iterator[Family]:
    """Yield what alerts have sent, and what is one now; nothing where there are no channels."""
    channels = installation.config.alerts.channels
    if not channels:
        return
    from lab_sender.operations.alerts.asked import opened

    sent = Family("alerts_sent_total", "counter", "Texts to a channel, by what became of them.")
    firing = Family("alerts_firing", "gauge", "Alerts that were sent and are not over, by how grave.")
    failing = Family("alert_channel_up", "gauge", "0 while a channel does not take texts.")
    try:
        with opened(installation) as book:
            counts = book.counts() if book is not None else {}
            alerts = [each for _, each in book.alerts()] if book is not None else []
            broken = {each.channel for each in book.failing()} if book is not None else set()
    except (LabSenderError, OSError):
        return
    for channel in channels:
        failing.put(int(channel not in broken), channel=channel)
        for result in _RESULTS:
            sent.put(counts.get((channel, result), 0), channel=channel, result=result)
    for severity in SEVERITIES:
        number = sum(each.sent == severity and each.phase == "firing" for each in alerts)
        firing.put(number, severity=severity.lower())
    yield from (sent, firing, failing)


def _counted(installation: Installation) -> bytes:
    """Return what the agent has written last."""
    try:
        return installation.journal_path.with_name(METRICS_NAME).read_bytes()
    except OSError:
        return b""

