"""The page in a real browser: nothing in its console, no request elsewhere, and a person is not disturbed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from web.browser import CHROMIUM, Met, Served, browser, free_port, log_in
from web.scene import PASSWORD, Scene

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Debian's Chromium is not here")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(tmp_path_factory.mktemp("browsed"), web=free_port()) as scene:
        scene.fill()
        yield scene


@pytest.fixture(scope="module")
def served(scene: Scene) -> Iterator[Served]:
    with Served(scene.site) as served:
        yield served


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def met(served: Served) -> Iterator[Met]:
    met = Met(served.url)
    yield met
    assert met.wrong == []


@pytest.fixture
def context(running: Browser) -> Iterator[BrowserContext]:
    context = running.new_context(viewport={"width": 1400, "height": 1000})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, served: Served, met: Met) -> Page:
    page = met.watch(context.new_page())
    log_in(page, served.url, "otto", PASSWORD)
    return page


def clock(page: Page) -> str:
    return page.inner_text(".clock time")


def comes(page: Page, selector: str, text: str, timeout_s: float = 10) -> None:
    page.locator(selector, has_text=text).first.wait_for(timeout=timeout_s * 1000)


@pytest.mark.long
def test_nothing_in_the_console_and_no_request_elsewhere(running: Browser, served: Served, met: Met) -> None:
    """On a desk and a phone, by day and by night, each over several of its own refreshes."""
    pages: list[tuple[int, Page, str]] = []
    for width, scheme in itertools.product((1400, 390), ("light", "dark")):
        context = running.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        page = met.watch(context.new_page())
        log_in(page, served.url, "paula", PASSWORD)
        comes(page, "#fresh", "live")
        pages.append((width, page, clock(page)))
    for width, page, before in pages:
        page.locator(f".clock time:not(:has-text('{before}'))").wait_for(timeout=10_000)
        body = page.locator("body").bounding_box()
        assert body is not None
        assert body["width"] <= width, "nothing is wider than the screen"
        for press, then in (("Show", "Hide"), ("Hide", "Show")):
            with page.expect_navigation():
                page.click(f"header >> text={press} patient data")
            comes(page, "header", f"{then} patient data")
        page.context.close()


@pytest.mark.long
def test_who_writes_is_not_disturbed_and_it_goes_on_afterwards(page: Page) -> None:
    page.click("summary:has-text('Hold sending')")
    page.fill("details[open] input[name=why]", "upgrade of")
    comes(page, "#fresh", "paused while you write")
    before = clock(page)
    page.wait_for_timeout(5_000)
    assert page.input_value("details[open] input[name=why]") == "upgrade of"
    assert clock(page) == before
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.locator(f".clock time:not(:has-text('{before}'))").wait_for(timeout=10_000)
    comes(page, "#fresh", "live")


def _width(page: Page, what: str) -> float:
    box = page.locator(what).bounding_box()
    assert box is not None
    return box["width"]


def test_hold_and_resume_by_hand(page: Page, scene: Scene) -> None:
    with scene.agent():
        page.locator("summary", has_text="Hold sending").wait_for()
        page.set_viewport_size({"width": 1280, "height": 900})
        page.click("summary:has-text('Hold sending')")
        assert _width(page, ".banner h1") > 600, "what is wrong is still read in one line"
        page.fill("details[open] input[name=why]", "upgrade")
        page.click("details[open] button")
        comes(page, "h1", "Sending is on hold")
        page.click("summary:has-text('Resume sending')")
        page.fill("details[open] input[name=why]", "done")
        page.click("details[open] button")
        page.locator("summary", has_text="Hold sending").wait_for()
    acts = [(each.act, each.phase, each.who) for each in scene.site.audit.listing(limit=4).rows]
    assert acts == [(act, phase, "otto") for act in ("resume", "hold") for phase in ("done", "asked")]


@pytest.mark.long
def test_a_page_that_is_not_answered_says_so_in_red(page: Page, context: BrowserContext) -> None:
    comes(page, "#fresh", "live")
    page.route("**/*", lambda route: route.fulfill(status=204))
    comes(page, "#fresh.stale", "not updated for", timeout_s=15)
    page.unroute_all()
    comes(page, "#fresh.live", "live")
    assert context.pages


@pytest.mark.long
def test_without_javascript_it_is_whole(running: Browser, served: Served, scene: Scene) -> None:
    context = running.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, served.url, "otto", PASSWORD)
    assert "What needs a person" in page.inner_text("main")
    assert page.inner_text("#fresh") == "as of"
    page.click("summary:has-text('Hold sending')")
    page.fill("details[open] input[name=why]", "without a script")
    page.click("details[open] button")
    page.locator("summary", has_text="Resume sending").wait_for()
    page.click("summary:has-text('Resume sending')")
    page.fill("details[open] input[name=why]", "done")
    page.click("details[open] button")
    context.close()
    assert scene.site.audit.listing(limit=1).rows[0].act == "resume"
