"""TLS: verified or not at all; every refusal has its name, and none costs the message an attempt."""

import datetime
import select
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from kit.system import WINDOWS

from lab_sender.config.sections import Tls
from lab_sender.config.text.source import Lines
from lab_sender.mllp import connection
from lab_sender.mllp.standin.server import StandIn


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue_cert("127.0.0.1", "localhost")


def server(certificate, *, client_authority=None, maximum=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        client_authority.configure_trust(context)
    if maximum is not None:
        context.maximum_version = maximum
    return context


@pytest.fixture
def pem(tmp_path):
    """Write trustme's PEM blobs to files; return the path."""

    def write(name, *blobs):
        path = tmp_path / name
        path.write_bytes(b"".join(blob if isinstance(blob, bytes) else blob.bytes() for blob in blobs))
        return str(path)

    return write


def refused(connect, his, tls, message, **times):
    """The not-sent outcome of an exchange; the HIS has seen nothing of the message."""
    outcome = connect(his.port, tls=tls, **times).exchange(message(), "M1")
    assert outcome.kind == "not-sent"
    assert his.count == 0
    return outcome


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_messages_go_over_one_verified_connection(connect, message, pem, authority, certificate, version):
    with StandIn(tls=server(certificate, maximum=version)) as his:
        link = connect(his.port, tls=Tls(ca=pem("ca.pem", authority.cert_pem)))
        for n in range(5):
            assert link.exchange(message(f"M{n}"), f"M{n}").kind == "verdict"
        big = message("BIG", extra=b"OBX|1|ED|" + b"A" * (1 << 20) + b"\r")
        assert link.exchange(big, "BIG").kind == "verdict"
        assert his.connections == 1
        assert his.received[-1].body == big


@pytest.mark.parametrize("end", ["fin", "abrupt"])
def test_an_idle_tls_connection_that_ended_is_replaced(
    connect, message, pem, authority, certificate, until_readable, end
):
    with StandIn(tls=server(certificate)) as his:
        link = connect(his.port, tls=Tls(ca=pem("ca.pem", authority.cert_pem)))
        link.exchange(message("M1"), "M1")
        his.drop(reset=end == "abrupt")
        until_readable(link)
        assert link.open() is None
        assert link.exchange(message("M2"), "M2").kind == "verdict"
        assert (his.connections, his.count) == (2, 2)


@pytest.mark.parametrize("rule", ["reset", "close", "unframed", "nothing"])
def test_failures_after_the_write_are_unknown(connect, message, pem, authority, certificate, rule):
    with StandIn(rules=[rule], tls=server(certificate)) as his:
        link = connect(his.port, tls=Tls(ca=pem("ca.pem", authority.cert_pem)), ack_s=0.3)
        outcome = link.exchange(message(), "M1")
        assert (outcome.kind, outcome.phase) == ("unknown", "ack")
        assert not link.connected


def test_an_expired_certificate(connect, message, pem, authority):
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    old = authority.issue_cert("127.0.0.1", not_before=past, not_after=past + datetime.timedelta(days=1))
    with StandIn(tls=server(old)) as his:
        outcome = refused(connect, his, Tls(ca=pem("ca.pem", authority.cert_pem)), message)
        assert (outcome.phase, outcome.code) == ("tls", "tls.expired")


def test_a_certificate_for_another_name(connect, message, pem, authority):
    with StandIn(tls=server(authority.issue_cert("his.hospital.test"))) as his:
        ca = pem("ca.pem", authority.cert_pem)
        assert refused(connect, his, Tls(ca=ca), message).code == "tls.name"
        link = connect(his.port, tls=Tls(ca=ca, server_name="his.hospital.test"))
        assert link.exchange(message(), "M1").kind == "verdict"


@pytest.mark.parametrize("ca", ["another", "system"])
def test_an_unknown_authority(connect, message, pem, certificate, ca):
    files = Tls(ca=pem("ca.pem", trustme.CA().cert_pem)) if ca == "another" else Tls()
    with StandIn(tls=server(certificate)) as his:
        assert refused(connect, his, files, message).code == "tls.untrusted"


def test_a_peer_that_answers_plain(connect, pem, authority):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            peer, _ = listener.accept()
            with peer:
                peer.recv(1)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                with suppress(ConnectionError):
                    while peer.recv(4096):
                        pass

        thread = threading.Thread(target=answer)
        thread.start()
        link = connect(listener.getsockname()[1], tls=Tls(ca=pem("ca.pem", authority.cert_pem)))
        outcome = link.open()
        thread.join(30)
    assert (outcome.kind, outcome.phase, outcome.code) == ("not-sent", "tls", "tls.not-tls")


def test_a_plain_mllp_peer_that_stays_silent_gets_no_message(connect, message, pem, authority):
    with StandIn(rules=["never-read"]) as his:
        files = Tls(ca=pem("ca.pem", authority.cert_pem))
        assert refused(connect, his, files, message, connect_s=0.3).code == "tls.timeout"


def test_no_handshake_passes_for_done_however_little_time_is_left(connect, pem, authority):
    """Twenty with one who says nothing; a clock that ticks in 15.6 ms, as Windows' does, leaves just nothing."""
    files = Tls(ca=pem("ca.pem", authority.cert_pem))
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        outcomes = [
            connect(listener.getsockname()[1], tls=files, connect_s=0.020 + each * 0.001).open() for each in range(20)
        ]
    assert {each.kind for each in outcomes} == {"not-sent"}
    assert {each.code for each in outcomes} <= {"tls.timeout", "connect.timeout"}  # the latter on a busy machine


@pytest.mark.parametrize("left", [ssl.SSLWantReadError, ssl.SSLWantWriteError])
def test_a_handshake_in_which_time_ran_out_to_the_last_is_not_done(connect, pem, authority, monkeypatch, left):
    """What CPython raises where just nothing is left of the time."""

    def handshake(_: ssl.SSLSocket) -> None:
        raise left

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", handshake)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = connect(listener.getsockname()[1], tls=Tls(ca=pem("ca.pem", authority.cert_pem)))
        outcome = link.open()
    assert (outcome.kind, outcome.phase, outcome.code) == ("not-sent", "tls", "tls.timeout")


def test_a_deadline_that_has_passed_is_a_timeout(connect, pem, authority, monkeypatch):
    """Not one more millisecond; the system's authorities may have taken all the time to load."""
    now = [0.0]
    monkeypatch.setattr(connection, "monotonic", lambda: now[0])
    context = connection.tls_context

    def slow(tls: Tls) -> ssl.SSLContext:
        now[0] += 60.0  # no time of the HIS's
        return context(tls)

    wrap = ssl.SSLContext.wrap_socket

    def late(*values: object, **more: object) -> ssl.SSLSocket:
        now[0] += 60.0
        return wrap(*values, **more)

    monkeypatch.setattr(connection, "tls_context", slow)
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", late)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = connect(listener.getsockname()[1], tls=Tls(ca=pem("ca.pem", authority.cert_pem)), connect_s=10.0)
        outcome = link.open()
    assert (outcome.kind, outcome.phase, outcome.code) == ("not-sent", "tls", "tls.timeout")


@pytest.mark.parametrize(
    ("call", "left", "code"),
    [("recv", ssl.SSLWantReadError, "ack.timeout"), ("send", ssl.SSLWantWriteError, "write.timeout")],
)
def test_time_that_runs_out_to_the_last_in_an_exchange_is_a_timeout(
    connect, message, pem, authority, certificate, monkeypatch, call, left, code
):
    with StandIn(rules=["nothing"], tls=server(certificate)) as his:
        link = connect(his.port, tls=Tls(ca=pem("ca.pem", authority.cert_pem)), ack_s=0.3)
        assert link.open() is None

        def ran_out(*_: object) -> object:
            raise left

        monkeypatch.setattr(link._connection._socket, call, ran_out)
        assert link.exchange(message(), "M1").code == code


def test_a_peer_that_hangs_up(connect, message, pem, authority):
    with StandIn(rules=["accept-reset"]) as his:
        files = Tls(ca=pem("ca.pem", authority.cert_pem))
        outcome = refused(connect, his, files, message)
        assert outcome.code in ("tls.closed", "connect.reset")


def test_a_peer_that_has_hung_up_before_the_handshake(connect, message, pem, authority, monkeypatch):
    """What comes of a reset that has been seen: the socket is not connected any more."""
    secure = connection.Connection._secure

    def after_the_reset(self, context, deadline):
        assert select.select([self._socket], [], [], 30.0)[0], "the reset has come"
        with suppress(ConnectionError):
            self._socket.recv(1)
        secure(self, context, deadline)

    monkeypatch.setattr(connection.Connection, "_secure", after_the_reset)
    with StandIn(rules=["accept-reset"]) as his:
        outcome = refused(connect, his, Tls(ca=pem("ca.pem", authority.cert_pem)), message)
        assert outcome.code in ("tls.closed", "connect.reset"), "it may be seen while connecting"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("settle_s", [0.0, 30.0], ids=["seen late", "seen at once"])
def test_a_close_right_after_the_handshake_has_one_name(
    connect, message, pem, authority, certificate, monkeypatch, version, settle_s
):
    """Whenever it is seen: a link that is down for one reason is told once."""
    monkeypatch.setattr("lab_sender.mllp.connection._ALERT_S", settle_s)
    monkeypatch.setattr("lab_sender.mllp.link._MOMENT_S", 30.0)
    with StandIn(rules=["accept-close"], tls=server(certificate, maximum=version)) as his:
        outcome = refused(connect, his, Tls(ca=pem("ca.pem", authority.cert_pem)), message)
        assert (outcome.phase, outcome.code) == ("tls", "tls.closed")
        assert "right after the TLS handshake" in outcome.detail


def test_plain_to_a_tls_peer_says_so(connect, message, certificate):
    with StandIn(tls=server(certificate)) as his:
        outcome = connect(his.port).exchange(message(), "M1")
        assert outcome.kind == "unknown"
        assert outcome.code in ("ack.gibberish", "ack.reset") or WINDOWS  # a reset may come as a close there
        assert his.count == 0


class TestMutual:
    @pytest.fixture(autouse=True)
    def _patience(self, monkeypatch):
        monkeypatch.setattr("lab_sender.mllp.connection._ALERT_S", 30.0)

    @pytest.fixture
    def ours(self, authority, pem):
        issued = authority.issue_cert("lab-sender")
        return Tls(
            ca=pem("ca.pem", authority.cert_pem),
            certificate=pem("cert.pem", *issued.cert_chain_pems),
            key=pem("key.pem", issued.private_key_pem),
        )

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_good(self, connect, message, authority, certificate, ours, version):
        with StandIn(tls=server(certificate, client_authority=authority, maximum=version)) as his:
            assert connect(his.port, tls=ours).exchange(message(), "M1").kind == "verdict"

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_none_where_one_is_asked_for(self, connect, message, authority, certificate, ours, version):
        with StandIn(tls=server(certificate, client_authority=authority, maximum=version)) as his:
            outcome = refused(connect, his, Tls(ca=ours.ca), message)
            assert outcome.phase == "tls"
            assert outcome.code in ("tls.client-certificate", "tls.failed", "tls.closed")
            assert "our certificate" not in outcome.detail
            if outcome.code == "tls.client-certificate":
                assert "asks for a client certificate, and none is configured" in outcome.detail

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_one_that_the_his_does_not_trust(self, connect, message, certificate, ours, version):
        with StandIn(tls=server(certificate, client_authority=trustme.CA(), maximum=version)) as his:
            outcome = refused(connect, his, ours, message)
            assert outcome.phase == "tls"
            assert outcome.code in ("tls.client-certificate", "tls.closed")
            if outcome.code == "tls.client-certificate":
                assert "does not accept our certificate" in outcome.detail

    def test_one_that_has_ended(self, connect, message, authority, certificate, ours, pem):
        """What the HIS only rejects is known here: which setting, which line, since when."""
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        old = authority.issue_cert("lab", not_before=past, not_after=past + datetime.timedelta(days=1))
        file = pem("old.pem", old.private_key_pem, *old.cert_chain_pems)
        lines = Lines("config.yaml", {"his.tls.certificate": ("", 7)})
        files = Tls(ca=ours.ca, certificate=file)
        files.note("his.tls", lines)
        with StandIn(tls=server(certificate, client_authority=authority)) as his:
            outcome = refused(connect, his, files, message)
        assert outcome.code == "tls.client-certificate"
        assert f"config.yaml line 7: his.tls.certificate: {file}: ended on 2020-01-02" in outcome.detail

    def test_an_encrypted_key(self, connect, message, authority, certificate, ours, pem):
        with open(ours.key, "rb") as file:
            key = load_pem_private_key(file.read(), None)
        locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"opensesame"))
        path = pem("locked.pem", locked)
        with StandIn(tls=server(certificate, client_authority=authority)) as his:
            for password, code in (("", "tls.key"), ("wrong", "tls.key-password")):
                files = Tls(ca=ours.ca, certificate=ours.certificate, key=path, key_password=password or None)
                outcome = refused(connect, his, files, message)
                assert (outcome.phase, outcome.code) == ("tls", code)
            files = Tls(ca=ours.ca, certificate=ours.certificate, key=path, key_password="opensesame")
            assert "opensesame" not in repr(files)
            assert connect(his.port, tls=files).exchange(message(), "M1").kind == "verdict"

    @pytest.mark.parametrize("broken", ["ca", "certificate", "key", "pair", "two"])
    def test_files_that_cannot_be_used_are_named_with_their_settings_and_lines(
        self, connect, message, certificate, ours, pem, broken
    ):
        other = pem("other.pem", trustme.CA().issue_cert("x").private_key_pem)
        lines = Lines("config.yaml", {"his.tls": ("", 5), "his.tls.ca": ("", 6), "his.tls.key": ("", 8)})

        nowhere = Path("/nowhere/ca.pem").absolute()

        def own(key, ca=ours.ca, certificate=ours.certificate):
            return Tls(ca=ca, certificate=certificate, key=key)

        files, code, text = {
            "ca": (Tls(ca=nowhere), "tls.ca", f"line 6: his.tls.ca: {nowhere}: there is no"),
            "certificate": (
                own(ours.key, certificate=pem("empty.pem", b"")), "tls.certificate",
                "line 5: his.tls.certificate: {empty}: holds no certificate in PEM",
            ),
            "key": (own("/nowhere/key.pem"), "tls.key", "line 8: his.tls.key: "),
            "pair": (
                own(other), "tls.key",
                f"line 8: his.tls.key: {other}: is not the key of the certificate in {ours.certificate}",
            ),
            "two": (own("/nowhere/key.pem", ca=other), "tls.ca", "; config.yaml line 8: his."),
        }[broken]  # fmt: skip
        files.note("his.tls", lines)
        with StandIn(tls=server(certificate)) as his:
            outcome = refused(connect, his, files, message)
            assert (outcome.phase, outcome.code) == ("tls", code)
            assert text.replace("{empty}", str(files.certificate)) in outcome.detail
            assert his.connections == 0


