"""The scene, once for all tests that only look; and who looks at it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from argon2 import PasswordHasher

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from lab_sender.operations.web import passwords
from lab_sender.operations.web.app import application
from lab_sender.operations.web.site import Site
from web.scene import PASSWORD, TESTER, Scene

HOST = "http://127.0.0.1:8425"


class Browser(TestClient):
    """A browser without JavaScript: it keeps cookies, and sends the token that stands in the form."""

    def __init__(self, site: Site, address: str = "127.0.0.1", **headers: str) -> None:
        super().__init__(
            application(site), base_url=HOST, headers=headers, follow_redirects=False, client=(address, 5000)
        )
        self.site = site

    def token(self, path: str = "/") -> str:
        """Return the token of a page's forms."""
        page = self.get("/login") if path == "/" and not self.cookies.get("lab-sender-session") else self.get(path)
        return re.findall(r'name="token" value="(\w+)"', page.text)[0]

    def submit(self, path: str, page: str = "/", **fields: str) -> Any:
        """Send a form of a page."""
        return self.post(path, data={"token": self.token(page), **fields})

    def log_in(self, name: str, password: str = PASSWORD) -> Any:
        """Log in by the form."""
        return self.submit("/login", "/login", name=name, password=password)


@pytest.fixture(scope="session", autouse=True)
def one_loop() -> Iterator[None]:
    """One event loop for every request, as in a laboratory; else each would begin and end a thread with its own."""
    with start_blocking_portal() as portal:
        Browser.portal = portal
        yield
    Browser.portal = None


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Passwords are kept as argon2id that costs nothing; test_passwords.py holds what it costs in a laboratory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A laboratory in which some was delivered, some refused; tests only look at it."""
    with Scene(tmp_path_factory.mktemp("filled")) as scene:
        scene.fill()
        yield scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A laboratory of one's own, without an agent."""
    with Scene(tmp_path) as scene:
        yield scene


@pytest.fixture
def nobody(scene: Scene) -> Browser:
    return Browser(scene.site)


@pytest.fixture
def as_(scene: Scene) -> Callable[[str], Browser]:
    def logged_in(name: str) -> Browser:
        browser = Browser(scene.site)
        assert browser.log_in(name).status_code == 303
        return browser

    return logged_in


@pytest.fixture
def program(scene: Scene) -> Callable[..., Browser]:
    def with_key(role: str, *, patient_data: bool = False, name: str = "") -> Browser:
        key = scene.keys.add(TESTER, name or f"a {role}", role, patient_data=patient_data)
        return Browser(scene.site, Authorization=f"Bearer {key}")

    return with_key
