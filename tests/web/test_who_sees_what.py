"""Nobody sees what he has no right to see, on any screen and by any operation of the API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.routing import Mount, Route

from lab_sender.log import Event, listen
from lab_sender.operations.output import output_schema
from lab_sender.operations.rights_of import MASK, OF_PATIENTS, ROLES, Right, Visitor, rights_of
from lab_sender.operations.web.app import ROUTES
from web.conftest import Browser
from web.scene import PATIENTS, TESTER, Scene

OPEN = {"/", "/livez", "/readyz", "/leader", "/metrics", "/login", "/logout"}
"""What anybody may ask for; /logout of nobody does nothing."""


def every_route() -> Iterator[tuple[str, str]]:
    """Yield each method and path, with numbers that lead to something."""
    for route in ROUTES:
        assert isinstance(route, Route | Mount)
        if isinstance(route, Route):
            path = re.sub(r"\{id:int\}|\{id\}", "13", re.sub(r"\{file:int\}", "20", route.path))
            path = re.sub(r"\{destination\}", "his", re.sub(r"\{token\}", "06H29KJR0Q7K2AKBMEQK", path))
            assert "{" not in path, f"say here what {route.path} is asked for"
            yield from ((method, path) for method in sorted(route.methods or ()) if method != "HEAD")


def leaks(text: str) -> list[str]:
    return [each for each in PATIENTS if each in text]


def test_the_scene_has_the_patients_that_nobody_may_see(filled: Scene) -> None:
    key = filled.keys.add(TESTER, "sees", "viewer", patient_data=True)
    program = Browser(filled.site, Authorization=f"Bearer {key}")
    seen = program.get("/api/v1/messages?limit=100").text
    seen += "".join(program.get(f"/api/v1/messages/{number}/wire").text for number in range(1, 27))
    assert set(leaks(seen)) == set(PATIENTS)


def test_without_an_account_there_are_facts_only(filled: Scene) -> None:
    nobody = Browser(filled.site)
    for method, path in every_route():
        answer = nobody.request(method, path)
        assert not leaks(answer.text), path
        assert MASK not in answer.text, f"{path}: not even that there is something"
        if path not in OPEN:
            to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login")
            assert answer.status_code in (401, 403) or to_login, f"{method} {path}: {answer.status_code}"


@pytest.mark.parametrize("name", ["vera", "otto", "adam", "paula"])
def test_without_the_right_or_before_it_was_asked_for_nothing_of_a_patient_is_shown(filled: Scene, name: str) -> None:
    """Paula has the right, and has not asked."""
    person = Browser(filled.site)
    person.log_in(name)
    for method, path in every_route():
        if method == "GET":
            answer = person.get(path)
            assert not leaks(answer.text), path
            assert answer.status_code in (200, 303, 400, 403, 404, 503), f"{path}: {answer.status_code}"


def test_shown_for_a_quarter_of_an_hour_and_noted_before(filled: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    paula = Browser(filled.site)
    paula.log_in("paula")
    assert paula.get("/api/v1/messages/13/wire").status_code == 403
    before = filled.site.audit.listing(limit=1).rows[0].id
    paula.submit("/reveal", on="1")
    assert [each.act for each in filled.site.audit.listing(limit=1).rows] == ["reveal"]
    assert leaks(paula.get("/api/v1/messages?limit=100").text)
    assert leaks(paula.get("/api/v1/messages/13/wire").text)
    rows = filled.site.audit.listing(limit=2).rows
    assert [(each.act, each.target) for each in rows] == [("api wire", "13"), ("reveal", "")]
    assert {each.who for each in rows} == {"paula"}
    assert rows[-1].id == before + 1
    paula.submit("/reveal", on="0")
    assert not leaks(paula.get("/api/v1/messages?limit=100").text)
    paula.submit("/reveal", on="1")
    from lab_sender.operations import rights_of as module

    later = module.time.time() + 16 * 60
    monkeypatch.setattr(module.time, "time", lambda: later)
    assert not leaks(paula.get("/api/v1/messages?limit=100").text)


def test_a_program_leaves_a_row_before_it_is_answered(filled: Scene) -> None:
    key = filled.keys.add(TESTER, "reader", "viewer", patient_data=True)
    program = Browser(filled.site, Authorization=f"Bearer {key}")
    program.get("/api/v1/messages/13/wire")
    (row,) = filled.site.audit.listing(limit=1).rows
    assert (row.who, row.act, row.target) == ("key reader", "api wire", "13")


def test_what_cannot_be_noted_is_not_shown(scene: Scene, program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row stands before the body's first byte: without it there is none."""
    scene.start_agent()
    scene.drop_reports(1, 1)
    scene.settled(1)
    reader = program("viewer", patient_data=True)
    assert reader.get("/api/v1/messages/1/wire").status_code == 200
    monkeypatch.setattr(scene.site.audit, "_records", _Full(scene.site.records))
    answer = reader.get("/api/v1/messages/1/wire")
    assert (answer.status_code, answer.json()["code"]) == (503, "records.unavailable")
    assert not leaks(answer.text)


