"""`status`: the state of the installation, for a person and for a monitor.

Holds: the command and its table; facts and verdict are of operations/status.
Promises: the first line and the exit code are what Nagios, Zabbix and the like expect: OK 0, WARNING 1, CRITICAL 2.
Never: waits for the HIS; it shows what the agent has seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option, pass_installation, to_option
from lab_sender.operations import status as operation
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation
from lab_sender.operations.lanes import LEVELS

if TYPE_CHECKING:
    from rich.table import Table

    from lab_sender.operations.lanes import DestinationStatus
    from lab_sender.operations.outboxes import OutboxStatus


@click.command()
@to_option("Only this destination, and what all share")
@as_json_option
@pass_installation
@click.pass_context
def status(ctx: click.Context, installation: Installation, to: tuple[str, ...], as_json: bool) -> None:
    """Show agent, link and queues, also to a monitor.

    0 OK. 1 WARNING: something is in quarantine, the HIS has contradicted a delivery, something lies in the outbox and
    is not taken, the link is down but nothing waits long, the HIS answers nothing while something waits, intake or
    filing is blocked, the disk is nearly full, the configuration was changed and the agent not restarted, no agent
    runs but nothing waits. 2 CRITICAL: the lane is held, the outbox cannot be reached, no agent runs and something
    waits, or the oldest message waits for more than 10 minutes.

    Of several destinations each has a row, and the worst of them is the verdict. What a destination's closed hours
    explain is none: link, silence, age.
    """
    now = operation.status(installation, to=to)
    level = LEVELS.index(now.status)
    if as_json:
        screen.show_json(now)
        ctx.exit(level)
    word = click.style(now.status, fg=("green", "yellow", "red")[level], bold=True)
    figures = f"waiting={now.waiting} quarantined={now.quarantined + now.unreadable}"
    click.echo(f"{word} - {'; '.join(now.news)} | {figures} oldest={now.oldest_waiting_s or 0:.0f}s")
    console = screen.console()
    if len(now.destinations) > 1:
        screen.show(console, screen.facts(_common(now)))
        click.echo()
        screen.show(console, _rows(now))
        if notes := [note for each in now.destinations for note in _notes(each)]:
            click.echo()
            screen.show(console, screen.facts(notes))
    else:
        screen.show(console, screen.facts(_facts(now)))
    ctx.exit(level)


def _rows(now: operation.Status) -> Table:
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
    tries = code and lane.next_try_ms and lane.hold != "operator"
    retry = f" Next try at {wording.clock(lane.next_try_ms, short=True)}." if tries else ""
    return f"{lane.link}{since}{code}{retry}"


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
    first = f" `lab-sender show {lane.hold_messages[0]}` has more;" if lane.hold_messages else ""
    probes = lane.next_try_ms and lane.hold != "operator"
    probe = f" Next probe at {wording.clock(lane.next_try_ms, short=True)}." if probes else ""
    return f"held by {wording.HELD_BY[lane.hold]} for {since}{why}.{probe}{first} `lab-sender resume{to}` ends it."


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
        ("lane", _hold(now)),
        *_intake(now),
        ("waiting", f"{wording.plural(now.waiting, 'message')}{oldest}"),
        _quarantine(now),
        ("delivered", f"{wording.plural(now.acked, 'message')}{only}{last}"),
        ("contradicted", f"{contradicted}; `lab-sender list --contradicted` shows them" if now.contradicted else ""),
        _journal(now),
    ]


def _common(now: operation.Status) -> list[tuple[str, str]]:
    """Return what all destinations share."""
    return [*_agent(now), *_intake(now), _quarantine(now), _journal(now)]


def _agent(now: operation.Status) -> list[tuple[str, str]]:
    changed = f"{now.config_file} is not in force: `lab-sender reload`" if now.config_changed else ""
    return [("agent", "running" if now.running else "not running"), ("config", changed)]


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
    files = "cannot be read" if outbox.files is None else f"{wording.plural(outbox.files, 'file')} to receive"
    return f"{files}, {outbox.folder}{f', for {to}' if to else ''}"


def _for(outbox: OutboxStatus, now: operation.Status) -> str:
    """Say whom an outbox's files are for, where that is not everybody."""
    everybody = {each.name for each in now.destinations if each.configured} <= set(outbox.to)
    return "" if everybody else ", ".join(outbox.to)


def _quarantine(now: operation.Status) -> tuple[str, str]:
    bad = f"{wording.plural(now.quarantined, 'message')}, {wording.plural(now.unreadable, 'unreadable file')}"
    return ("quarantine", f"{bad}: `lab-sender list --quarantined`" if now.quarantined or now.unreadable else "empty")


def _journal(now: operation.Status) -> tuple[str, str]:
    free = f", {wording.size(now.disk_free_bytes)} free on its disk" if now.disk_free_bytes is not None else ""
    return ("journal", f"{wording.size(now.journal_bytes)}{free}" if now.journal else "none yet")
