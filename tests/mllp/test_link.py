"""One message over real sockets to a HIS that behaves as scripted (fault list, rows 23 to 43)."""

import contextlib
import select
import socket
import sys
import threading

import pytest
from kit.core import until
from kit.settings import his_at

from lab_sender.errors import LabSenderError
from lab_sender.mllp import Link
from lab_sender.mllp import lookup as lookup_module
from lab_sender.mllp.connection import Connection
from lab_sender.mllp.standin.server import StandIn

V, U = "verdict", "unknown"
GIBBERISH, CLOSED = ("ack.gibberish",), ("ack.closed", "ack.reset", "write.reset")

# rule, outcome kind, possible codes, MSA-1, foreign ids, connection kept
SCRIPTS = [
    ("AA", V, ("",), "AA", (), True),
    ("CA", V, ("",), "CA", (), True),
    ("AE", V, ("",), "AE", (), True),
    ("AR,code=207,text=ZEBRAPATIENT is locked", V, ("",), "AR", (), True),
    ("CE,code=101", V, ("",), "CE", (), True),
    ("CR", V, ("",), "CR", (), True),
    ("lf", V, ("",), "AA", (), True),
    ("no-cr", V, ("",), "AA", (), True),
    ("split", V, ("",), "AA", (), True),
    ("late=50ms", V, ("",), "AA", (), True),
    ("twice", V, ("",), "AA", (), True),
    ("foreign-first", V, ("",), "AA", ("FOREIGN",), False),
    ("foreign-after", V, ("",), "AA", (), False),
    ("unknown-code", U, ("ack.unknown-code",), None, (), False),
    ("no-msa", U, ("ack.no-msa",), None, (), False),
    ("several-msa", U, ("ack.several-msa",), None, (), False),
    ("empty-frame", U, ("ack.empty",), None, (), False),
    ("xml", U, ("ack.not-hl7",), None, (), False),
    ("wrong-id", U, ("ack.foreign",), None, ("FOREIGN",), False),
    ("containing-id", U, ("ack.foreign",), None, ("M12",), False),
    ("unframed", U, ("ack.unframed",), None, (), False),
    ("http", U, GIBBERISH, None, (), False),
    ("garbage", U, GIBBERISH, None, (), False),
    ("noise=1MiB", U, GIBBERISH, None, (), False),
    ("endless", U, ("ack.too-long",), None, (), False),
    ("nothing", U, ("ack.timeout",), None, (), False),
    ("late=5s", U, ("ack.timeout",), None, (), False),
    ("close", U, CLOSED, None, (), False),
    ("reset", U, CLOSED, None, (), False),
    ("reset-mid", U, CLOSED, None, (), False),
    # what has been seen by the time of the write decides: both are true
    ("accept-close", (U, "not-sent"), ("connect.closed", *CLOSED), None, (), False),
    ("accept-reset", (U, "not-sent"), ("connect.closed", "connect.reset", *CLOSED), None, (), False),
]


@pytest.mark.parametrize(("rule", "kind", "codes", "msa", "foreign", "kept"), SCRIPTS, ids=[s[0] for s in SCRIPTS])
def test_scripted_his(connect, message, secret, rule, kind, codes, msa, foreign, kept):
    waits = any(code in ("ack.timeout", "ack.foreign") for code in codes)
    with StandIn(rules=[rule]) as his:
        link = connect(his.port, ack_s=0.3 if waits else 10.0)
        outcome = link.exchange(message(), "M1")
        assert outcome.kind in kind
        assert outcome.code in codes
        assert (outcome.ack.code if outcome.ack else None) == msa
        assert outcome.foreign_ids == foreign
        assert link.connected is kept
        assert secret not in outcome.detail
        assert [received.body for received in his.received] in ([message()], [])
        his.answer_by()
        assert link.exchange(message("M3"), "M3").kind == "verdict"
        assert his.connections == (1 if kept else 2)


def test_err_comes_with_the_verdict(connect, message):
    with StandIn(rules=["AR,code=207,severity=F,text=record locked, try later"]) as his:
        ack = connect(his.port).exchange(message(), "M1").ack
        assert (ack.error_codes, ack.severity, ack.text) == (("207",), "F", "record locked, try later")