class _Full:
    """Records on a full disk."""

    def __init__(self, records) -> None:
        self._records = records

    def transaction(self):
        from lab_sender.operations.records import RecordsUnavailable

        raise RecordsUnavailable("records.unavailable", "operations.db cannot be written now.")


def test_a_mask_says_neither_length_nor_that_there_is_nothing() -> None:
    viewer = Visitor("v", "viewer", rights_of("viewer", patient_data=False))
    assert {viewer.shown(each) for each in ("", None, "138", "a long name of somebody")} == {MASK}
    document = {"file": None, "orders": [], "deep": [{"why": "", "code": "refused"}]}
    assert viewer.masked(document) == {"file": MASK, "orders": [MASK], "deep": [{"why": MASK, "code": "refused"}]}


def test_why_an_operator_holds_a_lane_is_shown_alike_and_the_words_of_the_his_are_not(
    scene: Scene, as_: Callable[[str], Browser], program: Callable[..., Browser]
) -> None:
    """One rule for page and API: whoever resumes must know why somebody stopped it."""
    with scene.agent():
        pass
    vera, viewer = as_("vera"), program("viewer")
    words = f"unknown order of {PATIENTS[0]}"
    for kind, reason, open_ in (("brake", words, False), ("operator", "HIS upgrade", True)):
        with scene.site.installation.journal() as journal:
            if kind == "operator":
                journal.operator.hold("his", reason)
            else:
                journal.delivery.held("his", "brake", reason)
        scene.site.look_again()
        status = viewer.get("/api/v1/status").json()
        assert status["hold_reason"] == status["destinations"][0]["hold_reason"] == (reason if open_ else MASK)
        assert (reason in vera.get("/").text) == open_
    seeing = Visitor("s", "viewer", rights_of("viewer", patient_data=True), key=1)
    assert seeing.hold_reason("brake", "x") == "x"


def test_patient_data_is_part_of_no_role() -> None:
    assert all(Right.PATIENT_DATA not in rights for rights in ROLES.values())
    assert ROLES["viewer"] < ROLES["operator"] < ROLES["admin"]
    assert rights_of("nobody", patient_data=True) == frozenset()


def test_every_field_of_a_document_that_says_it_is_of_patients_is_masked() -> None:
    told = {
        name
        for kind in output_schema()["$defs"].values()
        for name, field in kind["properties"].items()
        if "atient data" in json.dumps(field) and name not in ("segments", "patient_data")
    }
    assert told - {"text", "value", "fields", "his", "line"} <= OF_PATIENTS


def test_the_log_has_nothing_of_it(filled: Scene) -> None:
    """What the agent logs is gathered over the whole run (conftest.py); this is what the page does."""
    said: list[Event] = []
    end = listen(said.append)
    vera = Browser(filled.site)
    vera.log_in("vera", "wrong password of ZEBRASTEIN")
    vera.log_in("vera")
    for method, path in every_route():
        vera.request(method, f"{path}?q={PATIENTS[0]}")
    end()
    assert "login.failed" in [each.name for each in said]
    assert not leaks(repr(said))


def test_after_a_login_one_comes_to_a_page_of_ours(filled: Scene) -> None:
    for path in ("https://evil.example", "//evil.example", "/\\evil.example", "\t//evil", "/a\nb"):
        browser = Browser(filled.site)
        answer = browser.submit("/login", "/login", name="vera", password="a horse walks home", next=path)
        assert answer.headers["location"] == "/", path


def test_the_page_asks_nothing_of_others() -> None:
    """No address of another machine, no style in an element, no script in a page."""
    folder = Path(__file__).parents[2] / "lab_sender" / "operations" / "web"
    for path in [*folder.rglob("*.html"), *folder.glob("static/*.css"), *folder.glob("static/*.js")]:
        text = path.read_text("utf-8")
        assert not re.search(r"https?://|style=|<script>| on[a-z]+=|hx-on|javascript:", text), path.name
    for path in folder.glob("static/vendor/*.js"):
        assert set(re.findall(r"https?://[^\"'\s]*", path.read_text("utf-8"))) <= {"http://www.w3.org/1999/xhtml"}


def test_what_was_taken_over_is_what_was_taken_over() -> None:
    import hashlib

    vendor = Path(__file__).parents[2] / "lab_sender" / "operations" / "web" / "static" / "vendor"
    sums = dict(reversed(line.split()) for line in (vendor / "SHA256SUMS").read_text().splitlines())
    assert sums == {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in vendor.glob("*.js")}
    assert {each.name for each in vendor.glob("*LICENSE*")} == {"htmx-LICENSE.txt", "idiomorph-LICENSE.txt"}
