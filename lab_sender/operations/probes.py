"""What `check` looks at.

Holds: one function for each part of the way; each yields what it found, in order.
Promises: no folder, file or lock is made and nothing is sent; a folder that is not there yet passes if it can
be made. Windows tells nobody what an account may do: there a file is made in each folder and removed at once. Every
trouble names the next step.
Never: raises for a trouble it looked for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from lab_sender import rights, writers
from lab_sender.errors import LabSenderError, ProfileError
from lab_sender.operations import wording
from lab_sender.operations.conditions import LEAST_DISK_BYTES, LOW_DISK_BYTES, NODE_GONE_S
from lab_sender.operations.values import Value, about

if TYPE_CHECKING:
    from lab_sender.config.folders import Folders, OutboxConfig
    from lab_sender.config.load import Config
    from lab_sender.journal import View
    from lab_sender.operations.installation import Installation
    from lab_sender.premises.needs import Lack


CLOCK_S: Final = 3.0
"""So far a machine's clock may be from the database's."""


class Check(Value, frozen=True):
    """One thing looked at."""

    what: Annotated[str, about("What was looked at.")]
    state: Annotated[Literal["ok", "warn", "fail"], about("A warning does not keep results from being sent.")]
    text: Annotated[str, about("What was found.")]
    hint: Annotated[str | None, about("What to do, if anything.")] = None
    destination: Annotated[str | None, about("The destination that it is about; null: what all share.")] = None


def profile(config: Config, name: str) -> Iterator[Check]:
    """Can messages for a destination be built by its profile, and have what it is to take?"""
    from lab_sender.oru import Builder
    from lab_sender.oru.mistakes import mistakes_of_takes

    takes, site = config.destinations[name].takes, config.destinations[name].message
    try:
        Builder(site)
    except ProfileError as error:
        for mistake in error.mistakes:
            yield Check("message profile", "fail", mistake.text, mistake.hint, name)
    else:
        message = site.settings
        text = f"{site.name}: HL7 {message.version}, {message.charset}, MSH-11 {message.processing_id}"
        yield Check("message profile", "ok", text, None, name)
    for mistake in mistakes_of_takes(takes, site):
        yield Check("takes", "fail", f"{mistake.setting}: {mistake.text}", mistake.hint, name)


def page(config: Config) -> Iterator[Check]:
    """Where does the page listen, who starts it, and are its files of TLS there?"""
    web = config.web
    if web.address is None:
        yield Check("page", "ok", "off (web.listen)")
        return
    how = "a service of its own (`lab-sender web`)"
    if web.start == "with-agent":
        how = "started with the agent, and ends with it: only a service of its own shows that no agent runs"
    yield Check("page", "ok", f"{web.listen}, {how}")
    for name in ("certificate", "key"):
        path = getattr(web.tls, name, None)
        if path is not None and not path.is_file():
            hint = f"Correct web.tls.{name}; results go out without the page."
            yield Check("page", "warn", f"{path} is not there: the page does not start.", hint)


def readers() -> Iterator[Check]:
    """Can readers of one's own be loaded?"""
    from lab_sender.readers import site_readers

    try:
        own = site_readers()
    except LabSenderError as error:
        yield Check("own readers", "fail", error.text, error.hint)
    else:
        if own:
            yield Check("own readers", "ok", ", ".join(reader.kind for reader in own))


def folders(
    config: Config, outbox: OutboxConfig, *, away: bool = False, is_new: bool = False
) -> Iterator[Check]:
    """Are an outbox and its folders there, or can they be made, do they lie where they must, and who can read them?

    `away`: it is missing though the journal has served it; `is_new`: it has a history and has not served this one.
    """
    from lab_sender.premises import needs

    places = outbox.folders
    of_outbox = f"outboxes[{config.outboxes.index(outbox)}].folder" if outbox.name else "outbox"
    gone = needs.disks_there(places)
    if lack := gone or (needs.outbox_there(places) if away else None):
        yield _lacking(lack)
    yield from _mapped(places)
    is_elsewhere = away or needs.not_moved(places) is not None
    for name in ("sent", "quarantine") if is_elsewhere else ("outbox", "work", "sent", "quarantine"):
        setting = of_outbox if name == "outbox" else f"folders.{name}"
        folder = getattr(places, name)
        if needs.disk_there(name, folder) is None:
            yield _folder(name, folder, config.lines.where(setting))
    if is_new and (lack := needs.of_no_other_journal(places)):
        yield _lacking(lack)
    if lack := needs.apart(places, [each.folders for each in config.outboxes if each is not outbox]):
        yield _lacking(lack)
    private = {"claimed": needs.claimed_folder(places), "sent": places.sent, "quarantine": places.quarantine}
    for name, path in private.items():
        yield from _open_to_others(name, path)
    if gone is None and (lack := needs.one_disk(places)):
        yield _lacking(lack)


