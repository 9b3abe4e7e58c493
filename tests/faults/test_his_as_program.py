"""`lab-sender his`, against which senders are tried, accepts only what a careful HIS would."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from faults.workload import ready
from lab_sender.mllp.acknowledgement import read_acknowledgement
from lab_sender.mllp.framing import END, VT, FrameReader

M1 = ready("M1")
BATCH = b"FHS|^~\\&|LAB\rBHS|^~\\&|LAB\r" + M1 + b"BTS|1\rFTS|1\r"
ACK = b"MSH|^~\\&|HIS||LAB||20261122||ACK|9|P|2.5.1\rMSA|AA|M1\r"
LATIN = ready("M?").replace(b"M?|P|2.5.1", b"M\xfc|P|2.5.1||||||8859/1")
CASES = {
    "text": (b"hello", "closed"),
    "xml": (b'<?xml version="1.0"?><a/>', "closed"),
    "empty": (b"", "closed"),
    "MSH": (b"MSH", "closed"),
    "UTF-16": (M1.decode().encode("utf-16"), "closed"),
    "BOM": (b"\xef\xbb\xbf" + M1, "AR M1 100"),
    "batch": (BATCH, "AR  200"),
    "no MSH-10": (ready(""), "AR  101"),
    "ACK": (ACK, "silence"),
    "LF": (M1.replace(b"\r", b"\n"), "AR M1 100"),
    "Latin-1": (LATIN, "AA M\xfc "),
    "VT inside": (M1[:30] + VT + M1, "AA M1 "),
    "VT twice": (VT + M1, "AA M1 "),
}


@pytest.fixture(scope="module")
def program() -> Iterator[int]:
    """The stand-in as a process; its port."""
    command = [sys.executable, "-m", "lab_sender", "his", "--port", "0", "--json"]
    his = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert his.stdout is not None
    yield json.loads(his.stdout.readline())["port"]
    his.send_signal(signal.SIGINT)
    told = [json.loads(line) for line in his.stdout]
    his.stdout.close()
    assert his.wait(20) == 0
    again = [each["control_id"] for each in told if each.get("duplicate")]
    assert "" not in again
    assert told[-1]["again"] == len(again)


@pytest.mark.skipif(sys.platform == "win32", reason="ended by a signal")
@pytest.mark.parametrize("case", CASES, ids=[f"fault_109-{case}" for case in CASES])
def test_each_gets_the_answer_it_deserves(program: int, case: str) -> None:
    body, deserved = CASES[case]
    reader = FrameReader()
    with socket.create_connection(("127.0.0.1", program), timeout=20) as sock:
        sock.sendall(VT + body + END)
        if deserved == "silence":
            sock.sendall(VT + ready("NEXT") + END)
            deserved = "AA NEXT "
        data = sock.recv(4096)
    answers = [read_acknowledgement(event.payload) for event in reader.feed(data)]
    said = [f"{each.code} {each.control_id} {''.join(each.error_codes)}" for each in answers]
    assert (said or ["closed"]) == [deserved]
