"""A whole agent with several outboxes and destinations, by a configuration file, against HIS of several minds."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from config.test_profile_national import FULL
from kit.core import entry, ready, report, source, steps, until
from kit.threads import at_work

from lab_sender.agent.process import Agent
from lab_sender.config.load import load
from lab_sender.intake.claims import Claims
from lab_sender.intake.intake import Intake
from lab_sender.journal import View
from lab_sender.mllp.standin.server import StandIn
from lab_sender.premises.names import JOURNAL_NAME
from lab_sender.premises.needs import AnotherRuns

CONFIG = """\
outboxes:
  - folder: all
  - {{folder: micro, to: [hospital, portal]}}
destinations:
  hospital:
    host: 127.0.0.1
    port: {hospital}
    retry: {{first_wait: 10ms, longest_wait: 20ms}}
    message: {{version: "2.3"}}
  registry:
    host: 127.0.0.1
    port: {registry}
    takes: [{{field: OBR-4.1, in: reportable.csv}}]
    retry: {{first_wait: 10ms, longest_wait: 20ms, refused: 1}}
  portal:
    host: 127.0.0.1
    port: {portal}
    message: {{version: "2.6"}}
    retry: {{first_wait: 10ms, longest_wait: 20ms}}
message: {{sending_application: LAB^2.16.1^ISO, sending_facility: CITY^2.16.2^ISO}}
intake: {{poll: 50ms, settle: 10ms, attachment_wait: 1m}}
folders: {{journal: journal}}
"""


class Place:
    """A folder with a configuration, and an agent over it in threads of this process."""

    def __init__(self, folder: Path, **ports: int) -> None:
        self.folder = folder
        (folder / "reportable.csv").write_text("58410-2\n24323-8\n")
        self.config = folder / "config.yaml"
        self.config.write_text(CONFIG.format(**ports))

    def agent(self) -> contextlib.AbstractContextManager[Agent]:
        return at_work(Agent(load(self.config)))

    def put(self, outbox: str, name: str, data: bytes) -> None:
        part = self.folder / outbox / f".{name}"
        part.write_bytes(data)
        part.rename(self.folder / outbox / name)

    def rests(self, outbox: str) -> dict[str, str]:
        """File -> folder of what lies in an outbox's sent/ and quarantine/, reasons left out."""
        found = {}
        for folder in ("sent", "quarantine"):
            for path in (self.folder / outbox / folder).rglob("*"):
                if path.is_file() and not path.name.endswith(".reason.txt"):
                    found[path.name] = folder
        return found

    def counts(self, destination: str) -> dict[str, int]:
        view = View(self.folder / "journal" / JOURNAL_NAME)
        try:
            return view.counts(destination)
        finally:
            view.close()


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_what_any_outbox_has_claimed_before_is_known_before_one_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else, with the clock set back, what lies in the claimed/ of another one would count as newer."""
    with nobody() as down:
        place = Place(tmp_path, hospital=down, registry=down, portal=down)
        done = steps(monkeypatch, (Claims, "go_on_from_left"), (Intake, "run"))
        with place.agent():
            until(lambda: done.count("run") == 2)
    assert done == ["go_on_from_left"] * 2 + ["run"] * 2


def test_one_up_one_refusing_one_down(tmp_path: Path) -> None:
    """Each file is filed as soon as its destinations are through with it, and no destination waits for another."""
    with StandIn() as hospital, StandIn(rules=["AE,code=204,text=no"]) as registry:
        with nobody() as down:
            place = Place(tmp_path, hospital=hospital.port, registry=registry.port, portal=down)
            with place.agent() as agent:
                for number in range(3):
                    place.put("all", f"{number}.json", report(f"F{number}"))
                place.put("all", "full.json", json.dumps(FULL).encode())
                place.put("all", "plain.hl7", ready("M1", order="X1").replace(b"58410-2", b"9999-9"))
                place.put("micro", "1.json", report("G1"))
                until(lambda: agent.delivered == 6)
                until(lambda: len(place.rests("all")) == 4)
        reported = ("0.json", "1.json", "2.json", "full.json")
        assert place.rests("all") == dict.fromkeys(reported, "quarantine")
        assert place.rests("micro") == {}, "the portal has not accepted it"
        assert place.counts("registry")["quarantined"] == 4
        assert place.counts("portal")["spooled"] == 6
        assert place.counts("hospital")["acked"] == 6
        assert all(b"|P|2.3|" in each.body for each in hospital.received if b"X1^LAB" not in each.body)
        reason = (tmp_path / "all" / "quarantine" / "1.json.reason.txt").read_text()
        assert "registry" in reason
        with StandIn(port=down) as portal, place.agent() as agent:
            until(lambda: agent.delivered == 6)
            until(lambda: place.rests("micro") == {"1.json": "sent"})
            until(lambda: place.rests("all").get("plain.hl7") == "sent")
            assert portal.count == 6


def test_an_outbox_that_comes_back_is_taken_while_the_other_goes_on(tmp_path: Path) -> None:
    with StandIn() as his:
        place = Place(tmp_path, hospital=his.port, registry=his.port, portal=his.port)
        with place.agent():
            pass
        (tmp_path / "micro").rename(tmp_path / "away")
        with place.agent():
            place.put("all", "1.json", report("F1"))
            until(lambda: place.rests("all") == {"1.json": "sent"})
            assert not (tmp_path / "micro").exists()
            (tmp_path / "away").rename(tmp_path / "micro")
            place.put("micro", "2.json", report("F2"))
            until(lambda: place.rests("micro") == {"2.json": "sent"})
            assert his.count == 3 + 2


def test_a_second_agent_that_shares_one_outbox_does_not_start(tmp_path: Path) -> None:
    with nobody() as port:
        place = Place(tmp_path, hospital=port, registry=port, portal=port)
        other = tmp_path / "other"
        other.mkdir()
        second = Place(other, hospital=port, registry=port, portal=port)
        text = second.config.read_text().replace("folder: micro", f"folder: {tmp_path / 'micro'}")
        second.config.write_text(text)
        with place.agent(), pytest.raises(AnotherRuns), second.agent():
            pass
        assert not (other / "all").exists()


def test_retention_looks_for_a_file_where_its_outbox_is_now(tmp_path: Path) -> None:
    """The journal has another name for an outbox than the configuration, where that was changed."""
    config, his = tmp_path / "config.yaml", "his: {host: 127.0.0.1, port: 1}\nfolders: {journal: journal}\n"
    for text in ("outbox: mine\n", "outboxes: [{folder: another}, {folder: mine}]\n"):
        config.write_text(text + his)
        agent = Agent(load(config))
        with agent._premises, agent._open_journal(agent._premises.journal) as journal:
            agent._build(journal)
            if text.startswith("outbox:"):
                journal.spool.spooled([source("C1", entry("M1"))], "his")
    where = {name: folders.outbox.name for name, folders in agent._purge._folders.items()}
    assert where == {"": "mine", "mine": "mine", "another": "another"}
