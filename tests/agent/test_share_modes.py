"""Windows: a file is not taken while its writer has it open, whatever the writer lets others do with it meanwhile."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from kit.core import ready, until
from kit.threads import at_work

from lab_sender.agent.process import Agent
from lab_sender.config.load import load
from lab_sender.mllp.standin.server import StandIn

if sys.platform != "win32":
    pytest.skip("share modes are Windows'; `make test-windows` tries them", allow_module_level=True)

from windows.share import SHARES, close, opened, write

CONFIG = """
outbox: outbox
his: {{host: 127.0.0.1, port: {port}}}
intake: {{poll: 200ms, settle: 500ms}}
"""
_PAUSE_S = 3.0


def test_two_writes_3_s_apart_both_arrive_and_none_before_the_close(tmp_path: Path) -> None:
    """Java, Node.js, Rust and Git-Bash open with all of them. Six times `settle` lies between."""
    outbox, config = tmp_path / "outbox", tmp_path / "config.yaml"
    outbox.mkdir()
    with StandIn() as his:
        config.write_text(CONFIG.format(port=his.port))
        with at_work(Agent(load(config))):
            writers = {who: opened(outbox / f"{who}.hl7", share) for who, share in SHARES.items()}
            for who, writer in writers.items():
                write(writer, ready(f"{who}-1", order=f"{who}-1"))
            time.sleep(_PAUSE_S)
            for who, writer in writers.items():
                write(writer, ready(f"{who}-2", order=f"{who}-2"))
            time.sleep(_PAUSE_S)
            assert his.count == 0
            assert len(list(outbox.glob("*.hl7"))) == len(SHARES)
            for number, (who, writer) in enumerate(writers.items(), 1):
                close(writer)
                until(lambda number=number: his.count == 2 * number)
                got = [each.control_id for each in his.received]
                assert got[-2:] == [f"{who}-1", f"{who}-2"]
