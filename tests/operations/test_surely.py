"""An act whose COMMIT got no answer: it was done, and whoever did it is told what it came to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kit.core import HIS, entry, rows, source
from kit.postgres import Cluster

from lab_sender.journal import Journal, JournalUnavailable, Server
from lab_sender.operations import acts, bulk, surely
from lab_sender.operations.installation import Installation


def _dismissed(installation: Installation) -> int:
    frozen = bulk.freeze(installation, "dismiss", words=["1"])
    return len(bulk.run(installation, frozen, "a test", who="tester").done)


ACTS: dict[str, tuple[Callable[[Installation], Any], object, str]] = {
    "release": (lambda it: acts.release(it, "1", who="tester").result, "goes-out", "message.released"),
    "release of a file": (
        lambda it: acts.release(it, "file:2", who="tester").result, "read-again", "file.released",
    ),
    "dismiss": (lambda it: acts.dismiss(it, "1", "a test", who="tester").result, "given-up", "message.dismissed"),
    "dismiss of a file": (
        lambda it: acts.dismiss(it, "file:2", "a test", who="tester").result, "given-up", "file.dismissed",
    ),
    "resend": (lambda it: acts.resend(it, "1", who="tester").new_message, 2, "message.resent"),
    "hold": (lambda it: acts.hold(it, "a test", who="tester").done[0].was_held_by, None, "lane.held"),
    "resume": (lambda it: acts.resume(it, who="tester").done[0].result, "was-not-held", "lane.resumed"),
    "dismiss of many": (_dismissed, 1, "messages.dismissed"),
}  # fmt: skip


@pytest.fixture
def site(tmp_path: Path, cluster: Cluster, server: Server) -> Installation:
    """A message and a file in quarantine; no agent runs."""
    with closing(Journal(server)) as journal:
        quarantined = entry("M1", state="quarantined", code="refused")
        journal.spool.spooled([source("C1", quarantined), source("C2", code="json.syntax")], HIS)
    config = tmp_path / "config.yaml"
    config.write_text(
        "outbox: outbox\nhis: {host: 127.0.0.1, port: 9}\nfolders: {journal: state}\nweb: {listen: off}\n"
        f"journal: {{database: '{cluster.url}'}}\n"
    )
    (tmp_path / "outbox").mkdir()
    return Installation(config)


@pytest.mark.parametrize("act", ACTS)
def test_an_act_whose_answer_was_lost_says_what_it_came_to(
    site: Installation, server: Server, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    from lab_sender.journal.postgres.store import PostgresStore

    lost = list[int]()
    commit = PostgresStore._commit

    def without_answer(store: PostgresStore, db: Any, wanted: Any) -> None:
        commit(store, db, wanted)
        if not lost:
            lost.append(1)
            db.close()
            raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(PostgresStore, "_commit", without_answer)
    monkeypatch.setattr(surely.time, "sleep", lambda _: None)
    do, said, kind = ACTS[act]
    assert do(site) == said
    assert lost
    with closing(Journal(server)) as journal:
        assert rows(journal, "SELECT kind FROM event WHERE act IS NOT NULL") == [(kind,)]


@pytest.mark.parametrize("then", ["journal.unreachable", "journal.full"])
def test_an_act_that_no_standby_has_confirmed_is_asked_for_under_the_same_id(
    site: Installation, server: Server, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed again it would be a second one: it stands in this server all the same."""
    from lab_sender.journal.postgres.failures import not_sure
    from lab_sender.journal.postgres.store import PostgresStore

    unsure = [not_sure("57014"), JournalUnavailable(then, "the second try")]
    commit = PostgresStore._commit

    def unconfirmed(store: PostgresStore, db: Any, wanted: Any) -> None:
        commit(store, db, wanted)
        if unsure:
            raise unsure.pop(0)

    monkeypatch.setattr(PostgresStore, "_commit", unconfirmed)
    monkeypatch.setattr(surely.time, "sleep", lambda _: None)
    assert acts.resend(site, "1", who="tester").new_message == 2
    assert not unsure
    with closing(Journal(server)) as journal:
        assert rows(journal, "SELECT kind FROM event WHERE act IS NOT NULL") == [("message.resent",)]


def test_what_an_act_may_have_done_stays_in_doubt_whatever_comes_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surely.time, "sleep", lambda _: None)
    codes = ["journal.unreachable", *["journal.full"] * 8]

    def do(act: str) -> None:
        raise JournalUnavailable(codes.pop(0), act)

    with pytest.raises(JournalUnavailable, match="one") as raised:
        surely.surely(do, "one")
    assert raised.value.code == "journal.unreachable"
    codes = ["journal.busy"]
    with pytest.raises(JournalUnavailable) as raised:
        surely.surely(do, "two")
    assert raised.value.code == "journal.busy"
