"""What `check` looks at.

Holds: one function for each part of the way; each yields what it found, in order.
Promises: no folder, file or lock is made and nothing is sent; a folder that is not there yet passes if it can
be made. Every trouble names the next step.
Never: raises for a trouble it looked for.
"""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from lab_sender import rights, writers
from lab_sender.errors import LabSenderError, ProfileError
from lab_sender.operations import wording
from lab_sender.operations.status import LOW_DISK_BYTES
from lab_sender.operations.values import Value, about

if TYPE_CHECKING:
    from lab_sender.agent.premises import Lack
    from lab_sender.config.folders import Folders
    from lab_sender.config.load import Config
    from lab_sender.config.sections import His
    from lab_sender.operations.installation import Installation

_SOON_DAYS = 30


class Check(Value, frozen=True):
    """One thing looked at."""

    what: Annotated[str, about("What was looked at.")]
    state: Annotated[Literal["ok", "warn", "fail"], about("A warning does not keep results from being sent.")]
    text: Annotated[str, about("What was found.")]
    hint: Annotated[str | None, about("What to do, if anything.")] = None


def profile(config: Config) -> Iterator[Check]:
    """Can messages be built by the profile?"""
    from lab_sender.oru import Builder

    try:
        Builder(config.message)
    except ProfileError as error:
        for mistake in error.mistakes:
            yield Check("message profile", "fail", mistake.text, mistake.hint)
    else:
        message = config.message.settings
        text = f"{config.message.name}: HL7 {message.version}, {message.charset}, MSH-11 {message.processing_id}"
        yield Check("message profile", "ok", text)


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


def folders(config: Config, *, away: bool = False) -> Iterator[Check]:
    """Are the folders there, or can they be made, do they lie where they must, and who can read them?

    `away`: the outbox is missing though the journal has a history.
    """
    from lab_sender.agent import premises

    places = config.folders
    if away and (lack := premises.outbox_there(places)):
        yield _lacking(lack)
    for name in ("sent", "quarantine", "journal") if away else ("outbox", "work", "sent", "quarantine", "journal"):
        if name != "journal" or places.journal != places.work:
            setting = name if name == "outbox" else f"folders.{name}"
            yield _folder(name, getattr(places, name), config.lines.where(setting))
    yield from _open_to_others(places)
    lacks = [lack for premise in premises.ON_THE_DISK if (lack := premise(places))]
    yield from map(_lacking, lacks)
    if any(lack.what == "journal's disk" for lack in lacks):
        return
    disk = premises.existing(places.journal)
    kind, free = writers.file_system(disk), shutil.disk_usage(disk).free
    text = f"{f'{kind}, ' if kind else ''}{wording.size(free)} free"
    if free < LOW_DISK_BYTES:
        yield Check("journal's disk", "warn", text, "Make room: nothing is sent without the journal.")
    else:
        yield Check("journal's disk", "ok", text)


def journal(installation: Installation) -> Iterator[Check]:
    """Is the journal whole and of this version? Does an agent run?"""
    from lab_sender.agent.premises import own_journal
    from lab_sender.journal import SCHEMA_VERSION

    running = installation.agent_runs()
    yield _agent(installation, running=running)
    if not installation.has_journal:
        lack = own_journal(installation.config.folders)
        yield _lacking(lack) if lack else Check("journal", "ok", "none yet; the agent makes it")
        return
    try:
        with installation.view() as view:
            version, found, clean = view.schema_version(), view.integrity(), view.ended_clean()
    except LabSenderError as error:
        yield Check("journal", "fail", error.text, error.hint)
        return
    size = wording.size(installation.journal_bytes)
    if version == 0 and (lack := own_journal(installation.config.folders)):
        yield _lacking(lack)
    elif found != "ok":
        yield Check("journal", "fail", f"damaged: {found}", "Follow 'The journal is damaged' in docs/OPERATING.md.")
    elif version > SCHEMA_VERSION:
        text = f"written by a newer lab-sender (schema {version}, this one knows {SCHEMA_VERSION})."
        yield Check("journal", "fail", text, "Use the newer version.")
    else:
        older = f", schema {version} becomes {SCHEMA_VERSION} at the next start" if version < SCHEMA_VERSION else ""
        crashed = "; the last agent did not end in good order, the next one takes up its work"
        yield Check("journal", "ok", f"whole, {size}{older}{'' if clean or running else crashed}")


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


