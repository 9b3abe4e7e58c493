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
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from web.browser import Met, Served, browser, free_port, log_in
from web.scene import ALERTS, PASSWORD, Scene

from lab_sender.operations import acts
from lab_sender.operations.web import site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTHS = {"wide": (1400, 1000), "phone": (390, 844)}
SCHEMES = ("light", "dark")
SCREENS = {
    "some-refused": (("overview", "otto", "/"), ("overview-nobody", "", "/"), ("login", "", "/login")),
    "his-down": (("overview-his-down", "otto", "/"),),
    "held": (("overview-held", "otto", "/"),),
    "no-agent": (("overview-no-agent", "otto", "/"),),
}
"""Of each scene: the picture's name, who looks ("": nobody), and the path."""


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
            site.alerts_of = lambda _: ALERTS
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
            for name, who, path in SCREENS[scene]:
                context = running.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=1
                )
                page = met.watch(context.new_page())
                if who:
                    log_in(page, served.url, who, PASSWORD)
                page.goto(f"{served.url}{path}")
                page.wait_for_load_state("load")
                page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
                context.close()
    return [f"{scene}: {each}" for each in met.wrong]


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=SCREENS, action="append")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    wrong = list[str]()
    with tempfile.TemporaryDirectory() as folder, Scene(Path(folder), web=free_port()) as scene, browser() as running:
        scene.fill()
        with Served(scene.site) as served:
            for name in given.only or SCREENS:
                with standing(scene, name):
                    wrong += take(served, running, given.folder, name)
    print("\n".join(wrong) or f"pictures are in {given.folder}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
