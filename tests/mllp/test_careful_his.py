"""Without a rule the stand-in answers as a careful HIS would."""

from __future__ import annotations

import socket

import pytest

from lab_sender.mllp.acknowledgement import Acknowledgement, read_acknowledgement
from lab_sender.mllp.framing import END, FrameReader, frame
from lab_sender.mllp.standin.message import acknowledgement, head_of
from lab_sender.mllp.standin.server import StandIn

HEAD = "MSH|^~\\&|LAB|LF|HIS|HF|20261122101500||ORU^R01|{id}|P|2.5.1"
PID = "\rPID|1||4711\r"
GOOD = (HEAD.format(id="AFTER") + PID).encode()


def said(data: bytes, *rules: str) -> bytes:
    """What comes back for these bytes and a good message after them."""
    came = b""
    with StandIn(rules=rules) as his, socket.create_connection(("127.0.0.1", his.port), timeout=20) as sock:
        sock.sendall(data)
        try:
            sock.sendall(frame(GOOD))
            while b"AFTER\r" not in came and (more := sock.recv(4096)):
                came += more
        except ConnectionError:
            pass
    return came


def answers(came: bytes) -> list[Acknowledgement]:
    return [read_acknowledgement(event.payload) for event in FrameReader().feed(came)]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"MSH", b"MSH|", b"MSH|^~", b"MSH|abc|LAB\r", b"MSH|^^~&|LAB\r", b"hello", b"<?xml version='1.0'?><a/>",
        b"PID|1||4711\r", b"\xef\xbb\xbf", GOOD.decode().encode("utf-16"), GOOD.decode().encode("utf-16-le"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_ends_the_connection(body):
    assert said(b"\x0b" + body + END) == b""


@pytest.mark.parametrize(
    ("body", "control_id", "code", "location"),
    [
        (HEAD.format(id="") + PID, "", "101", "MSH^1^10"),
        (HEAD.format(id="  ") + PID, "  ", "101", "MSH^1^10"),
        (HEAD.format(id="M1").replace("ORU^R01", "") + PID, "M1", "101", "MSH^1^9"),
        ("MSH|^~\\&|LAB\r", "", "101", "MSH^1^9"),
        ("\ufeff" + HEAD.format(id="M1") + PID, "M1", "100", ""),
        ("\r\n" + HEAD.format(id="M1") + PID, "M1", "100", ""),
        (HEAD.format(id="M1") + PID.replace("\r", "\n"), "M1", "100", ""),
        (HEAD.format(id="M1") + PID.replace("\r", "\r\n"), "M1", "100", ""),
        ("FHS|^~\\&|LAB|LF|HIS|HF|2026||||FILE1\rBHS|^~\\&|LAB\r" + HEAD.format(id="M1") + PID, "FILE1", "200", ""),
        ("BHS|^~\\&|LAB|LF|HIS|HF|2026||||BATCH1\r" + HEAD.format(id="M1") + PID, "BATCH1", "200", ""),
    ],
)
def test_what_is_no_sound_message_is_refused_with_its_fault(body, control_id, code, location):
    refused, accepted = answers(said(b"\x0b" + body.encode() + END))
    assert (refused.code, refused.control_id, refused.error_codes) == ("AR", control_id, (code,))
    assert "".join(refused.locations) == location
    assert refused.severity == "E"
    assert refused.error_text
    assert b"\n" not in refused.raw
    assert b"PID" not in refused.raw
    assert (accepted.code, accepted.control_id) == ("AA", "AFTER")


@pytest.mark.parametrize(
    "body",
    [
        acknowledgement(GOOD, "AA", "X"),
        acknowledgement(GOOD, "AE", "X", error="207"),
        acknowledgement(GOOD, "AA", "X").replace(b"|ACK|", b"|ORR^R02|"),
        acknowledgement(GOOD, "AA", "X").replace(b"\r", b"\n"),
    ],
    ids=["AA", "AE", "another type", "LF"],
)
@pytest.mark.parametrize("rules", [(), ("id=AFTER: AA", "AE")], ids=["careful", "liar"])
def test_an_acknowledgement_is_never_answered(body, rules):
    (only,) = answers(said(frame(body), *rules))
    assert (only.code, only.control_id) == ("AA", "AFTER")


@pytest.mark.parametrize(
    ("charset", "control_id"),
    [
        ("8859/1", "Mü1".encode("latin-1")), ("8859/1", "Mü1".encode()), ("UNICODE UTF-8", "Mü1".encode()),
        ("8859/2", "Mł1".encode("iso8859-2")), ("UNICODE UTF-8", b"M\xfc1"), ("", b"M\xfc1"), ("", "Mü1".encode()),
        ("KS X 1001", "가1".encode("euc-kr")), ("nobody's~8859/1", b"M\xfc1"),
    ],
)  # fmt: skip
def test_a_control_id_comes_back_byte_for_byte(charset, control_id):
    body = HEAD.format(id="@").encode().replace(b"@", control_id) + b"||||||" + charset.encode() + PID.encode()
    first = said(frame(body)).partition(END)[0]
    assert b"\rMSA|AA|" + control_id + b"\r" in first
    assert head_of(body).control_id.encode(head_of(body).codec) == control_id


def test_the_control_id_is_read_by_msh_18():
    body = HEAD.format(id="M\xb31").encode("latin-1") + b"||||||8859/2" + PID.encode()
    with StandIn() as his, socket.create_connection(("127.0.0.1", his.port)) as sock:
        sock.sendall(frame(body))
        assert [each.control_id for each in his.wait_for(1)] == ["Mł1"]


@pytest.mark.parametrize("cut", [False, True], ids=["one piece", "byte by byte"])
@pytest.mark.parametrize(
    "data",
    [b"\x0b\x0b" + GOOD + END, b"\x0b" + GOOD[:40] + b"\x0b" + GOOD + END, b"noise\x0bMSH|\x0b" + GOOD + END],
    ids=["twice", "inside", "noise"],
)
def test_a_frame_that_begins_anew_is_read_as_ours_would(data, cut):
    with StandIn() as his, socket.create_connection(("127.0.0.1", his.port)) as sock:
        for at in range(0, len(data), 1 if cut else len(data)):
            sock.sendall(data[at : at + 1] if cut else data)
        (received,) = his.wait_for(1)
    assert received.body == GOOD


def test_an_empty_control_id_has_not_come_before():
    body = frame((HEAD.format(id="") + PID).encode())
    with StandIn() as his, socket.create_connection(("127.0.0.1", his.port)) as sock:
        sock.sendall(body + body + frame(GOOD) + frame(GOOD))
        assert [each.duplicate for each in his.wait_for(4)] == [False, False, False, True]


def test_a_rule_takes_any_message():
    (one, _) = answers(said(b"\x0bhello" + END, "AA"))
    assert (one.code, one.control_id) == ("AA", "")
