"""`--json`: every command prints a document of a known format, whatever comes of it, and only that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from kit.documents import TYPES, checked, validate

from cli.conftest import Here, ready, report
from lab_sender.cli.main import main
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.alerts.service import AlertService
from lab_sender.operations.conditions import Condition
from lab_sender.operations.installation import Installation
from lab_sender.operations.output import DOCUMENTS, output_schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "output.schema.json"
TABLE = "patient_id,accession,code,value,unit,Rack\n4711,F1,K,4.1,mmol/L,7\n"


def delivered(here: Here, his: StandIn) -> Here:
    """Message 1 is delivered, 2 and 3 are refused, file 4 is unreadable, message 4 is a duplicate."""
    here.file("x.pdf", b"%PDF-1.4 a document\n%%EOF\n")
    here("send", here.file("a.json", report("F-1", attachment="x.pdf")))
    his.answer_by("AE,code=207,text=busy")
    here("send", here.file("b.hl7", ready("B1") + ready("B2", "R-2")), exits=1)
    here("send", here.file("c.json", "{"), exits=1)
    here("send", here.file("d.json", report("F-1", attachment="x.pdf")))
    his.answer_by()
    return here


@pytest.fixture
def site(here: Here, his: StandIn) -> Here:
    return delivered(here, his)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """One site for all that changes nothing; there are two files a.json."""
    with StandIn() as his:
        here = Here(tmp_path_factory.mktemp("asked"))
        here.configure(his.port)
        delivered(here, his)
        here("send", here.file("a.json", report("F-7")))
        yield here


def said(site: Here, *args: object, exits: int = 0) -> dict[str, Any]:
    """Run a command with `--json`: one document on standard output, valid, and nothing on standard error."""
    result = site(*args, "--json", exits=exits)
    assert result.stderr == ""
    document = checked(result.stdout)
    validate(document)
    return document


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command, those of a group by two words."""
    for name, command in main.commands.items():
        if isinstance(command, click.Group):
            yield from ((f"{name} {each}", inner) for each, inner in command.commands.items())
        else:
            yield name, command


def test_every_answer_is_what_the_schema_says(site: Here) -> None:
    seen = [
        said(site, "status", exits=1),
        said(site, "list"),
        said(site, "list", "--quarantined", "--limit", 1),
        said(site, "list", "--outbox"),
        *(said(site, "show", word, *raw) for word in (1, 2, "file:3", 4) for raw in ((), ("--raw",))),
        said(site, "check"),
        said(site, "check", "--sent", "30d", "--remarks"),
        said(site, "preview", site.folder / "a.json", "--fields"),
        said(site, "preview", site.folder / "a.json", "--explain", "--second-opinion"),
        said(site, "preview", site.folder / "b.hl7"),
        said(site, "map", site.file("t.csv", TABLE), exits=1),
        said(site, "send", site.file("e.json", report("F-9"))),
        said(site, "hold", "--why", "upgrade"),
        said(site, "status", exits=1),
        said(site, "resume"),
        said(site, "resume"),
        said(site, "release", 2),
        said(site, "dismiss", 3, "--why", "by phone"),
        said(site, "resend", 1, "--new-id"),
        said(site, "release", "file:3"),
        said(site, "rebuild", 1, 2, exits=1),
        said(site, "dismiss", "--all", "--to", "his", "--dry-run"),
        said(site, "dismiss", "--all", "--to", "his", "--why", "moved", "--count", 2),
        said(site, "proof", 1),
        said(site, "explain", "file.grown", "io.eacces", "nothing", exits=1),
        said(site, "show", 99, exits=1),
        said(site, "user", "list"),
        said(site, "key", "list"),
        said(site, "audit", "list"),
        said(site, "audit", "verify"),
        *alerts(site),
    ]
    elsewhere = {
        f"lab-sender/{each}/1"
        for each in (
            "reload", "entry", "his-listening", "his-message", "his-ended", "journal-backup", "journal-recovered",
            "journal-compacted", "journal-accepted", "journal-moved", "service", "service-act",
        )
    }  # fmt: skip
    where = "those are in test_reload.py, test_search.py, test_his.py, test_journal.py and test_service.py"
    assert {each["format"] for each in seen} | elsewhere == set(TYPES), where


