"""What the page says first, and the acts on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from lab_sender.journal.rows import MinuteRow
from lab_sender.operations.conditions import Condition, judge, level_of
from lab_sender.operations.nodes import NodeStatus
from lab_sender.operations.status import Status
from lab_sender.operations.web import banner as words
from lab_sender.operations.web.banner import banner
from lab_sender.operations.web.hour import MINUTES, by_minute
from lab_sender.operations.web.screens import overview
from web.conftest import Browser
from web.scene import ALERTS, Scene


@pytest.fixture(scope="module")
def now(filled: Scene) -> Status:
    """How the scene stands, made well: what a test changes is all that is wrong."""
    filled.site.look_again()
    stands = filled.site.status()
    (lane,) = stands.destinations
    lane = replace(lane, link="up", quarantined=0, quarantined_by=(), trouble=None, waiting=0, link_code=None)
    return replace(
        stands, running=True, destinations=(lane,), quarantined=0, unreadable=0, unreadable_by=(), waiting=0,
        disk_free_bytes=1 << 40, config_changed=False, overdue={},
    )  # fmt: skip


def changed(now: Status, lane: dict[str, Any] | None = None, **facts: Any) -> Status:
    """Let something be otherwise, and judge it."""
    (one,) = now.destinations
    facts |= {"destinations": (replace(one, **lane or {}),)}
    facts |= {name: (lane or {})[name] for name in ("waiting", "quarantined", "hold") if name in (lane or {})}
    stands = replace(now, **facts)
    conditions = judge(stands)
    return replace(stands, conditions=conditions, status=level_of(conditions))


@pytest.mark.parametrize(
    ("facts", "lane", "kind", "sentence", "todo"),
    [
        ({}, {}, "good", "Everything that came has been delivered.", "Nothing waits, and nothing needs a person."),
        ({}, {"waiting": 3}, "good", "Results go out as they come.",
         "3 results wait in order and go out by themselves in turn."),
        ({"running": False}, {}, "warn", "No agent runs.", "Nothing waits; what comes is not received. Start it"),
        ({"running": False}, {"waiting": 1}, "bad", "No agent runs. One message or file waits.",
         "Nothing is received"),
        ({}, {"link": "down", "link_code": "connect.refused", "waiting": 397}, "warn", "The HIS cannot be reached.",
         "397 results wait in order and go out by themselves when it is back. Ask the HIS team"),
        ({}, {"link": "down", "link_code": "connect.refused", "waiting": 1}, "warn", "The HIS cannot be reached.",
         "1 result waits and goes out by itself when it is back."),
        ({}, {"hold": "operator", "waiting": 2}, "warn", "Sending is on hold: somebody stopped it.",
         "2 results wait in order. Resume"),
        ({}, {"hold": "brake", "hold_messages": (4, 5), "trouble": "AE 207", "waiting": 2}, "bad",
         "Sending has stopped: the HIS refused too many results in a row.",
         "all go out by themselves when the HIS takes them. Its answers are at message 4."),
        ({}, {"hold": "brake", "hold_messages": (4, 5), "trouble": "ack.timeout", "waiting": 2}, "bad",
         "Sending has stopped: the HIS answers nothing.",
         "2 results wait in order. One is tried now and then, and all go out by themselves when the HIS answers."),
        ({}, {"hold": "reply"}, "bad", "Sending has stopped after an answer of the HIS.", "Nothing waits yet."),
        ({}, {"unanswered_s": 90.0, "trouble": "ack.timeout", "waiting": 2}, "warn",
         "The HIS can be reached, but answers nothing.", "2 results wait in order and go out"),
        ({}, {"quarantined": 8, "quarantined_by": "refused"}, "warn", "Results go out; 8 need a person.",
         "What is quarantined"),
        ({}, {"quarantined": 1, "quarantined_by": "refused"}, "warn", "Results go out; one needs a person.",
         "What is quarantined"),
        ({"disk_free_bytes": 1 << 20}, {}, "bad", "The disk is nearly full: 1.0 MiB are left.", "Without room"),
        ({"config_changed": True}, {}, "warn", "A change of config.yaml is not in force yet.", "`lab-sender check`"),
        ({}, {"unknown_tries": 9}, "warn", "9 tries without an answer in 10 minutes.", "Ask the HIS team"),
    ],
)  # fmt: skip
def test_one_sentence_and_what_to_do(
    now: Status, facts: dict[str, Any], lane: dict[str, Any], kind: str, sentence: str, todo: str
) -> None:
    from lab_sender.operations.conditions import Cause

    if "quarantined_by" in lane:
        lane = lane | {"quarantined_by": (Cause("refused", lane["quarantined"], 0),)}
    shown = banner(changed(now, lane, **facts))
    assert shown.kind == kind
    assert shown.sentence.startswith(sentence)
    assert todo in shown.todo
    assert shown.sentence.endswith(".")


def test_the_gravest_is_the_sentence_and_the_others_stand_below(now: Status) -> None:
    shown = banner(changed(now, {"hold": "brake", "waiting": 2, "link": "down", "link_code": "connect.refused"}))
    assert (shown.kind, shown.word) == ("bad", "CRITICAL")
    assert [each.code for each in shown.others] == ["link.down"]


def test_what_is_in_quarantine_is_not_said_before_what_stops_the_others(now: Status) -> None:
    """Of one destination something is in quarantine, and of another the link is down: results do not go out."""
    (his,) = now.destinations
    kept = Condition("quarantine", "WARNING", "his", "refused", 1, "3 in quarantine (refused)", 3)
    down = Condition("link.down", "WARNING", "registry", "connect.refused", 1, "the link is down (connect.refused)")
    lanes = (his, replace(his, name="registry", waiting=2))
    shown = banner(replace(now, destinations=lanes, conditions=(kept, down), quarantined=3))
    assert shown.sentence == "The HIS registry cannot be reached."
    assert shown.others == ()


def test_of_several_outboxes_the_one_is_named_to_which_no_file_comes(now: Status) -> None:
    text = "no file has come to the outbox /srv/lab/b for 2 h"
    said = banner(replace(now, conditions=(Condition("intake.quiet", "WARNING", None, "/srv/lab/b", 1, text),)))
    assert said.sentence.startswith("No file has come to the outbox /srv/lab/b for 2 h: the laboratory")


def test_a_condition_that_has_no_words_here_is_said_in_its_own(now: Status) -> None:
    """Which certificate ends, and when: what its code means is the same for all."""
    new = Condition("certificate.ends", "CRITICAL", "his", "peer", None, "the HIS's certificate ends in 48 h")
    shown = banner(replace(now, conditions=(new,), status="CRITICAL"))
    assert shown.sentence == "The HIS's certificate ends in 48 h."
    assert shown.todo == words.meaning("certificate.ends")[1]
    unknown = Condition("x.y", "WARNING", None, None, None, "something new")
    assert banner(replace(now, conditions=(unknown,), status="WARNING")).sentence == "Something new."


def test_of_several_destinations_it_says_which_and_names_its_settings(now: Status) -> None:
    (his,) = now.destinations
    several = replace(now, destinations=(his, replace(his, name="registry", waiting=2)))

    def said(code: str, cause: str, text: str) -> tuple[str, str]:
        one = Condition(code, "WARNING", "registry", cause, None, text)
        shown = banner(replace(several, conditions=(one,)))
        return shown.sentence, shown.todo

    assert said("certificate.ends", "own", "our certificate has ended")[0] == "registry: our certificate has ended."
    sentence, todo = said("link.down", "tls.name", "the link is down (tls.name)")
    assert sentence == "The HIS registry cannot be reached."
    assert "set `destinations.registry.host` or `destinations.registry.tls.server_name` to one of them" in todo
    assert said("waiting.old", "message", "x")[0] == "The oldest result for registry has been waiting."
    assert "`his.port`" in words.meaning("connect.refused", "his")[1]


def test_the_destination_that_is_held_is_the_one_of_the_first_figure(now: Status) -> None:
    (his,) = now.destinations
    held = replace(his, name="registry", hold="brake")
    assert overview.worst_off(replace(now, destinations=(his, held))).name == "registry"
    down = replace(his, name="portal", link="down")
    assert overview.worst_off(replace(now, destinations=(his, held, down))).name == "portal"


def test_what_was_delivered_in_each_minute_of_the_last_hour() -> None:
    at = 1_795_910_430.0
    minute = int(at) // 60
    rows = [
        MinuteRow(minute - 1, "a", "delivered", 60, 600.0), MinuteRow(minute, "a", "delivered", 20, 200.0),
        MinuteRow(minute, "b", "delivered", 10, 100.0), MinuteRow(minute, "a", "refused", 10, 1000.0),
        MinuteRow(minute - MINUTES, "a", "delivered", 99, 1.0), MinuteRow(minute - 59, "a", "not-sent", 5, 9.0),
    ]  # fmt: skip
    made = by_minute(rows, at)
    assert len(made) == MINUTES
    assert made[-2:] == (60, 30)
    assert sum(made) == 90


def test_of_several_machines_each_is_shown_with_what_it_sends_to(
    scene: Scene, as_: Callable[[str], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    stands = scene.site.status()
    assert "Machines" not in as_("vera").get("/").text
    machines = (
        NodeStatus("lab-a", "0.1.0", True, 1, 0.4, False, False, False, alerts=False, sends_to=("his",), receives=()),
        NodeStatus("lab-b", "0.1.0", False, 1, 0.5, False, False, False, alerts=True, sends_to=(), receives=("/in",)),
        NodeStatus("lab-c", "0.1.0", False, 1, 900.0, True, False, False, alerts=False, sends_to=(), receives=()),
        NodeStatus("lab-d", "0.1.0", False, 1, 75.0, False, True, False, alerts=False, sends_to=(), receives=()),
    )
    monkeypatch.setattr(scene.site, "status", lambda: replace(stands, nodes=machines))
    page = as_("vera").get("/").text
    for name, word in (("lab-a", "his"), ("lab-b", "stands by"), ("lab-c", "stopped"), ("lab-d", "away")):
        row = page.partition(f"<b>{name}</b>")[2].partition("</tr>")[0]
        assert word in row
    assert "/in" in page.partition("<b>lab-b</b>")[2].partition("</tr>")[0]
    assert "this one" in page.partition("<b>lab-a</b>")[2].partition("</td>")[0]
    assert "sends the alerts" in page.partition("<b>lab-b</b>")[2].partition("</td>")[0]


def test_no_end_is_promised_where_nothing_goes_out(scene: Scene, as_: Callable[[str], Browser]) -> None:
    with scene.agent():
        scene.drop_reports(1, 4)
        scene.settled(4)
    otto = as_("otto")
    otto.submit("/hold", why="x", destination="his")
    with scene.agent():
        scene.drop_reports(5, 6)
        scene.until(lambda now: now.waiting == 2 and now.hold is not None)
        page = otto.get("/").text
    assert "what waits is gone in" not in page
    assert "stands still" in page
    assert '<span class="figure">0.0 <small>/s</small></span>' in page


def test_hold_and_resume(scene: Scene, as_: Callable[[str], Browser]) -> None:
    with scene.agent():
        pass
    otto, vera = as_("otto"), as_("vera")
    assert "Hold sending" in otto.get("/").text
    assert "Hold sending" not in vera.get("/").text
    answer = vera.submit("/hold", why="x")
    assert (answer.status_code, "right.missing" in answer.text) == (403, True)
    assert otto.submit("/hold", why=" ").status_code == 400, "not without a reason"
    assert otto.submit("/hold", why="upgrade of the HIS", destination="his").status_code == 303
    page = otto.get("/").text
    assert "Sending is on hold" in page or "No agent runs" in page
    assert "upgrade of the HIS" in page
    assert "otto (page)" in page
    assert "upgrade of the HIS" not in Browser(scene.site).get("/").text, "nobody's business"
    assert otto.submit("/resume", why="done", destination="his").status_code == 303
    acts = [(each.act, each.phase, each.who, each.target) for each in scene.site.audit.listing(act="hold").rows]
    assert acts == [("hold", "done", "otto", "his"), ("hold", "asked", "otto", "his")]
    assert otto.submit("/hold", why="x", destination="nowhere").status_code == 400
    assert scene.site.audit.listing(limit=1).rows[0].phase == "rejected"


def test_each_of_several_destinations_is_resumed_by_itself(
    scene: Scene, as_: Callable[[str], Browser]
) -> None:
    one = f"{{host: 127.0.0.1, port: {scene.his.port}}}"
    lines = "outbox: outbox", "destinations:", *(f"  {name}: {one}" for name in ("his", "registry", "portal"))
    scene.path.write_text("\n".join(lines), encoding="utf-8")
    scene.site._read_s -= 10
    scene.site.look_again()
    with scene.agent():
        pass
    otto = as_("otto")
    otto.submit("/hold", why="upgrade", destination="registry")
    otto.submit("/hold", why="wrong patient", destination="portal")
    page = otto.get("/").text
    assert "Resume sending to registry" in page
    assert "Resume sending to portal" in page
    assert '<input type="hidden" name="destination" value="">' in page, "hold, of all"
    assert page.count('<input type="hidden" name="destination" value="">') == 1, "no resume of all"


def test_a_configuration_that_cannot_be_read_is_said_beside_how_it_stands(
    scene: Scene, as_: Callable[[str], Browser]
) -> None:
    with scene.agent():
        good = scene.path.read_text(encoding="utf-8")
        for text, wrong in ((good + "nonsense: 1\n", True), (good, False)):
            scene.path.write_text(text, encoding="utf-8")
            scene.site._read_s -= 10
            scene.site.look_again()
            found = [(each.code, each.cause) for each in scene.site.status().conditions]
            assert (("config.refused", "config.invalid") in found) == wrong
            assert ("config.yaml was not taken (config.invalid)" in as_("otto").get("/").text) == wrong


def test_alerts_that_go_out_and_who_has_them(
    scene: Scene, as_: Callable[[str], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab_sender.operations.web import site as module
    from lab_sender.operations.web.screens import alerts

    otto, nobody = as_("otto"), Browser(scene.site)
    assert "<h2>Alerts" not in otto.get("/").text, "without a channel there is none"
    monkeypatch.setattr(module, "alerts_of", lambda *_: ALERTS)
    taken: list[object] = []
    monkeypatch.setattr(alerts.alerts, "take", lambda _, numbers, who: taken.append((numbers, who)))
    scene.site.look_again()
    page = otto.get("/").text
    assert "the link is down (connect.refused)" in page
    assert "paula (page) has it" in page
    assert "4 GB of disk left" not in page, "it waits"
    assert "The channel <b>phone</b> does not work" in page
    shown = nobody.get("/").text
    assert "the link is down (connect.refused)" in shown
    assert "paula" not in shown
    assert "I have it" not in shown
    assert otto.submit("/alerts/take", alert="7").status_code == 303
    assert taken == [([7], "otto (page)")]
    assert otto.submit("/alerts/take", alert="x").status_code == 409
    assert [each.act for each in scene.site.audit.listing(limit=1).rows] == ["alert-taken"]


def test_an_agent_that_has_stopped_is_seen_within_seconds(scene: Scene) -> None:
    nobody = Browser(scene.site)
    with scene.agent():
        scene.site.look_again()
        assert "No agent runs" not in nobody.get("/").text
        assert nobody.get("/readyz").status_code == 200
    from kit.core import until

    until(lambda: "No agent runs" in nobody.get("/").text, timeout_s=5)
    answer = nobody.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "agent.none\n")
    assert nobody.get("/livez").text == "ok\n"


def test_it_is_looked_up_once_a_second_however_many_look(filled: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab_sender.operations.web import site as module

    looks: list[object] = []
    real = module.status
    monkeypatch.setattr(module, "status", lambda installation: looks.append(0) or real(installation))
    browsers = [Browser(filled.site) for _ in range(5)]
    filled.site.look_again()
    begun = module.time.monotonic()
    for _ in range(6):
        for each in browsers:
            assert each.get("/").status_code == 200
    assert 1 <= len(looks) <= module.time.monotonic() - begun + 2


def test_a_journal_that_cannot_be_read_is_told(scene: Scene) -> None:
    with scene.agent():
        pass
    journal = scene.site.installation.journal_path
    for ending in ("", "-wal", "-shm"):
        if (path := journal.with_name(journal.name + ending)).exists():
            path.write_bytes(b"no journal, " * 2000)
    scene.site.look_again()
    page = Browser(scene.site).get("/")
    assert page.status_code == 200
    assert "journal." in page.text
    assert Browser(scene.site).get("/readyz").status_code == 503


def test_a_configuration_that_became_wrong_leaves_the_page(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.path.write_text("outbox: [")
    monkeypatch.setattr(scene.site, "_read_s", -1000.0)
    assert Browser(scene.site).get("/").status_code == 200
