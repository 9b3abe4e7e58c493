"""`status`: the state of the installation, for a person and for a monitor.

Holds: the command and its table; facts and verdict are of operations/status.
Promises: the first line and the exit code are what Nagios, Zabbix and the like expect: OK 0, WARNING 1, CRITICAL 2.
Never: waits for the HIS; it shows what the agent has seen.
"""

from __future__ import annotations

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option, pass_installation
from lab_sender.operations import status as operation
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation


@click.command()
@as_json_option
@pass_installation
@click.pass_context
def status(ctx: click.Context, installation: Installation, as_json: bool) -> None:
    """Show agent, link and queues, also to a monitor.

    0 OK. 1 WARNING: something is in quarantine, the HIS has contradicted a delivery, something lies in the outbox and
    is not taken, the link is down but nothing waits long, the HIS answers nothing while something waits, intake or
    filing is blocked, the disk is nearly full, the configuration was changed and the agent not restarted, no agent
    runs but nothing waits. 2 CRITICAL: the lane is held, the outbox cannot be reached, no agent runs and something
    waits, or the oldest message waits for more than 10 minutes.
    """
    now = operation.status(installation)
    level = operation.LEVELS.index(now.status)
    if as_json:
        screen.show_json(now)
        ctx.exit(level)
    word = click.style(now.status, fg=("green", "yellow", "red")[level], bold=True)
    figures = f"waiting={now.waiting} quarantined={now.quarantined + now.unreadable}"
    click.echo(f"{word} - {'; '.join(now.news)} | {figures} oldest={now.oldest_waiting_s or 0:.0f}s")
    screen.show(screen.console(), screen.facts(_facts(now)))
    ctx.exit(level)


def _facts(now: operation.Status) -> list[tuple[str, str]]:
    link = hold = ""
    if now.running:
        since = f" for {wording.age(wording.age_s(now.link_since_ms))}" if now.link_since_ms else ""
        code = f", {now.link_code}: {now.link_detail or ''}" if now.link_code else ""
        retry = f" Next try at {wording.clock(now.next_try_ms, short=True)}." if code and now.next_try_ms else ""
        link = f"{now.link}{since}{code}{retry}"
    if now.hold:
        why = f": {now.hold_reason}" if now.hold_reason else ""
        since = wording.age(wording.age_s(now.hold_since_ms))
        first = f" `lab-sender show {now.hold_messages[0]}` has more;" if now.hold_messages else ""
        probe = f" Next probe at {wording.clock(now.next_try_ms, short=True)}." if now.next_try_ms else ""
        hold = f"held by {wording.HELD_BY[now.hold]} for {since}{why}.{probe}{first} `lab-sender resume` ends it."
    oldest = f", the oldest for {wording.age(now.oldest_waiting_s)}" if now.waiting else ""
    bad = f"{wording.plural(now.quarantined, 'message')}, {wording.plural(now.unreadable, 'unreadable file')}"
    free = f", {wording.size(now.disk_free_bytes)} free on its disk" if now.disk_free_bytes is not None else ""
    last = f", the last at {wording.clock(now.last_ack_ms)}" if now.last_ack_ms else ""
    only = f", {now.commit_only} of them with a commit ACK only" if now.commit_only else ""
    contradicted = f"{wording.plural(now.contradicted, 'delivered message')} since"
    files = "cannot be read" if now.outbox_files is None else f"{wording.plural(now.outbox_files, 'file')} to receive"
    unread = wording.plural(now.unread_files, "file")
    changed = f"{now.config_file} is not in force: restart the agent" if now.config_changed else ""
    return [
        ("agent", "running" if now.running else "not running"),
        ("config", changed),
        ("HIS", now.his),
        ("link", link),
        ("lane", hold),
        ("outbox", f"{files}, {now.outbox}"),
        ("", f"there: {wording.counted(now.untaken)}; `lab-sender list --outbox` shows them" if now.untaken else ""),
        ("intake", f"blocked: {now.intake_trouble}" if now.intake_trouble else ""),
        ("filing", f"blocked: {now.filing_trouble}" if now.filing_trouble else ""),
        ("received", f"{unread} still to be read, or waiting for attachment or report" if now.unread_files else ""),
        ("waiting", f"{wording.plural(now.waiting, 'message')}{oldest}"),
        ("quarantine", f"{bad}: `lab-sender list --quarantined`" if now.quarantined or now.unreadable else "empty"),
        ("delivered", f"{wording.plural(now.acked, 'message')}{only}{last}"),
        ("contradicted", f"{contradicted}; `lab-sender list --contradicted` shows them" if now.contradicted else ""),
        ("journal", f"{wording.size(now.journal_bytes)}{free}" if now.journal else "none yet"),
    ]
