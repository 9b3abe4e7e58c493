"""`status`: the state of the installation, for a person and for a monitor.

Holds: the command and its table; facts and verdict are of operations/status.
Promises: the first line and the exit code are what Nagios, Zabbix and the like expect: OK 0, WARNING 1, CRITICAL 2,
UNKNOWN 3.
Never: waits for the HIS, or for a share that hangs; it shows what the agent has seen.
"""

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import DurationType, as_json_option, pass_installation, to_option
from lab_sender.errors import LabSenderError
from lab_sender.operations import status as operation
from lab_sender.operations import wording
from lab_sender.operations.conditions import LEVELS, Limits
from lab_sender.operations.installation import Installation
from lab_sender.operations.patience import Patience
from lab_sender.operations.problems import problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab_sender.cli.grid import Grid
    from lab_sender.operations.lanes import DestinationStatus
    from lab_sender.operations.nodes import NodeStatus
    from lab_sender.operations.outboxes import OutboxStatus

UNKNOWN = 3
"""The exit code of `status` when it cannot know."""
_EACH_S = 2.0
_LONGEST_S = 8.0
"""A monitor commonly waits for ten seconds."""
_OUTCOMES = {"unknown": "without an answer", "not-sent": "not sent"}


@click.command()
@to_option("Only this destination, and what all share")
@click.option("--warn-age", type=DurationType(), default="5m", show_default=True, help="WARNING from this age on.")
@click.option("--crit-age", type=DurationType(), default="10m", show_default=True, help="CRITICAL from this age on.")
@click.option("--watch", is_flag=True, help="Show it anew every 2 seconds, until Ctrl-C.")
@as_json_option
@pass_installation
@click.pass_context
def status(
    ctx: click.Context,
    installation: Installation,
    to: tuple[str, ...],
    warn_age: float,
    crit_age: float,
    watch: bool,
    as_json: bool,
) -> None:
    """Show agent, link and queues, also to a monitor.

    The first line is the verdict with what led to it, and figures with their thresholds. 0 OK, 1 WARNING, 2 CRITICAL,
    and 3 UNKNOWN: it cannot know (a configuration that cannot be read, a journal that is damaged or locked, no right
    to read). What is judged, and how, is in docs/MONITORING.md.

    Of several destinations each has a row, and the worst of them is the verdict. What a destination's closed hours
    explain is none: link, silence, age.
    """
    limits = Limits(warn_age, crit_age)
    if watch:
        ctx.exit(_watch(installation, to, limits, as_json=as_json))
    now = Patience(_LONGEST_S).ask(lambda: operation.status(installation, to=to, limits=limits))
    if as_json:
        screen.show_json(now)
    else:
        _show(now, limits)
    ctx.exit(LEVELS.index(now.status))


def unknown(code: str, text: str) -> str:
    """Write the line of a status that cannot be known, as monitors read it: one line, and no figures."""
    return f"UNKNOWN - {code}: {screen.visible(' '.join(text.split()))}".replace("|", "/")


def _watch(installation: Installation, to: tuple[str, ...], limits: Limits, *, as_json: bool) -> int:
    """Show it again and again, until Ctrl-C; returns the exit code of what was shown last."""
    gc.enable()
    level, look = UNKNOWN, Patience(_LONGEST_S)
    try:
        while True:
            try:
                now = look.ask(lambda: operation.status(installation.anew(), to=to, limits=limits))
            except LabSenderError as error:
                level = UNKNOWN
                _clear()
                if as_json:
                    screen.show_json(problem(error), line=True)
                else:
                    click.echo(unknown(error.code, error.text))
            else:
                level = LEVELS.index(now.status)
                _clear()
                if as_json:
                    screen.show_json(now, line=True)
                else:
                    _show(now, limits)
                    click.echo(f"\n  {wording.clock(now.at_ms)}, again every {_EACH_S:.0f} s; Ctrl-C ends it.")
            time.sleep(_EACH_S)
    except KeyboardInterrupt:
        return level


