"""What an operator is told of a failure leads to its cause."""

from __future__ import annotations

import sqlite3
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from faults.bench import Site
from faults.processes import until
from faults.test_his_away import cable  # noqa: F401
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn


def link(site: Site) -> tuple[str, str]:
    """The code and the words of the link's trouble."""
    try:
        ((code, detail),) = site.rows("SELECT link_code, link_detail FROM lane")
    except (sqlite3.OperationalError, ValueError):  # not made yet
        return "", ""
    return code, detail


def secured(folder: Path, *, mutual: bool = False) -> tuple[ssl.SSLContext, Path, trustme.CA]:
    """A TLS server, the authority's file, and the authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return context, folder / "ca.pem", authority


def ours(folder: Path, authority: trustme.CA) -> str:
    """A certificate of ours by this authority, as settings."""
    made = authority.issue_cert("lab-sender")
    made.private_key_and_cert_chain_pem.write_to_path(str(folder / "ours.pem"))
    return f", certificate: {folder / 'ours.pem'}"


@pytest.mark.parametrize(
    ("has_one", "told"),
    [(False, "asks for a client certificate, and none is configured"), (True, "does not accept our certificate")],
    ids=["fault_110-no certificate", "fault_110-a stranger's certificate"],
)
def test_a_certificate_that_we_lack_is_not_one_that_is_refused(
    has_one: bool, told: str, make_site: Callable[..., Site], tmp_path: Path
) -> None:
    context, ca, _ = secured(tmp_path, mutual=True)
    more = ours(tmp_path, trustme.CA()) if has_one else ""
    with StandIn(tls=context) as his:
        site = make_site(his.port, tls=f"{{ca: {ca}{more}}}")
        site.drop("0.hl7", ready("M0"))
        site.start()
        until(lambda: link(site)[0] == "tls.client-certificate", "the refusal is told")
        assert told in link(site)[1]


def test_fault_110_a_tunnel_without_a_his_closes_after_the_handshake(
    make_site: Callable[..., Site], tmp_path: Path
) -> None:
    context, ca, _ = secured(tmp_path)
    with StandIn(tls=context, rules=["accept-close"]) as his:
        site = make_site(his.port, tls=f"{{ca: {ca}}}")
        site.drop("0.hl7", ready("M0"))
        site.start()
        until(lambda: link(site)[0] == "tls.closed", "the close is told")
        assert "right after the TLS handshake. A tunnel without a HIS behind it does this" in link(site)[1]
        assert "plain MLLP" not in link(site)[1]


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("acknowledgements", "bytes were sent and never acknowledged by the other machine"),
        ("large packets", "bytes of it never left this machine"),
    ],
)
def test_fault_110_a_network_that_loses_packets_is_not_a_his_that_is_silent(
    cable: tuple[str, str, Callable[[str], None]],  # noqa: F811
    lost: str,
    told: str,
    make_site: Callable[..., Site],
) -> None:
    namespace, address, _ = cable
    first, _, last = address.rpartition(".")
    device, there = namespace.replace("ls", "lsh", 1), f"{first}.{int(last) + 1}"
    ill, well = {
        "acknowledgements": (f"route add blackhole {there}/32", f"route del blackhole {there}/32"),
        "large packets": (f"link set {device} mtu 600", f"link set {device} mtu 1500"),
    }[lost]
    with StandIn(host=address) as his:
        site = make_site(his.port, host=address, plaintext="true", ack_timeout="1s", unanswered="50")
        agent = site.start(network=namespace)
        site.drop("0.hl7", ready("M0"))
        site.settle(1)
        subprocess.run(["ip", *ill.split()], check=True)
        try:
            site.drop("1.hl7", ready("M1") + b"NTE|2||" + b"x" * 700 + b"\r")
            agent.says("message.unanswered")
        finally:
            subprocess.run(["ip", *well.split()], check=True)
        site.settle(2)
        ((code, detail), *_) = site.rows("SELECT code, detail FROM attempt WHERE kind = 'unknown' ORDER BY number")
        assert code == "ack.timeout"
        assert told in detail


def test_fault_110_a_his_that_does_not_read_has_not_the_whole_message(
    make_site: Callable[..., Site], his: StandIn
) -> None:
    his.answer_by("first: never-read")
    site = make_site(his.port, ack_timeout="1s", unanswered="50")
    site.drop("0.hl7", ready("M0") + b"NTE|2||" + b"x" * 400_000 + b"\r")
    site.start()
    site.settle(1)
    (detail,) = site.rows("SELECT detail FROM attempt WHERE code = 'ack.timeout'")[0]
    assert "bytes of it never left this machine, so it cannot have arrived whole: the HIS does not read" in detail


def test_fault_110_a_silent_his_that_has_it_all_is_told_as_before(
    make_site: Callable[..., Site], his: StandIn
) -> None:
    his.answer_by("first: nothing")
    site = make_site(his.port, ack_timeout="300ms", unanswered="50")
    site.drop("0.hl7", ready("M0"))
    site.start()
    site.settle(1)
    (detail,) = site.rows("SELECT detail FROM attempt WHERE code = 'ack.timeout'")[0]
    assert detail == "no answer to our message within the time"
