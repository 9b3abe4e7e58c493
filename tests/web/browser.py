"""A real browser on the page: Debian's Chromium, headless, by Playwright.

Holds: `Served`, the page on a port of its own; `browsing`, a browser that notes what it should not meet.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lab_sender.operations.web import server
from lab_sender.operations.web.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def free_port() -> int:
    """Find a port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """The page of a site, in a thread of this process, at the address that its configuration names."""

    def __init__(self, site: Site) -> None:
        assert site.web.address is not None
        self.address = site.web.address
        self.url = f"{'https' if site.web.tls else 'http'}://{self.address[0]}:{self.address[1]}"
        self._server = server._Server(server._configuration(site))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        for listening in server._listening(self.address, threading.Event()):
            with listening:
                self._server.run([listening])

    def __enter__(self) -> Served:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(5)


class Met:
    """What a browser met that it should not have: messages in its console, requests elsewhere."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.wrong: list[str] = []

    def watch(self, page: Page) -> Page:
        """Note what a page meets."""
        page.on("console", lambda each: self.wrong.append(f"console {each.type}: {each.text}"))
        page.on("pageerror", lambda each: self.wrong.append(f"script: {each}"))
        page.on("request", lambda each: self._ours(each.url))
        return page

    def _ours(self, url: str) -> None:
        if not url.startswith((self._url, "data:")):
            self.wrong.append(f"request to {url}")


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Run the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        try:
            yield running
        finally:
            running.close()


def log_in(page: Any, url: str, name: str, password: str) -> None:
    """Log in by the form."""
    page.goto(f"{url}/login")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", password)
    page.click("main button")
    page.wait_for_url(f"{url}/")
