"""Outboxes that the journal knows and the configuration has otherwise: away, listed in another order, renamed."""

from __future__ import annotations

import errno
import genericpath
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from kit.core import report
from kit.system import link

from lab_sender.agent.process import Agent
from lab_sender.config.load import load
from lab_sender.errors import AgentError
from lab_sender.journal import Journal, View
from lab_sender.mllp.standin.server import StandIn
from lab_sender.operations.checks import check
from lab_sender.operations.installation import Installation
from lab_sender.operations.status import status
from lab_sender.paths import verbatim
from lab_sender.premises.known import Known, known_outboxes
from lab_sender.premises.names import JOURNAL_NAME

CONFIG = """\
{boxes}
his: {{host: 127.0.0.1, port: {port}}}
intake: {{poll: 50ms, settle: 10ms}}
folders: {{journal: journal{more}}}
"""
BOTH = "outboxes: [{folder: one}, {folder: two}]"
TURNED = "outboxes: [{folder: two}, {folder: one}]"
BAD = report("F1").replace(b'"filler":', b'"status": "cooking", "filler":')
AWAY = "outbox.removed-away"


class Site:
    """A folder with a configuration that changes, and the journal of its agents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("one", "two"):
            (folder / name / "quarantine").mkdir(parents=True)

    def write(self, boxes: str, port: int = 1, more: str = "") -> Path:
        path = self.folder / "config.yaml"
        path.write_text(CONFIG.format(boxes=boxes, port=port, more=more))
        return path

    def run(self, boxes: str, until: Callable[[], object] = lambda: True, *, port: int = 1, more: str = "") -> None:
        """Let an agent run until that is so."""
        Agent(load(self.write(boxes, port, more))).run(until=lambda _: bool(until()))

    @contextmanager
    def view(self) -> Iterator[View]:
        with closing(View(self.folder / "journal" / JOURNAL_NAME)) as view:
            yield view

    def asked(self, question: str) -> list[tuple[object, ...]]:
        with closing(Journal(self.folder / "journal" / JOURNAL_NAME)) as journal, journal.store.reading() as db:
            return list(db.execute(question).fetchall())

    def files(self) -> list[object]:
        """The folders of all files in the journal."""
        return [folder for (folder,) in self.asked("SELECT folder FROM file ORDER BY id")]

    def messages(self) -> list[object]:
        return [state for (state,) in self.asked("SELECT state FROM message ORDER BY id")]

    def trouble(self) -> str:
        with self.view() as view:
            return view.filing_trouble()

    def release(self) -> None:
        with closing(Journal(self.folder / "journal" / JOURNAL_NAME)) as journal:
            journal.operator.release(1)

    def has(self, pattern: str) -> bool:
        return any(self.folder.glob(pattern))

    def known(self, boxes: str) -> Known:
        config = load(self.write(boxes))
        with self.view() as view:
            return known_outboxes(config.outboxes, view)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def _received(site: Site, boxes: str, outbox: str, data: bytes) -> None:
    """Let an agent take a file in: a good one lies in claimed/ then, a bad one in quarantine/."""
    site.run(boxes)
    (site.folder / outbox / "a.json").write_bytes(data)
    folder = "quarantine" if data == BAD else ".lab-sender/claimed"
    site.run(boxes, lambda: site.has(f"{outbox}/{folder}/*a.json") and site.messages())


@pytest.mark.parametrize("data", [report("F1"), BAD], ids=["claimed", "released"])
def test_what_lies_in_a_removed_outbox_that_is_away_waits_and_the_others_go_on(site: Site, data: bytes) -> None:
    _received(site, BOTH, "two", data)
    (site.folder / "two").rename(site.folder / "away")
    with StandIn() as his:
        if data == BAD:
            site.run("outbox: one")
            site.release()
        (site.folder / "one" / "b.json").write_bytes(report("F2"))
        site.run("outbox: one", lambda: site.trouble() == AWAY and site.has("one/sent/*/b.json"), port=his.port)
        assert sorted(map(str, site.files())) == sorted(["quarantine" if data == BAD else "claimed", "sent"])
        checks = check(Installation(site.folder / "config.yaml")).checks
        warned = [each for each in checks if each.text.startswith(AWAY)]
        assert [(each.what, each.state) for each in warned] == [("outbox", "warn")]
        (site.folder / "away").rename(site.folder / "two")
        with pytest.raises(AgentError, match=r"outbox\.removed|still has files") as ended:
            site.run("outbox: one", port=his.port)
        assert ended.value.exit_code == 78
        found = "two/quarantine/a.json" if data == BAD else "two/sent/*/a.json"
        final = ["replaced", "acked", "quarantined"] if data == BAD else ["acked", "acked"]
        site.run(BOTH, lambda: site.messages() == final and site.has(found) and site.trouble() == "", port=his.port)
    assert "missing" not in site.files()


@pytest.mark.parametrize("data", [report("F1"), BAD], ids=["claimed", "released"])
def test_the_one_outbox_of_before_may_be_the_second_of_several(site: Site, data: bytes) -> None:
    _received(site, "outbox: one", "one", data)
    with StandIn() as his:
        if data == BAD:
            site.run(TURNED)
            site.release()
        found = "one/quarantine/a.json" if data == BAD else "one/sent/*/a.json"
        final = ["replaced", "quarantined"] if data == BAD else ["acked"]
        site.run(TURNED, lambda: site.messages() == final and site.has(found), port=his.port)
    assert "missing" not in site.files()
    shown = Installation(site.write(TURNED)).path_of("quarantine/a.json")
    assert shown == site.folder / "one" / "quarantine" / "a.json"


@pytest.mark.parametrize("new", ["outboxes: [{folder: one}]", BOTH])
@pytest.mark.parametrize("back", [False, True], ids=["to several", "to one"])
def test_one_outbox_may_be_written_the_other_way(site: Site, new: str, back: bool) -> None:
    first, second = (new, "outbox: one") if back else ("outbox: one", new)
    _received(site, first, "one", report("F1"))
    with StandIn() as his:
        site.run(second, lambda: site.has("one/sent/*/a.json"), port=his.port)
    assert site.messages() == ["acked"]


def test_a_folder_that_was_renamed_is_known_by_its_files(site: Site) -> None:
    _received(site, "outbox: one", "one", BAD)
    (site.folder / "two" / "quarantine" / "a.json").write_bytes(BAD.replace(b"F1", b"F9"))
    (site.folder / "one").rename(site.folder / "moved")
    found = site.known("outboxes: [{folder: two}, {folder: moved}]")
    assert (found.owners[""], found.removed) == ("moved", ())
    assert site.known("outbox: moved").owners == {"": ""}


def test_another_folder_with_that_name_is_not_taken_for_one_that_is_away(site: Site) -> None:
    """Neither its files nor its name in the journal: what comes by it is told from what came by the other one."""
    _received(site, "outbox: one", "one", BAD)
    (site.folder / "two" / "quarantine" / "a.json").write_bytes(BAD.replace(b"F1", b"F9"))
    (site.folder / "one").rename(site.folder / "away")
    (site.folder / "two" / ".lab-sender" / "claimed").mkdir(parents=True)
    found = site.known("outbox: two")
    assert [(each.name, each.is_away, each.quarantined) for each in found.removed] == [("", True, 1)]
    assert (found.owners, found.written) == ({"two": ""}, {"": "two"})
    assert Path(found.folders[""]) == site.folder / "one" / ".lab-sender" / "claimed"
    site.run("outbox: two")
    site.release()
    site.run("outbox: two", lambda: site.trouble() == AWAY)
    assert site.files() == ["quarantine"]
    (site.folder / "away").rename(site.folder / "one")
    site.run(TURNED, lambda: site.messages() == ["replaced", "quarantined"])
    assert site.asked("SELECT outbox FROM source") == [("",), ("one",)]


@pytest.mark.parametrize("boxes", [BOTH, "outbox: two", "outbox: one"])
def test_of_an_older_agent_the_name_is_that_of_the_folder(site: Site, boxes: str) -> None:
    """It noted no folder, and a person has taken the file out of quarantine."""
    _received(site, BOTH, "two", BAD)
    (site.folder / "two" / "quarantine" / "a.json").unlink()
    with closing(Journal(site.folder / "journal" / JOURNAL_NAME)) as journal, journal.store.durable() as db:
        db.execute("DELETE FROM meta WHERE key = 'claimed'")
    found = site.known(boxes)
    owner = {BOTH: "two", "outbox: two": ""}.get(boxes)
    assert found.owners.get("two") == owner
    assert [each.is_away for each in found.removed] == ([True] if owner is None else [])


def test_one_that_is_away_is_remembered_over_several_starts(site: Site) -> None:
    _received(site, BOTH, "two", BAD)
    (site.folder / "two").rename(site.folder / "away")
    for _ in range(2):
        site.run("outbox: one")
    assert [each.name for each in site.known("outbox: one").removed] == ["two"]


def test_what_was_settled_in_a_removed_outbox_is_no_reason_to_wait(site: Site) -> None:
    site.run(BOTH)
    (site.folder / "two").rename(site.folder / "away")
    site.run("outbox: one")
    found = site.known("outbox: one")
    assert (found.removed, site.trouble()) == ((), "")


# ------------------------------------------------------------------ starts that go on


def test_another_work_folder_is_made_and_is_no_removed_outbox(site: Site) -> None:
    _received(site, "outbox: one", "one", BAD)
    with StandIn() as his:
        (site.folder / "one" / "b.json").write_bytes(report("F2"))
        site.run("outbox: one", lambda: site.has("one/sent/*/b.json"), port=his.port, more=", work: one/w2")


def test_another_work_folder_is_not_worked_with_while_files_lie_in_the_old_one(site: Site) -> None:
    _received(site, "outbox: one", "one", report("F1"))
    with pytest.raises(AgentError, match="1 claimed in") as ended:
        site.run("outbox: one", more=", work: one/w2")
    assert ended.value.code == "outbox.removed"


def test_a_link_that_leads_to_another_outbox_now_is_no_removed_one(site: Site) -> None:
    _received(site, "outbox: one", "one", BAD)
    (site.folder / "one").rename(site.folder / "moved")
    link(site.folder / "one", "moved", to_folder=True)
    site.run("outbox: moved")


def test_what_a_share_leaves_in_claimed_is_no_result(site: Site) -> None:
    site.run(BOTH)
    (site.folder / "two" / ".lab-sender" / "claimed" / ".nfs000001").write_text("x")
    site.run("outbox: one")


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("boxes", ["outbox: one", BOTH], ids=["removed", "configured"])
def test_an_outbox_that_does_not_answer_keeps_no_agent_from_starting(
    site: Site, monkeypatch: pytest.MonkeyPatch, number: int, boxes: str
) -> None:
    _received(site, BOTH, "two", BAD)
    _fail(monkeypatch, site.folder / "two", number, "stat", "lstat", "scandir")
    with StandIn() as his:
        (site.folder / "one" / "b.json").write_bytes(report("F2"))
        site.run(boxes, lambda: site.has("one/sent/*/b.json"), port=his.port)
    here, removed = Installation(site.folder / "config.yaml"), boxes == "outbox: one"
    found = {each.state for each in check(here).checks if each.what == "outbox"}
    assert found == {"ok", "warn" if removed else "fail"}
    assert status(here).status == ("WARNING" if removed else "CRITICAL")


def test_an_outbox_that_stops_answering_ends_no_agent(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale() -> bool:
        if not (site.folder / "one" / "b.json").exists() and not site.has("one/sent/*/b.json"):
            _fail(monkeypatch, site.folder / "two", errno.ESTALE, "stat")
            (site.folder / "one" / "b.json").write_bytes(report("F2"))
        return site.has("one/sent/*/b.json")

    with StandIn() as his:
        site.run(BOTH, stale, port=his.port)


def _fail(monkeypatch: pytest.MonkeyPatch, gone: Path, number: int, *calls: str) -> None:
    """Let system calls fail for a folder and all below it, however its path is written."""
    for name in calls:
        monkeypatch.setattr(os, name, _failing(getattr(os, name), verbatim(gone), number))
    for name in ("exists", "isdir", "isfile"):  # on Windows they ask past os.stat, from Python 3.12 on
        monkeypatch.setattr(os.path, name, getattr(genericpath, name))


def _failing(real: Callable[..., Any], gone: str, number: int) -> Callable[..., Any]:
    def failing(path: Any = ".", *more: Any, **named: Any) -> Any:
        if not isinstance(path, int) and verbatim(os.fsdecode(path)).startswith(gone):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *more, **named)

    return failing
