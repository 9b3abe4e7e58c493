"""The HIS stand-in and its rules."""

import socket

import pytest

from lab_sender.errors import LabSenderError
from lab_sender.mllp.acknowledgement import read_acknowledgement
from lab_sender.mllp.framing import FrameReader, frame
from lab_sender.mllp.standin.message import acknowledgement, control_id_of
from lab_sender.mllp.standin.script import RuleBook, parse_rule
from lab_sender.mllp.standin.server import StandIn


@pytest.mark.parametrize(
    ("text", "answer", "lowest", "highest"),
    [
        ("AE", "AE", 1, float("inf")),
        ("every: AR", "AR", 1, float("inf")),
        ("first: nothing", "nothing", 1, 1),
        ("first=3: close", "close", 1, 3),
        ("nth=5: reset-mid=10", "reset-mid", 5, 5),
        ("late=2s", "AA", 1, float("inf")),
        ("id=M7: wrong-id", "wrong-id", 1, float("inf")),
    ],
)
def test_rules_are_parsed(text, answer, lowest, highest):
    rule = parse_rule(text)
    assert (rule.answer, rule.lowest, rule.highest, rule.text) == (answer, lowest, highest, text)


def test_options_are_parsed():
    rule = parse_rule("contains=OBX|7&first=2: AE,code=207,severity=F,late=500ms,split,text=locked, code=1: later")
    assert (rule.contains, rule.highest, rule.code, rule.severity) == (b"OBX|7", 2, "207", "F")
    assert (rule.late_s, rule.split, rule.message) == (0.5, True, "locked, code=1: later")
    assert parse_rule("noise=1MiB").size == 1 << 20
    assert parse_rule("AE,text=a: b").message == "a: b"


@pytest.mark.parametrize(
    "text", ["BB", "AA,AE", "last: AA", "first=x: AA", "late=soon", "AE,color=red", "id=M1: accept-close", "id=: AA"]
)
def test_rules_that_make_no_sense_are_refused(text):
    with pytest.raises(LabSenderError, match=r"his\.rule"):
        parse_rule(text)


def test_counting_selectors_count_what_the_rest_of_the_selector_fits():
    book = RuleBook(["contains=GLUC&first: nothing", "nth=2: AE", "id=M9: AR"])
    events = [(b"x", "M1"), (b"y", "M2"), (b"GLUC", "M3"), (b"GLUC", "M4"), (b"z", "M9")]
    picked = [book.pick("message", body, control_id) for body, control_id in events]
    assert [rule.answer if rule else None for rule in picked] == [None, "AE", "nothing", None, "AR"]


def test_the_acknowledgement_is_a_proper_one():
    body = b"MSH*!~\\&*LAB*LF*HIS*HF*20261122**ORU!R01*M1*T*2.3***AL*NE**8859/1\rPID*1\r"
    payload = acknowledgement(body, "AE", "M1", error="207", text="locked")
    head = payload.split(b"\r")[0].split(b"*")
    assert head[1:6] == [b"!~\\&", b"HIS", b"HF", b"LAB", b"LF"]
    assert (head[8], head[10], head[11], head[17]) == (b"ACK", b"T", b"2.3", b"8859/1")
    seen = read_acknowledgement(payload)
    assert (seen.code, seen.control_id, seen.error_codes, seen.error_text) == ("AE", "M1", ("207",), "locked")


@pytest.mark.parametrize("body", [b"", b"MSH", b"MSH|", b"ZEBRA\r", b"MSH|^~\\&|LAB\r"])
def test_what_is_no_message_has_no_control_id_and_still_an_answer(body):
    assert control_id_of(body) == ""
    assert read_acknowledgement(acknowledgement(body, "AA", "")).code == "AA"


def exchange(port: int, *pieces: bytes, frames: int) -> list[bytes]:
    reader, payloads = FrameReader(), []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        for piece in pieces:
            sock.sendall(piece)
        while len(payloads) < frames:
            data = sock.recv(4096)
            assert data
            payloads += [event.payload for event in reader.feed(data)]
    return payloads


def test_it_reads_liberally_and_records_in_order(message):
    one, two = message("M1"), message("M2")
    pieces = [b"noise" + frame(one)[:9], frame(one)[9:-2], b"\x1c", b"\r\n" + frame(two)[:-1], frame(one)]
    seen: list = []
    with StandIn(on_message=seen.append) as his:
        answers = exchange(his.port, *pieces, frames=3)
        received = his.wait_for(3)
    assert [read_acknowledgement(a).control_id for a in answers] == ["M1", "M2", "M1"]
    assert [r.body for r in received] == [one, two, one]
    assert [(r.number, r.connection, r.duplicate, r.answer) for r in received] == [
        (1, 1, False, "AA"), (2, 1, False, "AA"), (3, 1, True, "AA"),
    ]  # fmt: skip
    assert seen == received


def test_a_fast_sink_keeps_nothing(connect, message):
    with StandIn(keep=False) as his:
        link = connect(his.port)
        for n in range(10):
            link.exchange(message(f"M{n}"), f"M{n}")
        assert his.wait_for(10) == []
        assert his.count == 10


def test_waiting_for_what_does_not_come_is_told():
    with StandIn() as his, pytest.raises(TimeoutError, match="0 of 1"):
        his.wait_for(1, timeout_s=0.01)


def test_stop_ends_connections_that_wait(message):
    with StandIn(rules=["late=60s"]) as his, socket.create_connection(("127.0.0.1", his.port)) as sock:
        sock.sendall(frame(message()))
        his.wait_for(1)
        his.stop()
        assert sock.recv(1) == b""
