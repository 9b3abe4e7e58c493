"""The screens beyond the overview: what they show to whom, what they note, and what a press does."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.routing import Route

from lab_sender.ids import new_id
from lab_sender.journal.causes import Cause
from lab_sender.operations.rights_of import MASK, Visitor
from lab_sender.operations.web.app import ROUTES
from web.conftest import Browser
from web.scene import FAMILIES, MRNS, PATIENTS, Scene, report

GET = ("/messages", "/messages?state=quarantined", "/quarantine", "/messages/13", "/messages/3", "/files/20", "/log",
       "/configuration", "/alerts")  # fmt: skip
"""What everybody with an account may look at."""


def leaks(text: str) -> list[str]:
    return [each for each in PATIENTS if each in text]


def rows(scene: Scene, *acts: str) -> list[tuple[str, str, str]]:
    """Return who did what to what, the newest first, of these acts."""
    found = scene.site.audit.listing(limit=50).rows
    return [(each.who, each.act, each.target) for each in found if each.act in acts]


@pytest.fixture(scope="module")
def paula(filled: Scene) -> Browser:
    """An operator who has asked to see patients."""
    browser = Browser(filled.site)
    browser.log_in("paula")
    browser.submit("/reveal", on="1")
    return browser


@pytest.fixture(scope="module")
def vera(filled: Scene) -> Browser:
    """A viewer."""
    browser = Browser(filled.site)
    browser.log_in("vera")
    return browser


@pytest.mark.parametrize("path", GET)
def test_who_has_no_right_sees_dots_and_who_asked_sees_patients(vera: Browser, paula: Browser, path: str) -> None:
    masked, shown = vera.get(path), paula.get(path)
    assert (masked.status_code, shown.status_code) == (200, 200)
    assert not leaks(masked.text)
    if path.startswith(("/messages", "/quarantine")):
        assert MASK in masked.text
        assert leaks(shown.text)


def test_the_word_that_was_typed_is_all_that_a_viewer_gets_of_a_patient(filled: Scene, vera: Browser) -> None:
    """He finds an order that he knows whole, and not by a patient or by a part of a name."""
    found = vera.submit("/messages", "/messages", q="L26-00013")
    assert (found.status_code, found.headers["location"]) == (303, "/messages/13")
    for word in (MRNS[3], f"patient:{MRNS[3]}", f"text:{FAMILIES[3]}", f"{FAMILIES[3]}*", f"part:{FAMILIES[3]}*"):
        page = vera.submit("/messages", "/messages", q=word)
        assert page.status_code == 200, word
        assert not re.search(r"/messages/\d", page.text), word
        assert not set(leaks(page.text)) - {each for each in PATIENTS if each in word}
    assert ("vera", "search", "") not in rows(filled, "search")


def test_one_box_finds_by_each_word_that_a_person_has(filled: Scene, paula: Browser) -> None:
    with filled.site.installation.view() as view:
        control_id = view.these([13])[0].control_id
    for word in (control_id, control_id.lower(), "13", "id:13", "L26-00013", f"{FAMILIES[3]}_{MRNS[3]}_00013.json"):
        found = paula.submit("/messages", "/messages", q=word)
        assert (found.status_code, found.headers.get("location")) == (303, "/messages/13"), word
    page = paula.submit("/messages", "/messages", q=MRNS[3])
    assert re.findall(r'name="ref" value="(\d+)"', page.text) == ["23", "13", "3"]
    assert "as patient number" in page.text
    found = filled.site.audit.listing(limit=1, act="search").rows[0]
    assert (found.who, found.patient) == ("paula", MRNS[3])
    page = paula.submit("/messages", "/messages", q=MRNS[3], state="quarantined")
    assert page.headers["location"] == "/messages/13"
    assert "No message and no file fits" in paula.submit("/messages", "/messages", q="nobody has this").text


def test_nothing_that_is_searched_for_is_in_an_address(paula: Browser) -> None:
    pages = [paula.submit("/messages", "/messages", q=MRNS[3]).text, paula.get("/quarantine").text]
    pages.append(paula.get(f"/messages?q={MRNS[3]}&range=all").text)
    assert MRNS[3] not in "".join(re.findall(r'value="([^"]*)"', pages[2])), "an address cannot ask for a patient"
    for page in pages:
        assert not leaks("".join(re.findall(r'(?:href|action)="([^"]*)"', page)))
        assert not leaks("".join(re.findall(r"<title>(.*?)</title>", page)))


def test_older_ones_by_cursor_and_each_once(paula: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab_sender.operations.web import listed as module

    monkeypatch.setattr(module.listed, "__kwdefaults__", {"before": None, "limit": 10})
    seen, page = list[str](), paula.get("/messages").text
    for _ in range(4):
        seen += re.findall(r'name="ref" value="([^"]+)"', page)
        older = re.search(r'name="before" value="([^"]+)"', page)
        if older is None:
            break
        page = paula.submit("/messages", "/messages", before=older[1]).text
    assert len(seen) == len(set(seen)) == 27


def test_how_long_nearly_all_acks_take_is_told_everywhere_alike(filled: Scene, vera: Browser) -> None:
    filled.site.look_again()
    (lane,) = filled.site.status().destinations
    assert lane.ack_p95_ms is not None
    page, metrics = vera.get("/").text, vera.get("/metrics").text
    assert "95 of 100 within" in page
    assert f'lab_sender_ack_p95_seconds{{destination="his"}} {lane.ack_p95_ms / 1000}' in metrics


def test_what_no_index_finds_says_how_far_it_looked_and_goes_on(
    paula: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab_sender.journal import candidates
    from lab_sender.operations import search as module

    monkeypatch.setattr(candidates, "_FIRST", 20)
    monkeypatch.setattr(module.search, "__kwdefaults__", {"before": None, "patience_s": 0.0})
    page = paula.submit("/messages", "/messages", q="text:nobody-has-this").text
    assert "Nothing so far" in page
    assert "Looked back to" in page
    assert "No message and no file fits" not in page
    older = re.search(r'name="before" value="([^"]+)"', page)
    assert older is not None
    page = paula.submit("/messages", "/messages", q="text:nobody-has-this", before=older[1]).text
    assert "No message and no file fits" in page


def test_a_saved_search_is_its_accounts_alone(paula: Browser, vera: Browser) -> None:
    paula.submit("/messages/save", "/messages", name="refused", q="code:206", state="quarantined")
    assert "refused</button>" in paula.get("/messages").text
    assert "refused</button>" not in vera.get("/messages").text
    page = paula.submit("/messages", "/messages", saved="refused").text
    assert re.findall(r'name="ref" value="(\d+)"', page) == ["19", "18"]
    paula.submit("/messages/forget", "/messages", saved="refused")
    assert "refused</button>" not in paula.get("/messages").text


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"q": "ward:W5 code:refused", "range": "30d"}, True),
        ({"state": "quarantined", "code": "AE"}, True),
        ({"q": "W5", "kind": "ward"}, True),
        ({"q": MRNS[3]}, False),
        ({"q": MRNS[3], "kind": "patient"}, False),
        ({"q": f"ward:W5 patient:{MRNS[3]}"}, False),
        ({"q": f"ward:W5 {MRNS[3]}"}, False),
        ({"q": "order:L26-00003"}, False),
        ({"q": "name:Tapir.json"}, False),
        ({"q": "text:Tapir"}, False),
        ({"q": "control:77"}, False),
    ],
)
def test_what_may_be_a_patients_is_not_kept(
    filled: Scene, paula: Browser, fields: dict[str, str], kept: bool
) -> None:
    answer = paula.submit("/messages/save", "/messages", name="mine", **fields)
    assert ("search.not-kept" in answer.text) != kept
    assert ("Save this search" in paula.submit("/messages", "/messages", **fields).text) == kept or not kept
    (stored,) = filled.site.records.rows("SELECT COUNT(*) FROM saved_search WHERE name = 'mine'")[0]
    assert bool(stored) == kept
    paula.submit("/messages/forget", "/messages", saved="mine")


def test_a_page_that_shows_a_patient_is_noted_each_time_and_one_that_does_not_is_not(
    filled: Scene, paula: Browser, vera: Browser
) -> None:
    before = len(rows(filled, "view"))
    paula.get("/messages/14")
    paula.get("/messages/14", headers={"hx-trigger": "live", "hx-request": "true"})
    vera.get("/messages/14")
    assert rows(filled, "view")[: len(rows(filled, "view")) - before] == [("paula", "view", "14")] * 2
    assert filled.site.audit.listing(limit=1, act="view").rows[0].patient == MRNS[4]


@pytest.mark.parametrize(("path", "act"), [("/messages/14/raw", "raw"), ("/messages/14/proof", "proof")])
def test_raw_views_and_proofs_are_for_who_sees_patients_and_are_noted(
    filled: Scene, paula: Browser, vera: Browser, path: str, act: str
) -> None:
    assert vera.submit(path, "/messages").status_code == 403
    assert paula.get(path).status_code == 405, "nobody comes to it by a link"
    answer = paula.submit(path, "/messages")
    assert FAMILIES[4] in answer.text
    assert rows(filled, act)[0] == ("paula", act, "14")


def test_an_export_is_noted_and_masked_like_the_page(filled: Scene, paula: Browser, vera: Browser) -> None:
    table = list(csv.DictReader(vera.submit("/messages/export", "/messages").text.splitlines()))
    assert len(table) == 27
    assert {each["file"] for each in table} == {MASK}
    assert "patient" not in table[0]
    assert rows(filled, "export")[0] == ("vera", "export", "")
    seen = paula.submit("/messages/export", "/messages", q=MRNS[3])
    assert {each["patient"].partition("^")[0] for each in csv.DictReader(seen.text.splitlines())} == {MRNS[3]}
    assert "attachment" in seen.headers["content-disposition"]


@pytest.mark.parametrize("path", ["/messages/13", "/messages/14/raw", "/messages/14/proof", "/messages/export"])
def test_what_cannot_be_noted_is_not_sent(
    filled: Scene, paula: Browser, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    from web.test_who_sees_what import _Full

    token = paula.token("/messages")
    monkeypatch.setattr(filled.site.audit, "_records", _Full(filled.site.records))
    answer = paula.get(path) if path == "/messages/13" else paula.post(path, data={"token": token})
    assert answer.status_code == 503
    assert not leaks(answer.text)


def test_groups_of_quarantine_are_by_our_code_and_the_his_s(paula: Browser, vera: Browser) -> None:
    page = vera.get("/quarantine").text
    assert re.findall(r'class="count">(\d+)<', page) == ["5", "2", "1"]
    assert all(each in page for each in ("error 204", "error 206", "json.syntax"))
    assert "Release all" not in page, "who only looks has no buttons"
    assert "unknown order of" in paula.get("/quarantine").text, "its words, to who may see them"


# ------------------------------------------------------------- acts


class Acting:
    """A laboratory whose HIS has refused three, and an operator."""

    def __init__(self, scene: Scene, operator: Browser) -> None:
        self.scene, self.operator = scene, operator
        with scene.agent():
            scene.his.answer_by("AE,code=204,text=unknown order")
            scene.drop_reports(1, 3)
            scene.settled(3)
            scene.his.answer_by()

    def choose(self, act: str, **fields: str) -> str:
        """Freeze a list and return its page's path."""
        answer = self.operator.submit("/bulk", "/quarantine", act=act, **fields)
        assert answer.status_code == 303
        return str(answer.headers["location"])

    def by_cause(self, act: str) -> str:
        """Freeze all of the one cause."""
        return self.choose(act, cause="refused", destination="his", his_code="AE", his_error="204")

    def mixed(self, act: str, *refs: str) -> str:
        """Freeze what is ticked."""
        form = {"token": self.operator.token("/quarantine"), "act": act, "ref": refs}
        return str(self.operator.post("/bulk", data=form).headers["location"])

    @property
    def causes(self) -> list[Cause]:
        """What is in quarantine, by its cause."""
        with self.scene.site.installation.view() as view:
            return view.causes()

    @property
    def states(self) -> list[str]:
        """The states of the messages, by number."""
        with self.scene.site.installation.view() as view:
            return [each.state for each in sorted(view.these([1, 2, 3]), key=lambda each: each.message_id or 0)]


