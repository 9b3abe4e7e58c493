"""Forms of others, other hosts, guesses at passwords, large and slow requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab_sender.config.load import ConfigError, load
from lab_sender.operations.web.logins import IDLE_MS, LONGEST_MS
from lab_sender.operations.web.site import Site
from web.conftest import Browser
from web.scene import PASSWORD, TESTER, Scene


def events(scene: Scene) -> int:
    if not scene.site.installation.has_journal:
        return 0
    with scene.site.installation.view() as view:
        return len(view.last_acts(1000))


@pytest.fixture
def begun(scene: Scene) -> Scene:
    with scene.agent():
        pass
    return scene


def test_a_form_without_the_token_of_its_page_does_nothing(begun: Scene, as_) -> None:
    otto, other = as_("otto"), as_("adam")
    for token in ("", "0" * 64, other.token()):
        answer = otto.post("/hold", data={"token": token, "why": "x"})
        assert (answer.status_code, "request.token" in answer.text) == (403, True)
    assert otto.post("/hold", content=b"\xff\xfe").status_code == 403
    assert events(begun) == 0
    assert otto.submit("/hold", why="upgrade").status_code == 303
    assert events(begun) == 1


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9999"},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_a_form_of_another_site_does_nothing(begun: Scene, as_, headers: dict[str, str]) -> None:
    otto = as_("otto")
    answer = otto.post("/hold", data={"token": otto.token(), "why": "x"}, headers=headers)
    assert answer.status_code == 403
    login = Browser(begun.site)
    form = {"token": login.token("/login"), "name": "otto", "password": PASSWORD}
    assert login.post("/login", data=form, headers=headers).status_code == 403
    assert events(begun) == 0


@pytest.mark.usefixtures("begun")
def test_our_own_origin_is_ours(as_) -> None:
    otto = as_("otto")
    form = {"token": otto.token(), "why": "x"}
    assert otto.post("/hold", data=form, headers={"Origin": "http://127.0.0.1:8425"}).status_code == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8425", "localhost:80", "", "[::1]:1"])
def test_another_host_reaches_nothing(scene: Scene, host: str) -> None:
    """A page of others can let its name lead to this machine (DNS rebinding)."""
    browser = Browser(scene.site, Host=host)
    for path in ("/", "/livez", "/api/v1/status", "/static/page.css"):
        assert browser.get(path).status_code == 403
    assert browser.post("/login", data={"name": "otto", "password": PASSWORD}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8425", "127.0.0.1:8425", "[::1]:8425"])
def test_our_own_names_reach_it(scene: Scene, host: str) -> None:
    assert Browser(scene.site, Host=host).get("/livez").status_code == 200


def test_the_sixth_try_within_a_minute_is_not_looked_at(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser(scene.site)
    answers = [browser.log_in("otto", "wrong password") for _ in range(6)]
    assert [each.status_code for each in answers] == [401] * 5 + [429]
    assert browser.log_in("otto").status_code == 429, "also with the right one"
    assert browser.log_in("vera").status_code == 303, "of another account it is looked at"
    assert sum(each.act == "login-failed" for each in scene.site.audit.listing().rows) == 5
    from lab_sender.operations.web import logins

    later = logins.time.monotonic() + 61
    monkeypatch.setattr(logins.time, "monotonic", lambda: later)
    assert Browser(scene.site).log_in("otto").status_code == 303


def test_an_account_that_is_not_there_is_answered_like_a_wrong_password(scene: Scene) -> None:
    one, other = Browser(scene.site).log_in("otto", "wrong"), Browser(scene.site).log_in("nobody", "wrong")
    assert one.status_code == other.status_code == 401
    assert "The name or the password is wrong." in one.text
    assert "The name or the password is wrong." in other.text
    assert "nobody" not in " ".join(each.who for each in scene.site.audit.listing().rows), "it may be a password"


def test_a_session_ends(as_, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab_sender.operations.web import logins

    otto = as_("otto")
    now = logins.now_ms()
    monkeypatch.setattr(logins, "now_ms", lambda: now + IDLE_MS - 1000)
    assert "otto" in otto.get("/", headers={"HX-Request": "true", "HX-Trigger": "live"}).text
    monkeypatch.setattr(logins, "now_ms", lambda: now + IDLE_MS + 1000)
    answer = otto.get("/", headers={"HX-Request": "true", "HX-Trigger": "live"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login"), "it refreshes itself, and ends too"
    monkeypatch.setattr(logins, "now_ms", lambda: now)
    for minutes in range(10, 8 * 60, 10):
        monkeypatch.setattr(logins, "now_ms", lambda at=minutes: now + at * 60_000)
        assert "otto" in otto.get("/").text
    monkeypatch.setattr(logins, "now_ms", lambda: now + LONGEST_MS + 1)
    assert "otto" not in otto.get("/").text


def test_a_login_ends_with_the_password_the_role_and_the_account(scene: Scene, as_) -> None:
    from lab_sender.operations.accounts import Accounts

    accounts = Accounts(scene.site.records, scene.site.audit)
    changes = (
        lambda: accounts.password(TESTER, "otto", "another password"),
        lambda: accounts.role(TESTER, "vera", "operator", patient_data=False),
        lambda: accounts.remove(TESTER, "adam"),
    )
    for name, change in zip(("otto", "vera", "adam"), changes, strict=True):
        browser = as_(name)
        assert name in browser.get("/").text
        change()
        assert name not in browser.get("/").text
    otto = as_("paula")
    otto.submit("/logout")
    assert otto.get("/api/v1/status").status_code == 401


def test_cookies_and_headers(scene: Scene) -> None:
    browser = Browser(scene.site)
    answer = browser.log_in("otto")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert PASSWORD not in str(scene.site.records.rows("SELECT * FROM account"))
    assert browser.cookies["lab-sender-session"] not in str(scene.site.records.rows("SELECT * FROM session"))
    for path in ("/", "/login", "/nothing", "/api/v1/status", "/api/v1/nothing"):
        headers = browser.get(path).headers
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "server" not in headers


def test_a_large_request_is_rejected(as_, program) -> None:
    otto = as_("otto")
    assert otto.post("/hold", data={"token": otto.token(), "why": "x" * 300_000}).status_code == 413
    chunks = (b"x" * 65536 for _ in range(2000))
    answer = program("submit").post("/api/v1/results", content=chunks, headers={"Idempotency-Key": "k" * 8})
    assert answer.status_code == 413, "also where its size is not said before"


@pytest.mark.parametrize(
    ("web", "line"),
    [
        ("listen: 0.0.0.0:8425", "line 3: web.listen: others than this machine would reach it"),
        ('listen: "[::]:8425"', "line 3: web.listen: others than this machine would reach it"),
        ("listen: 10.1.2.3:8425", "line 3: web.listen: others than this machine would reach it"),
        ("listen: here", "line 3: web.listen: must be ADDRESS:PORT, or off (found here)"),
        ("listen: 127.0.0.1:99999", "line 3: web.listen: must be ADDRESS:PORT, or off"),
        ("listen: lab.example:80", "line 3: web.listen: must begin with an IP address of this machine"),
        ("tls: {certificate: a.pem}, plaintext: true", "line 3: web.plaintext: contradicts web.tls"),
        ("proxy: {trusted: all}", "line 3: web.proxy.trusted: must be an IP address or a network"),
        ("proxy: {trusted: 127.0.0.1, user_header: X-User}", "line 3: web.proxy.secret: is missing"),
        ("proxy: {trusted: 10.0.0.1, groups_header: X-Groups}", "line 3: web.proxy.groups_header: stands without"),
    ],
)
def test_a_page_that_others_would_reach_unprotected_is_a_mistake(tmp_path: Path, web: str, line: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"outbox: o\nhis: {{host: localhost, port: 1}}\nweb: {{{web}}}\n")
    with pytest.raises(ConfigError) as error:
        load(path)
    told = [each.describe(path.name) for each in error.value.mistakes]
    assert any(each.startswith(f"config.yaml {line}") for each in told), told


@pytest.mark.parametrize(
    "web",
    ["listen: off", "listen: localhost:1", 'listen: "[::1]:1"', "listen: 0.0.0.0:1, plaintext: true",
     "listen: 0.0.0.0:1, tls: {certificate: a.pem}", "listen: 0.0.0.0:1, proxy: {trusted: 10.0.0.0/8}",
     "proxy: {trusted: 10.0.0.1, user_header: X-User}"],
)  # fmt: skip
def test_what_is_protected_is_none(tmp_path: Path, web: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"outbox: o\nhis: {{host: localhost, port: 1}}\nweb: {{{web}}}\n")
    assert load(path).web.listen


class TestProxy:
    """A proxy in front that says who asks."""

    @pytest.fixture
    def site(self, scene: Scene) -> Site:
        text = scene.path.read_text()
        scene.path.write_text(text.replace('web: {listen: "127.0.0.1:8425"}', """web:
  proxy:
    trusted: [127.0.0.1, 10.1.0.0/16]
    user_header: X-User
    secret: hush
    groups_header: X-Groups
    groups: {viewer: lab, operator: [lab-it, night], patient-data: doctors}
