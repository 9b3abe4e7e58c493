"""Fault 66, SIGHUP: a changed configuration under load: nothing is lost, doubled or reordered by it."""

from __future__ import annotations

from collections.abc import Callable

from kit.core import ready
from kit.system import SIGHUP

from faults.bench import Site, configuration
from faults.processes import until
from lab_sender.mllp.standin.server import StandIn

MANY = 1000


def _configure(site: Site, **settings: object) -> None:
    here = {"outbox": site.outbox, "journal": site.journal_folder}
    (site.folder / "config.yaml").write_text(configuration(site.to, **here | site.settings | settings))


def _logged(site: Site, event: str) -> str:
    return next((line for line in site.running[-1].log.read_text().splitlines() if f'"event": "{event}"' in line), "")


def _ids(his: StandIn) -> list[str]:
    return [each.control_id for each in his.received]


def test_a_new_port_among_a_thousand_deliveries(site: Site, his: StandIn) -> None:
    ids = [f"M{number:04}" for number in range(MANY)]
    for number, each in enumerate(ids):
        site.drop(f"{each}.hl7", ready(each, order=each), order=number)
    his.answer_by("late=0.003")  # else all are delivered before the reload
    with StandIn() as other:
        agent = site.start()
        until(lambda: len(his.received) > MANY // 10, "the first ones are delivered")
        site.to = other.port
        _configure(site)
        agent.signal(SIGHUP)
        site.settle(MANY)
        assert _ids(his) + _ids(other) == ids, "each once, in order"
        assert other.received, "the next connection led to the new port"
        assert '"changed": "his.port"' in _logged(site, "config.reloaded")
        assert agent.stop() == 0


def test_one_that_is_wrong_is_refused_with_its_line_and_the_log_file_is_opened_anew(
    make_site: Callable[..., Site], his: StandIn
) -> None:
    site = make_site(his.port)
    agent = site.start()
    site.drop("1.hl7", ready("M1"))
    site.settle(1)
    digest = site.rows("SELECT value FROM meta WHERE key = 'config_digest'")
    config = site.folder / "config.yaml"
    written = config.read_text()
    config.write_text(written + "nothing: {}\n")
    agent.signal(SIGHUP)
    until(lambda: _logged(site, "config.refused"), "it is refused")
    assert f'"line": {len(written.splitlines()) + 1}' in _logged(site, "config.refused")
    assert site.rows("SELECT value FROM meta WHERE key = 'config_digest'") == digest

    log = site.folder / "agent.log"
    config.write_text(written.replace("log: {", f"log: {{file: {log}, "))
    agent.signal(SIGHUP)
    until(lambda: log.exists() and "config.reloaded" in log.read_text(), "it logs to the file")
    log.rename(site.folder / "agent.log.1")
    agent.signal(SIGHUP)
    until(lambda: log.exists() and "config.reloaded" in log.read_text(), "logrotate has moved it: it is made anew")
    site.drop("2.hl7", ready("M2"))
    site.settle(2)
    assert _ids(his) == ["M1", "M2"]
    assert agent.stop() == 0