@pytest.fixture
def acting(scene: Scene, as_: Callable[[str], Browser]) -> Acting:
    return Acting(scene, as_("otto"))


def test_nothing_is_done_before_the_second_step_and_not_without_a_reason(acting: Acting) -> None:
    path = acting.by_cause("dismiss")
    page = acting.operator.get(path).text
    assert "3 will be given up." in page
    assert acting.operator.submit(f"{path}/run", path, why=" ").status_code == 400
    assert acting.states == ["quarantined"] * 3
    assert rows(acting.scene, "dismiss") == []


def test_pressed_twice_is_done_once_and_the_audit_has_asked_and_done(acting: Acting) -> None:
    path = acting.by_cause("dismiss")
    for _ in range(2):
        assert acting.operator.submit(f"{path}/run", path, why="sent by hand").headers["location"] == path
    assert acting.states == ["dismissed"] * 3
    found = acting.scene.site.audit.listing(limit=2).rows
    assert {(each.who, each.act) for each in found} == {("otto", "dismiss")}
    assert [each.phase for each in found] == ["done", "asked"]
    assert "done 3 rejected 0 left 0" in found[0].detail
    assert "3 given up" in acting.operator.get(path).text
    with acting.scene.site.installation.view() as view:
        assert {(each["who"], each["detail"]) for each in view.events(1, 1)} == {("otto (page)", "sent by hand")}


