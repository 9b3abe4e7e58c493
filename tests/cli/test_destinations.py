"""Several destinations, as a person sees them: a row for each, --to, all of a file, one that is removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kit import core

from cli.conftest import Here, ready, report
from lab_sender.journal import Journal
from lab_sender.journal.turns import turn_of
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.installation import Installation

NAMES = ("hospital", "registry", "portal")
CONFIG = """\
destinations:
  hospital: {{host: 127.0.0.1, port: {hospital}, retry: {{first_wait: 10ms, longest_wait: 20ms, refused: 2}}}}
  registry:
    host: 127.0.0.1
    port: {registry}
    retry: {{first_wait: 10ms, longest_wait: 20ms, refused: 2}}
    message: {{version: "2.3.1"}}
    takes:
      - {{field: OBR-4.1, in: [2345-7, 600-7]}}
  portal: {{host: 127.0.0.1, port: {portal}}}
outboxes:
  - folder: outbox
  - {{folder: micro, to: [hospital]}}
intake: {{poll: 50ms, settle: 20ms}}
"""


@pytest.fixture
def all_his() -> Iterator[dict[str, StandIn]]:
    with ExitStack() as running:
        yield {name: running.enter_context(StandIn()) for name in NAMES}


@pytest.fixture
def site(tmp_path: Path, all_his: dict[str, StandIn]) -> Here:
    here = Here(tmp_path)
    write(here, all_his)
    return here


def write(here: Here, all_his: dict[str, StandIn], config: str = CONFIG) -> None:
    here.path.write_text(config.format(**{name: each.port for name, each in all_his.items()}))


def ready_for(patient: str, control_id: str, order: str) -> bytes:
    return core.ready(control_id, order=order, patient=patient)


def without(config: str, name: str) -> str:
    """The configuration without one destination."""
    lines = config.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith(f"  {name}:"))
    end = next(number for number in range(first + 1, len(lines)) if not lines[number].startswith("   "))
    return "".join(lines[:first] + lines[end:])


def other(filler: str) -> str:
    """A report of a test that the registry does not take."""
    text = report(filler).replace("2345-7", "2951-2")
    assert "2951-2" in text
    return text


def test_a_file_goes_to_each_that_takes_it_and_lists_say_to_whom(site: Here) -> None:
    sent = site.json("send", site.file("a.json", report("F-1")))
    assert [each["destination"] for each in sent["messages"]] == list(NAMES)
    assert len({each["control_id"] for each in sent["messages"]}) == 3
    sent = site.json("send", site.file("b.json", other("F-2")))
    assert [each["destination"] for each in sent["messages"]] == ["hospital", "portal"]
    assert [each["id"] for each in site.entries("--to", "registry")] == [2]
    assert [each["id"] for each in site.entries("--to", "registry", "--to", "portal")] == [5, 3, 2]
    assert [each["id"] for each in site.entries("--state", "delivered", "--to", "portal", "--limit", 1)] == [5]
    shown = site("list").stdout.splitlines()
    assert shown[0].split()[-2:] == ["to", "file"]
    assert "to" not in site("list", "--to", "portal").stdout.splitlines()[0].split()
    assert site.json("show", "F-1", "--to", "registry")["id"] == 2
    assert "  to          registry" in site("show", 2).stdout
    assert "  also        message 1 to hospital: delivered\n              message 3 to portal: delivered" in (
        "\n".join(line.rstrip() for line in site("show", 2).stdout.splitlines())
    )
    assert [each["id"] for each in site.json("show", 4)["elsewhere"]] == [5]


def test_a_name_that_is_none_is_told_with_those_that_are(site: Here) -> None:
    site("send", site.file("a.json", report()))
    for command in (
        "list", "status", "hold", "resume", "check", "show 1", "release 1", "resend 1 --new-id", "rebuild 1",
        "dismiss 1 --why x", "dismiss --all --why x", "send a.json", "preview a.json", "his",
    ):  # fmt: skip
        words = command.replace("a.json", str(site.folder / "a.json")).split()
        error = site.json(*words, "--to", "registri", exits=3 if command == "status" else 2)
        assert error["code"] == "destination.unknown", words
        assert error["hint"] == "There are: hospital, registry, portal."


def test_status_has_a_row_for_each_and_the_worst_is_the_verdict(site: Here, all_his: dict[str, StandIn]) -> None:
    all_his["registry"].answer_by("AE,code=207")
    site("send", site.file("a.json", report()), exits=1)
    with site.agent():
        site.until(lambda: [each["link"] for each in site.json("status", exits=1)["destinations"]] == ["up"] * 3)
        now = site.json("status", exits=1)
        assert [each["status"] for each in now["destinations"]] == ["OK", "WARNING", "OK"]
        assert [(each["acked"], each["quarantined"]) for each in now["destinations"]] == [(1, 0), (0, 1), (1, 0)]
        assert (now["status"], now["acked"], now["quarantined"]) == ("WARNING", 2, 1)
        assert now["news"][0] == "registry: 1 in quarantine (refused)"
        assert [each["to"] for each in now["outboxes"]] == [list(NAMES), ["hospital"]]
        lines = site("status", exits=1).stdout.splitlines()
        rows = {line.split()[0]: line.split() for line in lines if line.startswith(NAMES)}
        assert rows["registry"][:5] == ["registry", "up", "0", "1", "0"]
        assert f"127.0.0.1:{all_his['portal'].port}" in rows["portal"]
        assert site("status", "--to", "portal").stdout.startswith("OK - link up, 0 waiting")
        site("hold", "--to", "portal", "--why", "upgrade")
        now = site.json("status", exits=1)
        assert "portal: the lane is held by an operator" in now["news"]
        assert (now["his"], now["hold"]) == (f"127.0.0.1:{all_his['portal'].port}", "operator"), "of the worst"
        assert "`lab-sender resume --to portal` ends it" in site("status", exits=1).stdout


def test_hold_and_resume_are_of_one_or_of_all(site: Here) -> None:
    site("send", site.file("a.json", report()))
    assert site.json("hold", "--to", "registry")["destination"] == "registry"
    assert site("hold", "--to", "portal").stdout.startswith(
        "the lane of portal is held; `lab-sender resume --to portal` ends it (no agent runs"
    )
    done = site.json("resume")
    assert [(each["destination"], each["result"]) for each in done["done"]] == [
        ("hospital", "was-not-held"), ("registry", "resumed"), ("portal", "resumed"),
    ]  # fmt: skip
    assert len(site.json("hold")["done"]) == 3


def test_an_operators_hold_tries_nothing(site: Here, all_his: dict[str, StandIn]) -> None:
    all_his["portal"].stop()
    with site.agent():
        site.until(lambda: site.json("status", "--to", "portal", exits=None)["next_try_ms"])
        site("hold", "--to", "portal", "--why", "upgrade")
        for command in (("status",), ("status", "--to", "portal")):
            shown = site(*command, exits=None).stdout
            assert "held by an operator" in shown
            assert "Next probe" not in shown
            assert "Next try" not in shown
        assert site.json("status", "--to", "portal", exits=None)["next_try_ms"] is None


def test_a_connection_that_brings_no_answer_is_a_warning_while_others_deliver(
    site: Here, all_his: dict[str, StandIn]
) -> None:
    """A HIS that serves one connection lets others connect all the same: what belongs to these would wait unseen."""
    more = "connections: 2, ack_timeout: 200ms, retry: {{first_wait: 1h, longest_wait: 1h, refused: 2}}"
    write(site, all_his, CONFIG.replace("retry: {{first_wait: 10ms, longest_wait: 20ms, refused: 2}}", more, 1))
    all_his["hospital"].answer_by("contains=SILENT: nothing", "every: AA")
    patient, another = (
        next(each for each in (f"P{n}" for n in range(99)) if turn_of(f"{each}^MR") % 2 == lane) for lane in (0, 1)
    )

    def status() -> dict[str, Any]:
        return site.json("status", "--to", "hospital", exits=None)

    with site.agent():
        (site.folder / "micro").mkdir(exist_ok=True)
        (site.folder / "micro" / "1.hl7").write_bytes(ready_for(patient, "M1", order="SILENT"))
        site.until(lambda: status().get("link") == "waiting")
        (site.folder / "micro" / "2.hl7").write_bytes(ready_for(another, "M2", order="F2"))
        site.until(lambda: status().get("acked") == 1)
        assert status()["trouble"] == "ack.timeout", "another connection's acceptance does not end it"
        shown = site("status", "--to", "hospital", exits=1).stdout
        assert "WARNING - no answer on one of 2 connections (ack.timeout)" in shown


def test_a_word_that_fits_several_destinations_says_so(site: Here, all_his: dict[str, StandIn]) -> None:
    all_his["registry"].answer_by("AE")
    site("send", site.file("a.json", report("F-1")), exits=1)
    error = site("release", "F-1", exits=2).stderr
    assert "to registry, quarantined" in error
    assert "say which destination is meant with --to NAME, or --all-destinations" in error
    all_his["registry"].answer_by()
    act = site.json("release", "F-1", "--to", "registry")
    assert (act["destination"], act["target"]["destination"]) == ("registry", "registry")
    assert "no destination" not in site("show", "F-1", "--to", "hospital").stdout
    of_registry = act["target"]["ref"]
    assert site("show", of_registry, "--to", "registry").stdout
    assert site("show", of_registry, "--to", "hospital", exits=1).stderr.startswith("error message.unknown")


def test_all_destinations_take_an_act_at_once(site: Here, all_his: dict[str, StandIn]) -> None:
    for his in all_his.values():
        his.answer_by("AE")
    site("send", site.file("a.json", report("F-1")), "--timeout", "1s", exits=None)
    site("hold")
    done = site.json("dismiss", "F-1", "--all-destinations", "--why", "entered by hand")
    assert [(each["destination"], each["result"]) for each in done["done"]] == [(each, "given-up") for each in NAMES]
    assert site("dismiss", "F-1", "--all-destinations", "--why", "x", exits=1).stderr.startswith("error dismiss.")
    rejected = site.json("resend", "F-1", "--new-id", "--all-destinations", exits=1)["rejected"]
    assert {each["code"] for each in rejected} == {"resend.given-up"}
    error = site.json("release", "F-1", "--to", "portal", "--all-destinations", exits=2)
    assert error["code"] == "command.usage"


def test_an_unreadable_file_is_all_of_itself(site: Here) -> None:
    site("send", site.file("c.json", "{"), exits=1)
    (act,) = site.json("dismiss", "file:1", "--all-destinations", "--why", "x")["done"]
    assert (act["target"]["ref"], act["result"], act["destination"]) == ("file:1", "given-up", None)


def test_a_removed_destination_keeps_the_agent_from_starting_until_it_is_given_up(
    site: Here, all_his: dict[str, StandIn]
) -> None:
    all_his["registry"].answer_by("AE")
    site("send", site.file("a.json", report("F-1")), exits=1)
    write(site, all_his, without(CONFIG, "registry"))
    error = site("run", exits=78).stderr
    assert "error destination.removed: the journal has a message for registry (1 in quarantine)" in error
    assert "`lab-sender dismiss --all --to registry --why TEXT`" in error
    checks = site.json("check", exits=78)["checks"]
    (found,) = [each for each in checks if each["state"] == "fail"]
    assert (found["destination"], found["text"].split(":")[0]) == ("registry", "destination.removed")
    now = site.json("status", exits=2)
    assert [(each["name"], each["configured"]) for each in now["destinations"]][-1] == ("registry", False)
    assert "removed: `lab-sender dismiss --all --to registry" in site("status", exits=2).stdout
    done = site.json("dismiss", "--all", "--to", "registry", "--why", "contract ended", "--count", 1)
    assert ([each["target"]["id"] for each in done["done"]], done["rejected"], done["left"]) == ([2], [], [])
    assert "bulk.nothing" in site("dismiss", "--all", "--to", "registry", "--why", "x", exits=1).stderr
    (event,) = site.json("show", 2)["events"]
    assert (event["event"], event["why"]) == ("message.dismissed", "contract ended")
    with site.agent():
        site.until(lambda: site.json("status", exits=None)["running"])
        site.until(lambda: site.json("show", 2)["folder"] == "sent")


def test_a_reload_says_not_to_restart_where_no_agent_would_start(site: Here, all_his: dict[str, StandIn]) -> None:
    """The others would get nothing either. What it says to do instead is enough, done to the letter."""
    all_his["registry"].stop()
    with site.agent():
        site("send", site.file("a.json", report("F-1")), "--timeout", "1s", exits=None)
        site.until(lambda: len(all_his["hospital"].received) == 1)
        write(site, all_his, without(CONFIG, "registry"))
        told = site.json("reload", exits=78)
        assert told["code"] == "reload.needs-restart"
        assert "Do not restart yet: no agent would start, destination.removed: the journal has a mess" in told["text"]
        assert told["hint"].startswith("Write registry back into the configuration, under that name; or give up ")
        assert "Restart the agent" not in told["hint"]
        shown = " ".join(site("status", exits=2).stdout.split())
        assert "`lab-sender explain reload.needs-restart`" in shown
        assert "`lab-sender reload`" not in shown
        write(site, all_his, CONFIG)
        assert site.json("reload")["in_force"]
        write(site, all_his, without(CONFIG, "registry"))
        site("dismiss", "--all", "--to", "registry", "--why", "contract ended", "--count", 1)
        told = site.json("reload", exits=78)
        assert "Do not restart" not in told["text"]
        assert told["hint"].startswith("Restart the agent: what waits is kept.")
    with site.agent():
        site.until(lambda: site.json("status", exits=None)["running"])


def _quarantines(site: Here, outbox: Path) -> None:
    """Wait until a running agent has put a file of this outbox aside."""
    site.until(outbox.is_dir)
    (outbox / "bad.json").write_text("{")
    site.until((outbox / "quarantine" / "bad.json").exists)


def test_a_reload_without_an_outbox_that_has_files_says_not_to_restart(
    site: Here, all_his: dict[str, StandIn], tmp_path: Path
) -> None:
    micro = tmp_path / "micro"
    with site.agent():
        _quarantines(site, micro)
        write(site, all_his, CONFIG.replace("  - {{folder: micro, to: [hospital]}}\n", ""))
        told = site.json("reload", exits=78)
        assert "Do not restart yet: no agent would start, outbox.removed: the outbox micro" in told["text"]
        site("dismiss", "bad.json", "--why", "empty")
        assert "Do not restart" not in site.json("reload", exits=78)["text"]


def test_what_nobody_takes_is_no_destinations_to_give_up(site: Here, all_his: dict[str, StandIn]) -> None:
    """It is noted with the first destination, for want of another one."""
    never = CONFIG.replace("OBR-4.1, in: [2345-7, 600-7]", "MSH-6, is: X")
    first = "destinations:\n"
    never = without(without(never, "hospital"), "portal").replace(", to: [hospital]", "")
    write(site, all_his, never)
    site("send", site.file("a.json", report("F-1")), exits=1)
    assert [each["code"] for each in site.entries()] == ["route.none"]
    nothing = site.json("dismiss", "--all", "--to", "registry", "--why", "contract ended", exits=1)
    assert nothing["code"] == "bulk.nothing"
    assert [(each["code"], each["state"]) for each in site.entries()] == [("route.none", "quarantined")]
    other = "  later: {{host: 127.0.0.1, port: {portal}}}\n"
    write(site, all_his, without(never.replace(first, first + other), "registry"))
    with site.agent():
        site.until(lambda: site.json("status", exits=None)["running"])
        site("release", "1")
        site.until(lambda: ("later", "acked") in [(each["destination"], each["state"]) for each in site.entries()])


def test_a_removed_outbox_keeps_the_agent_from_starting_until_it_is_empty(
    site: Here, all_his: dict[str, StandIn], tmp_path: Path
) -> None:
    """Its claimed files would lie where nobody looks, and a release would find nothing to read."""
    micro = tmp_path / "micro"
    with site.agent():
        _quarantines(site, micro)
    waits = micro / ".lab-sender" / "claimed" / "X_waits.json"
    waits.write_text("{}")
    write(site, all_his, CONFIG.replace("  - {{folder: micro, to: [hospital]}}\n", ""))
    error = site("run", exits=78).stderr
    assert "error outbox.removed: the outbox micro, which is no outbox any more, still has files: 1 claimed" in error
    (found,) = [each for each in site.json("check", exits=78)["checks"] if each["state"] == "fail"]
    assert found["text"].split(":")[0] == "outbox.removed"
    waits.unlink()
    assert "still has files: 1 in quarantine." in site("run", exits=78).stderr
    site("dismiss", "bad.json", "--why", "empty")
    with site.agent():
        site.until(lambda: site.json("status", exits=None)["running"])


def test_an_outbox_with_another_name_or_form_is_none_that_was_removed(
    site: Here, all_his: dict[str, StandIn], tmp_path: Path
) -> None:
    with site.agent():
        site.until((tmp_path / "micro").is_dir)
        (tmp_path / "outbox" / "bad.json").write_text("{")
        site.until((tmp_path / "outbox" / "quarantine" / "bad.json").exists)
    listed = "outboxes:\n  - folder: outbox\n  - {{folder: micro, to: [hospital]}}\n"
    config = CONFIG.replace(listed, "outbox: outbox\n")
    write(site, all_his, config)
    with site.agent():
        site.until(lambda: site.json("status", exits=None)["running"])
    (tmp_path / "outbox").rename(tmp_path / "renamed")
    write(site, all_his, config.replace("outbox: outbox", "outbox: renamed"))
    with site.agent():
        site.until(lambda: site.json("status", exits=None)["running"])


def test_what_was_being_sent_when_the_agent_was_killed_is_given_up_too(
    site: Here, all_his: dict[str, StandIn]
) -> None:
    site("send", site.file("a.json", report("F-1")))
    site("resend", 2, "--new-id")
    journal = Journal(Installation(site.path).journal_path)
    (head,) = journal.delivery.head("registry", after_quarantine="continue", limit=1)
    journal.delivery.sending(head.id)
    journal.close()
    assert site.json("show", head.id)["state"] == "sending"
    write(site, all_his, without(CONFIG, "registry"))
    done = site.json("dismiss", "--all", "--to", "registry", "--why", "x", "--count", 1)["done"]
    assert [each["result"] for each in done] == ["given-up"]
    assert site.json("show", head.id)["may_have_left"] is True


def test_dismiss_all_wants_to_know_of_what_and_no_id(site: Here) -> None:
    site("send", site.file("a.json", report()))
    assert site.json("dismiss", "--all", "--why", "x", exits=2)["code"] == "bulk.of-what"
    for words in (("1", "--all", "--to", "portal"), ("--all", "--all-destinations"), ()):
        assert site.json("dismiss", *words, "--why", "x", exits=2)["code"] == "command.usage"


def test_send_to_one_goes_by_the_outbox_that_is_for_it(site: Here) -> None:
    sent = site.json("send", site.file("a.json", report()), "--to", "hospital")
    assert [each["destination"] for each in sent["messages"]] == ["hospital"]
    assert site.json("show", 1)["path"].startswith(str(site.folder / "micro" / "sent"))
    error = site.json("send", site.folder / "a.json", "--to", "registry", exits=1)
    assert error["code"] == "send.no-outbox"
    assert "outboxes: {folder: FOLDER, to: [registry]}" in error["hint"]


def test_preview_shows_a_message_for_each_and_the_rule_that_took_it(site: Here) -> None:
    made = site.json("preview", site.file("a.json", report()))
    assert [each["destination"] for each in made["messages"]] == list(NAMES)
    assert [each["taken"] for each in made["messages"]] == [True] * 3
    versions = [each["message"]["segments"][0].split("|")[11] for each in made["messages"]]
    assert versions == ["2.5.1", "2.3.1", "2.5.1"]
    (rule,) = made["messages"][1]["takes"]
    assert rule == {
        "field": "OBR-4.1", "kind": "in", "negated": False, "holds": True,
        "rule": "destinations.registry.takes[0]", "at": "config.yaml line 9",
    }  # fmt: skip
    text = site("preview", site.file("b.json", other("F-2"))).stdout
    head = "message 1 of 1 to registry, built by config.yaml, not taken\n"
    assert f"{head}not taken by OBR-4.1 in (config.yaml line 9)" in text
    assert text.endswith(
        "hospital: 1 of 1 message can be sent.\nregistry: 0 of 1 message can be sent, 1 not taken.\n"
        "portal: 1 of 1 message can be sent.\n"
    )
    (only,) = site.json("preview", site.folder / "b.json", "--to", "registry")["messages"]
    assert only["message"] is None


def test_preview_says_of_what_cannot_be_built_whether_it_would_be_taken(
    site: Here, all_his: dict[str, StandIn]
) -> None:
    strict = CONFIG.replace('{{version: "2.3.1"}}', '{{version: "2.3.1", require: [PV1-19, OBR-15]}}')
    write(site, all_his, strict)
    broken, foreign = site.file("a.json", report()), site.file("b.json", other("F-2"))
    (known,) = site.json("preview", broken, "--to", "registry", exits=65)["messages"]
    assert (known["taken"], known["message"], known["takes"][0]["holds"]) == (True, None, True)
    assert {"field.required"} <= {each["code"] for each in known["findings"]}
    text = site("preview", broken, exits=65).stdout
    assert "message 1 of 1 to registry, built by config.yaml, cannot be sent\ntaken by OBR-4.1 in" in text
    made = site.json("preview", foreign)
    assert [(each["taken"], each["findings"]) for each in made["messages"] if each["destination"] == "registry"] == [
        (False, [])
    ]
    sent = site.json("send", foreign)
    assert [each["destination"] for each in sent["messages"]] == ["hospital", "portal"]
    write(site, all_his, strict.replace("field: OBR-4.1", "field: OBR-15"))
    (nobody,) = site.json("preview", foreign, "--to", "registry", exits=65)["messages"]
    assert (nobody["taken"], nobody["takes"][0]["holds"]) == (None, None)
    text = site("preview", foreign, exits=65).stdout
    assert "cannot be sent\nnobody can say whether it is taken by OBR-15 in (config.yaml line 9)" in text


def test_what_nobody_takes_is_an_error_of_the_preview_too(site: Here, all_his: dict[str, StandIn]) -> None:
    alone = without(without(CONFIG, "hospital"), "portal").replace("  - {{folder: micro, to: [hospital]}}\n", "")
    write(site, all_his, alone)
    made = site.json("preview", site.file("b.json", other("F-2")), exits=65)
    (message,) = made["messages"]
    assert [each["code"] for each in message["findings"]] == ["route.none"]
    assert "2951-2" not in json.dumps(message["findings"])


def test_check_looks_at_each_way(site: Here, all_his: dict[str, StandIn]) -> None:
    all_his["portal"].stop()
    made = site.json("check", exits=1)
    ways = {each["destination"]: each["state"] for each in made["checks"] if each["what"] == "connection"}
    assert ways == {"hospital": "ok", "registry": "ok", "portal": "fail"}
    assert site.json("check", "--to", "registry")["ok"]
    one = "registry:\n    host: 127.0.0.1"
    write(site, all_his, CONFIG.replace(one, "registry:\n    host: [127.0.0.1, 127.0.0.7]"))
    checks = site.json("check", "--to", "registry", exits=None)["checks"]
    assert len([each for each in checks if each["what"] == "connection"]) == 2, "both addresses"


def test_check_finds_what_no_message_of_the_version_has(site: Here, all_his: dict[str, StandIn]) -> None:
    """As the agent's start does: a rule that can never hold leaves each result out in silence."""
    write(site, all_his, CONFIG.replace("OBR-4.1, in: [2345-7, 600-7]", 'SPM-4, matches: "."'))
    failed = [each for each in site.json("check", exits=78)["checks"] if each["state"] == "fail"]
    assert [(each["destination"], each["what"], each["text"]) for each in failed] == [
        ("registry", "takes", "destinations.registry.takes[0]: HL7 2.3.1 has no segment SPM.")
    ]
    assert "HL7 2.3.1 has no segment SPM" in site("run", exits=78).stderr