def _clear() -> None:
    if sys.stdout.isatty():
        click.clear()


def _show(now: operation.Status, limits: Limits) -> None:
    level = LEVELS.index(now.status)
    word = click.style(now.status, fg=("green", "yellow", "red")[level], bold=True)
    click.echo(f"{word} - {'; '.join(now.news)} | {_figures(now, limits)}")
    if len(now.destinations) > 1:
        screen.show(screen.facts(_common(now)))
        click.echo()
        screen.show(_rows(now))
        if notes := [note for each in now.destinations for note in _notes(each)]:
            click.echo()
            screen.show(screen.facts(notes))
    else:
        screen.show(screen.facts(_facts(now)))


def _figures(now: operation.Status, limits: Limits) -> str:
    """Write the figures for a monitor, as Nagios wants them: `name=value;warning;critical;least`."""
    last = wording.age_s(now.last_ack_ms)
    slow = [each.ack_p95_ms for each in now.destinations if each.ack_p95_ms is not None]
    figures = [
        f"waiting={now.waiting};;;0",
        f"quarantined={now.quarantined + now.unreadable};1;;0",
        f"oldest={now.oldest_s or 0:.0f}s;{limits.warn_age_s:.0f};{limits.critical_age_s:.0f};0",
        *([f"last_ack={last:.0f}s"] if last is not None else []),
        f"rate={now.rate_per_min}",
        *([f"ack_p95={max(slow):g}ms"] if slow else []),
    ]
    return " ".join(figures)


def _rows(now: operation.Status) -> Grid:
    """Lay out a row for each destination."""
    columns = ("destination", "link", "waiting", "oldest", "quarantine", "delivered", "last", "HIS")
    rows = [
        (
            each.name,
            _link_word(each),
            f"{each.waiting:,}",
            wording.age(each.oldest_waiting_s) if each.waiting else "",
            str(each.quarantined or ""),
            f"{each.acked:,}",
            wording.clock(each.last_ack_ms, short=True),
            _address(each) or "not in the configuration",
        )
        for each in now.destinations
    ]
    right = ("waiting", "oldest", "quarantine", "delivered")
    return screen.table(columns, rows, right=right, fold=("HIS",), spare={"last": 90, "HIS": 110})


def _link_word(lane: DestinationStatus) -> str:
    if lane.hold:
        return "held"
    if lane.closed_until_ms is not None:
        return wording.closed_until(lane.closed_until_ms)
    many = f" ({lane.connections_up} of {lane.connections})" if lane.connections > 1 and lane.link != "none" else ""
    return f"{lane.link}{many}"


def _address(lane: DestinationStatus) -> str:
    """Say where a destination is, and which of several addresses is in use."""
    used = f" (now {lane.address})" if lane.address and " or " in (lane.his or "") else ""
    return f"{lane.his or ''}{used}"


def _notes(lane: DestinationStatus) -> list[tuple[str, str]]:
    """Say of a destination what a row has no room for."""
    troubles = [_link(lane)] if lane.link_code else []
    hold = _hold(lane, f" --to {lane.name}")
    taken_back = f"{wording.plural(lane.contradicted, 'delivered message')} contradicted since"
    contradicted = taken_back if lane.contradicted else ""
    gone = f"removed: `lab-sender dismiss --all --to {lane.name} --why TEXT` gives up what it has"
    only = f"{lane.commit_only} delivered with a commit ACK only" if lane.commit_only else ""
    notes = [*troubles, hold, contradicted, only, "" if lane.configured else gone]
    shown = [each for each in notes if each]
    return [(lane.name if number == 0 else "", each) for number, each in enumerate(shown)]


