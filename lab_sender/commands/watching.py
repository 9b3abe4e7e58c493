"""`status`: how it stands, for a person and for a monitor.

Holds: the facts and the verdict over them.
Promises: the first line and the exit code are what Nagios, Zabbix and the like expect: OK 0, WARNING 1, CRITICAL 2.
Never: waits for the HIS; it tells what the agent has seen.
"""

from __future__ import annotations

import fnmatch
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab_sender.commands import screen
from lab_sender.commands.site import Site, pass_site

if TYPE_CHECKING:
    from lab_sender.config import Config

_OLD_S = 600.0
_LOW_DISK_BYTES = 512 << 20
_WORDS = ("OK", "WARNING", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Status:
    """What `status` tells. Ages in seconds; `link` is the agent's own word, stale where none runs."""

    running: bool
    link: str
    link_code: str
    link_detail: str
    link_since_ms: int | None
    next_try_ms: int | None
    hold: str
    hold_reason: str
    hold_since_ms: int | None
    outbox_files: int | None
    waiting: int
    oldest_waiting_s: float | None
    quarantined: int
    unreadable: int
    acked: int
    last_ack_ms: int | None
    intake_trouble: str
    journal: bool
    journal_bytes: int
    disk_free_bytes: int | None
    unread_files: int = 0
    """Claimed files that the journal does not have yet: a report without attachments, a PDF without its report."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_site
@click.pass_context
def status(ctx: click.Context, site: Site, as_json: bool) -> None:
    """Tell how it stands, also to a monitor.

    0 OK. 1 WARNING: something is in quarantine, the link is down but nothing waits long, no agent runs but nothing
    waits. 2 CRITICAL: the lane is held, no agent runs and something waits, or the oldest message waits for more than
    10 minutes.
    """
    now = look(site)
    level, news = judge(now)
    if as_json:
        told = asdict(now)
        for name in ("link_since", "next_try", "hold_since", "last_ack"):
            told[name] = screen.iso(told.pop(f"{name}_ms"))
        screen.show_json({"status": _WORDS[level], "news": news, **told})
        ctx.exit(level)
    word = click.style(_WORDS[level], fg=("green", "yellow", "red")[level], bold=True)
    figures = f"waiting={now.waiting} quarantined={now.quarantined + now.unreadable}"
    click.echo(f"{word} - {'; '.join(news)} | {figures} oldest={now.oldest_waiting_s or 0:.0f}s")
    his = site.config.his
    facts = _facts(now, f"{his.host} port {his.port}", str(site.config.outbox))
    screen.show(screen.console(), screen.facts(facts))
    ctx.exit(level)


def look(site: Site) -> Status:
    """Gather the facts; neither the agent nor a journal need be there."""
    from lab_sender.agent import DESTINATION
    from lab_sender.journal import LaneRow

    running = site.agent_runs()
    unread = _claimed(site.config)  # before the journal is asked: what it takes up meanwhile is known to it
    lane, counts, oldest, acked_ms, trouble = LaneRow(DESTINATION), dict[str, int](), None, None, ""
    if site.has_journal:
        with site.view() as view:
            lane = next((each for each in view.lanes() if each.destination == DESTINATION), lane)
            if lane.link == "held" or not running:  # the hold is told by itself; a killed agent's last word is stale
                lane = replace(lane, link="idle" if running else "none", link_code="", link_detail="")
            counts = view.counts()
            oldest = view.oldest_waiting_ms()
            acked_ms = view.last_ack_ms()
            trouble = view.intake_trouble()
            known = view.claimed_names()
            unread = [path for path in unread if path.name not in known and path.exists()]
    return Status(
        running=running,
        link=lane.link,
        link_code=lane.link_code,
        link_detail=lane.link_detail,
        link_since_ms=lane.link_since_ms,
        next_try_ms=lane.next_try_ms if lane.link == "down" else None,
        hold=lane.hold,
        hold_reason=lane.hold_reason,
        hold_since_ms=lane.hold_since_ms,
        outbox_files=_files_in_outbox(site.config),
        waiting=counts.get("spooled", 0) + counts.get("sending", 0),
        oldest_waiting_s=None if oldest is None else round(screen.age_s(oldest) or 0.0, 1),
        quarantined=counts.get("quarantined", 0),
        unreadable=counts.get("unreadable", 0),
        acked=counts.get("acked", 0),
        last_ack_ms=acked_ms,
        intake_trouble=trouble if running else "",
        journal=site.has_journal,
        journal_bytes=site.journal_bytes,
        disk_free_bytes=_disk_free(site),
        unread_files=len(unread),
    )


def judge(now: Status) -> tuple[int, list[str]]:
    """Return 0, 1 or 2, and what led to it."""
    critical, warning = list[str](), list[str]()
    if now.hold:
        critical.append(f"the lane is held by {screen.HELD_BY[now.hold]}")
    waits = now.waiting + (now.outbox_files or 0) + now.unread_files
    if not now.running:
        kept = screen.plural(waits, "message or file waits", "messages or files wait")
        (critical if waits else warning).append(f"no agent runs{f' and {kept}' if waits else ''}")
    elif now.link == "down":
        warning.append(f"the link is down ({now.link_code})")
    if (now.oldest_waiting_s or 0) > _OLD_S:
        critical.append(f"the oldest message waits for {screen.age(now.oldest_waiting_s)}")
    if now.quarantined or now.unreadable:
        warning.append(f"{now.quarantined + now.unreadable} in quarantine")
    if now.intake_trouble:
        warning.append(f"intake waits ({now.intake_trouble})")
    if now.outbox_files is None:
        warning.append("the outbox cannot be read")
    if now.disk_free_bytes is not None and now.disk_free_bytes < _LOW_DISK_BYTES:
        warning.append(f"{screen.size(now.disk_free_bytes)} of disk left")
    news = critical + warning
    if not news:
        news = [f"link {now.link}, {now.waiting} waiting"]
    return (2 if critical else 1 if warning else 0), news


def _facts(now: Status, his: str, outbox: str) -> list[tuple[str, str]]:
    link = hold = ""
    if now.running:
        since = f" for {screen.age(screen.age_s(now.link_since_ms))}" if now.link_since_ms else ""
        code = f", {now.link_code}: {now.link_detail}" if now.link_code else ""
        retry = f" Next try at {screen.clock(now.next_try_ms, short=True)}." if code and now.next_try_ms else ""
        link = f"{now.link}{since}{code}{retry}"
    if now.hold:
        why = f": {now.hold_reason}" if now.hold_reason else ""
        since = screen.age(screen.age_s(now.hold_since_ms))
        hold = f"held by {screen.HELD_BY[now.hold]} for {since}{why}. `lab-sender resume` ends it."
    oldest = f", the oldest for {screen.age(now.oldest_waiting_s)}" if now.waiting else ""
    bad = f"{screen.plural(now.quarantined, 'message')}, {screen.plural(now.unreadable, 'unreadable file')}"
    free = f", {screen.size(now.disk_free_bytes)} free on its disk" if now.disk_free_bytes is not None else ""
    last = f", the last at {screen.clock(now.last_ack_ms)}" if now.last_ack_ms else ""
    untaken = "cannot be read" if now.outbox_files is None else screen.plural(now.outbox_files, "file")
    unread = screen.plural(now.unread_files, "file")
    return [
        ("agent", "running" if now.running else "not running"),
        ("HIS", his),
        ("link", link),
        ("lane", hold),
        ("outbox", f"{untaken} not taken in yet, {outbox}"),
        ("intake", f"waits: {now.intake_trouble}" if now.intake_trouble else ""),
        ("taken in", f"{unread} still to be read, or waiting for attachment or report" if now.unread_files else ""),
        ("waiting", f"{screen.plural(now.waiting, 'message')}{oldest}"),
        ("quarantine", bad if now.quarantined or now.unreadable else "empty"),
        ("delivered", f"{screen.plural(now.acked, 'message')}{last}"),
        ("journal", f"{screen.size(now.journal_bytes)}{free}" if now.journal else "none yet"),
    ]


def _files_in_outbox(config: Config) -> int | None:
    """Count the files that no agent has taken yet; None when the folder cannot be read."""
    from lab_sender import files

    temporary = [pattern.lower() for pattern in config.intake.temporary]
    if config.intake.marker:
        temporary.append(f"*{config.intake.marker.lower()}")
    try:
        return sum(
            entry.is_file(follow_symlinks=False)
            and not entry.name.startswith(".")
            and not any(fnmatch.fnmatchcase(entry.name.lower(), pattern) for pattern in temporary)
            for entry in files.entries(config.outbox)
        )
    except FileNotFoundError:
        return None if config.folders.work.exists() else 0
    except OSError:
        return None


def _claimed(config: Config) -> list[Path]:
    """List what lies in claimed/, without attachments whose report is there too (`CLAIMID@REPORTID_NAME`)."""
    from lab_sender import files

    try:
        entries = list(files.entries(config.folders.work / "claimed"))
    except OSError:
        return []
    return [Path(entry.path) for entry in entries if "@" not in entry.name.partition("_")[0]]


def _disk_free(site: Site) -> int | None:
    try:
        return shutil.disk_usage(site.journal_path.parent).free
    except OSError:
        return None
