"""Requests that no browser sends: each has an answer, and no fault of ours."""

from __future__ import annotations

import socket
from typing import NoReturn

import pytest

from web.browser import free_port
from web.conftest import Browser
from web.scene import PASSWORD, Scene
from web.test_process import OnPort


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "://", "127.0.0.1:8425:80", "http://a b", ""])
def test_an_origin_that_is_none_is_not_ours(scene: Scene, origin: str) -> None:
    browser = Browser(scene.site)
    form = {"token": browser.token("/login"), "name": "otto", "password": PASSWORD}
    assert browser.post("/login", data=form, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("digits", [18, 19, 30, 4999])
def test_a_number_that_is_too_large_is_not_there(scene: Scene, program, digits: int) -> None:
    number = "9" * digits
    with scene.agent():
        pass
    admin = program("admin", patient_data=True)
    for path in (f"/api/v1/messages/{number}", f"/api/v1/files/{number}", f"/api/v1/messages/{number}/wire"):
        assert Browser(scene.site).get(path).status_code in (401, 404), path
        assert admin.get(path).status_code == 404, path
    for name in ("limit", "before"):
        answer = admin.get(f"/api/v1/audit?{name}={number}")
        assert (answer.status_code, answer.json()["code"]) == (400, "request.parameter")


@pytest.mark.parametrize("path", ["/..%2fapp.py", "/%2e%2e/%2e%2e/app.py", "/../app.py", "//etc/passwd"])
def test_nothing_but_its_own_is_in_static(scene: Scene, path: str) -> None:
    assert Browser(scene.site).get(f"/static{path}").status_code == 404


def test_a_request_with_two_lengths_hides_no_second_one(scene: Scene) -> None:
    """A proxy in front may go by the other length, and take what is behind for part of the first."""
    with OnPort(scene, free_port()) as (_, port), socket.create_connection(("127.0.0.1", port)) as browser:
        browser.settimeout(10)
        host = b"Host: 127.0.0.1\r\n"
        lengths = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        browser.sendall(b"POST /login HTTP/1.1\r\n" + host + lengths + b"GET /livez HTTP/1.1\r\n" + host + b"\r\n")
        said = b""
        while more := browser.recv(10_000):
            said += more
    assert said.startswith(b"HTTP/1.1 400")
    assert said.count(b"HTTP/1.1") == 1, "and the connection ends"


def test_what_nobody_expected_is_said_by_its_kind_alone(
    scene: Scene, program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> NoReturn:
        raise KeyError("DOE^JANE")

    monkeypatch.setattr(scene.site, "status", fails)
    answer = program("viewer").get("/api/v1/status")
    assert (answer.status_code, answer.json()["code"], answer.json()["exit_code"]) == (500, "bug.KeyError", 70)
    page = Browser(scene.site).get("/")
    assert page.status_code == 500
    assert "bug.KeyError" in page.text
    assert "DOE" not in answer.text + page.text