def _link(lane: DestinationStatus | operation.Status) -> str:
    """Say how a link is, since when, and when it is tried next."""
    if lane.closed_until_ms is not None:
        return wording.closed_until(lane.closed_until_ms)
    since = f" for {wording.age(wording.age_s(lane.link_since_ms))}" if lane.link_since_ms else ""
    code = f", {lane.link_code}: {lane.link_detail or ''}" if lane.link_code else ""
    tries = code and lane.next_try_ms
    retry = f" Next try at {wording.clock(lane.next_try_ms, short=True)}." if tries else ""
    return f"{lane.link}{since}{code}{retry}"


def _connected(lane: DestinationStatus) -> str:
    """Say since when the connection stands, where the link says something else."""
    stands = lane.connected_since_ms is not None and lane.link != "up"
    return f"the connection stands for {wording.age(wording.age_s(lane.connected_since_ms))}" if stands else ""


def _speed(lane: DestinationStatus) -> str:
    """Say how fast messages go out, and when all are out."""
    slow = f"95 of 100 ACKs within {wording.milliseconds(lane.ack_p95_ms)} ms" if lane.ack_p95_ms is not None else ""
    if not lane.rate_per_min:
        return f"{slow}, in the last hour" if slow else ""
    took = f", {wording.milliseconds(lane.ack_ms)} ms for an ACK" if lane.ack_ms is not None else ""
    took += f" ({slow})" if took and slow else ""
    eta = f"; all are out in about {wording.age(lane.eta_s)}" if lane.eta_s is not None else ""
    return f"{lane.rate_per_min:,} a minute{took}{eta}"


