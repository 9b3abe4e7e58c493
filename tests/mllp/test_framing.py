"""Framing: what is written is strict, what is read is liberal, and cutting changes nothing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_sender.errors import LabSenderError
from lab_sender.mllp.framing import Frame, FrameReader, Spoiled, frame


def read(data: bytes, *, at: int | None = None, max_bytes: int = 1 << 20) -> list[Frame | Spoiled]:
    """Feed `data` in pieces of `at` bytes, then say that no more comes."""
    reader = FrameReader(max_bytes)
    events: list[Frame | Spoiled] = []
    for start in range(0, len(data), at or len(data) or 1):
        events += reader.feed(data[start : start + (at or len(data))])
    return events + reader.finish()


@pytest.mark.parametrize("byte", [b"\x0b", b"\x1c"])
def test_a_framing_byte_in_the_message_is_refused_without_quoting_it(byte):
    with pytest.raises(LabSenderError) as caught:
        frame(b"MSH|^~\\&|ANNA" + byte + b"ZEBRA\r")
    assert caught.value.code == "frame.bytes"
    assert "ZEBRA" not in str(caught.value)


def test_an_empty_message_is_refused():
    with pytest.raises(LabSenderError, match=r"frame\.empty"):
        frame(b"")


READINGS = [
    ("plain", b"\x0bMSH|a\r\x1c\r", [Frame(b"MSH|a\r")]),
    ("two in one packet", b"\x0bA\x1c\r\x0bB\x1c\r", [Frame(b"A"), Frame(b"B")]),
    ("white space before VT", b"\r\n \x0bA\x1c\r", [Frame(b"A", ("whitespace",))]),
    ("LF after the frame", b"\x0bA\x1c\r\n", [Frame(b"A")]),
    ("LF instead of CR", b"\x0bA\x1c\n", [Frame(b"A", ("no-cr",))]),
    ("no CR, next frame follows", b"\x0bA\x1c\x0bB\x1c\r", [Frame(b"A", ("no-cr",)), Frame(b"B")]),
    ("no CR at the end", b"\x0bA\x1c", [Frame(b"A", ("no-cr",))]),
    ("doubly framed", b"\x0b\x0bA\x1c\r\x1c\r", [Frame(b"A", ("restarted",))]),
    ("begun anew", b"\x0bMSH|half\x0bA\x1c\r", [Frame(b"A", ("restarted",))]),
    ("empty", b"\x0b\x1c\r", [Frame(b"")]),
    ("unfinished", b"\x0bMSH|a\rMSA|AA|M1", []),
    ("nothing", b"", []),
]


@pytest.mark.parametrize(("data", "events"), [r[1:] for r in READINGS], ids=[r[0] for r in READINGS])
@pytest.mark.parametrize("at", [None, 1, 2, 3])
def test_liberal_reading(data, events, at):
    assert read(data, at=at) == events


NOISES = [
    (b"MSH|^~\\&|HIS\rMSA|AA|M1\r", "ack.unframed", "without an MLLP frame"),
    (b"MS", "ack.gibberish", "plain text"),
    (b"login: ", "ack.gibberish", "plain text"),
    (b"HTTP/1.1 400 Bad Request", "ack.gibberish", "HTTP"),
    (b"\x15\x03\x03\x00\x02\x02\x46", "ack.gibberish", "TLS"),
    (b"<ack>ZEBRA</ack>", "ack.gibberish", "XML"),
    (b"\xff\xfb\x01\xff\xfb", "ack.gibberish", "binary"),
    (b"x\x0bMSH|\r\x1c\r", "ack.gibberish", "binary"),
    (b"\x0bMSA|AA|M1\x1c2\x1c\r", "ack.gibberish", "0x1C"),
]


@pytest.mark.parametrize(("data", "code", "word"), NOISES)
@pytest.mark.parametrize("at", [None, 1])
def test_noise_is_named_by_its_class_and_ends_the_reading(data, code, word, at):
    events = read(data + b"\x0bMSH|good\r\x1c\r", at=at) if len(data) > 4 else read(data, at=at)
    (event,) = events
    assert isinstance(event, Spoiled)
    assert event.code == code
    assert word in event.text
    assert "ZEBRA" not in event.text


@pytest.mark.parametrize("at", [None, 1, 7])
def test_a_frame_is_bounded(at):
    assert read(b"\x0b" + b"x" * 100 + b"\x1c\r", at=at, max_bytes=100) == [Frame(b"x" * 100)]
    (event,) = read(b"\x0b" + b"x" * 101 + b"\x1c\r", at=at, max_bytes=100)
    assert isinstance(event, Spoiled)
    assert event.code == "ack.too-long"


def test_at_rest_and_ended_tell_where_the_reader_stands():
    reader = FrameReader()
    assert reader.at_rest
    reader.feed(b"\x0bA")
    assert not reader.at_rest
    reader.feed(b"\x1c")
    assert reader.ended
    assert reader.feed(b"\r") == [Frame(b"A")]
    assert reader.at_rest
    reader.feed(b"\n")
    assert reader.at_rest
    reader.feed(b"noise")
    assert not reader.at_rest


_BYTES = st.lists(
    st.sampled_from([b"\x0b", b"\x1c", b"\x1c\r", b"\r", b"\n", b"M", b"MSH|", b"x", b"\x15\x03", b"<"]), max_size=12
).map(b"".join) | st.binary(max_size=40)


@given(_BYTES, st.lists(st.integers(0, 40), max_size=6), st.sampled_from([3, 1 << 20]))
def test_any_cutting_gives_the_same_events(data, cuts, max_bytes):
    reader = FrameReader(max_bytes)
    marks = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    cut = [event for a, b in pairwise(marks) for event in reader.feed(data[a:b])]
    assert cut + reader.finish() == read(data, max_bytes=max_bytes) == read(data, at=1, max_bytes=max_bytes)


@given(st.lists(st.binary(min_size=1).filter(lambda b: b"\x0b" not in b and b"\x1c" not in b)))
def test_what_frame_writes_the_reader_gives_back(bodies):
    assert read(b"".join(map(frame, bodies))) == [Frame(body) for body in bodies]
