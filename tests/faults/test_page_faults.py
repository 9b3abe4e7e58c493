"""The page under readers that do not read, and with a program in what it shows: nothing goes on, nothing gets out."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from faults.bench import Site, reserved_port
from faults.judge import judge
from faults.processes import until
from faults.visitor import Visitor, add_account
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn

READERS, MESSAGES = 100, 200
PROGRAM = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"


def with_program(control_id: str) -> bytes:
    """A message with a program for a patient's name and number."""
    patient = f"PID|1||{PROGRAM}77^^^H^MR||{PROGRAM}".encode()
    return b"\r".join(patient if each[:3] == b"PID" else each for each in ready(control_id).split(b"\r"))


def test_fault_69_slow_readers_do_not_keep_results(make_site: Callable[..., Site], his: StandIn) -> None:
    with reserved_port() as port:
        site = make_site(his.port, web=f"127.0.0.1:{port}")
    agent = site.start()
    visitor = Visitor(port)
    until(visitor.is_answered, "the page")
    request = f"GET /static/page.css HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode() * 10
    with contextlib.ExitStack() as stack:
        for number in range(READERS):
            slow = stack.enter_context(socket.socket())
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            slow.connect(("127.0.0.1", port))
            slow.sendall(request if number % 2 else request[:20])  # half of them do not even finish asking
        site.drop("a.hl7", b"".join(ready(f"M{each:03}") for each in range(MESSAGES)))
        site.settle(1)
        assert visitor.get("/")[0] == 200
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert len(his.received) == MESSAGES


def test_fault_69_a_program_in_what_is_shown_is_text(make_site: Callable[..., Site], his: StandIn) -> None:
    """In a patient's name, a file's name, the HIS's words, a reason; and no patient unless somebody asked."""
    with reserved_port() as port:
        site = make_site(his.port, web=f"127.0.0.1:{port}")
    add_account(site.configure(), "otto", "--role", "operator", "--patient-data")
    his.answer_by(f"contains=M2: AE,code=204,text={PROGRAM}")
    agent = site.start()
    site.drop(f"{PROGRAM.replace('/', '')}.hl7", with_program("M1") + with_program("M2"))
    site.settle(1)
    assert {each.control_id for each in his.received} == {"M1", "M2"}
    with site.operator() as operator:
        operator.hold("his", PROGRAM)
    visitor = Visitor(port)
    until(visitor.is_answered, "the page")
    visitor.log_in("otto")

    def shown() -> dict[str, str]:
        paths = [*visitor.screens(), "/messages/1", "/messages/2", "/api/v1/messages", "/api/v1/messages/2"]
        return {path: visitor.get(path)[1] for path in paths}

    masked = shown()
    assert [path for path, text in masked.items() if "77^^^H" in text or ">77<" in text] == []
    assert [path for path, text in masked.items() if PROGRAM in text and not path.startswith("/api/")] == []
    assert ESCAPED in masked["/"], "the reason of the hold"
    visitor.submit("/reveal", on="1", next="/")
    revealed = shown()
    assert [path for path, text in revealed.items() if PROGRAM in text and not path.startswith("/api/")] == []
    assert agent.stop() == 0
