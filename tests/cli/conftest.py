"""A site in a folder of its own, the commands on it, and an agent where a test wants one."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kit.core import until
from kit.documents import checked
from kit.threads import at_work

from lab_sender.agent.process import Agent
from lab_sender.cli.main import main
from lab_sender.config.load import load
from lab_sender.mllp.standin.server import StandIn

SECRET = "ZEBRAPATIENT"
"""A patient's name: in every sample, and in what the HIS says of it."""

CONFIG = """\
outbox: outbox
his:
  host: 127.0.0.1
  port: {port}
  ack_timeout: 5s
  retry: {{first_wait: 10ms, longest_wait: 20ms, refused: 2}}
intake: {{poll: 50ms, settle: 20ms, attachment_wait: 2s{intake}}}
"""
WEB = "web: {listen: off}\n"


def report(filler: str = "F-1", *, value: str = "5.4", attachment: str = "", **more: object) -> str:
    """A report that can be built."""
    test = {"code": "2345-7", "text": "Glucose", "system": "LN"}
    time = "2026-11-22T08:00:00+01:00"
    order = {"filler": filler, "test": test, "collected": time, "reported": time}
    order["results"] = [{"test": test, "value": value, "unit": "mmol/L"}]
    if attachment:
        order["attachments"] = [{"path": attachment}]
    patient = {"ids": [{"id": "4711", "type": "MR"}], "name": {"family": SECRET, "given": "Änne"}}
    return json.dumps({"schema": "lab-result/1", "patient": patient, "orders": [order], **more})


def ready(control_id: str, filler: str = "R-1") -> bytes:
    """A ready-made message."""
    return (
        f"MSH|^~\\&|LAB||HIS||20261122101500||ORU^R01^ORU_R01|{control_id}|P|2.5.1\rPID|1||4711||{SECRET}^ANNA\r"
        f"OBR|1||{filler}|2345-7^Glucose^LN\rOBX|1|NM|2345-7^Glucose^LN||5.4|mmol/L|||||F\r"
    ).encode()


class Here:
    """A site and its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outbox = folder / "outbox"
        self.path = folder / "config.yaml"

    def configure(self, port: int, *, intake: str = "", more: str = "") -> None:
        self.path.write_text(CONFIG.format(port=port, intake=intake) + more + WEB, encoding="utf-8")

    def __call__(self, *args: object, exits: int | None = 0) -> Result:
        result = CliRunner().invoke(main, ["--config", str(self.path), *map(str, args)])
        assert exits is None or result.exit_code == exits, f"{args}: {result.exit_code}\n{result.output}"
        return result

    def json(self, *args: object, exits: int | None = 0) -> dict[str, Any]:
        """Run a command with `--json`; its document is what the schema says."""
        return checked(self(*args, "--json", exits=exits).stdout)

    def entries(self, *args: object) -> list[dict[str, Any]]:
        """List messages and unreadable files."""
        return self.json("list", *args)["entries"]

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def agent(self) -> contextlib.AbstractContextManager[Agent]:
        """Run an agent in this process; it is up when the block begins."""
        return at_work(Agent(load(self.path), reread=lambda: load(self.path)))

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for what another thread does."""
        until(true)

    def tree(self) -> dict[str, int]:
        return {str(path.relative_to(self.folder)): path.stat().st_mtime_ns for path in self.folder.rglob("*")}


@pytest.fixture
def his() -> Iterator[StandIn]:
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def here(tmp_path: Path, his: StandIn) -> Here:
    site = Here(tmp_path)
    site.configure(his.port)
    return site


@pytest.fixture(name="report")
def _report() -> Callable[..., str]:
    return report


@pytest.fixture(name="ready")
def _ready() -> Callable[..., bytes]:
    return ready


@pytest.fixture(name="secret")
def _secret() -> str:
    return SECRET