def test_a_late_answer_never_meets_the_next_message(connect, message):
    with StandIn(rules=["first: late=400ms"]) as his:
        link = connect(his.port, ack_s=0.2)
        assert link.exchange(message("M1"), "M1").code == "ack.timeout"
        outcome = link.exchange(message("M2"), "M2")
        assert (outcome.kind, outcome.ack.control_id, outcome.foreign_ids) == ("verdict", "M2", ())
        assert his.connections == 2


@pytest.mark.parametrize(
    ("rule", "kind", "msa", "commits"),
    [
        ("commit+accept", "verdict", "AA", 1),
        ("commit+accept,late=50ms", "verdict", "AA", 1),
        ("commit+error", "verdict", "AE", 1),
        ("commit", "committed", "CA", 1),
        ("commit+close", "committed", "CA", 1),
        ("AA", "verdict", "AA", 0),
        ("CR", "verdict", "CR", 0),
        ("nothing", "unknown", None, 0),
    ],
)
def test_enhanced_mode(connect, message, rule, kind, msa, commits):
    seen: list = []
    with StandIn(rules=[rule]) as his:
        link = connect(his.port, ack_s=0.3, application_s=0.3)
        outcome = link.exchange(message(), "M1", on_commit=lambda ack: seen.append(ack) is None)
        assert (outcome.kind, outcome.ack.code if outcome.ack else None) == (kind, msa)
        assert [ack.code for ack in seen] == ["CA"] * commits


def test_an_error_of_on_commit_closes_the_connection(connect, message):
    def fails(_):
        raise RuntimeError("journal")

    with StandIn(rules=["commit+accept"]) as his:
        link = connect(his.port)
        with pytest.raises(RuntimeError, match="journal"):
            link.exchange(message(), "M1", on_commit=fails)
        assert not link.connected


@pytest.mark.parametrize("what", ["fin", "rst", "foreign", "late", "noise"])
def test_a_stale_idle_connection_costs_one_free_reconnect(connect, message, until_readable, what):
    with StandIn() as his:
        link = connect(his.port)
        assert link.exchange(message("M1"), "M1").kind == "verdict"
        if what in ("fin", "rst"):
            his.drop(reset=what == "rst")
        else:
            ids = {"foreign": "F9", "late": "M2", "noise": ""}
            framed = f"\x0bMSH|^~\\&|HIS\rMSA|AE|{ids[what]}\r\x1c\r" if ids[what] else "login:"
            his.say(framed.encode())
        until_readable(link)
        stale = link.exchange(message("M2"), "M2")
        assert (stale.kind, stale.code, stale.cause, his.count) == ("not-sent", "connect.stale", "stale", 1)
        outcome = link.exchange(message("M2"), "M2")
        assert (outcome.kind, outcome.ack.code) == ("verdict", "AA")
        assert (his.connections, his.count) == (2, 2)


def test_white_space_on_the_idle_connection_is_no_reason_to_reconnect(connect, message, until_readable):
    with StandIn() as his:
        link = connect(his.port)
        link.exchange(message("M1"), "M1")
        his.say(b"\r\n")
        until_readable(link)
        assert link.exchange(message("M2"), "M2").kind == "verdict"
        assert his.connections == 1


