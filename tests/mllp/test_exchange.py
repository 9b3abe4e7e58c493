"""The exchange without I/O: bytes and instants in, outcomes out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.settings import his_at

from lab_sender.mllp.acknowledgement import Acknowledgement, usual_acceptance
from lab_sender.mllp.framing import FrameReader, frame
from lab_sender.mllp.verdict import Exchange

HIS = his_at(ack_timeout_s=10.0, application_ack_timeout_s=100.0)


def answer(code: str, control_id: str = "M1") -> bytes:
    return frame(f"MSH|^~\\&|HIS\rMSA|{code}|{control_id}\r".encode())


def exchange(commits: list | None = None) -> Exchange:
    """An exchange written at instant 1000; with `commits`, one that wants the application answer."""
    awaits = None if commits is None else lambda ack: commits.append(ack) is None
    return Exchange("M1", FrameReader(), HIS, 1000.0, awaits, earlier=("M0",))


def test_the_ack_clock_starts_at_the_write_and_ends_in_unknown():
    machine = exchange()
    assert machine.deadline == 1010.0
    assert machine.waited(1009.9) is None
    outcome = machine.waited(1010.0)
    assert outcome is not None
    assert (outcome.kind, outcome.phase, outcome.code) == ("unknown", "ack", "ack.timeout")
    assert not machine.clean


def test_elapsed_counts_from_the_last_byte_written():
    outcome = exchange().feed(answer("AA"), 1000.25)
    assert outcome is not None
    assert outcome.elapsed_ms == pytest.approx(250.0)


@pytest.mark.parametrize("code", ["AA", "AE", "AR", "CA", "CE", "CR"])
def test_every_code_is_a_verdict_where_no_application_answer_is_awaited(code):
    machine = exchange()
    outcome = machine.feed(answer(code), 1001.0)
    assert outcome is not None
    assert outcome.ack is not None
    assert (outcome.kind, outcome.ack.code, machine.clean) == ("verdict", code, True)


@pytest.mark.parametrize("code", ["AA", "AE", "AR", "CE", "CR"])
def test_only_a_ca_starts_the_second_clock(code):
    commits: list = []
    outcome = exchange(commits).feed(answer(code), 1001.0)
    assert outcome is not None
    assert outcome.kind == "verdict"
    assert commits == []


def test_ca_then_aa():
    commits: list = []
    machine = exchange(commits)
    assert machine.feed(answer("CA"), 1002.0) is None
    assert [ack.code for ack in commits] == ["CA"]
    assert machine.deadline == 1102.0
    assert machine.waited(1101.0) is None
    outcome = machine.feed(answer("AA"), 1101.5)
    assert outcome is not None
    assert (outcome.kind, machine.clean, len(commits)) == ("verdict", True, 1)


def _drop(machine):
    return machine.closed(1003.0)


def _expire(machine):
    return machine.waited(1102.0)


def _reset(machine):
    return machine.broken("ack.reset", "", 1003.0)


def _noise(machine):
    return machine.feed(b"noise", 1003.0)


def _unreadable(machine):
    return machine.feed(frame(b"<xml/>"), 1003.0)


@pytest.mark.parametrize("end", [_drop, _expire, _reset, _noise, _unreadable])
def test_after_a_ca_no_failure_makes_it_unknown_again(end):
    machine = exchange([])
    machine.feed(answer("CA"), 1002.0)
    outcome = end(machine)
    assert outcome.kind == "committed"
    assert outcome.ack.code == "CA"


def test_a_second_accept_answer_after_the_ca_is_not_the_verdict():
    machine = exchange([])
    machine.feed(answer("CA"), 1002.0)
    assert machine.feed(answer("CR"), 1003.0) is None
    outcome = machine.feed(answer("AA"), 1004.0)
    assert outcome is not None
    assert (outcome.kind, outcome.ack.code) == ("verdict", "AA")


@pytest.mark.parametrize("end", [_drop, _expire, _reset, _noise, _unreadable])
@pytest.mark.parametrize("code", ["CE", "CR"])
def test_fault_73_a_commit_that_was_taken_back_is_a_refusal(end, code):
    machine = exchange([])
    machine.feed(answer("CA") + answer(code), 1002.0)
    outcome = end(machine)
    assert (outcome.kind, outcome.ack.code, machine.clean) == ("verdict", code, False)


@pytest.mark.parametrize("other", ["M12", "m1", " M1", "", "XM1"])
def test_another_id_is_never_the_verdict(other):
    machine = exchange()
    assert machine.feed(answer("AA", other), 1001.0) is None
    outcome = machine.waited(1010.0)
    assert outcome is not None
    assert (outcome.kind, outcome.code, outcome.foreign_ids) == ("unknown", "ack.foreign", (other,))


@pytest.mark.parametrize(
    ("data", "foreign"),
    [
        (answer("AA") + answer("AA", "F9"), ()),
        (answer("AA", "F9") + answer("AA"), ("F9",)),
        (answer("AA") + b"\x0bMSH|", ()),
        (answer("AA") + b"noise", ()),
    ],
)
def test_our_first_answer_stands_and_anything_beside_it_ends_the_connection(data, foreign):
    machine = exchange()
    outcome = machine.feed(data, 1001.0)
    assert outcome is not None
    assert outcome.ack is not None
    assert (outcome.kind, outcome.ack.code, outcome.foreign_ids) == ("verdict", "AA", foreign)
    assert not machine.clean


@pytest.mark.parametrize("refusal", ["AE", "AR", "CE", "CR"])
def test_fault_73_of_a_refusal_and_an_aa_in_one_read_the_last_word_counts(refusal):
    machine = exchange()
    outcome = machine.feed(answer(refusal) + answer("AA"), 1001.0)
    assert outcome is not None
    assert outcome.ack is not None
    assert (outcome.kind, outcome.ack.code, machine.heard, machine.clean) == ("verdict", "AA", [], False)
    assert outcome.detail == f"{refusal} came before it"
    machine = exchange()
    machine.feed(answer(refusal) + answer("AA") + answer("AR"), 1001.0)
    assert [each.code for each in machine.heard] == ["AR"]
    machine = exchange()
    outcome = machine.feed(answer(refusal) + answer("CA") + answer("AA", "F9"), 1001.0)
    assert outcome is not None
    assert outcome.ack is not None
    assert outcome.ack.code == refusal


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (answer("AA") + answer("AE"), ["M1 AE"]),
        (answer("CA") + answer("AE") + answer("AA"), ["M1 AE", "M1 AA"]),
        (answer("AE", "M0") + answer("AA"), ["M0 AE"]),
        (answer("AA") + answer("AE", "M0"), ["M0 AE"]),
        (answer("AA", "F9") + answer("AA") + answer("CR", "F9"), ["F9 AA", "F9 CR"]),
    ],
)
def test_fault_73_every_answer_beside_the_verdict_is_kept(data, heard):
    """To a message of this connection it is no fault of the connection: its next verdicts would be lost with it."""
    machine = exchange()
    outcome = machine.feed(data, 1001.0)
    assert outcome is not None
    assert [f"{ack.control_id} {ack.code}" for ack in machine.heard] == heard
    assert machine.clean is ("F9 AA" not in heard)


def test_fault_74_the_link_stays_when_only_the_application_is_silent():
    """The message is never sent again, so its late answer can harm nothing, and would be lost with the link."""
    machine = exchange([])
    machine.feed(answer("CA"), 1002.0)
    outcome = machine.waited(1102.0)
    assert outcome is not None
    assert (outcome.kind, outcome.code, machine.clean) == ("committed", "ack.timeout", True)


@pytest.mark.parametrize(("ours", "theirs"), [("M1", "M1   "), ("M1  ", "M1"), ("M1 ", "M1  ")])
def test_fault_76_trailing_blanks_are_no_part_of_an_id(ours, theirs):
    machine = Exchange(ours, FrameReader(), HIS, 1000.0, None)
    outcome = machine.feed(answer("AA", theirs), 1001.0)
    assert outcome is not None
    assert (outcome.kind, machine.clean) == ("verdict", True)


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ("A" * 20 + "B" * 16, "A" * 20, "the first 20 characters of our id"),
        ("000123", "123", "our id without its leading zeros"),
        ("123", "000123", "our id with other leading zeros"),
        ("A&1", "A\\T\\1", "our id with its delimiters escaped"),
        ("A^1", "A\\S\\1", "our id with its delimiters escaped"),
        ("QQ^1", "QQ", "the first component of our id"),
        ("  A1", "A1", "our id with other blanks before it"),
        ("ab1", "AB1", "our id in other letters, capital or small"),
        ("M100", "XM100X", "our id with more around it"),
    ],
)
def test_fault_76_a_near_miss_is_named_and_never_counts(ours, theirs, told):
    machine = Exchange(ours, FrameReader(), HIS, 1000.0, None)
    assert machine.feed(answer("AA", theirs), 1001.0) is None
    outcome = machine.waited(1010.0)
    assert outcome is not None
    assert (outcome.kind, outcome.code) == ("unknown", "ack.foreign")
    assert told in outcome.detail
    assert theirs not in outcome.detail.replace(told, "")


@pytest.mark.parametrize("theirs", ["F9", "", "M2", "M"])
def test_another_id_is_no_near_miss(theirs):
    machine = exchange()
    machine.feed(answer("AA", theirs), 1001.0)
    outcome = machine.waited(1010.0)
    assert outcome is not None
    assert "One carried" not in outcome.detail


def test_fault_73_answers_to_others_without_an_end_end_the_exchange():
    machine = exchange()
    outcome = machine.feed(answer("AA", "M0") * 5000, 1001.0)
    assert outcome is not None
    assert (outcome.kind, outcome.code, machine.clean) == ("unknown", "ack.foreign", False)


def test_white_space_beside_the_answer_does_not():
    machine = exchange()
    outcome = machine.feed(b"\r\n" + answer("AA") + b"\n", 1001.0)
    assert outcome is not None
    assert (outcome.kind, outcome.detail, machine.clean) == ("verdict", "whitespace", True)


def test_an_fs_without_cr_counts_after_a_short_silence_or_at_the_end():
    machine = exchange()
    assert machine.feed(answer("AA")[:-1], 1001.0) is None
    assert 1001.0 < machine.wake_at(1001.0) < 1002.0
    outcome = machine.waited(machine.wake_at(1001.0))
    assert outcome is not None
    assert (outcome.kind, outcome.detail, machine.clean) == ("verdict", "no-cr", True)
    machine = exchange()
    machine.feed(answer("AA")[:-1], 1001.0)
    assert machine.closed(1001.1).kind == "verdict"
    assert not machine.clean


def test_half_an_answer_is_said_so():
    machine = exchange()
    machine.feed(answer("AA")[:9], 1001.0)
    assert "in the middle" in machine.closed(1002.0).detail
    machine = exchange()
    machine.feed(answer("AA")[:9], 1001.0)
    outcome = machine.waited(1010.0)
    assert outcome is not None
    assert "did not end" in outcome.detail


def test_foreign_ids_are_bounded():
    machine = exchange()
    machine.feed(b"".join(answer("AA", f"F{n}") for n in range(1000)) + answer("AA", "L" * 1000), 1001.0)
    outcome = machine.waited(1010.0)
    assert outcome is not None
    assert len(outcome.foreign_ids) == 16


_NEAR = st.sampled_from(
    [b"\x0b", b"\x1c\r", b"\x1c", b"\r", b"MSH|^~\\&|HIS\r", b"MSA|AA|M1", b"MSA|AA|M12", b"MSA|CA|M1", b"|", b"ERR|"]
)


@given(st.lists(_NEAR | st.binary(max_size=5), max_size=16), st.booleans())
def test_no_bytes_crash_it_and_only_our_exact_id_is_a_verdict(pieces, wants):
    machine = exchange([] if wants else None)
    outcome = None
    for piece in pieces:
        outcome = outcome or machine.feed(piece, 1001.0)
    outcome = outcome or machine.waited(1200.0)
    assert outcome is not None
    if outcome.kind == "verdict":
        assert outcome.ack is not None
        assert outcome.ack.control_id == "M1"
        assert b"|M1" in b"".join(pieces)
    else:
        assert outcome.code


USUAL = b"\x0bMSH|^~\\&|HIS|HF|LAB|LF|20261122||ACK|H1|P|2.5.1\rMSA|AA|M1\r\x1c\r"
PIECES = st.sampled_from([
    b"\x0b", b"\x1c", b"\r", b"\n", b"|", b" ", b"^", b"\x00", b"\xc3\xa4", b"\xff", b"M1", b"M", b"\rMSA|AA|M2",
    b"\rMSA|AE|M1", b"\rERR|||207^x", b"MSA|", b"CA", b"AA", b"\x1c\r", b"\x0bMSH|^~\\&|", b"X", b"|not now",
])  # fmt: skip


@st.composite
def nearly_usual(draw):
    """The usual answer with up to three pieces cut out of it or put into it."""
    data = USUAL
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(PIECES | st.just(b"")) + data[at + draw(st.integers(0, 2)) :]
    return data


@settings(max_examples=300)
@given(nearly_usual() | st.lists(PIECES, max_size=12).map(b"".join))
def test_the_usual_answer_by_one_expression_is_what_the_strict_reading_gives(data):
    usual = usual_acceptance(data)
    if usual is None:
        return
    machine = Exchange(usual.control_id, FrameReader(), HIS, 1000.0, lambda _: True, earlier=("M0",))
    outcome = machine.feed(data, 1000.5)
    assert outcome is not None
    assert outcome == ("verdict", "ack", "", "", usual, (), 500.0, "")
    assert (machine.clean, machine.heard) == (True, [])


@pytest.mark.parametrize("end", [b"\r", b"|\r", b"|", b""])
def test_the_usual_answer_is_known(end):
    data = USUAL.removesuffix(b"\r\x1c\r") + end + b"\x1c\r"
    assert usual_acceptance(data) == Acknowledgement("AA", "M1", "", (), (), (), "", "", data[1:-2])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"AA", b"AE"), (b"AA", b"CA"), (b"^~\\&", b"^~\\"), (b"|M1", b"|M1|no"), (b"M1\r", b"M1\rERR|\r"),
        (b"MSA|", b"MSA|AA|M2\rMSA|"), (b"\x1c\r", b"\x1c"), (b"\x0b", b"\r\x0b"), (b"HIS", b"H\xe4S"),
        (b"\x1c\r", b"\x1c\r\r"), (USUAL, USUAL + USUAL),
    ],
)  # fmt: skip
def test_what_is_not_just_that_is_not_the_usual_answer(old, new):
    assert usual_acceptance(USUAL.replace(old, new)) is None