"""))
        return Site(scene.path)

    def browser(self, site: Site, address: str, **headers: str) -> Browser:
        return Browser(site, address=address, **headers)

    def test_it_is_believed_from_its_address_with_its_secret_alone(self, site: Site) -> None:
        user = {"X-User": "kim", "X-Groups": "night;lab"}
        good = self.browser(site, "127.0.0.1", **user, **{"X-Proxy-Secret": "hush"})
        assert "kim" in good.get("/").text
        assert good.get("/api/v1/status").status_code == 200
        for address, more in (("127.0.0.1", {}), ("127.0.0.1", {"X-Proxy-Secret": "x"}),
                              ("192.168.1.1", {"X-Proxy-Secret": "hush"})):  # fmt: skip
            other = self.browser(site, address, **user, **more)
            assert other.get("/api/v1/status").status_code == 401
            assert "kim" not in other.get("/").text

    @pytest.mark.parametrize(
        ("groups", "role", "sees"),
        [("lab", "viewer", False), ("lab,lab-it", "operator", False), ("night;doctors", "operator", True),
         ("doctors", "", False), ("others", "", False)],
    )  # fmt: skip
    def test_the_groups_say_what_a_user_may(self, site: Site, groups: str, role: str, sees: bool) -> None:
        user = self.browser(site, "10.1.5.5", **{"X-User": "kim", "X-Groups": groups, "X-Proxy-Secret": "hush"})
        text = user.get("/").text
        assert f'<span class="dim">{role or "no rights"}</span>' in text
        assert ("Show patient data" in text) is sees
        assert user.get("/api/v1/status").status_code == (200 if role else 403)

    def test_the_address_of_whoever_asks_is_the_one_before_the_proxies(self, site: Site) -> None:
        user = self.browser(site, "127.0.0.1", **{"X-Forwarded-For": "6.6.6.6, 172.16.0.9, 10.1.2.3"})
        user.log_in("otto")
        assert site.audit.listing(limit=1).rows[0].address == "172.16.0.9"
        forged = self.browser(site, "192.168.1.1", **{"X-Forwarded-For": "1.1.1.1"})
        forged.log_in("vera")
        assert site.audit.listing(limit=1).rows[0].address == "192.168.1.1"