def test_what_is_given_up_and_may_have_arrived_is_to_be_asked_for(acting: Acting) -> None:
    with contextlib.closing(sqlite3.connect(acting.scene.site.installation.journal_path)) as db, db:
        db.execute("UPDATE message SET may_have_left = TRUE WHERE id = 2")
        ((control_id,),) = db.execute("SELECT control_id FROM message WHERE id = 2").fetchall()
    path = acting.by_cause("dismiss")
    page = acting.operator.get(path).text
    assert "1 of them may have arrived: ask the HIS team for its control id." in page
    assert page.count("may have arrived: ask the HIS team for control id") == 1
    acting.operator.submit(f"{path}/run", path, why="sent by hand")
    page = acting.operator.get(path).text
    assert f"may have arrived: ask the HIS team for control id <code>{control_id}</code>" in page
    page = acting.operator.get("/messages/2").text
    assert "It was given up: it is not sent again. It may have arrived." in page
    assert "It was given up: it is not sent." in acting.operator.get("/messages/1").text


def test_control_ids_of_laboratories_to_be_asked_for_are_masked() -> None:
    ours, theirs = new_id(), f"{FAMILIES[0]}1"
    shown = Visitor("vera", "viewer").masked({"target": {"may_have_arrived": [ours, theirs]}})
    assert shown == {"target": {"may_have_arrived": [ours, MASK]}}


