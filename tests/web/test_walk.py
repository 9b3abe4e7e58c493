"""A night in a real browser: the HIS refuses thirty results, and one person brings them all there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kit.core import until
from kit.webhook import Webhook

from lab_sender.operations.rights_of import ROLES
from lab_sender.operations.web.alerting import sending
from lab_sender.operations.web.navigation import ENTRIES
from web.browser import CHROMIUM, Met, Served, browser, free_port, log_in
from web.scene import PASSWORD, PATIENTS, Scene, report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="Debian's Chromium is not here"),
]
ALERTS = """\
alerts:
  name: lab1
  channels: {{hook: "json://127.0.0.1:{port}/"}}
"""
MENDED = "message: {receiving_facility: HOSPITAL}\n"


class Night(Scene):
    """A laboratory with a channel for alerts, its page, and a browser."""

    webhook: Webhook
    met: Met
    running: Browser
    url: str

    def thirty(self) -> None:
        """See that thirty results are at the HIS, whatever was tested before."""
        if not self.his.received:
            self.drop_reports(1, 30)
            self.until(lambda now: now.acked == 30)

    def page(self, name: str) -> Page:
        """Return a page on which somebody is logged in."""
        page = self.met.watch(self.running.new_context(viewport={"width": 1400, "height": 900}).new_page())
        log_in(page, self.url, name, PASSWORD)
        return page


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    with (
        pytest.MonkeyPatch.context() as patch,
        Webhook() as webhook,
        Night(tmp_path_factory.mktemp("night"), web=free_port(), more=ALERTS.format(port=webhook.port)) as night,
        Served(night.site) as served,
        browser() as running,
    ):
        patch.setattr("lab_sender.operations.alerts.service.EVERY_S", 0.05)
        patch.setattr("lab_sender.operations.alerts.machine.BUNDLE_MS", 0)
        patch.setattr("lab_sender.operations.web.site._READ_AGAIN_S", 0.05)
        night.webhook, night.running, night.url, night.met = webhook, running, served.url, Met(served.url)
        with night.agent(), sending(night.site):
            yield night
    assert night.met.wrong == []


def test_thirty_refused_results_come_to_the_his_oldest_first_and_the_audit_says_who(night: Night) -> None:
    night.his.answer_by("AE,code=204,text=unknown receiving facility")
    night.drop_reports(1, 30)
    night.until(lambda now: now.quarantined == 30)
    until(lambda: any("quarantine" in each for each in night.webhook.titles))

    page = night.page("adam")
    page.get_by_text("needs a person").first.wait_for()
    page.click("nav >> text=Alerts")
    page.click("button:has-text('I have it')")
    page.locator("b", has_text="adam (page)").wait_for()

    page.click("nav >> text=Quarantine")
    assert page.locator(".count").all_inner_texts() == ["30"]
    assert "error 204" in page.inner_text(".grouphead h2")

    before = len(night.his.received)
    night.his.answer_by()
    night.path.write_text(night.path.read_text("utf-8") + MENDED, encoding="utf-8")
    page.click("nav >> text=Configuration")
    page.locator("h1", has_text="has changed since the agent took it").wait_for()
    page.click("button:has-text('Reload')")
    page.locator("h1", has_text="Taken: message").wait_for()

    page.click("nav >> text=Quarantine")
    page.click("button:has-text('Build anew all')")
    page.locator("h1", has_text="30 will be built anew.").wait_for()
    page.fill("input[name=why]", "the HIS wants its name in MSH-6")
    page.dblclick("form.why button")
    page.locator("h1", has_text="30 built anew.").wait_for()
    night.until(lambda now: now.acked == 30)
    sent = [each.body.decode() for each in night.his.received[before:]]
    assert [re.findall(r"L26-(\d+)", each)[0] for each in sent] == [f"{number:05}" for number in range(1, 31)]
    assert all("|HOSPITAL|" in each.partition("\r")[0] for each in sent)

    page.click("nav >> text=Audit")
    rows = page.locator("tbody tr").all_inner_texts()
    acts = ["rebuild done", "rebuild asked", "reload done", "reload asked", "alert-taken done", "alert-taken asked"]
    assert [each for row in rows for each in acts if each in " ".join(row.split())] == acts
    assert all("adam" in each for each in rows[:6])
    page.context.close()


def test_a_viewer_sees_no_patient_on_any_screen(night: Night) -> None:
    night.thirty()
    page = night.page("vera")
    paths = [each.path for each in ENTRIES if each.right is None or each.right in ROLES["viewer"]]
    assert page.locator("nav a").count() == len(paths)
    for path in [*paths, "/messages/1", "/messages/30", "/messages?state=delivered"]:
        page.goto(f"{night.url}{path}")
        assert [each for each in PATIENTS if each in page.content()] == [], path
    page.context.close()


def test_no_screen_complains_or_is_wider_than_its_window(night: Night) -> None:
    """`make screenshots` asks the same of the other two pairs of width and colours."""
    night.thirty()
    for width, scheme in ((390, "dark"), (1400, "light")):
        context = night.running.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
        page = night.met.watch(context.new_page())
        log_in(page, night.url, "adam", PASSWORD)
        for path in [*(each.path for each in ENTRIES), "/messages/1", "/messages?state=delivered"]:
            page.goto(f"{night.url}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        context.close()


def test_what_is_ticked_stays_ticked_while_others_come_and_the_list_goes_on_afterwards(night: Night) -> None:
    """The browser's clock is turned on: ten seconds are five refreshes."""
    night.thirty()
    page = night.page("otto")
    page.clock.install()
    page.goto(f"{night.url}/messages")
    page.locator("input[name=ref]").nth(1).check()
    ticked = page.locator("input[name=ref]:checked").input_value()
    page.locator("#fresh", has_text="paused while you select").wait_for()
    assert page.locator(".ticked").inner_text() == "1 ticked"
    count = page.locator("tbody tr").count()
    night.his.answer_by()
    night.drop_reports(31, 31)
    night.until(lambda now: not now.waiting and night.his.received[-1].body.count(b"L26-00031"))
    page.clock.run_for(10_000)
    assert page.locator("input[name=ref]:checked").input_value() == ticked
    assert page.locator("tbody tr").count() == count
    page.locator("input[name=ref]:checked").uncheck()
    page.clock.run_for(4_000)
    page.locator("tbody tr").nth(count).wait_for()
    page.context.close()


