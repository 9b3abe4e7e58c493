"""The way to a destination, as `check` looks at it.

Holds: `way_to_his`: its certificates, its names, a connection to each of its addresses.
Promises: nothing is sent. A HIS may allow one connection only: beside the agent's none is made unless asked for.
Never: raises for a trouble it looked for.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from lab_sender.operations import wording
from lab_sender.operations.probes import Check

if TYPE_CHECKING:
    from lab_sender.config.sections import His
    from lab_sender.operations.installation import Installation

_SOON_DAYS = 30


def way_to_his(installation: Installation, name: str, *, connect: bool) -> Iterator[Check]:
    """Can a destination be reached, at every address, and how long are the certificates good?"""
    for each in _way(installation, name, connect=connect):
        yield msgspec.structs.replace(each, destination=name)


def _way(installation: Installation, name: str, *, connect: bool) -> Iterator[Check]:
    from lab_sender.mllp.certificates import own_certificate_end
    from lab_sender.mllp.hosts import at
    from lab_sender.mllp.tls_files import PemFiles

    config = installation.config
    his = config.destinations[name].his
    tls = his.tls
    faults = PemFiles.of(tls).faults() if tls is not None else []
    for fault in faults:
        key = f"{his.named}.tls.{fault.setting}"
        where = config.lines.where(key)
        what = "authorities" if fault.setting == "ca" else "our certificate"
        yield Check(what, "fail", f"{where}: {key}: {fault.text}.", fault.hint)
    if tls is not None and tls.certificate is not None and not faults:
        yield _certificate("our certificate", own_certificate_end(tls.certificate))
    elif his.plaintext:
        text = "none: results cross the network in clear (plaintext: true)."
        yield Check("encryption", "warn", text, "Ask the HIS team for TLS.")
    up_since_ms = None if connect else _up_since(installation, name, his.address)
    if up_since_ms is not None:
        text = f"the agent's is up since {wording.clock(up_since_ms)}; no second one was made (--connect makes it)"
        yield Check("connection", "ok", text)
        return
    if not any(fault.stops for fault in faults):
        for host in his.hosts:
            yield from _dialled(at(his, host))


def _dialled(his: His) -> Iterator[Check]:
    from lab_sender.mllp import Link
    from lab_sender.mllp.certificates import peer_certificate_end, peer_names
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
            yield Check("connection", "ok", f"{his.address} accepts it ({took_ms:.0f} ms); closed again")
        return
    try:
        end = peer_certificate_end(his)
    except WireFailure as failure:
        if failure.phase == "tls":
            yield Check("connection", "ok", f"{his.address} accepts it")
        names = ", ".join(peer_names(his)) if failure.code == "tls.name" else ""
        text = f"{failure.text}: {names}" if names else failure.text
        yield Check("TLS" if failure.phase == "tls" else "connection", "fail", text, failure.hint)
    else:
        took_ms = (time.monotonic() - begun) * 1000
        text = f"{his.address} accepts it, TLS verified ({took_ms:.0f} ms); closed again"
        yield Check("connection", "ok", text)
        yield _certificate("HIS certificate", end)


def _certificate(what: str, end: datetime.datetime) -> Check:
    days = (end - datetime.datetime.now(datetime.UTC)).days
    if days < 0:
        return Check(what, "fail", f"ended on {end:%Y-%m-%d}.", "Have it renewed.")
    text = f"good for {days} days, until {end:%Y-%m-%d}"
    return Check(what, "warn", text, "Have it renewed in time.") if days < _SOON_DAYS else Check(what, "ok", text)


def _up_since(installation: Installation, name: str, his: str) -> int | None:
    """Return since when the running agent's connection to this HIS is up; None when it is not, or no agent runs."""
    from lab_sender.journal import JournalUnavailable

    try:
        if not installation.has_journal or not installation.agent_runs():
            return None
        return _noted_as_up(installation, name, his)
    except JournalUnavailable:
        return None  # what is wrong with the journal is found by itself


def _noted_as_up(installation: Installation, name: str, his: str) -> int | None:
    with installation.view() as view:
        if view.his_in_force(name) not in ("", his):
            return None
        up = (each.link_since_ms for each in view.lanes() if each.destination == name and each.link == "up")
        return next(up, None)
