"""What the page's process does for monitors: the metrics, and the alerts in a thread of their own."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kit.core import until
from kit.webhook import Webhook
from prometheus_client.parser import text_string_to_metric_families

from lab_sender.cli.run import Page
from lab_sender.config.load import load
from lab_sender.errors import LabSenderError
from lab_sender.operations.web.alerting import sending
from lab_sender.operations.web.site import Site
from web.conftest import Browser
from web.scene import PATIENTS, Scene

MINIMAL = "outbox: outbox\nhis: {host: 127.0.0.1, port: 1}\n"


def test_the_metrics_are_for_anybody_and_have_nothing_of_a_patient(filled: Scene) -> None:
    answer = Browser(filled.site).get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {each.name: each.samples for each in text_string_to_metric_families(answer.text)}
    assert families["lab_sender_status_known"][0].value == 1
    assert families["lab_sender_messages_delivered"][0].value > 0
    assert [each for each in PATIENTS if each in answer.text] == []


def test_the_metrics_say_that_nobody_can_look(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Site) -> None:
        raise LabSenderError("journal.damaged", "it is")

    monkeypatch.setattr(Site, "status", fails)
    monkeypatch.setattr("lab_sender.operations.status.status", fails)
    answer = Browser(scene.site).get("/metrics")
    assert answer.status_code == 200
    assert "lab_sender_status_known 0\n" in answer.text


def test_alerts_go_out_by_what_the_page_sees_and_new_channels_count_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a channel at first; then with one, and something waits while no agent runs."""
    monkeypatch.setattr("lab_sender.operations.web.site._READ_AGAIN_S", 0.05)
    monkeypatch.setattr("lab_sender.operations.alerts.service.EVERY_S", 0.05)
    with Webhook() as webhook, sending(scene.site) as service:
        until(lambda: threading.active_count() > 1)
        scene.drop_reports(1, 1)
        assert not service.has_channels
        more = f"""\
alerts:
  name: lab1
  channels: {{hook: "json://127.0.0.1:{webhook.port}/"}}
  conditions: {{agent.none: {{warning_after: 0s, critical_after: 0s}}}}
"""
        scene.path.write_text(scene.path.read_text("utf-8") + more, encoding="utf-8")
        until(lambda: webhook.titles)
    assert webhook.titles == ["[lab1] CRITICAL: no agent runs and 1 message or file waits"]
    assert [each for each in PATIENTS if each in str(webhook.bodies)] == []


@pytest.mark.parametrize(
    ("more", "runs"),
    [
        ("", 1),
        ("web: {listen: off}\n", 0),
        ("web: {listen: off}\nalerts: {channels: {hook: 'json://127.0.0.1:1/'}}\n", 1),
        ("web: {listen: off}\nalerts: {heartbeat: 'http://127.0.0.1:1/'}\n", 0),
        (
            "web: {listen: off}\nalerts: {heartbeat: 'http://127.0.0.1:1/'}\n"
            "journal: {database: 'postgresql://lab@localhost/lab', node: a}\n",
            1,
        ),
        ("web: {listen: off, start: alone}\nalerts: {channels: {hook: 'json://127.0.0.1:1/'}}\n", 0),
    ],
)
def test_its_process_runs_for_the_page_or_for_alerts_alone(tmp_path: Path, more: str, runs: int) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(MINIMAL + more)
    assert Page(load(path)).child._wanted is bool(runs)


def test_neither_the_agent_nor_the_page_loads_what_alerts_need() -> None:
    """Before an alert goes out."""
    code = (
        "import sys, lab_sender.agent.process, lab_sender.cli.run;"
        "agent = sorted({'apprise', 'starlette', 'uvicorn', 'jinja2', 'argon2', 'http.client'} & set(sys.modules));"
        "import lab_sender.operations.web.alerting;"
        "print(agent, 'apprise' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False\n"