def _mapped(places: Folders) -> Iterator[Check]:
    """Does a folder lie on a drive that is there only for whoever is logged in?"""
    folders = (places.outbox, places.work, places.sent, places.quarantine)
    for drive in dict.fromkeys(each.drive for each in folders):
        share = writers.mapped_to(drive)
        if share is not None:
            leads_to = share or r"\\server\share"
            yield Check(
                "drive", "warn", f"{drive} is a mapped drive: whoever is logged in has it, and no service.",
                rf"For an agent that runs as a service write {leads_to}\... in place of {drive}\...",
            )  # fmt: skip


def removed_ones(installation: Installation) -> Iterator[Check]:
    """Has the journal something of a destination or outbox that the configuration has no more?"""
    from lab_sender.premises.known import known_outboxes
    from lab_sender.premises.removed import removed

    try:
        if not installation.has_journal:
            return
        with installation.view() as view:
            found = removed(installation.config.destinations, view)
            outboxes = known_outboxes(installation.config.outboxes, view).removed
    except LabSenderError:
        return  # what is wrong with the journal is found by itself
    for each in found:
        yield Check("destination", "fail", f"destination.removed: {each.text}", each.hint, each.name)
    for one in outboxes:
        if one.is_away:
            yield Check("outbox", "warn", f"outbox.removed-away: {one.text}", one.hint)
        else:
            yield Check("outbox", "fail", f"outbox.removed: {one.text}", one.hint)


def journal(installation: Installation) -> Iterator[Check]:
    """Can the journal be kept where it lies, is it whole and of this version? Does an agent run?"""
    yield from _journals_folder(installation.config)
    running = installation.agent_runs()
    try:
        has_journal = installation.has_journal
    except LabSenderError as error:
        yield Check("journal", "fail", error.text, error.hint)
        return
    yield _agent(installation, running=running)
    if not has_journal:
        lack = installation.lack_of_journal()
        none = [_lacking(lack)] if lack else list(_rights(installation))
        yield from none or [Check("journal", "ok", "none yet; the agent makes it")]
        return
    try:
        with installation.view() as view:
            version, found, clean = view.schema_version(), view.integrity(), view.ended_clean()
            known = view.known_version()
            weaknesses, size = view.weaknesses(), wording.size(installation.journal_bytes(view))
            machines = list(_machines(installation.config, view, running=running)) if version == known else []
    except LabSenderError as error:
        yield Check("journal", "fail", error.text, error.hint)
        return
    if found != "ok":
        yield Check("journal", "fail", f"damaged: {found}", "Follow 'The journal is damaged' in docs/SYMPTOMS.md.")
    elif version > known:
        text = f"written by a newer lab-sender (schema {version}, this one knows {known})."
        yield Check("journal", "fail", text, "Use the newer version.")
    elif lack := installation.lack_of_journal():
        yield _lacking(lack)
    else:
        older = f", schema {version} becomes {known} at the next start" if version < known else ""
        crashed = "; the last agent did not end in good order, the next one takes up its work"
        yield from _rights(installation)
        yield from machines
        for each in weaknesses:
            yield Check("journal", "warn", f"PostgreSQL: {each}.", "Have it set by whoever runs the database.")
        where = "" if isinstance(installation.journal_at, Path) else f", on PostgreSQL: {installation.journal_at}"
        yield Check("journal", "ok", f"whole, {size}{where}{older}{'' if clean or running else crashed}")