def alerts(site: Here) -> list[dict[str, Any]]:
    """What the commands say of an alert, and of a channel that nobody listens on."""
    channel = 'alerts: {channels: {hook: "json://127.0.0.1:1/"}}\n'
    site.path.write_text(site.path.read_text("utf-8") + channel, encoding="utf-8")
    held = Condition("lane.held", "CRITICAL", "his", "brake", None, "the lane is held by the brake")
    service = AlertService(Installation(site.path), look=lambda: [held])
    service.turn()
    service.end()
    return [said(site, "alerts", "test", exits=1), said(site, "alerts", "list"), said(site, "alerts", "ack", 1)]


def test_an_act_says_what_it_was_done_to_and_what_came_of_it(site: Here) -> None:
    act = said(site, "resend", 1, "--new-id")
    assert (act["act"], act["result"], act["target"]["id"]) == ("resend", "goes-out", 1)
    copy = said(site, "show", act["new_message"])
    assert copy["control_id"] == act["new_control_id"] != act["target"]["control_id"]
    (event,) = said(site, "show", 1)["events"]
    assert event["who"] == act["who"]
    release = said(site, "release", 2)
    assert (release["result"], release["agent_runs"], release["new_message"]) == ("goes-out", False, None)
    assert release["target"] == {
        "ref": "2", "id": 2, "file_id": 2, "file": "b.hl7", "place": "message 1", "control_id": "B1",
        "destination": "his",
        "orders": ["R-1^"], "received_ms": said(site, "show", 2)["received_ms"], "may_have_arrived": [],
    }  # fmt: skip
    assert said(site, "release", "file:3")["result"] == "read-again"
    assert said(site, "dismiss", 3, "--why", "x")["result"] == "given-up"
    assert said(site, "hold")["result"] == "held"
    assert said(site, "resume")["was_held_by"] == "operator"
    assert said(site, "resume")["result"] == "was-not-held"


