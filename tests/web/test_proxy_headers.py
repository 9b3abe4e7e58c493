"""What a proxy in front writes, and what somebody before it may have written."""

from __future__ import annotations

import warnings

import pytest

from lab_sender.operations.web.guard import _hosts, _plain
from lab_sender.operations.web.site import Site
from web.conftest import HOST, Browser
from web.scene import Scene


@pytest.fixture
def site(scene: Scene) -> Site:
    text = scene.path.read_text()
    scene.path.write_text(text.replace('web: {listen: "127.0.0.1:8425"}', """web:
  proxy:
    trusted: [127.0.0.1, 10.1.0.0/16]
    user_header: X-User
    secret: hush
    groups_header: X-Groups
    groups: {viewer: [lab, Ärzte], admin: chiefs}
"""))
    return Site(scene.path)


def raw(site: Site, *headers: tuple[str, str | bytes], address: str = "10.1.2.3") -> str:
    """Return the overview as somebody sees it who sends headers, also twice."""
    browser = Browser(site, address=address)
    sent = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(browser.get(f"{HOST}/", headers=sent).text)


def test_a_user_that_is_named_twice_is_nobody(site: Site) -> None:
    secret = ("X-Proxy-Secret", "hush")
    assert "<b>kim</b>" in raw(site, secret, ("X-User", "kim"), ("X-Groups", "lab"))
    for named in ((("X-User", "chief"), ("X-User", "kim")), (("X-User", "kim"), ("X-User", "chief"))):
        page = raw(site, secret, *named, ("X-Groups", "lab"))
        assert "<b>" not in page
    twice = raw(site, secret, ("X-User", "kim"), ("X-Groups", "chiefs"), ("X-Groups", "lab"))
    assert '<span class="dim">no rights</span>' in twice
    assert "<b>kim</b>" not in raw(site, ("X-Proxy-Secret", "guess"), secret, ("X-User", "kim"), ("X-Groups", "lab"))


def test_a_name_that_is_too_long_is_not_another_one(site: Site) -> None:
    name = "k" * 64
    secret, groups = ("X-Proxy-Secret", "hush"), ("X-Groups", "lab")
    assert f"<b>{name}</b>" in raw(site, secret, groups, ("X-User", name))
    assert name not in raw(site, secret, groups, ("X-User", f"{name}x"))


def test_names_have_all_letters(site: Site) -> None:
    for user, groups in (("Jürgen", "Ärzte"), ("Jürgen".encode("latin-1"), "Ärzte".encode("latin-1"))):
        page = raw(site, ("X-Proxy-Secret", "hush"), ("X-User", user), ("X-Groups", groups))
        assert '<b>Jürgen</b> <span class="dim">viewer</span>' in page


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("172.16.0.9:50123", "172.16.0.9"),
        ("[2001:db8::9]:50123", "2001:db8::9"),
        ("2001:DB8::9", "2001:db8::9"),
        ("::ffff:172.16.0.9", "172.16.0.9"),
        ("172.16.0.9, 10.1.9.9:4711", "172.16.0.9"),
        ("6.6.6.6, unknown", "10.1.2.3"),
        ("<script>", "10.1.2.3"),
        ("", "10.1.2.3"),
    ],
)
def test_the_address_of_whoever_asks_is_an_address(site: Site, said: str, address: str) -> None:
    """With its port it would be another one each time, and no limit of tries would hold."""
    browser = Browser(site, address="10.1.2.3", **{"X-Forwarded-For": said})
    browser.log_in("otto", "wrong")
    assert site.audit.listing(limit=1).rows[0].address == address


def test_the_proxys_word_is_the_last_one_however_often_the_header_is_there(site: Site) -> None:
    browser = Browser(site, address="10.1.2.3")
    token = browser.token("/login")
    headers = [(b"x-forwarded-for", each) for each in (b"6.6.6.6", b"172.16.0.9", b"10.1.0.1")]
    browser.post("/login", data={"token": token, "name": "otto", "password": "wrong"}, headers=headers)
    assert site.audit.listing(limit=1).rows[0].address == "172.16.0.9"


def test_a_socket_of_both_kinds_says_where_it_comes_from_in_its_own_way(site: Site) -> None:
    user = {"X-User": "kim", "X-Groups": "lab", "X-Proxy-Secret": "hush"}
    assert "<b>kim</b>" in Browser(site, address="::ffff:10.1.2.3", **user).get("/").text
    assert "<b>kim</b>" not in Browser(site, address="::ffff:10.2.2.3", **user).get("/").text
    assert _plain("fe80::1%eth0") == "fe80::1"


def test_an_address_of_ipv6_is_called_by_it(scene: Scene) -> None:
    web = scene.site.web.model_copy(update={"listen": "[2001:DB8:0::1]:8425"})
    assert "[2001:db8::1]:8425" in _hosts(web)
