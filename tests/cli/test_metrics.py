"""Metrics: what an agent counts, what stands now, and the files that are shipped for Prometheus and its kin."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import yaml
from kit.core import until
from prometheus_client.parser import text_string_to_metric_families

from cli.conftest import SECRET, Here, ready, report
from lab_sender.mllp.standin.server import StandIn

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
_NAME = re.compile(r"lab_sender_[a-z_]+")
_OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def tool(name: str) -> str:
    """Return the path of a program that Debian's packages prometheus and prometheus-alertmanager have."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: Debian's prometheus, prometheus-alertmanager")
    return path


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The metrics beside an agent that has delivered, been refused, and read what is no report."""
    folder = tmp_path_factory.mktemp("metrics")
    trustme.CA().issue_cert("lab.example").cert_chain_pems[0].write_to_path(str(folder / "own.pem"))
    (folder / "own.key").write_text("not read here")
    here = Here(folder)
    with StandIn() as his:
        his.answer_by("id=C-9: AE,code=207")
        here.path.write_text(f"""\
outbox: outbox
destinations:
  his: {{host: 127.0.0.1, port: {his.port}, retry: {{first_wait: 10ms, longest_wait: 20ms, refused: 2}}}}
  spare:
    host: 127.0.0.1
    port: 1
    tls: {{certificate: own.pem, key: own.key}}
    takes: [{{field: PID-3.1, is: nobody}}]
intake: {{poll: 50ms, settle: 20ms}}
alerts:
  channels: {{hook: "json://127.0.0.1:1/"}}
""")
        with here.agent() as agent:
            for number in range(3):
                here("send", here.file(f"{number}.json", report(f"F-{number}")))
            here("send", here.file("again.json", report("F-0")))
            here("send", here.file(f"{SECRET}.json", '{"schema": "lab-result/1"'), exits=None)
            here("send", here.file("R-9.hl7", ready("C-9", "R-9")), exits=None)
            until(lambda: here.json("status", exits=None)["quarantined"] == 1)
            agent._figures._write()
            yield here("metrics").output


@pytest.fixture(scope="module")
def families(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Name of a sample -> label values -> number."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            found.setdefault(each.name.removeprefix("lab_sender_"), {})[tuple(each.labels.values())] = each.value
    return found


def test_what_the_agent_counts(families) -> None:
    assert families["messages_delivered_total"] == {("his",): 3, ("spare",): 0}
    attempts = families["attempts_total"]
    assert attempts["his", "accepted"] == 3
    assert attempts["his", "refused"] == 2
    assert attempts["his", "unknown"] == attempts["spare", "accepted"] == 0
    assert attempts["spare", "not_sent"] > 0
    assert families["acks_total"]["his", "AE"] == 2
    assert families["acks_total"]["his", "CA"] == 0
    assert families["messages_quarantined_total"]["his", "refused"] == 1
    assert families["messages_quarantined_total"]["his", "unanswered"] == 0
    assert families["messages_duplicate_total"] == {(): 1}
    assert families["files_taken_total"][("json",)] == 4
    assert families["files_taken_total"][("hl7",)] == 1
    assert sum(families["files_quarantined_total"].values()) == 1
    assert families["ack_seconds_count"][("his",)] == 5
    assert families["file_to_ack_seconds_count"][("his",)] == 3
    assert families["file_to_ack_seconds_bucket"]["his", "+Inf"] == 3


def test_what_stands_now(families) -> None:
    assert families["agent_up"] == families["status_known"] == {(): 1}
    assert families["link_up"] == {("his",): 1, ("spare",): 0}
    assert families["messages_in_quarantine"] == {("his",): 1, ("spare",): 0}
    assert families["files_in_quarantine"] == {(): 1}
    assert families["lane_held"]["his", "brake"] == 0
    assert families["condition"]["quarantine", "warning", "his"] == 1
    assert families["agent_beat_timestamp_seconds"][()] > families["agent_start_timestamp_seconds"][()]
    assert families["certificate_expiry_timestamp_seconds"]["spare", "own"] > 0


def test_no_label_has_anything_of_a_result(text: str) -> None:
    assert not re.search(rf"{SECRET}|4711|F-[0-9]|R-9|C-9|again\.json", text)


def test_promtool_finds_nothing(text: str) -> None:
    command = [tool("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("promtool", "check", "rules", "alerts.yml"),
        ("promtool", "test", "rules", "alerts_test.yml"),
        ("amtool", "check-config", "alertmanager.yml"),
    ],
    ids=" ".join,
)
def test_the_shipped_files_pass(arguments: tuple[str, ...]) -> None:
    name, *rest = arguments
    done = subprocess.run([tool(name), *rest], cwd=MONITORING, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout


def _expressions() -> dict[str, str]:
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    found = {each["alert"]: each["expr"] for group in rules["groups"] for each in group["rules"]}
    board = json.loads((MONITORING / "grafana.json").read_text())
    for panel in board["panels"]:
        found |= {f"{panel['title']} {each['refId']}": each["expr"] for each in panel["targets"]}
    return found


def test_every_metric_of_a_rule_or_panel_is_exported(families) -> None:
    exported = set(families)
    missing = {
        f"{where}: {name}"
        for where, expression in _expressions().items()
        for name in _NAME.findall(expression)
        if name.removeprefix("lab_sender_") not in exported
    }
    assert missing == set()
    assert len(_expressions()) == 19 + 16


def test_the_panels_are_promql() -> None:
    """promtool reads each panel's query as a rule."""
    board = json.loads((MONITORING / "grafana.json").read_text())
    queries = [each["expr"] for panel in board["panels"] for each in panel["targets"]]
    records = [{"record": f"x:p{number}", "expr": each} for number, each in enumerate(queries)]
    rules = {"groups": [{"name": "board", "rules": records}]}
    command, text = [tool("promtool"), "check", "rules", "/dev/stdin"], yaml.safe_dump(rules)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_names_a_condition_that_can_be_looked_up() -> None:
    from lab_sender.codes import find

    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    for rule in [each for group in rules["groups"] for each in group["rules"]]:
        code = rule["labels"].get("code")
        assert code is None or find(code) is not None, rule["alert"]


def test_every_family_is_on_the_page(text: str) -> None:
    page = (MONITORING.parent / "MONITORING.md").read_text("utf-8")
    names = re.findall(r"^# TYPE lab_sender_([a-z_]+)", text, re.MULTILINE)
    assert [each for each in names if f"`_{each}" not in page] == []


def test_without_an_agent_it_says_so_and_what_was_counted_stays(here, report) -> None:
    assert "lab_sender_agent_up 0\n" in here("metrics").output
    with here.agent():
        here("send", here.file("r.json", report()))
    text = here("metrics").output
    assert "lab_sender_agent_up 0\n" in text
    assert 'lab_sender_messages_delivered_total{destination="his"} 1\n' in text


def test_a_journal_that_cannot_be_read_leaves_the_rest(here, report) -> None:
    with here.agent():
        here("send", here.file("r.json", report()))
    for path in here.folder.rglob("journal.db*"):
        path.write_bytes(b"no journal at all" * 1000)
    text = here("metrics").output
    assert "lab_sender_status_known 0\n" in text
    assert "lab_sender_agent_up" not in text
    assert "lab_sender_messages_delivered_total" in text


def test_the_file_for_node_exporter_is_whole_and_for_others_to_read(here) -> None:
    path = here.folder / "lab-sender.prom"
    here("metrics", "--write", path)
    assert path.read_text().startswith("# HELP lab_sender_status_known ")
    assert [each.name for each in here.folder.iterdir() if each.suffix == ".part"] == []