def test_what_was_never_built_is_read_again_and_not_built_anew(acting: Acting) -> None:
    """Its release is no release of bytes, and there is nothing that could be built anew."""
    scene = acting.scene
    with scene.agent():
        for count, name in enumerate(("a.json", "b.json"), 4):
            scene.drop(name, report(count).replace("T08:00:00", "T0800"))
            scene.settled(count)
        scene.drop("c.json", "{")
        scene.settled(6)
    (cause,) = [each for each in acting.causes if each.destination and each.code != "refused"]
    assert (cause.number, cause.built) == (2, 0)
    page = acting.operator.get("/quarantine").text
    groups = page.split('class="card group"')[1:]
    (group,) = [each for each in groups if f"<code>{cause.code}</code>" in each]
    assert "Read again all…" in group
    assert "Release" not in group
    assert "Build anew" not in group
    assert sum("Build anew all…" in each for each in groups) == 1
    page = acting.operator.get("/messages/4").text
    assert "Read again…" in page
    assert "Build anew" not in page
    path = acting.choose("release", cause=cause.code, destination="his")
    page = acting.operator.get(path).text
    assert "2 will be read again." in page
    assert "Their files are read again, and what can be built then goes out." in page
    assert "with the content" not in page
    path = acting.choose("release", ref="file:6")
    assert "Its file is read again" in acting.operator.get(path).text
    mixed = acting.operator.get(acting.mixed("release", "1", "4", "file:6")).text
    assert "3 will be released." in mixed
    assert "with the content that they have. The files of 2 that were not built are read again." in mixed


