"""What an operator is told of a failure leads to its cause."""

from __future__ import annotations

import re
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
from faults.test_typed_words import states, typed
from faults.workload import ready, unreadable
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


@pytest.mark.long
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


# ------------------------------------------------------------------ what to do next


def told_commands(site: Site, reason: str) -> list[list[str]]:
    """The commands in a reason file, as words to type."""
    text = site.quarantined[reason].decode()
    return [each.split()[1:] for each in re.findall(r"`(lab-sender [^`]+)`", text)]


def test_the_reason_of_a_refusal_leads_on(site: Site, his: StandIn) -> None:
    his.answer_by("AE,code=101")
    site.drop("0.hl7", ready("M0"), order=0)
    site.drop("1.json", unreadable(), order=1)
    site.start()
    site.settle(2)
    text = site.quarantined["0.hl7.reason.txt"].decode()
    assert "control id M0: refused\n" in text
    assert "It is message 1, quarantined 20" in text
    assert "after 2 tries. Its story: `lab-sender show 1`." in text
    site.running[-1].stop()
    assert told_commands(site, "0.hl7.reason.txt") == [
        ["show", "1"], ["release", "1"], ["dismiss", "1", "--why", "TEXT"],
    ]  # fmt: skip
    assert told_commands(site, "1.json.reason.txt") == [
        ["show", "file:2"], ["dismiss", "file:2", "--why", "TEXT"], ["release", "file:2"],
    ]  # fmt: skip
    for name in ("0.hl7.reason.txt", "1.json.reason.txt"):
        for words in told_commands(site, name)[:2]:
            assert typed(site, *words).exit_code == 0, words
    assert states(site) == ["dismissed", "spooled"]


def test_an_unanswered_message_is_asked_about_first(make_site: Callable[..., Site], his: StandIn) -> None:
    his.answer_by("id=M0: nothing")
    site = make_site(his.port, ack_timeout="50ms", unanswered="1", unanswered_after="10ms", probe="50ms")
    site.drop("0.hl7", ready("M0"), order=0)
    site.drop("1.hl7", ready("M1"), order=1)
    site.start()
    site.settle(2)
    advice = (
        "ask the HIS whether it has control id M0: if it has, `lab-sender dismiss 1 --why TEXT`;"
        " if not, `lab-sender release 1`"
    )
    assert advice in site.quarantined["0.hl7.reason.txt"].decode()
    assert advice in " ".join(typed(site, "show", "1").stdout.split())
    his.answer_by()
    site.running[-1].stop()
    assert typed(site, "release", "1").exit_code == 0, "the HIS has not got it"
    site.start()
    until(lambda: states(site) == ["acked", "acked"], "it is delivered")
    assert his.received[-1].control_id == "M0"


def test_a_message_in_flight_is_held_before_it_is_dismissed(make_site: Callable[..., Site], his: StandIn) -> None:
    his.answer_by("nothing")
    site = make_site(his.port, ack_timeout="1s", unanswered="50")
    site.drop("0.hl7", ready("M0"))
    site.start()
    his.wait_for(1)
    until(lambda: states(site) == ["sending"], "it is being sent")
    told = typed(site, "dismiss", "1", "--why", "a wrong patient")
    assert told.exit_code == 1
    assert "dismiss.sending" in told.stderr
    assert "`lab-sender hold` first" in told.stderr
    assert typed(site, "hold").exit_code == 0
    until(lambda: states(site) == ["spooled"], "its exchange has ended")
    assert typed(site, "dismiss", "1", "--why", "a wrong patient").exit_code == 0
    assert typed(site, "resume").exit_code == 0


def test_a_duplicate_says_how_to_send_it_again(site: Site, his: StandIn) -> None:
    site.drop("0.hl7", ready("M0"), order=0)
    site.drop("1.hl7", ready("M0"), order=1)
    site.start()
    site.settle(2)
    assert states(site) == ["acked", "duplicate"]
    refused = typed(site, "resend", "2", "--new-id")
    assert "message 2 has no bytes of its own" in refused.stderr
    assert "`lab-sender resend 1 --new-id`" in refused.stderr
    (words,) = re.findall(r"`lab-sender (resend [^`]+ --new-id)`", " ".join(typed(site, "show", "2").stdout.split()))
    assert typed(site, *words.split()).exit_code == 0
    first, second = his.wait_for(2)
    assert second.body.partition(b"PID")[2] == first.body.partition(b"PID")[2]