def _machines(config: Config, view: View, *, running: bool) -> Iterator[Check]:
    """Who else works on the journal, and does this machine's clock go as the database's?"""
    server = config.folders.database
    if server is None:
        return
    node = server.node
    if not running and (code := view.keeps_out()):
        what = f" as {node}" if code == "node.taken" else ""
        text = f"{code}: another agent works on this journal{what}, or one of this machine was killed just now."
        hint = "Ask again in 20 seconds. Then see which machine it is, and give each a `node` of its own."
        yield Check("agent", "fail", text, hint)
    for each in view.nodes():
        if each.name == node:
            continue
        seen = f"last heard of {wording.age(each.silent_ms / 1000)} ago"
        is_away = not each.clean and server.lease_s * 1000 < each.silent_ms < NODE_GONE_S * 1000
        text = f"{each.name}, lab-sender {each.version}, {'stopped' if each.clean else seen}"
        look = f"See why its agent is away: `lab-sender status` on {each.name}."
        yield Check("other machine", "warn" if is_away else "ok", text, look if is_away else None)
    ahead_s = view.clock_ahead_ms() / 1000
    if abs(ahead_s) > CLOCK_S:
        where = "behind" if ahead_s > 0 else "ahead of"
        text = f"this machine's clock is {wording.age(abs(ahead_s))} {where} the database's."
        hint = "Set both by a time server (chrony, systemd-timesyncd): times of messages and alerts are of both."
        yield Check("clock", "warn", text, hint)


def _rights(installation: Installation) -> Iterator[Check]:
    """May this account do in a database what an agent has to?"""
    from lab_sender.journal import View

    if isinstance(installation.journal_at, Path):
        return
    view = View(installation.journal_at)
    try:
        for each in view.rights_lacking():
            text = f"journal.schema-behind: this account has {each} in {installation.journal_at}."
            yield Check("journal", "fail", text, "A DBA must run what `lab-sender journal schema` prints.")
    except LabSenderError as error:
        yield Check("journal", "fail", error.text, error.hint)
    finally:
        view.close()


def _journals_folder(config: Config) -> Iterator[Check]:
    """Is the journal's folder there, or can it be made, who can read the journal, and has its disk room?"""
    from lab_sender.premises import needs
    from lab_sender.premises.names import JOURNAL_NAME

    places = config.folders
    if lack := needs.disk_there("journal", places.journal):
        yield _lacking(lack)
        return
    if places.journal != places.work:
        yield _folder("journal", places.journal, config.lines.where("folders.journal"))
    yield from _open_to_others("journal", places.journal / JOURNAL_NAME)
    yield from (_lacking(lack) for premise in needs.OF_THE_JOURNAL if (lack := premise(places)))
    disk = needs.existing(places.journal)
    if not writers.is_local(disk):
        return
    kind, free = writers.file_system(disk), shutil.disk_usage(disk).free
    text = f"{f'{kind}, ' if kind else ''}{wording.size(free)} free"
    if free < LOW_DISK_BYTES:
        state: Literal["warn", "fail"] = "fail" if free < LEAST_DISK_BYTES else "warn"
        yield Check("journal's disk", state, text, "Make room: nothing is sent without the journal.")
    else:
        yield Check("journal's disk", "ok", text)


def _agent(installation: Installation, *, running: bool) -> Check:
    """Does an agent run, and with this configuration?"""
    config = installation.config
    if running and installation.has_journal:
        try:
            with installation.view() as view:
                digest = view.config_in_force()
        except LabSenderError:
            digest = ""  # what is wrong with the journal is found by itself
        if digest and not config.is_of(digest):
            return Check("agent", "warn", f"running; {wording.not_in_force(config.path.name)}.")
    return Check("agent", "ok", "running" if running else "not running")


def _lacking(lack: Lack) -> Check:
    return Check(lack.what, "fail", lack.text, lack.hint)


def _folder(name: str, folder: Path, where: str) -> Check:
    """Look at a folder; `where` its setting is written, or the section that it could stand in."""
    from lab_sender.premises import needs

    if lack := needs.usable(name, folder):
        return Check(name, "fail", f"{where}: {lack.text}", lack.hint)
    is_made = os.path.isdir(folder)
    if is_made:
        return Check(name, "ok", str(folder))
    before = "If an agent has worked here before, start nothing: 'The outbox is not there' in docs/SYMPTOMS.md."
    text = f"{folder} (not there yet; the agent makes it)"
    return Check(name, "ok", text, before if name == "outbox" else None)


def _open_to_others(name: str, path: Path) -> Iterator[Check]:
    """Is it a folder or file with results that every account can read?"""
    if rights.open_to_others(path):
        yield Check(
            name, "warn", f"{path} holds results, and every account of this machine can read it.",
            f"`chmod o-rwx {path}`; give it to a group whose people are to read it.",
        )  # fmt: skip