def test_what_is_rebuilt_is_built_by_its_own_profile(site: Here, all_his: dict[str, StandIn]) -> None:
    all_his["registry"].answer_by("AE")
    site("send", site.file("a.json", report("F-1")), exits=1)
    write(site, all_his, CONFIG.replace('{{version: "2.3.1"}}', '{{version: "2.4"}}'))
    done = site.json("rebuild", "F-1", "--to", "registry")
    assert [each["target"]["id"] for each in done["done"]] == [2]
    segments = site.json("show", 2, "--raw")["message"]["segments"]
    assert segments[0].split("|")[11] == "2.4"


def test_sent_is_read_again_for_each_outboxes_destinations(site: Here, all_his: dict[str, StandIn]) -> None:
    site("send", site.file("a.json", report("F-1")))
    site("send", site.file("b.json", report("F-2")), "--to", "hospital")
    write(site, all_his, CONFIG.replace('{{version: "2.3.1"}}', '{{version: "2.3.1", require: [PID-11]}}'))
    made = site.json("check", "--sent", "2d", exits=1)
    assert (made["files"], made["messages"], made["faulty_files"]) == (2, 4, 1)
    assert site.json("check", "--sent", "2d", "--to", "hospital")["messages"] == 2


def test_one_named_destination_needs_no_names(site: Here, all_his: dict[str, StandIn]) -> None:
    """What is shown of one destination is what was always shown."""
    write(site, all_his, without(without(CONFIG, "registry"), "portal"))
    site("send", site.file("a.hl7", ready("A1")))
    commands = (("list",), ("show", 1), ("hold",), ("resume",))
    assert "hospital" not in "".join(site(*each).stdout for each in commands)
    assert site("status", exits=1).stdout.count("\n  ") == 10


