"""Pictures of all screens, in light and dark, 1400 and 390 pixels wide. `make screenshots`.

Holds: the scenes, and which screens are taken of each; Debian's Chromium, headless, by Playwright.
Promises: patients are made up (tests/web/scene.py). A message in the browser's console, or a request to anything but
the page, ends it with exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from kit.core import until
from kit.webhook import Webhook
from web.browser import Met, Served, browser, free_port, log_in
from web.scene import MRNS, PASSWORD, Scene

from lab_sender import logfile
from lab_sender.operations import acts
from lab_sender.operations.web.alerting import sending

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = {"wide": (1400, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
_PATIENCE_MS = 120_000
"""A machine that does other things too takes its time."""
MORE = """\
log: {{file: agent.log}}
alerts:
  name: lab1
  channels: {{duty-phone: "json://127.0.0.1:{port}/"}}
"""


def _search(page: Page) -> None:
    page.fill("input[name=q]", MRNS[3])
    with page.expect_navigation():
        page.keyboard.press("Enter")


def _tick(page: Page) -> None:
    for number in (1, 2, 3):
        page.locator("input[name=ref]").nth(number).check()


def _choose(page: Page) -> None:
    with page.expect_navigation():
        page.locator(".grouphead button").first.click()


def _open(page: Page) -> None:
    page.locator("details.segment").nth(2).locator("summary").click()


def _raw(page: Page) -> None:
    with page.expect_navigation():
        page.click("button:has-text('Raw message')")


def _verify(page: Page) -> None:
    with page.expect_navigation():
        page.click("button:has-text('Verify')")


def _change(page: Page) -> None:
    page.locator("summary:has-text('Change')").nth(1).click()


class Shot(NamedTuple):
    """A picture: its name, who looks ("": nobody; `+`: he sees patients), where, and what he does first."""

    name: str
    who: str
    path: str
    does: Callable[[Page], None] | None = None


SHOTS = {
    "some-refused": (
        Shot("overview", "otto", "/"),
        Shot("overview-nobody", "", "/"),
        Shot("login", "", "/login"),
        Shot("messages", "paula+", "/messages"),
        Shot("messages-masked", "otto", "/messages"),
        Shot("messages-search", "paula+", "/messages", _search),
        Shot("messages-ticked", "paula+", "/messages?state=quarantined", _tick),
        Shot("message", "paula+", "/messages/13", _open),
        Shot("message-masked", "vera", "/messages/13"),
        Shot("message-delivered", "paula+", "/messages/3"),
        Shot("message-raw", "paula+", "/messages/13", _raw),
        Shot("file", "otto", "/files/20"),
        Shot("quarantine", "paula+", "/quarantine"),
        Shot("act-on-many", "paula+", "/quarantine", _choose),
        Shot("alerts", "adam", "/alerts"),
        Shot("log", "otto", "/log"),
        Shot("configuration", "adam", "/configuration"),
        Shot("audit", "adam", "/audit", _verify),
        Shot("accounts", "adam", "/accounts", _change),
    ),
    "his-down": (Shot("overview-his-down", "otto", "/"), Shot("message-waiting", "otto", "/messages/27")),
    "held": (Shot("overview-held", "otto", "/"),),
    "no-agent": (Shot("overview-no-agent", "otto", "/"),),
}


@contextlib.contextmanager
def standing(scene: Scene, name: str) -> Iterator[None]:
    """Let it stand like that."""
    if name == "no-agent":
        scene.drop_reports(40, 43)
        yield
        return
    with scene.agent():
        if name == "his-down":
            scene.his.drop()
            scene.his.stop()
            scene.drop_reports(27, 33)
            scene.until(lambda now: now.waiting >= 7 and now.link == "down")
        elif name == "held":
            acts.hold(scene.site.installation, "upgrade of the HIS", who="otto (page)")
            scene.drop_reports(34, 36)
            scene.until(lambda now: now.hold is not None)
        yield
        if name == "held":
            acts.resume(scene.site.installation, who="otto (page)")


def take(served: Served, running: Browser, folder: Path, scene: str) -> list[str]:
    """Take the pictures of a scene; return what the browser should not have met."""
    met = Met(served.url)
    for scheme in SCHEMES:
        for size, (width, height) in WIDTHS.items():
            pages: dict[str, Page] = {}
            for shot in SHOTS[scene]:
                page = pages.get(shot.who)
                if page is None:
                    context = running.new_context(
                        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1
                    )
                    context.set_default_timeout(_PATIENCE_MS)
                    page = pages[shot.who] = met.watch(context.new_page())
                    if shot.who:
                        log_in(page, served.url, shot.who.rstrip("+"), PASSWORD)
                    if shot.who.endswith("+"):
                        with page.expect_navigation():
                            page.click("header >> text=Show patient data")
                page.goto(f"{served.url}{shot.path}")
                page.wait_for_load_state()
                if shot.does is not None:
                    shot.does(page)
                page.screenshot(path=folder / f"{shot.name}-{size}-{scheme}.png", full_page=True)
            for page in pages.values():
                page.context.close()
    return [f"{scene}: {each}" for each in met.wrong]


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=SHOTS, action="append")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    wrong = list[str]()
    with (
        tempfile.TemporaryDirectory() as folder,
        Webhook() as webhook,
        Scene(Path(folder), web=free_port(), more=MORE.format(port=webhook.port)) as scene,
        browser() as running,
    ):
        logfile.set_up(form="json", level="info", file=Path(folder) / "agent.log")
        scene.fill()
        with Served(scene.site) as served, sending(scene.site) as service:
            until(lambda: service.has_channels)
            for name in given.only or SHOTS:
                with standing(scene, name):
                    wrong += take(served, running, given.folder, name)
    print("\n".join(wrong) or f"pictures are in {given.folder}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