def _of_ward(number: int, ward: str) -> str:
    return json.dumps(json.loads(report(number)) | {"visit": {"class": "I", "ward": ward}})


def test_the_results_of_ward_5_are_missing(night: Night) -> None:
    """In three clicks: Messages and the ward; all of them ticked; Release, and why."""
    night.thirty()
    night.his.answer_by("AE,code=204,text=unknown order")
    for number, ward in ((41, "W5"), (42, "W6"), (43, "W5")):
        night.drop(f"{number}.json", _of_ward(number, ward))
        night.until(lambda now, number=number: now.quarantined == number - 40)
    night.his.answer_by()
    page, clicks, before = night.page("otto"), list[str](), len(night.his.received)

    def click(selector: str) -> None:
        clicks.append(selector)
        page.locator(selector).first.click()

    click("nav >> text=Messages")
    page.fill("input[name=q]", "W5")
    page.keyboard.press("Enter")
    page.locator("h2", has_text="2 found as ward").wait_for()
    click(".tick-all")
    click("button:has-text('Release')")
    page.fill("input[name=why]", "the orders are there now")
    page.keyboard.press("Enter")
    page.locator("h1", has_text="2 released.").wait_for()
    assert len(clicks) == 3
    night.until(lambda now: now.quarantined == 1 and not now.waiting)
    sent = [re.findall(rb"L26-000\d\d", each.body)[0] for each in night.his.received[before:]]
    assert sent == [b"L26-00041", b"L26-00043"], "oldest first, and no other ward's"
    with night.site.installation.view() as view:
        (left,) = view.lines(states=["quarantined"], limit=9)
    with night.site.installation.journal() as journal:
        journal.operator.dismiss(left.message_id or 0, "over")
    page.context.close()


def test_three_stories_of_a_night_take_three_clicks_at_most(night: Night, tmp_path: Path) -> None:
    """A word and Enter are typed; what is clicked is counted."""
    night.his.answer_by("AE,code=204,text=unknown order")
    night.drop_reports(32, 33)
    night.until(lambda now: now.quarantined == 2)
    page, clicks = night.page("paula"), list[str]()

    def click(selector: str) -> None:
        clicks.append(selector)
        page.locator(selector).first.click()

    def typed(field: str, text: str) -> None:
        page.fill(f"input[name={field}]", text)
        page.keyboard.press("Enter")

    click("nav >> text=Messages")
    typed("q", "L26-00032")
    click("button:has-text('Give up')")
    typed("why", "wrong patient")
    page.locator("h1", has_text="1 given up.").wait_for()
    assert len(clicks) == 2

    clicks.clear()
    night.his.answer_by()
    click("nav >> text=Quarantine")
    click("button:has-text('Release')")
    typed("why", "the order is there now")
    page.locator("h1", has_text="1 released.").wait_for()
    night.until(lambda now: not now.quarantined and not now.waiting)
    assert len(clicks) == 2

    clicks.clear()
    click("nav >> text=Messages")
    typed("q", "L26-00033")
    click("header >> text=Show patient data")
    page.locator("header", has_text="Hide patient data").wait_for()
    with page.expect_download() as download:
        click("button:has-text('Proof for an auditor')")
    download.value.save_as(tmp_path / "proof.html")
    assert "The HIS answered AA to control id" in (tmp_path / "proof.html").read_text("utf-8")
    assert len(clicks) == 3
    page.context.close()