def test_check_shows_an_outbox_that_another_journal_knows(site: Here) -> None:
    site("send", site.file("a.json", report()))
    text = site.path.read_text(encoding="utf-8").replace("folder: micro", "folder: theirs")
    site.path.write_text(text, encoding="utf-8")
    claimed = site.folder / "theirs" / ".lab-sender" / "claimed"
    claimed.mkdir(parents=True)
    (claimed / "X_r.json").write_text("{}")
    (found,) = [each for each in site.json("check", exits=1)["checks"] if each["state"] == "fail"]
    assert "this journal has not served the outbox" in found["text"]


def test_a_destinations_certificate_is_named_by_its_own_setting(site: Here, all_his: dict[str, StandIn]) -> None:
    (site.folder / "ca.pem").write_text("no certificate")
    write(site, all_his, CONFIG.replace("  portal: {{", "  portal: {{tls: {{ca: ca.pem}}, "))
    checks = site.json("check", "--to", "portal", exits=None)["checks"]
    (found,) = [each for each in checks if each["state"] == "fail"]
    assert "destinations.portal.tls.ca" in found["text"]


def test_closed_hours_are_no_alarm(site: Here, all_his: dict[str, StandIn]) -> None:
    write(site, all_his, CONFIG.replace("  portal: {{", '  portal: {{closed: ["00:00-12:01", "12:00-23:59"], '))
    for name in ("outbox", "micro"):
        (site.path.parent / name).mkdir(exist_ok=True)
    now = site.json("status", exits=1)
    portal = now["destinations"][-1]
    if portal["closed_until_ms"] is None:
        pytest.skip("the one minute of the day in which it is open")
    assert "portal" not in " ".join(now["news"])
    assert "closed until 23:59" in site("status", exits=1).stdout