def test_what_stood_before_an_answer_is_noted_in_the_usual_case_too(connect, message):
    """The first answer ends with a line feed too many, which stands before the second one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                for control_id, more in ((b"M1", b"\n"), (b"M2", b"")):
                    connection.recv(1 << 16)
                    connection.sendall(b"\x0bMSH|^~\\&|HIS\rMSA|AA|" + control_id + b"\r\x1c\r" + more)

        his = threading.Thread(target=answer)
        his.start()
        link = connect(listener.getsockname()[1])
        details = [link.exchange(message(each), each).detail for each in ("M1", "M2")]
        link.close()
        his.join()
    assert details == ["", "whitespace"]


def test_the_his_restarts_between_two_messages(connect, message, until_readable):
    with StandIn() as his:
        link = connect(his.port)
        link.exchange(message("M1"), "M1")
    until_readable(link)
    assert link.exchange(message("M2"), "M2").code == "connect.stale"
    outcome = link.exchange(message("M2"), "M2")
    assert (outcome.kind, outcome.phase, outcome.code) == ("not-sent", "connect", "connect.refused")
    assert not link.connected
    with StandIn(port=his.port):
        assert link.exchange(message("M2"), "M2").kind == "verdict"


def test_a_his_that_never_reads(connect, message):
    with StandIn(rules=["never-read"]) as his:
        link = connect(his.port, ack_s=0.3)
        outcome = link.exchange(message(extra=b"x" * (24 << 20)), "M1")
        assert (outcome.kind, outcome.phase, outcome.code) == ("unknown", "write", "write.timeout")
        assert not link.connected


def test_a_large_message_and_a_his_that_resets_in_its_middle(connect, message):
    big = message(extra=b"OBX|1|ED|" + b"A" * (8 << 20) + b"\r")
    with StandIn(rules=["first: reset-mid=100000"]) as his:
        link = connect(his.port)
        outcome = link.exchange(big, "M1")
        assert outcome.kind == "unknown"
        assert outcome.code in ("write.reset", "ack.reset")
        assert his.count == 0
        assert link.exchange(big, "M1").kind == "verdict"
        assert his.received[0].body == big


@pytest.mark.parametrize("smaller_ones_before", [0, 2])
def test_a_large_message_is_no_sign_of_a_stuck_lane_while_it_leaves(message, smaller_ones_before, monkeypatch):
    """However long all of it takes over a slow line: each part has its time, and the answer after it."""
    said, adopt = [], Connection._adopt

    def in_parts(self, sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        adopt(self, sock)

    monkeypatch.setattr(Connection, "_adopt", in_parts)
    with StandIn() as his:
        link = Link(his_at(his.port, ack_timeout_s=20.0, application_ack_timeout_s=3.0), beat=said.append)
        for _ in range(smaller_ones_before):
            assert link.exchange(message(), "M1").kind == "verdict"
        big = message(extra=b"OBX|1|ED|" + b"A" * (8 << 20) + b"\r")
        assert link.exchange(big, "M1").kind == "verdict"
        link.close()
        assert his.received[-1].body == big
    assert said[0] == 10.0 + 5.0
    assert set(said[1 : smaller_ones_before + 1]) <= {23.0}
    assert said[-1] == 23.0
    assert set(said[smaller_ones_before + 1 : -1]) == {20.0}


@pytest.mark.parametrize("rule", ["nothing", "late=5s"])
def test_a_his_that_answered_before_is_waited_for_no_longer(connect, message, rule):
    with StandIn() as his:
        link = connect(his.port, ack_s=0.3)
        assert link.exchange(message(), "M1").kind == "verdict"
        his.answer_by(rule)
        outcome = link.exchange(message("M2"), "M2")
        assert (outcome.kind, outcome.code) == (U, "ack.timeout")


def test_the_first_write_on_a_dead_idle_connection_is_provably_not_sent(connect, message, monkeypatch):
    with StandIn() as his:
        link = connect(his.port)
        link.exchange(message("M1"), "M1")
        # as if the reset came between the look and the write
        connection = link._connection
        his.drop(reset=True)
        assert select.select([connection._socket], [], [], 10)[0]
        monkeypatch.setattr(connection, "look", lambda _: "quiet")
        with contextlib.suppress(ConnectionError):  # takes the pending error; the next write meets a dead connection
            assert connection._socket.recv(1) == b""
            pytest.skip("here a reset comes as a close")
        outcome = link.exchange(message("M2"), "M2")
        assert (outcome.kind, outcome.code) == ("not-sent", "write.reset")
        assert link.exchange(message("M2"), "M2").kind == "verdict"
        assert (his.connections, his.count) == (2, 2)


def test_nothing_is_sent_that_would_break_the_frame_or_has_no_id(connect, message):
    with StandIn() as his:
        link = connect(his.port)
        with pytest.raises(LabSenderError, match=r"frame\.bytes"):
            link.exchange(message(extra=b"\x1c"), "M1")
        with pytest.raises(LabSenderError, match=r"frame\.no-control-id"):
            link.exchange(message(""), "")
        assert (his.connections, his.count) == (0, 0)


def test_open_says_whether_the_way_is_free(connect, message):
    with StandIn() as his:
        link = connect(his.port)
        assert link.open() is None
        assert link.connected
        assert link.open() is None
        assert link.exchange(message(), "M1").kind == "verdict"
        assert his.connections == 1
    outcome = connect(his.port).open()
    assert (outcome.kind, outcome.code) == ("not-sent", "connect.refused")


def test_who_may_not_send_any_more_sends_no_byte(message):
    asked: list[bool] = [True, False, True]
    with StandIn() as his:
        link = Link(his_at(his.port), may_send=lambda: asked.pop(0))
        outcomes = [link.exchange(message(name), name) for name in ("M1", "M2", "M3")]
        assert [each.kind for each in outcomes] == ["verdict", "not-sent", "verdict"]
        assert outcomes[1].cause == "aborted"
        assert [each.control_id for each in his.received] == ["M1", "M3"]
        link.close()


class TestAbort:
    def test_it_ends_the_wait_for_an_answer(self, connect, message):
        with StandIn(rules=["nothing"]) as his:
            link = connect(his.port, ack_s=60.0)
            outcomes: list = []
            thread = threading.Thread(target=lambda: outcomes.append(link.exchange(message(), "M1")))
            thread.start()
            his.wait_for(1)
            link.abort()
            thread.join(30)
            assert [(o.kind, o.code, o.cause) for o in outcomes] == [("unknown", "ack.aborted", "aborted")]
            outcome = link.exchange(message(), "M1")
            assert (outcome.kind, outcome.code) == ("not-sent", "connect.aborted")
            assert his.count == 1

    def test_it_ends_a_look_up(self, connect, message, monkeypatch):
        asked, answer = threading.Event(), threading.Event()

        def hangs(*_, **__):
            asked.set()
            answer.wait(30)
            return []

        monkeypatch.setattr(lookup_module.socket, "getaddrinfo", hangs)
        link = connect(1, host="his.test", connect_s=60.0)
        outcomes: list = []
        thread = threading.Thread(target=lambda: outcomes.append(link.exchange(message(), "M1")))
        thread.start()
        assert asked.wait(30)
        link.abort()
        thread.join(30)
        answer.set()
        assert [(o.kind, o.code) for o in outcomes] == [("not-sent", "connect.aborted")]

    def test_it_ends_a_write(self, connect, message):
        with StandIn(rules=["never-read"]) as his:
            link = connect(his.port, ack_s=60.0)
            outcomes: list = []
            big = message(extra=b"x" * (24 << 20))
            thread = threading.Thread(target=lambda: outcomes.append(link.exchange(big, "M1")))
            thread.start()
            until(lambda: his.connections and link.connected and link.opened)
            sock = link._connection._socket
            while select.select([], [sock], [], 0.05)[1]:
                pass  # until the peer's window is full
            link.abort()
            thread.join(30)
            assert [(o.kind, o.code) for o in outcomes] == [("unknown", "write.aborted")]


def test_a_connection_is_used_by_one_thread(connect, message):
    with StandIn() as his:
        link = connect(his.port)
        assert link.open() is None
        raised: list = []

        def send():
            with pytest.raises(AssertionError, match="by the thread that made it") as caught:
                link.exchange(message(), "M1")
            raised.append(caught)

        thread = threading.Thread(target=send)
        thread.start()
        thread.join(30)
        assert raised
        assert his.count == 0


CAUSES = [
    ("reset", "ended"),
    ("close", "ended"),
    ("nothing", "timeout"),
    ("foreign-first", ""),
    ("unframed", ""),
    ("wrong-id", ""),
]


@pytest.mark.parametrize(("rule", "cause"), CAUSES)
def test_a_failure_says_its_kind_beside_its_code(connect, message, rule, cause):
    with StandIn(rules=[rule]) as his:
        assert connect(his.port, ack_s=0.3).exchange(message(), "M1").cause == cause


class TestReaching:
    """Name, address, TCP: everything here is not-sent."""

    def reach(self, connect, **endpoint):
        outcome = connect(endpoint.pop("port", 1), **endpoint).open()
        assert outcome.kind == "not-sent"
        return outcome

    def test_a_name_that_does_not_exist(self, connect, monkeypatch):
        def unknown(*_, **__):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")

        monkeypatch.setattr(lookup_module.socket, "getaddrinfo", unknown)
        outcome = self.reach(connect, host="his.test")
        assert (outcome.phase, outcome.code) == ("resolve", "resolve.failed")

    def test_a_name_that_cannot_be_one(self, connect):
        assert self.reach(connect, host="x" * 64 + ".test").code == "resolve.failed"

    def test_a_name_service_that_hangs(self, connect, monkeypatch):
        answer = threading.Event()
        monkeypatch.setattr(lookup_module.socket, "getaddrinfo", lambda *_, **__: answer.wait(30) and [])
        assert self.reach(connect, host="his.test", connect_s=0.1).code == "resolve.timeout"
        answer.set()

    def test_every_connect_asks_again_and_tries_every_address(self, connect, message, monkeypatch, until_readable):
        with StandIn() as old, StandIn() as new:
            found = [("127.0.0.1", old.port)]
            monkeypatch.setattr(
                lookup_module.socket,
                "getaddrinfo",
                lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in found],
            )
            link = connect(1, host="his.test")
            assert link.exchange(message("M1"), "M1").kind == "verdict"
            old.stop()
            until_readable(link)
            found.append(("127.0.0.1", new.port))
            assert link.open() is None
            assert link.exchange(message("M2"), "M2").kind == "verdict"
            assert [received.control_id for received in new.received] == ["M2"]

    def test_plain_tcp_to_another_machine_needs_the_word(self, connect, monkeypatch):
        def never(*_):
            raise AssertionError("a connection was tried")

        monkeypatch.setattr(socket.socket, "connect", never)
        assert self.reach(connect, host="192.0.2.1").code == "connect.plaintext-refused"
        monkeypatch.setattr(
            lookup_module.socket,
            "getaddrinfo",
            lambda *_, **__: [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 1)) for ip in ("127.0.0.1", "192.0.2.1")
            ],
        )
        assert self.reach(connect, host="his.test").code == "connect.plaintext-refused"

    @pytest.mark.parametrize("host", ["localhost", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    def test_loopback_does_not(self, connect, host):
        assert self.reach(connect, host=host).code in ("connect.refused", "connect.unreachable")

    @pytest.mark.skipif(sys.platform != "linux", reason="a full backlog is silent on Linux only")
    def test_a_host_that_does_not_answer(self, connect):
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            waiting = []
            for _ in range(4):  # more than the backlog takes
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(deaf.getsockname())
            outcome = self.reach(connect, port=deaf.getsockname()[1], connect_s=0.2)
            for sock in waiting:
                sock.close()
        assert (outcome.phase, outcome.code) == ("connect", "connect.timeout")

    def test_no_descriptor_left(self, connect, monkeypatch):
        def full(*_, **__):
            raise OSError(24, "too many open files")

        with StandIn() as his:
            link = connect(his.port)
            connection_socket = socket.socket

            def sometimes(*args):
                return full() if args else connection_socket()

            monkeypatch.setattr("lab_sender.mllp.connection.socket.socket", sometimes)
            outcome = link.open()
        assert (outcome.kind, outcome.code) == ("not-sent", "connect.failed")


def test_keepalive_is_set_in_seconds():
    with StandIn() as his:
        link = Link(his_at(his.port, keepalive_s=30.0))
        assert link.open() is None
        sock = link._connection._socket
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        wanted = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
        for name, value in wanted.items():
            if hasattr(socket, name):
                assert sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
        link.close()
