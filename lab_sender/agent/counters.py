"""What the agent counts of its own events, for metrics.

Holds: the counters and histograms, kept up by `hear`, a listener of the log; how they are written.
Promises: known label values are there from the start with 0. Labels are destinations, outcomes, codes and formats:
no patient, file, control id or order. Counting touches no disk.
Never: asks the journal; what stands now is read from there by who shows it (operations/metrics.py).
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Final

from lab_sender import __version__
from lab_sender.agent.exposition import Family, Histogram, Labels, histograms
from lab_sender.log import Event

ACK_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
FILE_TO_ACK_S: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
_OUTCOMES: Final = ("accepted", "refused", "unknown", "not_sent")
_ACKS: Final = ("AA", "AE", "AR", "CA", "CE", "CR")
_QUARANTINED: Final = ("refused", "unanswered")
_FORMATS: Final = ("astm", "csv", "fhir", "hl7", "json", "pdf")
_HELD_BY: Final = ("brake", "reply")
_LINKS: Final = ("up", "down")
_LEVELS: Final = ("warning", "error", "critical")
_HELP: Final = {
    "attempts_total": "Tries to deliver since the agent's start, by what came of them.",
    "acks_total": "Answers of the HIS, by MSA-1.",
    "messages_delivered_total": "Messages that the HIS has accepted.",
    "messages_quarantined_total": "Messages that went to quarantine, by why.",
    "messages_duplicate_total": "Messages that were there already, and are not sent again.",
    "messages_may_have_arrived_twice_total": "Deliveries after a try of which nobody knows whether it arrived.",
    "messages_contradicted_total": "Deliveries that the HIS took back.",
    "files_taken_total": "Files that were read, by format.",
    "files_quarantined_total": "Files that could not be read, by why.",
    "links_total": "Times that the link to the HIS came up or went down.",
    "holds_total": "Times that a lane was held by itself, by whom.",
    "log_events_total": "Lines of the log from warning up.",
}


class Counters:
    """The figures of one agent, since its start."""

    def __init__(self, destinations: Collection[str], wall_s: Callable[[], float] = time.time) -> None:
        self._wall_s = wall_s
        self._started_s = wall_s()
        self._lock = threading.Lock()
        self._counts = Counter[tuple[str, Labels]]()
        self._acks: dict[Labels, Histogram] = {_at(to): Histogram(ACK_S) for to in destinations}
        self._files: dict[Labels, Histogram] = {_at(to): Histogram(FILE_TO_ACK_S) for to in destinations}
        for to in destinations:
            self._begin("attempts_total", "outcome", _OUTCOMES, to)
            self._begin("acks_total", "code", _ACKS, to)
            self._begin("messages_quarantined_total", "code", _QUARANTINED, to)
            self._begin("links_total", "to", _LINKS, to)
            self._begin("holds_total", "by", _HELD_BY, to)
            self._count("messages_delivered_total", 0, destination=to)
            self._count("messages_may_have_arrived_twice_total", 0, destination=to)
        self._begin("files_taken_total", "format", _FORMATS)
        self._begin("log_events_total", "level", _LEVELS)
        for name in ("messages_duplicate_total", "messages_contradicted_total"):
            self._count(name, 0)

    def hear(self, event: Event) -> None:
        """Count an event."""
        with self._lock:
            if event.level >= logging.WARNING:
                self._count("log_events_total", level=logging.getLevelName(event.level).lower())
            count = _OF_EVENT.get(event.name)
            if count is not None:
                count(self, event)

    def text(self, beat_s: float | None) -> str:
        """Write all of it; `beat_s` is when all of its parts were at work last."""
        python = ".".join(map(str, sys.version_info[:3]))
        build = Family("build_info", "gauge", "What runs.").put(1, version=__version__, python=python)
        start = Family("agent_start_timestamp_seconds", "gauge", "When the agent was started.").put(self._started_s)
        beat = Family("agent_beat_timestamp_seconds", "gauge", "When all of its parts were at work last.").put(beat_s)
        with self._lock:
            families = {name: Family(name, "counter", help) for name, help in _HELP.items()}
            for (name, labels), number in sorted(self._counts.items()):
                families[name].samples[labels] = number
            lines = [line for each in (build, start, beat, *families.values()) for line in each.lines()]
            lines += histograms("ack_seconds", "From the last byte written to the verdict.", self._acks)
            lines += histograms("file_to_ack_seconds", "From receiving a file to its acceptance.", self._files)
        return "\n".join(lines) + "\n"

    def _begin(self, name: str, label: str, values: Iterable[str], to: str = "") -> None:
        for value in values:
            self._count(name, 0, **({"destination": to} if to else {}), **{label: value})

    def _count(self, name: str, number: int = 1, /, **labels: str) -> None:
        self._counts[name, tuple(labels.items())] += number

    def _acked(self, event: Event) -> None:
        to = str(event.fields["destination"])
        self._answered(to, "accepted", event)
        self._count("messages_delivered_total", destination=to)
        self._count("messages_may_have_arrived_twice_total", int(bool(event.fields["again"])), destination=to)
        spooled_ms = event.fields["spooled_ms"]
        if spooled_ms and to:
            since_s = self._wall_s() - float(spooled_ms) / 1000
            self._histogram(self._files, to, FILE_TO_ACK_S).observe(max(0.0, since_s))

    def _refused(self, event: Event) -> None:
        self._answered(str(event.fields["destination"]), "refused", event)

    def _answered(self, to: str, outcome: str, event: Event) -> None:
        self._count("attempts_total", destination=to, outcome=outcome)
        code = str(event.fields["code"])
        if code in _ACKS:
            self._count("acks_total", destination=to, code=code)
        self._histogram(self._acks, to, ACK_S).observe(float(event.fields["ms"] or 0) / 1000)

    def _histogram(self, of: dict[Labels, Histogram], to: str, bounds: tuple[float, ...]) -> Histogram:
        found = of.get(at := _at(to))
        if found is None:
            found = of[at] = Histogram(bounds)
        return found

    def _unknown(self, event: Event) -> None:
        self._count("attempts_total", destination=str(event.fields["destination"]), outcome="unknown")

    def _not_sent(self, event: Event) -> None:
        self._count("attempts_total", destination=str(event.fields["destination"]), outcome="not_sent")

    def _quarantined(self, event: Event) -> None:
        to, why = str(event.fields["destination"]), str(event.fields["why"])
        self._count("messages_quarantined_total", destination=to, code=why)

    def _contradicted(self, _: Event) -> None:
        self._count("messages_contradicted_total")

    def _taken(self, event: Event) -> None:
        self._count("files_taken_total", format=str(event.fields["kind"] or "unknown"))
        self._count("messages_duplicate_total", int(event.fields["duplicates"] or 0))

    def _file_quarantined(self, event: Event) -> None:
        code, messages = str(event.fields["code"]), int(event.fields["messages"] or 0)
        if messages:
            self._count("messages_quarantined_total", messages, code=code)
        else:
            self._count("files_quarantined_total", code=code)

    def _link(self, event: Event) -> None:
        to = event.name.partition(".")[2]
        self._count("links_total", destination=str(event.fields["destination"]), to=to)

    def _held(self, event: Event) -> None:
        by = str(event.fields["by"])
        if by in _HELD_BY:
            self._count("holds_total", destination=str(event.fields["destination"]), by=by)


def _at(destination: str) -> Labels:
    return (("destination", destination),)


_OF_EVENT: Final[dict[str, Callable[[Counters, Event], None]]] = {
    "message.acked": Counters._acked,
    "message.refused": Counters._refused,
    "message.unanswered": Counters._unknown,
    "message.not-sent": Counters._not_sent,
    "message.quarantined": Counters._quarantined,
    "message.contradicted": Counters._contradicted,
    "file.taken": Counters._taken,
    "file.quarantined": Counters._file_quarantined,
    "link.up": Counters._link,
    "link.down": Counters._link,
    "lane.held": Counters._held,
}
"""Who counts what."""