def way_to_his(installation: Installation, *, connect: bool) -> Iterator[Check]:
    """Can the HIS be reached, and how long are the certificates good?"""
    from lab_sender.mllp.certificates import own_certificate_end
    from lab_sender.mllp.connection import address_of
    from lab_sender.mllp.tls_files import PemFiles

    config = installation.config
    his, tls = config.his, config.his.tls
    faults = PemFiles.of(tls).faults() if tls is not None else []
    for fault in faults:
        where = config.lines.where(f"his.tls.{fault.setting}")
        what = "authorities" if fault.setting == "ca" else "our certificate"
        yield Check(what, "fail", f"{where}: his.tls.{fault.setting}: {fault.text}.", fault.hint)
    if tls is not None and tls.certificate is not None and not faults:
        yield _certificate("our certificate", own_certificate_end(tls.certificate))
    elif his.plaintext:
        text = "none: results cross the network in clear (plaintext: true)."
        yield Check("encryption", "warn", text, "Ask the HIS team for TLS.")
    up_since_ms = None if connect else _up_since(installation, address_of(his))
    if up_since_ms is not None:
        text = f"the agent's is up since {wording.clock(up_since_ms)}; no second one was made (--connect makes it)"
        yield Check("connection", "ok", text)
        return
    if not any(fault.stops for fault in faults):
        yield from _dialled(his)


def _dialled(his: His) -> Iterator[Check]:
    from lab_sender.mllp import Link
    from lab_sender.mllp.certificates import peer_certificate_end
    from lab_sender.mllp.connection import address_of
    from lab_sender.mllp.failures import WireFailure
    from lab_sender.mllp.lookup import Lookup

    begun = time.monotonic()
    try:
        found = Lookup().addresses(his.host, his.port, his.connect_timeout_s)
    except WireFailure as failure:
        yield Check("name", "fail", failure.text, failure.hint)
        return
    addresses = ", ".join(dict.fromkeys(str(address[0]) for _, address in found))
    if addresses != his.host:
        yield Check("name", "ok", f"{his.host} is {addresses} ({(time.monotonic() - begun) * 1000:.0f} ms)")
    if his.tls is None:
        link = Link(his)
        begun = time.monotonic()
        trouble = link.open()
        link.close()
        if trouble is not None:
            yield Check("connection", "fail", trouble.detail)
        else:
            took_ms = (time.monotonic() - begun) * 1000
            yield Check("connection", "ok", f"{address_of(his)} accepts it ({took_ms:.0f} ms); closed again")
        return
    try:
        end = peer_certificate_end(his)
    except WireFailure as failure:
        if failure.phase == "tls":
            yield Check("connection", "ok", f"{address_of(his)} accepts it")
        yield Check("TLS" if failure.phase == "tls" else "connection", "fail", failure.text, failure.hint)
    else:
        took_ms = (time.monotonic() - begun) * 1000
        text = f"{address_of(his)} accepts it, TLS verified ({took_ms:.0f} ms); closed again"
        yield Check("connection", "ok", text)
        yield _certificate("HIS certificate", end)


def _certificate(what: str, end: datetime.datetime) -> Check:
    days = (end - datetime.datetime.now(datetime.UTC)).days
    if days < 0:
        return Check(what, "fail", f"ended on {end:%Y-%m-%d}.", "Have it renewed.")
    text = f"good for {days} days, until {end:%Y-%m-%d}"
    return Check(what, "warn", text, "Have it renewed in time.") if days < _SOON_DAYS else Check(what, "ok", text)


def _up_since(installation: Installation, his: str) -> int | None:
    """Return since when the running agent's connection to this HIS is up; None when it is not, or no agent runs."""
    if not installation.has_journal or not installation.agent_runs():
        return None
    with installation.view() as view:
        if view.his_in_force() not in ("", his):
            return None
        return next((lane.link_since_ms for lane in view.lanes() if lane.link == "up"), None)


def _lacking(lack: Lack) -> Check:
    return Check(lack.what, "fail", lack.text, lack.hint)


def _folder(name: str, folder: Path, where: str) -> Check:
    """Look at a folder; `where` its setting is written, or the section that it could stand in."""
    from lab_sender.agent import premises

    if lack := premises.usable(name, folder):
        return Check(name, "fail", f"{where}: {lack.text}", lack.hint)
    return Check(name, "ok", str(folder) if folder.is_dir() else f"{folder} (not there yet; the agent makes it)")


def _open_to_others(places: Folders) -> Iterator[Check]:
    """Find the folders and files with results that every account can read."""
    from lab_sender.agent.premises import claimed_folder
    from lab_sender.agent.wiring import JOURNAL_NAME

    private = {
        "claimed": claimed_folder(places),
        "sent": places.sent,
        "quarantine": places.quarantine,
        "journal": places.journal / JOURNAL_NAME,
    }
    for name, path in private.items():
        if rights.open_to_others(path):
            yield Check(
                name, "warn", f"{path} holds results, and every account of this machine can read it.",
                f"`chmod o-rwx {path}`; give it to a group whose people are to read it.",
            )  # fmt: skip
