"""A share that hangs: the page says that nobody can see how it stands, and alerts go out."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from kit.core import until

from lab_sender.operations import patience
from lab_sender.operations.alerts.service import AlertService
from lab_sender.operations.patience import Hangs, Patience
from lab_sender.operations.web import site as module
from web.conftest import Browser
from web.scene import Scene


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_S", 0.2)


def test_a_share_that_hangs_takes_neither_the_page_nor_the_alerts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = scene.path.read_text().replace("web:", "alerts: {channels: {mail: {url: 'json://localhost:1'}}}\nweb:")
    scene.path.write_text(text)
    site, ends, looks = module.Site(scene.path), threading.Event(), list[int]()

    def hangs(*_: object) -> None:
        looks.append(1)
        assert ends.wait(30)

    with monkeypatch.context() as patch:
        patch.setattr(module, "status", hangs)
        patch.setattr(module, "health", hangs)
        browser = Browser(site)
        for _ in range(3):
            page = browser.get("/")
            assert (page.status_code, "status.hangs" in page.text) == (200, True)
            assert browser.get("/readyz").status_code == 503
            assert "lab_sender_status_known 0" in browser.get("/metrics").text
            assert browser.get("/livez").status_code == 200
            site.look_again()
        alerts = AlertService(site.installation, look=lambda: site.status().conditions, records=site.records)
        assert [(each.code, each.level) for each in alerts._conditions()[0]] == [("status.unreadable", "CRITICAL")]
        assert len(looks) == 2, "no second one asks what hangs: one for the state, one for health"
    ends.set()
    until(lambda: _is_known(site))
    site.close()


def _is_known(site: module.Site) -> bool:
    try:
        site.look_again()
        return not site.status().running
    except Hangs:
        return False


def test_what_cannot_be_seen_is_looked_for_once_a_second_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = list[int]()

    def fails(*_: object) -> None:
        looks.append(1)
        raise module.LabSenderError("journal.unavailable", "the journal cannot be read now.")

    monkeypatch.setattr(module, "status", fails)
    now = time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    for _ in range(5):
        with pytest.raises(module.LabSenderError, match=r"journal\.unavailable"):
            scene.site.status()
    assert len(looks) == 1


def test_what_a_question_raises_is_raised_and_it_is_asked_again() -> None:
    answers = [OSError("no"), KeyboardInterrupt(), 7]

    def ask() -> int:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    patient = Patience()
    with pytest.raises(OSError, match="no"):
        patient.ask(ask)
    with pytest.raises(KeyboardInterrupt):
        patient.ask(ask)
    assert patient.ask(ask) == 7


def test_a_turn_that_is_waited_for_is_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several who look at a slow share at once: each has its own time, from its turn on."""
    monkeypatch.setattr(patience, "LONGEST_S", 10.0)
    patient, begun, go = Patience(0.05), threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        assert go.wait(10)
        return 1

    with ThreadPoolExecutor(2) as threads:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(patient, "_longest_s", 10.0)
            first = threads.submit(patient.ask, slow)
            assert begun.wait(10)
        second = threads.submit(patient.ask, lambda: 2)
        with pytest.raises(TimeoutError):
            second.result(0.3)
        go.set()
        assert (first.result(10), second.result(10)) == (1, 2)