def test_the_reason_for_an_act_on_many_is_on_the_overview_for_who_sees_patients_alone(
    acting: Acting, as_: Callable[[str], Browser]
) -> None:
    path = acting.by_cause("dismiss")
    acting.operator.submit(f"{path}/run", path, why=f"{FAMILIES[1]} is at another ward")
    page = acting.operator.get("/").text
    assert "messages given up" in page, "in words, not by its code"
    assert leaks(page) == []
    paula = as_("paula")
    paula.submit("/reveal", on="1")
    assert leaks(paula.get("/").text) == [FAMILIES[1]]


def test_two_requests_at_one_time_run_a_list_once(acting: Acting) -> None:
    """The page's own guard; the journal has another."""
    site, token = acting.scene.site, acting.by_cause("dismiss").rpartition("/")[2]
    otto = Visitor("otto", "operator")
    for _ in range(2):
        site.works.run(otto, token, "sent by hand", "otto (page)", site.installation).ended.wait(10)
    assert [each.phase for each in site.audit.listing(limit=9, act="dismiss").rows] == ["done", "asked"]


def test_what_has_changed_since_it_was_shown_is_not_done_and_said(acting: Acting) -> None:
    path = acting.by_cause("release")
    again = acting.choose("dismiss", ref="2")
    acting.operator.submit(f"{again}/run", again, why="wrong patient")
    acting.operator.submit(f"{path}/run", path, why="order is there now")
    assert acting.states == ["spooled", "dismissed", "spooled"]
    page = acting.operator.get(path).text
    assert "2 released, 1 not" in page


def test_what_a_newer_result_has_overtaken_is_left_out_and_the_others_go_oldest_first(acting: Acting) -> None:
    scene = acting.scene
    with scene.agent():
        scene.drop("newer.json", report(2).replace("T08:00", "T09:00"))
        scene.until(lambda now: now.acked == 1)
        before = len(scene.his.received)
        path = acting.by_cause("release")
        page = acting.operator.get(path).text
        assert "2 will be released, 1 will not." in page
        assert "newer" in page
        for _ in range(2):
            acting.operator.submit(f"{path}/run", path, why="orders are there now")
        scene.until(lambda now: now.acked == 3)
    sent = [each.body for each in scene.his.received[before:]]
    assert [next(each for each in (b"L26-00001", b"L26-00003") if each in body) for body in sent] == [
        b"L26-00001", b"L26-00003",
    ]  # fmt: skip


def test_what_will_not_go_is_shown_with_its_reason_before_anything_is_done(acting: Acting) -> None:
    path = acting.by_cause("rebuild")
    page = acting.operator.get(path).text
    assert "Nothing will be built anew" in page
    assert "rebuild.unchanged" in page
    assert acting.operator.submit(f"{path}/run", path, why="try").status_code == 409


def test_a_list_is_its_accounts_alone(acting: Acting, as_: Callable[[str], Browser]) -> None:
    path = acting.by_cause("dismiss")
    other = as_("paula")
    assert other.get(path).status_code == 400
    assert other.submit(f"{path}/run", "/quarantine", why="mine").status_code == 400
    assert acting.states == ["quarantined"] * 3


def test_who_only_looks_can_choose_nothing(acting: Acting, as_: Callable[[str], Browser]) -> None:
    vera = as_("vera")
    assert vera.submit("/bulk", "/quarantine", act="dismiss", ref="1").status_code == 403
    assert acting.states == ["quarantined"] * 3


# ------------------------------------------------------------- log, configuration, accounts, audit


