"""Guesses at passwords: who guesses is stopped, and keeps nobody else out; a login never outlives a change."""

from __future__ import annotations

import pytest

from lab_sender.log import Event, listen
from lab_sender.operations.accounts import Accounts
from lab_sender.operations.web import logins, passwords
from lab_sender.operations.web.logins import IDLE_MS, LONGEST_MS, WRONG_TRIES
from web.conftest import Browser
from web.scene import PASSWORD, TESTER, Scene


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare passwords without argon2, which takes a tenth of a second each time."""
    monkeypatch.setattr(passwords, "is_right", lambda given, kept: bool(kept) and given == PASSWORD)


@pytest.mark.usefixtures("quick")
def test_who_guesses_keeps_nobody_out_who_comes_from_elsewhere(scene: Scene) -> None:
    found = [scene.site.logins.log_in(f"name {number}", "wrong", "10.0.0.66") for number in range(WRONG_TRIES + 50)]
    assert found == [""] * WRONG_TRIES + [None] * 50, "then it is not even looked at"
    assert scene.site.logins.log_in("otto", PASSWORD, "10.0.0.66") is None
    assert scene.site.logins.log_in("otto", PASSWORD, "10.0.0.7")


@pytest.mark.usefixtures("quick")
def test_logins_that_are_right_do_not_count(scene: Scene) -> None:
    """A ward's terminals may have one address."""
    assert all(scene.site.logins.log_in("otto", PASSWORD, "10.0.0.7") for _ in range(WRONG_TRIES + 5))


@pytest.mark.usefixtures("quick")
def test_one_machine_has_many_addresses_of_ipv6(scene: Scene) -> None:
    found = [scene.site.logins.log_in("otto", "wrong", f"2001:db8:1:2::{number:x}") for number in range(6)]
    assert found == [""] * 5 + [None]
    assert scene.site.logins.log_in("otto", PASSWORD, "2001:db8:1:3::1")


@pytest.mark.usefixtures("quick")
def test_who_floods_does_not_make_us_forget_his_guesses(scene: Scene) -> None:
    for _ in range(5):
        scene.site.logins.log_in("otto", "wrong", "10.0.0.66")
    for number in range(20_000):
        scene.site.logins.log_in(f"name {number}", "wrong", "10.0.0.66")
    assert len(scene.site.logins._tries._at) <= WRONG_TRIES
    assert scene.site.logins.log_in("otto", PASSWORD, "10.0.0.66") is None


@pytest.mark.usefixtures("quick")
def test_who_floods_does_not_fill_the_log(scene: Scene) -> None:
    said: list[Event] = []
    end = listen(said.append)
    browser = Browser(scene.site)
    for _ in range(12):
        browser.log_in("otto", "wrong")
    end()
    assert [each.name for each in said].count("login.limited") == 1


@pytest.mark.parametrize("change", ["password", "remove"])
def test_an_account_that_changes_while_its_password_is_looked_at(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Who changes an account logs it out: also who is just logging in with what it was."""
    accounts = Accounts(scene.site.records, scene.site.audit)

    def meanwhile(given: str, kept: str) -> bool:
        if change == "password":
            accounts.password(TESTER, "otto", "another password")
        else:
            accounts.remove(TESTER, "otto")
        return given == PASSWORD and bool(kept)

    monkeypatch.setattr(passwords, "is_right", meanwhile)
    assert scene.site.logins.log_in("otto", PASSWORD, "10.0.0.7") == ""
    assert scene.site.records.rows("SELECT account FROM session") == []
    assert [each.act for each in scene.site.audit.listing(limit=1).rows] == ["login-failed"]


@pytest.mark.usefixtures("quick")
def test_a_clock_that_was_set_back_keeps_no_session_alive(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = scene.site.logins.log_in("paula", PASSWORD, "10.0.0.7") or ""
    scene.site.logins.reveal(scene.site.logins.of_session(secret, "10.0.0.7"), on=True)
    now = logins.now_ms()
    monkeypatch.setattr(logins, "now_ms", lambda: now - 2_000)
    assert scene.site.logins.of_session(secret, "10.0.0.7").name == "paula", "a second or two is nothing"
    for back_ms in (IDLE_MS, LONGEST_MS, 30 * 86_400_000):
        monkeypatch.setattr(logins, "now_ms", lambda at=now - back_ms: at)
        assert scene.site.logins.of_session(secret, "10.0.0.7").name == ""
    assert scene.site.logins.log_in("vera", PASSWORD, "10.0.0.7")
    assert scene.site.records.rows("SELECT account FROM session") == [("vera",)], "nor is it kept for later"


@pytest.mark.usefixtures("quick")
def test_who_logs_in_anew_leaves_no_session_behind(scene: Scene) -> None:
    browser = Browser(scene.site)
    browser.log_in("otto")
    browser.post("/login", data={"token": browser.token("/"), "name": "vera", "password": PASSWORD})
    assert scene.site.records.rows("SELECT account FROM session") == [("vera",)]
