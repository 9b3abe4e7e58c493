"""What runs beside the deliveries of a soak: the page and whoever looks at it, its alerts, and retention.

Holds: `Past` (old messages in the journal, which retention deletes meanwhile), `Page` (a real `lab-sender web`,
killed now and then, with a browser logged in that asks for every screen again and again); what both owe at the end.
Promises: an answer that is an error is one, for nobody asks while the page is down. An alert that is on record and
was not received is lost; so is a cause of quarantine of which none was sent.
"""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from typing import Any

from kit.grown import grow, make_folders
from kit.system import SIGKILL
from kit.webhook import Webhook

from faults.bench import Site
from faults.processes import AgentProcess, until
from faults.visitor import Visitor, add_account
from lab_sender.operations.records import NAME

_ACCOUNT = "soak"
_ASKED = ("/livez", "/metrics", "/api/v1/status", "/api/v1/messages?limit=50", "/api/v1/messages?state=quarantined")
_KILLED = 0.03
"""How likely the page's process is killed after a round of asking."""
_SOON_S = 120.0
"""How long the last alerts may take: what was not received is sent again after half a minute."""
_UNFINISHED = "m.id <= {past} AND (m.state IN ('spooled', 'sending', 'quarantined') OR m.contradicted <> '')"
_KEPT = f"""
SELECT m.state, m.contradicted, COUNT(*), TOTAL(m.id) FROM message m WHERE {_UNFINISHED} GROUP BY 1, 2
UNION ALL SELECT 'bytes', '', COUNT(*), TOTAL(w.crc32) FROM message m JOIN wire w ON w.message_id = m.id
 WHERE {_UNFINISHED}
UNION ALL SELECT 'files', f.folder, COUNT(*), TOTAL(f.id) FROM message m JOIN file f ON f.source_id = m.source_id
 WHERE {_UNFINISHED} GROUP BY 2
"""
RETENTION = """\
retention:
  {content: 7d, sent: 7d, dismissed: 7d, record: 90d, audit: 1y, window: {from: "00:00", to: "23:59"}}
"""


class Past:
    """Messages of the last 400 days, made before the first start; a few are in quarantine or contradicted."""

    def __init__(self, site: Site, messages: int, destination: str) -> None:
        grow(site.journal, messages, troubles=max(4, messages // 500), days=400, destination=destination)
        for folder in (site.claimed, site.sent_folder, site.quarantine / "dismissed"):
            folder.mkdir(parents=True)  # where there is a past, an agent makes no folder anew
        make_folders(site.journal, site.sent_folder, site.quarantine)
        site.history = messages
        self._site = site
        self._before = self._unfinished()
        assert len(self._before) >= 4, self._before

    def is_purged(self, agent: AgentProcess) -> bool:
        """Say whether an agent has come to the end of a night."""
        return any(event["whole"] for event in agent.events("retention.purged"))

    def judged(self) -> tuple[int, list[str]]:
        """Return how many messages were purged, and what is wrong."""
        ((left,),) = self._site.rows("SELECT COUNT(*) FROM message WHERE id <= ?", self._site.history)
        wrong = [] if self._unfinished() == self._before else ["something unfinished was purged"]
        failed = [event for agent in self._site.running for event in agent.events("retention.failed")]
        wrong += [f"retention.failed: {each['code']}" for each in failed]
        purged = self._site.history - int(left)
        return purged, wrong + ([] if purged else ["nothing was purged"])

    def _unfinished(self) -> list[tuple[Any, ...]]:
        return self._site.rows(_KEPT.format(past=self._site.history))


class Page:
    """A context: `lab-sender web` as a service of its own, whose alerts go to a webhook of this process."""

    def __init__(self, site: Site, port: int) -> None:
        self._site = site
        self._port = port
        self._webhook = Webhook()
        self._browser = Visitor(port)
        self._records = site.journal.with_name(NAME)
        self._log = (site.folder / "web.log").open("wb")
        self._process: subprocess.Popen[bytes] | None = None
        self.asked = 0
        self.killed = 0
        self.wrong: Counter[str] = Counter()

    def __enter__(self) -> Page:
        hook = f'"json://127.0.0.1:{self._webhook.port}/"'
        self._site.settings |= {
            "web": f"127.0.0.1:{self._port}", "web_start": "alone",
            "more": f"alerts: {{name: soak, most_an_hour: 1000, channels: {{hook: {hook}}}}}\n{RETENTION}",
        }  # fmt: skip
        self._webhook.__enter__()
        self._webhook.fails = True  # the first text: it has to come again
        add_account(self._site.configure(), _ACCOUNT, "--role", "operator")
        self._start()
        self._browser.log_in(_ACCOUNT)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._webhook.__exit__()

    def ask(self, over: threading.Event, chance: random.Random) -> None:
        """Be a browser that is left open, every half second, until it is over."""
        while not over.wait(0.5):
            for path in (*self._browser.screens(), *_ASKED):
                self._look(path)
            self._webhook.fails = not self._webhook.failed
            if chance.random() < _KILLED:
                assert self._process is not None
                self._process.send_signal(SIGKILL)
                self._process.wait()
                self.killed += 1
                self._start()

    def judged(self) -> tuple[int, list[str]]:
        """Wait for what is still to be sent, end the page; return how many texts came, and what is wrong."""
        missing = set[str]()

        def is_received() -> bool:
            """One look decides: what is recorded behind it is on its way."""
            nonlocal missing
            missing = self._missing()
            return not missing

        with contextlib.suppress(AssertionError):
            until(is_received, "every alert is received", _SOON_S)
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        ended = self._process.wait(30)
        wrong = [f"{what}: {count} times" for what, count in self.wrong.items()]
        wrong += [f"the page ended with {ended}"] if ended else []
        return len(self._webhook.bodies), wrong + [f"alert lost: {each}" for each in sorted(missing)]

    def _start(self) -> None:
        command = [sys.executable, "-m", "lab_sender", "--config", str(self._site.configure()), "web"]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        until(self._browser.is_answered, "the page answers")

    def _look(self, path: str) -> None:
        """Ask for a screen, and note what is wrong with its answer."""
        self.asked += 1
        try:
            status, _ = self._browser.get(path)
        except OSError as error:
            self.wrong[f"{path} has no answer: {type(error).__name__}"] += 1
        else:
            if status != 200:
                self.wrong[f"{path} is answered by {status}"] += 1

    def _missing(self) -> set[str]:
        """Name the alerts that were to be sent and have not come."""
        self._webhook.fails = False
        received = "\n".join(each["message"] for each in self._webhook.bodies)  # several may come as one
        with closing(sqlite3.connect(f"{self._records.as_uri()}?mode=ro", uri=True)) as db:
            texts = db.execute("SELECT title, body, done_ms, failure FROM alert_sent").fetchall()
            alerts = set(db.execute("SELECT cause FROM alert WHERE code = 'quarantine' AND sent IS NOT NULL"))
        lost = {title for title, body, *_ in texts if body.strip() not in received}
        lost |= {f"{title} ({failure})" for title, _, done_ms, failure in texts if done_ms is None or failure}
        causes = set(
            self._site.rows(
                "SELECT DISTINCT code FROM message WHERE state = 'quarantined'"
                " UNION SELECT DISTINCT code FROM source WHERE state = 'quarantined' AND code <> ''"
            )
        )
        return lost | {f"quarantine ({cause})" for (cause,) in causes - alerts}
