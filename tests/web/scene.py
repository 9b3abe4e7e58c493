"""A laboratory for the page: a HIS that refuses some, an agent, results of made-up patients, accounts.

Holds: `Scene`, a context that has all of it in a folder, in this process; `PATIENTS`, the texts that nobody without
the right may see.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from kit.core import until
from kit.threads import at_work

from lab_sender.agent.process import Agent
from lab_sender.config.load import load
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.accounts import Accounts, Keys
from lab_sender.operations.alerts.asked import AlertsListing, FailingChannel, ListedAlert
from lab_sender.operations.installation import Installation
from lab_sender.operations.rights_of import Visitor
from lab_sender.operations.status import Status
from lab_sender.operations.web.site import Site

PASSWORD = "a horse walks home"
FAMILIES = (
    "ZEBRASTEIN", "QUAGGAHAUS", "OKAPIBERG", "TAPIRWALD", "GNUMANN", "KUDUFELD", "ORYXTHAL", "ELANDSEN", "IMPALIN",
    "NYALADOR",
)  # fmt: skip
MRNS = tuple(f"77{number}00441" for number in range(10))
PATIENTS = (*FAMILIES, *MRNS)
CONFIG = """\
outbox: outbox
his:
  host: 127.0.0.1
  port: {port}
  ack_timeout: 3s
  retry: {{first_wait: 10ms, longest_wait: 200ms, refused: 1}}
  brake: {{refused: 1000}}
intake: {{poll: 50ms, settle: 20ms}}
web: {{listen: "127.0.0.1:{web}"}}
"""
ALERTS = AlertsListing(
    ("mail", "phone"),
    (
        ListedAlert(
            id=7, code="link.down", level="CRITICAL", phase="firing", destination="his", cause="connect.refused",
            text="the link is down (connect.refused)", since_ms=1_795_910_000_000, sent_ms=1_795_910_300_000,
            taken_by=None, taken_ms=None,
        ),
        ListedAlert(
            id=5, code="quarantine", level="WARNING", phase="firing", destination="his", cause="refused",
            text="7 in quarantine (refused)", since_ms=1_795_909_000_000, sent_ms=1_795_909_000_000,
            taken_by="paula (page)", taken_ms=1_795_909_900_000,
        ),
        ListedAlert(
            id=9, code="disk.low", level="WARNING", phase="pending", destination=None, cause=None,
            text="4 GB of disk left", since_ms=1_795_910_000_000, sent_ms=None, taken_by=None, taken_ms=None,
        ),
    ),
    (FailingChannel("phone", 1_795_909_000_000, 4, "alerts.not-sent"),),
)  # fmt: skip
"""Alerts as they would stand: two go out, one waits, a channel does not work."""
TESTER = Visitor(name="tester", role="command line")


def report(number: int) -> str:
    """A report of a made-up patient; his name, number and order stand in it, and in its file's name."""
    test = {"code": "2345-7", "text": "Glucose", "system": "LN"}
    time = "2026-11-22T08:00:00+01:00"
    order = {"filler": f"L26-{number:05}", "test": test, "collected": time, "reported": time}
    order |= {"results": [{"test": test, "value": f"{4 + number / 100:.2f}", "unit": "mmol/L"}, *_others(number)]}
    name = {"family": FAMILIES[number % 10], "given": "Ada"}
    patient = {"ids": [{"id": MRNS[number % 10], "type": "MR"}], "name": name}
    return json.dumps({"schema": "lab-result/1", "patient": patient, "orders": [order]})


