"""What is wrong, or will be: the conditions of an installation, each with a level, a code and since when.

Holds: `Condition`, the rules that make facts into conditions, and what is said of them all: the verdict and the news.
Promises: pure. The same thing is the same `code`, `destination`, `cause` and `node` as long as it lasts, whatever
its text counts. What a destination's closed hours explain is no condition: its link, its silence, the age of what
waits. A text holds counts, codes and ids.
Never: a patient's data, a result file's name or the HIS's words in a text; looks at anything itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

from lab_sender.operations import wording
from lab_sender.operations.machines import others_alive, with_machine
from lab_sender.operations.nodes import NODE_AWAY_S
from lab_sender.operations.values import Instant, Value, about

if TYPE_CHECKING:
    from lab_sender.operations.figures import Certificate
    from lab_sender.operations.lanes import DestinationStatus
    from lab_sender.operations.outboxes import OutboxStatus
    from lab_sender.operations.status import Facts

Severity = Literal["INFO", "WARNING", "CRITICAL"]
SEVERITIES: Final[tuple[Severity, ...]] = ("INFO", "WARNING", "CRITICAL")
"""From the least to the gravest."""
Level = Literal["OK", "WARNING", "CRITICAL"]
LEVELS: Final[tuple[Level, ...]] = ("OK", "WARNING", "CRITICAL")
"""The verdicts; their numbers are the exit codes of `status`."""
OLD_S: Final = 600.0
"""For how long files may lie there with none of them taken; and how long after closed hours nothing is late."""
DOWN_S: Final = 1800.0
"""After this time a link that is down is critical."""
MANY_UNKNOWN: Final = 3
"""How many tries without an answer in ten minutes are nothing."""
ENDS_IN_DAYS: Final[Mapping[Severity, float]] = {"INFO": 30, "WARNING": 14, "CRITICAL": 3}
"""How near the end of a certificate is worth a word."""
LOW_DISK_BYTES: Final = 5_000_000_000
LEAST_DISK_BYTES: Final = 512 << 20
"""What the journal's disk should have free, and what it must have."""
FULL_IN_S: Final = 3 * 86_400.0
"""A disk that is full so soon, if it goes on as it did, is worth a warning."""
NODE_GONE_S: Final = 7 * 86_400.0
"""After so long it counts as one that is there no more."""
AWAY: Final = "outbox.unreachable"


class Condition(Value, frozen=True):
    """Something that is not as it should be, or will not be soon.

    What it is: `code`, `destination`, `cause` and `node`.
    """

    code: Annotated[str, about("What it is, by a stable code (`lab-sender explain CODE`).")]
    level: Annotated[Severity, about("How grave it is.")]
    destination: Annotated[str | None, about("The destination that it is about; null: all of them share it.")]
    cause: Annotated[str | None, about("What it is due to, as another code or word; each cause is one by itself.")]
    since_ms: Annotated[Instant | None, about("Since when it is so, in ms since 1970 UTC; null: not known.")]
    text: Annotated[str, about("The same in words: counts, codes and ids only.")]
    number: Annotated[int | None, about("How many messages, files or entries it is about.")] = None
    node: Annotated[
        str | None, about("The machine that it is about, of several that share the journal; null: all of them.")
    ] = None


class Cause(Value, frozen=True):
    """How much is in quarantine for one reason."""

    code: Annotated[str, about("Why, by its code.")]
    number: Annotated[int, about("How many messages or files.")]
    since_ms: Annotated[Instant | None, about("Since when the oldest of them, in ms since 1970 UTC.")]


class Limits(NamedTuple):
    """From which age on what waits is worth a warning, and critical."""

    warn_age_s: float = 300.0
    critical_age_s: float = 600.0


class Moment(NamedTuple):
    """When it was looked, whether an agent ran, and the limits by which it is judged."""

    at_ms: int
    running: bool
    limits: Limits = Limits()

    def since(self, age_s: float) -> int:
        """Return when something began that is so old."""
        return self.at_ms - round(age_s * 1000)


