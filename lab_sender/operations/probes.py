"""What `check` looks at.

Holds: one function for each part of the way; each yields what it found, in order.
Promises: no folder, file or lock is made and nothing is sent; of a folder that is not there yet it is told whether it
can be made. Every trouble names the next step.
Never: raises for a trouble it looked for.
"""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lab_sender import files, rights
from lab_sender.errors import LabSenderError, ProfileError
from lab_sender.operations import wording
from lab_sender.operations.configuration import existing, fault_of_folder

if TYPE_CHECKING:
    from lab_sender.config.folders import Folders
    from lab_sender.config.load import Config
    from lab_sender.mllp import Endpoint
    from lab_sender.operations.installation import Installation

_LOW_DISK_BYTES = 512 << 20
_SOON_DAYS = 30


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    what: str
    state: Literal["ok", "warn", "fail"]
    text: str
    hint: str = ""


def profile(config: Config) -> Iterator[Check]:
    """Can messages be built with the site's values?"""
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
    """Can the site's own readers be loaded?"""
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
    places = config.folders
    if away:
        yield from _away(places)
    for name in ("sent", "quarantine", "journal") if away else ("outbox", "work", "sent", "quarantine", "journal"):
        if name != "journal" or places.journal != places.work:
            setting = name if name == "outbox" else f"folders.{name}"
            yield _folder(name, getattr(places, name), config.lines.where(setting))
    yield from _open_to_others(places)
    if not files.same_device(existing(places.outbox), existing(places.work)):
        yield Check(
            "one disk", "fail", "the work folder is on another disk or share than the outbox.",
            "Claiming is a rename: set folders.work to a folder on the outbox's disk.",
        )  # fmt: skip
    kind = files.file_system(existing(places.journal))
    if not files.is_local(existing(places.journal)):
        yield Check(
            "journal's disk", "fail", f"the journal's folder is on a network share ({kind}).",
            "Set folders.journal to a folder on a local disk.",
        )  # fmt: skip
        return
    free = shutil.disk_usage(existing(places.journal)).free
    text = f"{f'{kind}, ' if kind else ''}{wording.size(free)} free"
    if free < _LOW_DISK_BYTES:
        yield Check("journal's disk", "warn", text, "Make room: nothing is sent without the journal.")
    else:
        yield Check("journal's disk", "ok", text)


def journal(installation: Installation) -> Iterator[Check]:
    """Is the journal whole and of this version? A running agent is told here, too."""
    from lab_sender.agent.premises import lacks_its_journal
    from lab_sender.journal import SCHEMA_VERSION

    running = installation.agent_runs()
    yield Check("agent", "ok", "running" if running else "not running")
    if not installation.has_journal:
        if lacks_its_journal(installation.config.folders.work):
            text = "an agent has worked on this outbox, but the journal that knows what it did is not there."
            yield Check("journal", "fail", text, "Follow 'The journal is missing' in docs/OPERATING.md.")
        else:
            yield Check("journal", "ok", "none yet; the agent makes it")
        return
    try:
        with installation.view() as view:
            version, found, clean = view.schema_version(), view.integrity(), view.ended_clean()
    except LabSenderError as error:
        yield Check("journal", "fail", error.text, error.hint)
        return
    size = wording.size(installation.journal_bytes)
    if found != "ok":
        yield Check("journal", "fail", f"damaged: {found}", "Follow 'The journal is damaged' in docs/OPERATING.md.")
    elif version > SCHEMA_VERSION:
        text = f"written by a newer lab-sender (schema {version}, this one knows {SCHEMA_VERSION})."
        yield Check("journal", "fail", text, "Use the newer version.")
    else:
        older = f", schema {version} becomes {SCHEMA_VERSION} at the next start" if version < SCHEMA_VERSION else ""
        crashed = "; the last agent did not end in good order, the next one takes up its work"
        yield Check("journal", "ok", f"whole, {size}{older}{'' if clean or running else crashed}")


def way_to_his(installation: Installation, *, connect: bool) -> Iterator[Check]:
    """Can the HIS be reached, and how long are the certificates good?"""
    from lab_sender.agent.wiring import endpoint
    from lab_sender.mllp.certificates import own_certificate_end
    from lab_sender.mllp.tls_files import PemFiles

    config = installation.config
    his, tls = endpoint(config), config.his.tls
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
    up_since_ms = None if connect else _up_since(installation)
    if up_since_ms is not None:
        text = f"the agent's is up since {wording.clock(up_since_ms)}; no second one was made (--connect makes it)"
        yield Check("connection", "ok", text)
        return
    if not any(fault.stops for fault in faults):
        yield from _dialled(his)


def _dialled(his: Endpoint) -> Iterator[Check]:
    from lab_sender.mllp import Link
    from lab_sender.mllp.certificates import peer_certificate_end
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
            yield Check("connection", "ok", f"{his} accepts it ({took_ms:.0f} ms); closed again")
        return
    try:
        end = peer_certificate_end(his)
    except WireFailure as failure:
        if failure.phase == "tls":
            yield Check("connection", "ok", f"{his} accepts it")
        yield Check("TLS" if failure.phase == "tls" else "connection", "fail", failure.text, failure.hint)
    else:
        took_ms = (time.monotonic() - begun) * 1000
        yield Check("connection", "ok", f"{his} accepts it, TLS verified ({took_ms:.0f} ms); closed again")
        yield _certificate("HIS certificate", end)


def _certificate(what: str, end: datetime.datetime) -> Check:
    days = (end - datetime.datetime.now(datetime.UTC)).days
    if days < 0:
        return Check(what, "fail", f"ended on {end:%Y-%m-%d}.", "Have it renewed.")
    text = f"good for {days} days, until {end:%Y-%m-%d}"
    return Check(what, "warn", text, "Have it renewed in time.") if days < _SOON_DAYS else Check(what, "ok", text)


def _up_since(installation: Installation) -> int | None:
    """Return since when the running agent's connection is up; None when it is not, or no agent runs."""
    if not installation.has_journal or not installation.agent_runs():
        return None
    with installation.view() as view:
        return next((lane.link_since_ms for lane in view.lanes() if lane.link == "up"), None)


def _folder(name: str, folder: Path, where: str) -> Check:
    """Look at a folder; `where` its setting is written, or the section that it could stand in."""
    fault = fault_of_folder(folder)
    if fault is not None:
        return Check(name, "fail", f"{where}: {fault[0]}.", fault[1])
    return Check(name, "ok", str(folder) if folder.is_dir() else f"{folder} (not there yet; the agent makes it)")


def _away(places: Folders) -> Iterator[Check]:
    """Name what is missing of an outbox that an agent has worked on."""
    claimed = places.work / "claimed"
    name, missing = ("work", claimed) if places.outbox.is_dir() else ("outbox", places.outbox)
    yield Check(
        name, "fail", f"{missing} is not there, though the journal has a history: nothing is taken in.",
        "Bring the share back; the agent goes on by itself and makes nothing anew. Only if what was in it is gone for"
        f" good, make it by hand, with the folder {claimed} in the agent's account.",
    )  # fmt: skip


def _open_to_others(places: Folders) -> Iterator[Check]:
    """Find the folders and files with results that every account can read."""
    from lab_sender.agent.wiring import JOURNAL_NAME

    private = {
        "claimed": places.work / "claimed",
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