def _today(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {_OUTCOMES.get(what, what)}" for what, number in counts.items())


def _certificates(lane: DestinationStatus) -> str:
    whose = {"own": "ours until", "peer": "the HIS's until"}
    return ", ".join(f"{whose[each.whose]} {wording.clock(each.ends_ms)[:10]}" for each in lane.certificates)


def _connections(lane: DestinationStatus) -> str:
    """Say how many of several connections are up."""
    several = lane.connections > 1 and lane.link != "none"
    return f"{lane.connections_up} of {lane.connections} connections are up" if several else ""


def _hold(lane: DestinationStatus | operation.Status, to: str = "") -> str:
    """Say who holds a lane, why, and what ends it."""
    if not lane.hold:
        return ""
    why = f": {lane.hold_reason}" if lane.hold_reason else ""
    since = wording.age(wording.age_s(lane.hold_since_ms))
    answers = "has its tries and what the HIS answered;"
    first = f" `lab-sender show {lane.hold_messages[0]} --raw` {answers}" if lane.hold_messages else ""
    probe = f" Next probe at {wording.clock(lane.next_try_ms, short=True)}." if lane.next_try_ms else ""
    by_itself = " at once; it ends by itself when the HIS takes one" if lane.hold == "brake" else ""
    ends = f"`lab-sender resume{to}` ends it{by_itself}."
    return f"held by {wording.HELD_BY[lane.hold]} for {since}{why}.{probe}{first} {ends}"


def _facts(now: operation.Status) -> list[tuple[str, str]]:
    """Return all there is to see of one destination and its outboxes."""
    oldest = f", the oldest for {wording.age(now.oldest_waiting_s)}" if now.waiting else ""
    last = f", the last at {wording.clock(now.last_ack_ms)}" if now.last_ack_ms else ""
    only = f", {now.commit_only} of them with a commit ACK only" if now.commit_only else ""
    contradicted = f"{wording.plural(now.contradicted, 'delivered message')} since"
    return [
        *_agent(now),
        ("HIS", _address(now.destinations[0])),
        ("link", _link(now) if now.running else ""),
        ("", _connections(now.destinations[0])),
        ("", _connected(now.destinations[0]) if now.running else ""),
        ("certificates", _certificates(now.destinations[0])),
        ("lane", _hold(now)),
        *_intake(now),
        ("waiting", f"{wording.plural(now.waiting, 'message')}{oldest}"),
        _quarantine(now),
        ("delivered", f"{wording.plural(now.acked, 'message')}{only}{last}"),
        ("rate", _speed(now.destinations[0])),
        ("today", _today(now.today)),
        ("contradicted", f"{contradicted}; `lab-sender list --contradicted` shows them" if now.contradicted else ""),
        _journal(now),
    ]


def _common(now: operation.Status) -> list[tuple[str, str]]:
    """Return what all destinations share."""
    return [*_agent(now), *_intake(now), _quarantine(now), _journal(now)]


def _agent(now: operation.Status) -> list[tuple[str, str]]:
    changed = f"{now.config_file} is not in force: `lab-sender reload`" if now.config_changed else ""
    if now.config_refused:
        changed = f"{now.config_file} was not taken: `lab-sender explain {now.config_refused}`"
    machines = [("machines" if number == 0 else "", _machine(each)) for number, each in enumerate(now.nodes)]
    return [("agent", "running" if now.running else "not running"), ("config", changed), *machines]


def _machine(node: NodeStatus) -> str:
    """Say what one of several agents on the journal does."""
    does = [f"sends to {', '.join(node.sends_to)}"] * bool(node.sends_to)
    does += [f"receives from {', '.join(node.receives)}"] * bool(node.receives)
    sends = ", ".join(does) or ("away" if node.away else "stands by")
    seen = f"last heard of {wording.age(node.silent_s)} ago"
    now = "stopped" if node.stopped and not does else f"{sends}, {seen}"
    now += ", sends the alerts" if node.alerts else ""
    return f"{node.name}{' (this one)' if node.here else ''}: {now}, lab-sender {node.version}"


def _intake(now: operation.Status) -> list[tuple[str, str]]:
    unread = wording.plural(now.unread_files, "file")
    boxes = enumerate(now.outboxes)
    rows = [("outbox" if number == 0 else "", _outbox(each, _for(each, now))) for number, each in boxes]
    there = wording.counted(now.untaken)
    return [
        *rows,
        ("", f"there: {there}; `lab-sender list --outbox` shows them" if now.untaken else ""),
        ("intake", f"blocked: {now.intake_trouble}" if now.intake_trouble else ""),
        ("filing", f"blocked: {now.filing_trouble}" if now.filing_trouble else ""),
        ("received", f"{unread} still to be read, or waiting for attachment or report" if now.unread_files else ""),
    ]


def _outbox(outbox: OutboxStatus, to: str) -> str:
    if outbox.hangs:
        return f"does not answer, {outbox.folder}{f', for {to}' if to else ''}"
    if outbox.missing:
        return f"not there, {outbox.folder}{f', for {to}' if to else ''}"
    files = "cannot be read" if outbox.files is None else f"{wording.plural(outbox.files, 'file')} to receive"
    by = f", received by {outbox.node or 'nobody'}" if outbox.shared else ""
    return f"{files}, {outbox.folder}{f', for {to}' if to else ''}{by}"


def _for(outbox: OutboxStatus, now: operation.Status) -> str:
    """Say whom an outbox's files are for, where that is not everybody."""
    everybody = {each.name for each in now.destinations if each.configured} <= set(outbox.to)
    return "" if everybody else ", ".join(outbox.to)


def _quarantine(now: operation.Status) -> tuple[str, str]:
    bad = f"{wording.plural(now.quarantined, 'message')}, {wording.plural(now.unreadable, 'unreadable file')}"
    return ("quarantine", f"{bad}: `lab-sender list --quarantined`" if now.quarantined or now.unreadable else "empty")


def _journal(now: operation.Status) -> tuple[str, str]:
    if now.journal_lack:
        return ("journal", f"not the right one: `lab-sender explain {now.journal_lack}`")
    free = f", {wording.size(now.disk_free_bytes)} free on its disk" if now.disk_free_bytes is not None else ""
    return ("journal", f"{wording.size(now.journal_bytes)}{free}" if now.journal else "none yet")