def test_the_log_is_read_from_its_end_a_page_at_a_time(tmp_path: Path) -> None:
    from lab_sender.operations.web.log_file import read

    path = tmp_path / "agent.log"
    events = [{"event": f"e{n}", "level": "INFO" if n % 3 else "WARNING", "n": n} for n in range(5000)]
    path.write_text("".join(f"{json.dumps(each)}\n" for each in events) + "a line that is no JSON\n")
    page, seen = read(path, limit=700), list[str]()
    assert page.lines[0].event == "a line that is no JSON"
    while True:
        seen += [each.event for each in page.lines]
        if page.before is None:
            break
        page = read(path, limit=700, before=page.before)
    assert seen[1:] == [f"e{n}" for n in reversed(range(5000))]
    assert [each.event for each in read(path, limit=2, least="warning").lines] == ["e4998", "e4995"]
    assert [each.event for each in read(path, limit=2, event="e499").lines] == ["e4999", "e4998"]


def test_accounts_are_managed_by_who_may_and_a_key_is_shown_once(scene: Scene, as_: Callable[[str], Browser]) -> None:
    adam = as_("adam")
    assert as_("otto").get("/accounts").status_code == 403
    page = adam.submit("/keys/add", "/accounts", name="lab 5", role="submit", days="30").text
    key = re.search(r'class="secret">([^<]+)<', page)
    assert key is not None
    assert key[1] not in adam.get("/accounts").text
    assert Browser(scene.site, Authorization=f"Bearer {key[1]}").get("/api/v1/status").status_code == 403
    assert adam.submit("/accounts/add", "/accounts", name="nora", role="viewer", password="short").status_code == 422
    adam.submit("/accounts/add", "/accounts", name="nora", role="viewer", password="four words are enough")
    adam.submit("/accounts/role", "/accounts", name="nora", role="operator")
    adam.submit("/keys/revoke", "/accounts", name="lab 5")
    assert [each[1] for each in rows(scene, "account-add", "account-role", "key-add", "key-revoke")][:4] == [
        "key-revoke", "account-role", "account-add", "key-add",
    ]  # fmt: skip


def test_the_configuration_is_shown_without_secrets_and_a_broken_one_with_its_mistakes(
    scene: Scene, as_: Callable[[str], Browser]
) -> None:
    otto = as_("otto")
    assert "No agent runs" in otto.get("/configuration").text
    scene.path.write_text(scene.path.read_text().replace("ack_timeout: 3s", "ack_timeout: soon"))
    page = otto.get("/configuration").text
    assert "The file has mistakes" in page
    assert "<b>config.yaml line 5</b>" in page
    assert "x0a" not in page


def test_the_audit_is_walked_and_a_changed_row_is_named(scene: Scene, as_: Callable[[str], Browser]) -> None:
    adam = as_("adam")
    assert "none changed" in adam.submit("/audit/verify", "/audit").text
    with scene.site.records.transaction() as db:
        db.execute("DROP TRIGGER audit_is_never_changed")
        db.execute("UPDATE audit SET who = 'nobody' WHERE id = 2")
    assert "Row 2 is not as it was written" in adam.submit("/audit/verify", "/audit").text


def test_every_screen_of_the_head_is_a_route() -> None:
    from lab_sender.operations.web.navigation import ENTRIES

    shown = {route.path for route in ROUTES if isinstance(route, Route) and "GET" in (route.methods or ())}
    assert {each.path for each in ENTRIES} <= shown


def test_alerts_with_who_has_them_and_channels_that_do_not_work(
    as_: Callable[[str], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab_sender.operations.web.screens import alerts
    from web.test_overview import ALERTS

    otto = as_("otto")
    assert "Nobody is told: there is no channel" in otto.get("/alerts").text
    monkeypatch.setattr(alerts.alerts, "listing", lambda _: ALERTS)
    page = otto.get("/alerts")
    assert page.status_code == 200
    assert "I have it" in page.text
    assert as_("vera").submit("/alerts/take", "/alerts", alert="7").status_code == 403
    assert otto.submit("/alerts/test", "/alerts").status_code == 403, "a trial is the admin's"