def _others(number: int) -> list[dict[str, object]]:
    """The results beside the glucose: a chemistry of seven, of which one or two are flagged."""
    return [
        {
            "test": {"code": code, "text": text, "system": "LN"},
            "value": value,
            "unit": unit,
            "range": {"low": low, "high": high},
            "flags": ["L"] if value < low else ["H"] if value > high else [],
        }
        for code, text, value, unit, low, high in (
            ("2951-2", "Sodium", 138 + number % 9, "mmol/L", 135, 145),
            ("2823-3", "Potassium", round(4.1 + number % 5 * 0.4, 1), "mmol/L", 3.5, 5.1),
            ("2160-0", "Creatinine", 62 + number % 7 * 9, "umol/L", 45, 104),
            ("1742-6", "Alanine aminotransferase", 19 + number % 4 * 6, "U/L", 7, 35),
            ("1988-5", "C reactive protein", round(1.2 + number % 6 * 1.1, 1), "mg/L", 0, 5),
            ("718-7", "Hemoglobin", round(11.2 + number % 8 * 0.5, 1), "g/dL", 12, 16),
        )
    ]


class Scene:
    """One site with an agent and a HIS; both can be stopped."""

    def __init__(self, folder: Path, *, web: int = 8425, more: str = "") -> None:
        """`more` goes to the end of the configuration."""
        self.folder = folder
        self.path = folder / "config.yaml"
        self.his = StandIn()
        self._web = web
        self._more = more
        self._agent = contextlib.ExitStack()

    def __enter__(self) -> Scene:
        self.his.start()
        self.path.write_text(CONFIG.format(port=self.his.port, web=self._web) + self._more, encoding="utf-8")
        (self.folder / "outbox").mkdir(exist_ok=True)
        self.site = Site(self.path)
        accounts = Accounts(self.site.records, self.site.audit)
        for name, role, patient_data in (
            ("vera", "viewer", False), ("otto", "operator", False), ("paula", "operator", True),
            ("adam", "admin", False),
        ):  # fmt: skip
            accounts.add(TESTER, name, role, password=PASSWORD, patient_data=patient_data)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_agent()
        self.site.close()
        self.his.stop()

    @property
    def keys(self) -> Keys:
        """The keys of programs."""
        return Keys(self.site.records, self.site.audit)

    def start_agent(self) -> None:
        """Start an agent; it is up on return."""
        self._agent.enter_context(at_work(Agent(load(self.path), reread=Installation(self.path).reread)))

    def stop_agent(self) -> None:
        """Stop it."""
        self._agent.close()

    @contextlib.contextmanager
    def agent(self) -> Iterator[None]:
        """Run an agent meanwhile."""
        self.start_agent()
        try:
            yield
        finally:
            self.stop_agent()

    def drop(self, name: str, content: str) -> None:
        """Put a file into the outbox, whole."""
        part = self.folder / f".{name}.part"
        part.write_text(content, encoding="utf-8")
        part.rename(self.folder / "outbox" / name)

    def drop_reports(self, first: int, last: int) -> None:
        """Drop reports; their files are named after the patients."""
        for number in range(first, last + 1):
            self.drop(f"{FAMILIES[number % 10]}_{MRNS[number % 10]}_{number:05}.json", report(number))

    def settled(self, count: int) -> None:
        """Wait until so many messages and files are through: delivered, or in quarantine."""
        self.until(lambda now: now.acked + now.quarantined + now.unreadable >= count and not now.waiting)

    def until(self, stands: Callable[[Status], bool]) -> None:
        """Wait until it stands like that."""

        def looked() -> bool:
            self.site.look_again()
            return stands(self.site.status())

        until(looked, timeout_s=60)

    def fill(self) -> None:
        """Let the HIS refuse some, for two reasons, and the agent find a file that cannot be read."""
        with self.agent():
            self.drop_reports(1, 12)
            self.settled(12)
            self.his.answer_by(f"AE,code=204,text=unknown order of {FAMILIES[3]}")
            self.drop_reports(13, 17)
            self.settled(17)
            self.his.answer_by(f"AE,code=206,text=record of {FAMILIES[4]} is locked")
            self.drop_reports(18, 19)
            self.settled(19)
            self.his.answer_by()
            self.drop("broken.json", "{")
            self.drop_reports(20, 26)
            self.settled(27)