def test_files_are_read_again_at_each_connect(connect, message, pem, authority, certificate, until_readable):
    path = pem("ca.pem", authority.cert_pem)
    with StandIn(tls=server(certificate)) as his:
        link = connect(his.port, tls=Tls(ca=path))
        assert link.exchange(message("M1"), "M1").kind == "verdict"
    until_readable(link)
    renewed = trustme.CA()
    with StandIn(port=his.port, tls=server(renewed.issue_cert("127.0.0.1"))):
        assert link.exchange(message("M2"), "M2").code == "connect.stale"
        assert link.exchange(message("M2"), "M2").code == "tls.untrusted"
        pem("ca.pem", renewed.cert_pem)
        assert link.exchange(message("M2"), "M2").kind == "verdict"


def test_abort_leaves_the_tls_layer_on(connect, message, pem, authority, certificate, monkeypatch):
    """SSLSocket.shutdown takes it off, and the other thread could then write in clear."""
    taken_off: list = []
    monkeypatch.setattr(ssl.SSLSocket, "shutdown", lambda *_: taken_off.append(1))
    with StandIn(rules=["nothing"], tls=server(certificate)) as his:
        link = connect(his.port, tls=Tls(ca=pem("ca.pem", authority.cert_pem)), ack_s=60.0)
        outcomes: list = []
        thread = threading.Thread(target=lambda: outcomes.append(link.exchange(message(), "M1")))
        thread.start()
        his.wait_for(1)
        link.abort()
        thread.join(30)
        assert [(o.kind, o.code) for o in outcomes] == [("unknown", "ack.aborted")]
        assert taken_off == []
