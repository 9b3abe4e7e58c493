"""The pages of two machines that share a journal: what is kept at one counts at the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab_sender.journal import Journal, Server
from lab_sender.operations.accounts import Accounts
from lab_sender.operations.web.site import Site
from web.conftest import Browser
from web.scene import TESTER, Scene


@pytest.fixture
def pages(server: Server, tmp_path: Path) -> Iterator[tuple[Scene, Site]]:
    """The page of one machine with its accounts, and that of another one, where nothing was ever done."""
    journal = "journal: {{database: '{}', schema: {}, node: {}}}\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "outbox").mkdir(parents=True)
    with Scene(tmp_path / "a", more=journal.format(server.url, server.schema, "lab-a")) as scene:
        with closing(Journal(scene.site.installation.journal_at)) as begun:
            begun.begin(outboxes=[])
        config = tmp_path / "b" / "config.yaml"
        config.write_text(scene.path.read_text().replace("lab-a", "lab-b"))
        with closing(Site(config)) as other:
            yield scene, other


def test_who_is_known_at_one_is_known_at_the_other(pages: tuple[Scene, Site]) -> None:
    scene, other = pages
    here, there = Browser(scene.site), Browser(other)
    assert here.log_in("otto").status_code == 303
    there.cookies = here.cookies
    there.submit("/messages/save", "/messages", name="mine", q="code:206", state="quarantined")
    assert "mine</button>" in here.get("/messages").text
    lis = scene.keys.add(TESTER, "lis", "submit")
    head = {"Authorization": f"Bearer {lis}", "Idempotency-Key": "a-key-of-a-test"}
    sent = [Browser(each).post("/api/v1/results", content=b"MSH|", headers=head) for each in (scene.site, other)]
    assert [each.status_code for each in sent] == [202, 202]
    assert sent[0].content == sent[1].content
    dropped = [list((path / "outbox").glob("result*")) for path in (scene.folder, scene.folder.parent / "b")]
    assert [len(each) for each in dropped] == [1, 0], "sent again to another machine, it is the same one"
    adam = Browser(other)
    adam.log_in("adam")
    assert "otto" in adam.get("/audit").text
    Accounts(other.records, other.audit).remove(TESTER, "otto")
    assert "otto" not in here.get("/").text
    assert scene.site.audit.verify().ok