def test_rebuild_says_what_was_done_and_what_was_not(here: Here, his: StandIn) -> None:
    his.answer_by("AE")
    here("send", here.file("a.json", report("F-1")), exits=1)
    here("send", here.file("b.hl7", ready("B1")), exits=1)
    here("send", here.file("c.json", "{"), exits=1)
    here.configure(his.port, more="message: {receiving_application: HIS}\n")
    acts = said(here, "rebuild", 1, 2, "file:3", exits=1)
    (done,) = acts["done"]
    assert (done["act"], done["result"], done["target"]["id"]) == ("rebuild", "goes-out", 1)
    assert said(here, "show", 1)["control_id"] == done["new_control_id"]
    assert [(each["target"]["ref"], each["code"]) for each in acts["rejected"]] == [
        ("2", "rebuild.not-ours"), ("file:3", "rebuild.file"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "exits", "code"),
    [
        (("show", "99"), 1, "message.unknown"),
        (("release", "1"), 1, "release.not-quarantined"),
        (("show", "a.json"), 2, "word.ambiguous"),
        (("preview", "c.json"), 65, "json.syntax"),
        (("map", "a.json"), 65, "file.no-table"),
        (("list", "--limit", "0"), 2, "command.usage"),
        (("list", "--state", "nonsense"), 2, "command.usage"),
        (("list", "--bogus"), 2, "command.usage"),
        (("bogus",), 2, "command.usage"),
        (("--bogus", "list"), 2, "command.usage"),
        (("resend", "1"), 2, "command.usage"),
        (("dismiss", "1"), 2, "command.usage"),
        (("show",), 2, "command.usage"),
        (("his", "--rule", "sometimes"), 2, "command.usage"),
        (("check", "--remarks"), 2, "command.usage"),
    ],
)  # fmt: skip
def test_an_error_is_a_document_too(
    asked: Here, args: tuple[str, ...], exits: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(asked.folder)
    error = said(asked, *args, exits=exits)
    assert (error["format"], error["code"], error["exit_code"]) == ("lab-sender/error/1", code, exits)
    assert error["text"]
    assert asked(*args, exits=exits).stdout == "", "for a person it is on standard error"


def test_what_is_wrong_with_a_file_and_with_the_configuration_is_told_one_by_one(here: Here) -> None:
    two = json.loads(report())
    two["orders"][0]["tset"] = two["orders"][0]["results"][0]["unti"] = 1
    here("send", here.file("a.json", json.dumps(two)), exits=1)
    here.path.write_text("outbox: outbox\nhis: {hots: x, port: 0}\n")
    error = said(here, "status", exits=3)
    assert error["code"] == "config.invalid"
    assert [each["place"] for each in error["findings"]] == ["config.yaml line 2"] * 3
    assert sorted(each["code"] for each in error["findings"]) == ["config.key", "config.missing", "config.value"]
    assert any("did you mean 'host'?" in (each["hint"] or "") for each in error["findings"])
    here.path.unlink()
    (missing,) = said(here, "list", exits=78)["findings"]
    assert (missing["place"], missing["code"]) == ("config.yaml", "config.file")


def test_a_bug_and_a_disk_that_fails_are_documents_without_the_errors_own_text(
    here: Here, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    from lab_sender.operations import status

    def fails(*_: object) -> None:
        raise KeyError(secret)

    monkeypatch.setattr(status, "look", fails)
    result = here("status", "--json", exits=3)
    error = checked(result.stdout)
    assert (error["code"], error["exit_code"]) == ("bug.KeyError", 3)
    assert "test_output.py" in result.stderr, "where it happened"
    assert secret not in result.output

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(status, "look", full)
    assert said(here, "status", exits=3)["code"] == "io.enospc"


def test_json_after_two_dashes_is_no_option(here: Here) -> None:
    here("send", here.file("a.json", report()))
    error = here("show", "--", "--json", exits=1)
    assert error.stdout == ""
    assert "error message.unknown" in error.stderr


def test_every_command_that_answers_has_json() -> None:
    silent = {
        name
        for name, command in commands()
        if not any(isinstance(each, click.Option) and "--json" in each.opts for each in command.params)
    }
    done = {"user add", "user remove", "user password", "user role", "key add", "key revoke"}
    assert silent == {"run", "service run", "web", "demo", "schema", "journal schema", "metrics", "export"} | done


def test_the_schema_is_published_and_says_what_each_field_is() -> None:
    printed = json.loads(CliRunner().invoke(main, ["schema", "output"]).stdout)
    assert printed == output_schema()
    assert json.loads(PUBLISHED.read_text("utf-8")) == printed, "lab-sender schema output > docs/output.schema.json"
    silent = [
        f"{name}.{field}"
        for name, kind in printed["$defs"].items()
        for field, about in kind["properties"].items()
        if field != "format" and not about.get("description")
    ]
    assert not silent
    assert all(kind["description"] for kind in printed["$defs"].values())


def test_formats_are_named_alike_and_once() -> None:
    formats = [str(kind.__struct_config__.tag) for kind in DOCUMENTS]
    assert len(set(formats)) == len(formats)
    assert all(each.startswith("lab-sender/") and each.endswith("/1") for each in formats)


def test_instants_are_numbers_that_end_with_ms(asked: Here) -> None:
    """And a message is a number wherever it is named."""
    story = said(asked, "show", 4)
    assert isinstance(story["received_ms"], int)
    assert (story["id"], story["same_as"]) == (4, 1)
    for kind in output_schema()["$defs"].values():
        for name, field in kind["properties"].items():
            if "since 1970 UTC" in field.get("description", ""):
                assert name.endswith("_ms")
                assert "integer" in json.dumps(field)


def test_values_are_frozen(asked: Here) -> None:
    from lab_sender.operations import stories
    from lab_sender.operations.installation import Installation

    story = stories.story(Installation(asked.path), "1")
    with pytest.raises(AttributeError, match="immutable"):
        story.state = "spooled"  # type: ignore[misc]