def judge(now: Facts, limits: Limits | None = None, here: str = "") -> tuple[Condition, ...]:
    """Return what is wrong, the gravest first; of several machines, what is one's own has its name: `here`."""
    moment = Moment(now.at_ms, now.running, limits or Limits())
    of_lanes = moment._replace(running=now.running or bool(others_alive(now.nodes)))
    lanes = [each for lane in now.destinations for each in judge_destination(lane, of_lanes)]
    name = here or next((node.name for node in now.nodes if node.here), None)
    found = [*lanes, *_agent(now), *_intake(now, moment), *_shared(now)]
    return in_order([with_machine(each, name, now.nodes) for each in found])


def in_order(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Return conditions, the gravest first."""
    return tuple(sorted(conditions, key=lambda each: -SEVERITIES.index(each.level)))


def level_of(conditions: Iterable[Condition]) -> Level:
    """Return the verdict: the worst of the conditions, where INFO is none."""
    return LEVELS[max((SEVERITIES.index(each.level) for each in conditions), default=0)]


def news_of(conditions: Sequence[Condition], *, several: bool = False) -> list[str]:
    """Return the conditions in words, each with its destination where there are several; causes of one together."""
    news = dict.fromkeys(_named(each, _together(each, conditions), several=several) for each in conditions)
    return list(news)


def judge_destination(lane: DestinationStatus, now: Moment) -> Iterator[Condition]:
    """Yield the conditions of one destination."""
    name, mentioned = lane.name, set[str]()
    if not lane.configured:
        text = "the configuration has this destination no more (destination.removed)"
        yield Condition("destination.removed", "CRITICAL", name, None, None, text)
    if lane.hold:
        level: Severity = "WARNING" if lane.hold == "operator" else "CRITICAL"
        text = f"the lane is held by {wording.HELD_BY[lane.hold]}"
        held_for = len(lane.hold_messages) or None
        yield Condition("lane.held", level, name, lane.hold, lane.hold_since_ms, text, held_for)
    if lane.closed_until_ms is None:
        for each in _open(lane, now):
            mentioned.add(each.cause or "")
            yield each
    for certificate in lane.certificates:
        yield from _ending(name, certificate, now)
    for why in lane.quarantined_by:
        text = f"{why.number} in quarantine ({why.code})"
        yield Condition("quarantine", "WARNING", name, why.code, why.since_ms, text, why.number)
    if lane.contradicted:
        text = f"{wording.plural(lane.contradicted, 'delivered message')} contradicted by the HIS since"
        yield Condition("message.contradicted", "WARNING", name, None, None, text, lane.contradicted)
    if lane.trouble and lane.trouble not in mentioned:
        yield Condition("link.troubled", "INFO", name, lane.trouble, None, f"last trouble {lane.trouble}")


def _open(lane: DestinationStatus, now: Moment) -> Iterator[Condition]:
    """Yield what is wrong with a destination that is not closed now."""
    name, code = lane.name, lane.link_code
    if now.running and lane.link == "down":
        long = lane.link_since_ms is not None and lane.link_since_ms < now.since(DOWN_S)
        level: Severity = "CRITICAL" if long else "WARNING"
        yield Condition("link.down", level, name, code, lane.link_since_ms, f"the link is down ({code})")
    if now.running and lane.link == "waiting" and lane.connections > 1 and _is_ours(code):
        text = f"no answer on one of {lane.connections} connections ({code})"
        yield Condition("link.waiting", "WARNING", name, code, lane.link_since_ms, text)
    if lane.unanswered_s is not None:
        text = f"the HIS has answered nothing for {wording.age(lane.unanswered_s)} ({lane.trouble})"
        yield Condition("his.silent", "WARNING", name, lane.trouble, now.since(lane.unanswered_s), text)
    if lane.unknown_tries > MANY_UNKNOWN:
        text = f"{lane.unknown_tries} tries without an answer in 10 minutes"
        yield Condition("his.unanswering", "WARNING", name, None, None, text, lane.unknown_tries)
    if lane.opened_ms is None and lane.oldest_waiting_s is not None:
        text = f"the oldest message waits for {wording.age(lane.oldest_waiting_s)}"
        yield from _old(name, "message", lane.oldest_waiting_s, lane.waiting, text, now)


def _ending(name: str, certificate: Certificate, now: Moment) -> Iterator[Condition]:
    """Yield that a certificate ends soon, or has ended."""
    left_s = (certificate.ends_ms - now.at_ms) / 1000
    near = [level for level, days in ENDS_IN_DAYS.items() if left_s < days * 86_400]
    if near:
        which = "our certificate" if certificate.whose == "own" else "the HIS's certificate"
        text = f"{which} ends in {wording.age(left_s)}" if left_s > 0 else f"{which} has ended"
        yield Condition("certificate.ends", near[-1], name, certificate.whose, None, text)


def _old(
    name: str | None, cause: str, age_s: float, number: int, text: str, now: Moment
) -> Iterator[Condition]:
    if age_s > min(now.limits):
        level: Severity = "CRITICAL" if age_s > now.limits.critical_age_s else "WARNING"
        yield Condition("waiting.old", level, name, cause, now.since(age_s), text, number)


def _agent(now: Facts) -> Iterator[Condition]:
    sent_by_others = bool(others_alive(now.nodes))
    waits = (0 if sent_by_others else now.waiting) + (now.outbox_files or 0) + now.unread_files
    if not now.running:
        kept = wording.plural(waits, "message or file waits", "messages or files wait")
        text = f"no agent runs and {kept}" if waits else "no agent runs"
        level: Severity = "CRITICAL" if waits else "WARNING"
        yield Condition("agent.none", level, None, now.agent_ended, now.agent_seen_ms, text, waits)
    if now.journal_lack:
        yield Condition(now.journal_lack, "CRITICAL", None, None, None, (now.journal_lack_text or "").rstrip("."))
    if now.journal_trouble:
        text = f"the journal cannot be written ({now.journal_trouble})"
        yield Condition(
            "journal.unavailable", "CRITICAL", None, now.journal_trouble, now.journal_trouble_since_ms, text
        )
    for part, silent_s in now.silent.items() if not now.journal_trouble else ():
        grave = not part.startswith("intake") or silent_s > OLD_S
        since_ms = now.at_ms - round(silent_s * 1000)
        which = "the agent" if part == "agent" else f"the part {part} of the agent"
        text = f"{which} has done nothing for {wording.age(silent_s)}"
        yield Condition("agent.stuck", "CRITICAL" if grave else "WARNING", None, part, since_ms, text)
    if now.retention_trouble:
        text = f"what is due to be deleted could not be ({now.retention_trouble}); it is tried again"
        yield Condition("retention.failed", "WARNING", None, now.retention_trouble, None, text)
    if now.config_refused:
        text = f"{now.config_file} was changed and not taken ({now.config_refused}): the one before is in force"
        yield Condition("config.refused", "WARNING", None, now.config_refused, None, text)
    elif now.config_changed:
        text = wording.not_in_force(now.config_file)
        yield Condition("config.not-in-force", "WARNING", None, None, None, text)


def _intake(now: Facts, moment: Moment) -> Iterator[Condition]:
    several = len(now.outboxes) > 1
    for box in now.outboxes:
        which = _outbox(box, several=several)
        cause = box.folder if several else None
        if box.away:
            text = f"{which} does not answer" if box.hangs else f"{which} cannot be reached"
            yield Condition(AWAY, "CRITICAL", None, cause, None, text)
        elif box.missing and not (now.running or now.journal_lack):
            text = f"{which} is not there, and no journal is: no agent has worked here yet, or they were moved"
            yield Condition("outbox.missing", "CRITICAL", None, cause, None, text)
        elif box.shared and box.node is None and not all(each.stopped for each in now.nodes):
            text = f"no machine receives what comes to {which}"
            yield Condition("intake.nobody", "CRITICAL", None, cause, None, text, box.files)
        elif box.files is None:
            yield Condition("outbox.unreadable", "WARNING", None, cause, None, f"{which} cannot be read")
        elif box.oldest_file_s is None and now.running and _is_quiet(box):
            text = f"no file has come to {which} for {wording.age(box.taken_s)}"
            yield Condition("intake.quiet", "WARNING", None, cause, moment.since(box.taken_s or 0.0), text)
        elif box.oldest_file_s is not None:
            age = box.oldest_file_s
            if now.running and age > OLD_S and (box.taken_s is None or box.taken_s > OLD_S):
                many = wording.plural(box.files + box.unread_files, "file lies", "files lie")
                text = f"nothing was taken from {which} for {wording.age(age)}, and {many} there"
                yield Condition("intake.stuck", "CRITICAL", None, cause, moment.since(age), text, box.files)
            else:
                text = f"the oldest file of {which} waits for {wording.age(age)}"
                yield from _old(None, cause or "file", age, box.files, text, moment)
    if now.intake_trouble and now.intake_trouble != AWAY:
        text = f"intake is blocked ({now.intake_trouble})"
        yield Condition("intake.waits", "WARNING", None, now.intake_trouble, None, text)


def _shared(now: Facts) -> Iterator[Condition]:
    for why in now.unreadable_by:
        text = f"{wording.plural(why.number, 'unreadable file')} in quarantine ({why.code})"
        yield Condition("quarantine", "WARNING", None, why.code, why.since_ms, text, why.number)
    if now.filing_trouble:
        text = f"filing is blocked ({now.filing_trouble})"
        yield Condition("keeper.waits", "WARNING", None, now.filing_trouble, None, text)
    if now.overdue:
        number = sum(now.overdue.values())
        many = wording.plural(number, "entry of the outbox is", "entries of the outbox are")
        text = f"{many} not taken ({wording.counted(now.overdue)}; `list --outbox`)"
        yield Condition("outbox.untaken", "WARNING", None, None, None, text, number)
    if now.disk_free_bytes is not None and now.disk_free_bytes < LOW_DISK_BYTES:
        level: Severity = "CRITICAL" if now.disk_free_bytes < LEAST_DISK_BYTES else "WARNING"
        yield Condition("disk.low", level, None, None, None, f"{wording.size(now.disk_free_bytes)} of disk left")
    if now.disk_full_in_s is not None and now.disk_full_in_s < FULL_IN_S:
        text = f"the journal's disk is full in {wording.age(now.disk_full_in_s)} if it goes on filling as now"
        yield Condition("disk.filling", "WARNING", None, None, None, text)
    for node in now.nodes:
        if node.unwatched:
            text = f"the page's process of {node.name} does not run: nobody sees what is wrong there"
            yield Condition("node.unwatched", "WARNING", None, node.name, None, text)
        if not (node.here or node.stopped) and NODE_AWAY_S < node.silent_s < NODE_GONE_S:
            text = f"the agent of {node.name} was not heard of for {wording.age(node.silent_s)}"
            since_ms = now.at_ms - round(node.silent_s * 1000)
            yield Condition("node.away", "WARNING", None, node.name, since_ms, text)
    if now.audit_broken is not None:
        text = f"row {now.audit_broken} of the page's audit is not as it was written, or is gone"
        yield Condition("audit.broken", "WARNING", None, None, None, text)


def _together(one: Condition, conditions: Sequence[Condition]) -> str:
    """Write what is in quarantine as one, whatever the causes; of all else its text."""
    if one.code != "quarantine":
        return one.text
    all_of_it = [each for each in conditions if (each.code, each.destination) == (one.code, one.destination)]
    if len(all_of_it) == 1:
        return one.text
    number = sum(each.number or 0 for each in all_of_it)
    what = "" if one.destination else f" {'unreadable file' if number == 1 else 'unreadable files'}"
    return f"{number}{what} in quarantine ({', '.join(f'{each.number} {each.cause}' for each in all_of_it)})"


def _named(one: Condition, text: str, *, several: bool) -> str:
    return f"{one.destination}: {text}" if several and one.destination else text


def _outbox(box: OutboxStatus, *, several: bool) -> str:
    return f"the outbox {box.folder}" if several else "the outbox"


def _is_quiet(box: OutboxStatus) -> bool:
    """Say whether no file has come to an outbox for longer than the site expects."""
    return box.expected_s is not None and box.taken_s is not None and box.taken_s > box.expected_s


def _is_ours(code: str | None) -> bool:
    """Say whether a link's code is one of ours (`ack.timeout`), and not what the HIS has answered (`AE 207`)."""
    return code is not None and code[:1].islower()

