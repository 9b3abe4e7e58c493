"""What programs ask and do by the API: search, acts on many, alerts, reload; by right, and once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lab_sender.journal import several
from lab_sender.journal.operator import OperatorBook
from lab_sender.operations.alerts.book import Book
from lab_sender.operations.alerts.machine import State, step
from lab_sender.operations.conditions import Condition
from lab_sender.operations.rights_of import MASK, Visitor
from lab_sender.operations.web.api import many
from web.conftest import Browser
from web.scene import FAMILIES, MRNS, TESTER, Scene, report
from web.test_who_sees_what import leaks

_NUMBERS = itertools.count(1)


def _program(scene: Scene, role: str, *, patient_data: bool = False) -> Browser:
    name = f"{role} {next(_NUMBERS)}"
    key = scene.keys.add(TESTER, name, role, patient_data=patient_data)
    return Browser(scene.site, Authorization=f"Bearer {key}")


# ------------------------------------------------------------- search


def _refs(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["ref"] for each in answer.json()["entries"]]


def test_a_result_is_found_by_what_is_known_of_it(filled: Scene) -> None:
    viewer = _program(filled, "viewer")

    def found(**search: Any) -> list[str]:
        answer = viewer.post("/api/v1/search", json={"search": search, "limit": 100})
        assert not leaks(answer.text)
        return _refs(answer)

    assert found(order="L26-00013") == ["13"]
    assert found(states=["quarantined"], code="AE 206") == ["19", "18"]
    assert found(tries=2) == []
    assert len(found()) == 27
    page = viewer.post("/api/v1/search", json={"search": {}, "limit": 20}).json()
    rest = viewer.post("/api/v1/search", json={"search": {}, "limit": 20, "before": page["before"]}).json()
    assert len({each["ref"] for each in page["entries"] + rest["entries"]}) == 27


@pytest.mark.parametrize(
    "search",
    [{"tries": 1 << 63}, {"tries": -1}, {"until_ms": 10**18, "code": "AE"}, {"until_ms": -1}, {"since_ms": 1 << 70}],
)
def test_a_number_that_is_none_is_a_mistake_of_the_program(filled: Scene, search: dict[str, Any]) -> None:
    operator = _program(filled, "operator")
    for path, asked in (("/api/v1/search", {}), ("/api/v1/bulk", {"act": "dismiss"})):
        answer = operator.post(path, json=asked | {"search": search})
        assert (answer.status_code, answer.json()["code"]) == (400, "request.body")
    assert operator.post("/api/v1/search", json={"search": {"until_ms": 5, "code": "AE"}}).json()["since_ms"] == 0


@pytest.mark.parametrize("search", [{"patient": MRNS[3]}, {"contains": "x"}, {"file": "*x*"}])
def test_patients_are_searched_for_by_who_may_see_them_and_that_is_noted(
    filled: Scene, search: dict[str, str]
) -> None:
    viewer, seeing = _program(filled, "operator"), _program(filled, "viewer", patient_data=True)
    for path, body in (
        ("/api/v1/search", {"search": search}),
        ("/api/v1/bulk", {"act": "dismiss", "search": search | {"states": ["quarantined"]}}),
    ):
        answer = viewer.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "search.hidden")
    before = filled.site.audit.listing(limit=1).rows[0].id
    answer = seeing.post("/api/v1/search", json={"search": search})
    assert answer.status_code == 200
    rows = [each for each in filled.site.audit.listing(limit=5).rows if each.id > before]
    assert [(each.act, each.patient) for each in rows][::-1] == [
        ("api search", ""), *[("search", MRNS[3])] * ("patient" in search),
    ]  # fmt: skip
    assert leaks(answer.text)


@pytest.mark.parametrize(
    "body",
    [{"search": {"patiant": "1"}}, {"search": {"order": 7}}, {}, {"search": {}, "limit": 0}, {"search": {}, "x": 1}],
)
def test_what_is_no_search_is_told_and_finds_nothing(filled: Scene, body: dict[str, Any]) -> None:
    """A field that is not known is no search for everything."""
    answer = _program(filled, "viewer").post("/api/v1/search", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.body")


def test_a_word_that_is_no_state_is_told(filled: Scene) -> None:
    answer = _program(filled, "viewer").post("/api/v1/search", json={"search": {"states": ["lost"]}})
    assert (answer.status_code, answer.json()["code"]) == (400, "search.state")


# ------------------------------------------------------------- acts on many


class Refused:
    """A laboratory whose HIS has refused three; each is a transaction of its own."""

    def __init__(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scene = scene
        monkeypatch.setattr(several, "_EACH", 1)
        monkeypatch.setattr(many, "_MOMENT_S", 0.0)
        with scene.agent():
            scene.his.answer_by("AE,code=204,text=unknown order")
            scene.drop_reports(1, 3)
            scene.settled(3)
            scene.his.answer_by()

    @property
    def states(self) -> list[str]:
        with self.scene.site.installation.view() as view:
            return [each.state for each in sorted(view.these([1, 2, 3]), key=lambda each: each.message_id or 0)]

    def blocks(self, monkeypatch: pytest.MonkeyPatch, until: Callable[[], threading.Event]) -> threading.Event:
        """Let the second transaction wait until an event; returns one that is set when it waits."""
        reached, plain, calls = threading.Event(), OperatorBook.dismiss_messages, list[int]()

        def waiting(book: OperatorBook, *given: Any, **more: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                reached.set()
                assert until().wait(20)
            return plain(book, *given, **more)

        monkeypatch.setattr(OperatorBook, "dismiss_messages", waiting)
        return reached


@pytest.fixture
def refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Refused:
    return Refused(scene, monkeypatch)


ALL = {"act": "dismiss", "search": {"code": "AE 204"}}


def test_many_are_frozen_then_done_once_and_masked(refused: Refused) -> None:
    operator = _program(refused.scene, "operator")
    frozen = operator.post("/api/v1/bulk", json=ALL).json()
    assert (frozen["state"], frozen["count"], frozen["begun"], frozen["result"]) == ("ready", 3, 0, None)
    assert {each["file"] for each in frozen["targets"]} == {MASK}
    assert refused.states == ["quarantined"] * 3
    path = f"/api/v1/bulk/{frozen['token']}"
    assert operator.post(f"{path}/stop").json()["code"] == "bulk.not-running"
    assert operator.post(f"{path}/run", json={"why": " "}).json()["code"] == "act.no-reason"
    for _ in range(2):
        assert operator.post(f"{path}/run", json={"why": "sent by hand"}).status_code == 200
        refused.scene.site.works._works[frozen["token"]].ended.wait(20)
    ended = operator.get(path).json()
    assert (ended["state"], ended["begun"], len(ended["result"]["done"])) == ("ended", 3, 3)
    assert [each["target"]["id"] for each in ended["result"]["done"]] == [1, 2, 3]
    assert refused.states == ["dismissed"] * 3
    rows = refused.scene.site.audit.listing(limit=9, act="dismiss").rows
    assert [each.phase for each in rows] == ["done", "asked"]
    assert not leaks(repr(ended))


@pytest.mark.parametrize("search", [{}, {"order": ""}, {"patient": " ", "since_ms": 1}, {"file": "\t"}, {"code": ""}])
def test_an_act_on_all_is_not_widened_by_what_is_empty(refused: Refused, search: dict[str, Any]) -> None:
    operator = _program(refused.scene, "operator")
    answer = operator.post("/api/v1/bulk", json={"act": "dismiss", "search": search})
    assert answer.status_code == 400
    assert answer.json()["code"] == ("request.body" if search else "bulk.of-what")


def test_progress_is_told_and_stop_leaves_the_rest(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, works = _program(refused.scene, "operator"), refused.scene.site.works
    token = operator.post("/api/v1/bulk", json=ALL).json()["token"]
    reached = refused.blocks(monkeypatch, lambda: works._works[token].stopping)
    assert operator.post(f"/api/v1/bulk/{token}/run", json={"why": "sent by hand"}).json()["state"] == "running"
    assert reached.wait(20)
    running = operator.get(f"/api/v1/bulk/{token}").json()
    assert (running["state"], running["begun"], running["count"]) == ("running", 1, 3)
    stopped = operator.post(f"/api/v1/bulk/{token}/stop").json()
    assert (stopped["state"], stopped["begun"], stopped["result"]["left"]) == ("ended", 2, ["3"])
    assert refused.states == ["dismissed", "dismissed", "quarantined"]
    assert "left 1" in refused.scene.site.audit.listing(limit=1, act="dismiss").rows[0].detail


def test_the_page_shows_progress_and_its_stop_leaves_the_rest(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, as_: Callable[[str], Browser]
) -> None:
    otto, site = as_("otto"), refused.scene.site
    chosen = otto.submit("/bulk", "/quarantine", act="dismiss", cause="refused", destination="his", his_code="AE",
                         his_error="204")  # fmt: skip
    token = chosen.headers["location"].rpartition("/")[2]
    reached = refused.blocks(monkeypatch, lambda: site.works._works[token].stopping)
    site.works.run(Visitor("otto", "operator"), token, "sent by hand", "otto (page)", site.installation)
    assert reached.wait(20)
    page = otto.get(f"/bulk/{token}").text
    assert "1 of 3" in page
    assert "Stop" in page
    assert otto.submit(f"/bulk/{token}/stop", f"/bulk/{token}").status_code == 303
    page = otto.get(f"/bulk/{token}").text
    assert "2 given up" in page
    assert "1 left" in page or "not begun" in page
    assert refused.states == ["dismissed", "dismissed", "quarantined"]


def test_a_list_is_of_who_has_frozen_it(refused: Refused) -> None:
    token = _program(refused.scene, "operator").post("/api/v1/bulk", json=ALL).json()["token"]
    other, viewer = _program(refused.scene, "operator"), _program(refused.scene, "viewer")
    assert other.get(f"/api/v1/bulk/{token}").json()["code"] == "bulk.gone"
    assert other.post(f"/api/v1/bulk/{token}/run", json={"why": "x"}).json()["code"] == "bulk.gone"
    assert viewer.post("/api/v1/bulk", json=ALL).status_code == 403
    assert refused.states == ["quarantined"] * 3


# ------------------------------------------------------------- once, though asked twice


def test_a_copy_that_is_forced_is_made_once_under_its_key(scene: Scene) -> None:
    with scene.agent():
        scene.drop_reports(1, 1)
        scene.drop("newer.json", report(1).replace("T08:00", "T09:00"))
        scene.settled(2)
    operator = _program(scene, "operator")
    asked = {"act": "resend", "ids": ["1"], "why": "the HIS lost it", "force": True}

    def post(key: str, program: Browser = operator, **more: Any) -> Any:
        return program.post("/api/v1/acts", json=asked | more, headers={"Idempotency-Key": key} if key else {})

    assert (post("").status_code, post("").json()["code"]) == (400, "act.key")
    assert post("short").json()["code"] == "act.key"
    first, again = post("one-of-mine"), post("one-of-mine")
    assert first.json()["done"][0]["new_message"] == 3
    assert again.json() == first.json()
    assert _copies(scene) == [3]
    other = post("one-of-mine", why="another")
    assert (other.status_code, other.json()["code"]) == (409, "act.key-used")
    assert _copies(scene) == [3]
    assert post("one-of-mine", _program(scene, "operator")).json()["done"][0]["new_message"] == 4, "keys are its own"


def _copies(scene: Scene) -> list[int]:
    with scene.site.installation.view() as view:
        return [each.message_id or 0 for each in view.lines(limit=50) if (each.message_id or 0) > 2]


# ------------------------------------------------------------- alerts, reload


def test_alerts_are_listed_and_taken(scene: Scene) -> None:
    scene.path.write_text(scene.path.read_text() + "alerts: {channels: {mail: {url: 'json://localhost:1'}}}\n")
    scene.site._read_s = -10.0
    down = Condition("link.down", "CRITICAL", "his", "connect.refused", 1, "the link is down (connect.refused)")
    Book(scene.site.records).turn(
        lambda state: step(
            state if isinstance(state, State) else State(), [down], 10**13, scene.site.installation.config.alerts,
            is_quiet=False, is_known=True,
        ),
        lambda *_: [],
    )  # fmt: skip
    viewer, operator = _program(scene, "viewer"), _program(scene, "operator")
    (alert,) = viewer.get("/api/v1/alerts").json()["alerts"]
    assert (alert["code"], alert["level"], alert["taken_by"]) == ("link.down", "CRITICAL", None)
    path = f"/api/v1/alerts/{alert['id']}/take"
    assert viewer.post(path).status_code == 403
    assert operator.post(path).json()["alerts"][0]["taken_by"].startswith("key operator")
    assert [each.phase for each in scene.site.audit.listing(limit=2, act="alert-taken").rows] == ["done", "asked"]
    assert operator.post("/api/v1/alerts/9999/take").json()["code"] == "alerts.no-such"


def test_a_configuration_is_brought_in_force_whole_or_not(scene: Scene) -> None:
    admin, operator = _program(scene, "admin"), _program(scene, "operator")
    assert operator.post("/api/v1/reload").status_code == 403
    answer = admin.post("/api/v1/reload")
    assert (answer.status_code, answer.json()["code"]) == (503, "reload.no-agent")
    with scene.agent():
        text = scene.path.read_text()
        scene.path.write_text(text.replace("poll: 50ms", "poll: 60ms"))
        answer = admin.post("/api/v1/reload")
        assert (answer.status_code, answer.json()["changed"]) == (200, ["intake.poll"])
        assert answer.json()["in_force"]
        scene.path.write_text(text.replace("poll: 50ms", "poll: soon"))
        answer = admin.post("/api/v1/reload")
        assert answer.status_code >= 400
        assert "line" in answer.text
    phases = [each.phase for each in scene.site.audit.listing(limit=9, act="reload").rows]
    assert phases == ["rejected", "asked", "done", "asked", "rejected", "asked"]


def test_the_names_that_stand_in_files_are_masked_in_what_is_frozen(refused: Refused) -> None:
    seeing = _program(refused.scene, "operator", patient_data=True)
    frozen = seeing.post("/api/v1/bulk", json=ALL)
    assert set(leaks(frozen.text)) == {name for n in (1, 2, 3) for name in (FAMILIES[n], MRNS[n])}
    assert [each.act for each in refused.scene.site.audit.listing(limit=1).rows] == ["api bulk-freeze"]
