"""Whose a lane is, where several agents share a journal on PostgreSQL: taken, renewed, fenced, lost, given back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kit.core import HIS, entry, head, source, spool, until
from kit.postgres import OTHERS, Cluster
from msgspec import structs

from lab_sender.config.folders import Folders, OutboxConfig, is_others
from lab_sender.errors import AgentError
from lab_sender.ids import new_id
from lab_sender.journal import (
    ALERTS,
    Fence,
    Journal,
    JournalUnavailable,
    LeaseLost,
    LeaseRow,
    Server,
    View,
    leases,
    leases_of,
    open_records,
)
from lab_sender.journal.leases import Seen
from lab_sender.journal.sharing import lease_of
from lab_sender.premises import needs
from lab_sender.premises.known import known_outboxes
from lab_sender.premises.names import journal_of

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn


class Agent:
    """What an agent of several has of the journal."""

    def __init__(self, server: Server, node: str) -> None:
        self.server = replace(server, node=node)
        self.journal = Journal(self.server, busy_timeout_s=1.0)
        self.journal.begin()
        self.table = self.journal.leases()
        self.table.begin([HIS], "0")

    def take(self) -> Fence:
        """Take the lane as it is now."""
        (row,), _ = self.table.look()
        taken = self.table.take(row)
        assert taken is not None
        return taken

    def close(self) -> None:
        self.table.close()
        self.journal.close()


@pytest.fixture
def one(server: Server) -> Iterator[Agent]:
    with closing(Agent(server, "one")) as agent:
        yield agent


@pytest.fixture
def other(server: Server) -> Iterator[Agent]:
    with closing(Agent(server, "other")) as agent:
        yield agent


def test_a_lane_is_taken_as_it_was_seen_and_no_other_way(one: Agent, other: Agent) -> None:
    (free,), nodes = one.table.look()
    assert free.owner == ""
    assert [node.name for node in nodes] == ["one", "other"]
    taken = one.table.take(free)
    assert taken is not None
    assert other.table.take(free) is None, "somebody was quicker"
    (row,), _ = other.table.look()
    one.table.renew([taken])
    assert other.table.take(row) is None, "its owner lives"
    assert taken.holds()
    one.table.give_back(taken)
    assert other.take().epoch == taken.epoch + 1


def test_no_transaction_of_an_owner_that_was_taken_over_from(one: Agent, other: Agent) -> None:
    """Whatever its clock says: it may be slow, and the server may have begun anew with what it had before."""
    spool(one.journal, "M1")
    books = one.journal.of_lane(one.take())
    (message,) = head(one.journal)
    assert books.delivery.sending(message.id)
    other.take()
    with pytest.raises(LeaseLost):
        books.delivery.not_sent(message.id)
    with pytest.raises(LeaseLost):
        books.delivery.held(HIS, "brake", "too many")
    assert one.journal.delivery.lane(HIS).hold == ""
    books.store.close()


def test_who_has_lost_an_outbox_spools_and_files_nothing_more(one: Agent, other: Agent) -> None:
    books = one.journal.of_outbox(one.take())
    assert books.spool.spooled([source("C1", entry("M1"))], HIS)
    other.take()
    with pytest.raises(LeaseLost):
        books.spool.spooled([source("C2", entry("M2"))], HIS)
    with pytest.raises(LeaseLost):
        books.filing.sent([(1, "2026-11-29/x.json")])
    with pytest.raises(LeaseLost):
        books.filing.missing(1)
    assert one.journal.spool.last_claim_id() == "C1"
    books.close()


def test_an_outbox_is_known_to_the_journal_that_gave_its_identity(one: Agent, other: Agent) -> None:
    """And keeps it, where the file that says it is lost."""
    identity = one.journal.sharing.new("/share/claimed")
    assert other.journal.sharing.knows(identity)
    assert not other.journal.sharing.knows("0" * 20)
    one.journal.serves(f":{identity}", "/share/claimed")
    assert one.journal.sharing.new("/share/claimed") == identity


def test_an_equal_epoch_of_another_owner_is_no_fence(one: Agent, cluster: Cluster) -> None:
    """A standby that has lost the last ones gives an epoch a second time."""
    books = one.journal.of_lane(one.take())
    cluster.ask("UPDATE lab_sender.lease SET owner = 'other/1'")
    with pytest.raises(LeaseLost):
        books.delivery.silent(HIS, 1)
    books.store.close()


def test_whoever_takes_a_lane_waits_for_the_transaction_in_hand(one: Agent, other: Agent) -> None:
    """Else it would be committed after the new owner has looked. Renewing does not wait for it."""
    fence = one.take()
    books = one.journal.of_lane(fence)
    (row,), _ = other.table.look()
    with books.store.quick():
        with pytest.raises(JournalUnavailable):
            other.table.take(row)
        one.table.renew([fence])
    (row,), _ = other.table.look()
    assert other.table.take(row) is not None
    one.table.renew([fence])
    assert not fence.holds()
    books.store.close()


def test_a_lease_taken_from_a_page_or_an_agent_at_work_ends_nothing_of_that_agent(
    one: Agent, other: Agent, cluster: Cluster
) -> None:
    """The page's process has the lease of the alerts by the name of its agent, which goes on without it."""
    with closing(leases_of(one.server, "page")) as page:
        page.make([ALERTS])
        (alerts, _), _ = page.look()
        page.take(alerts)
    with one.journal.store.durable() as db:
        db.execute("UPDATE meta SET value = value WHERE key = 'clean'")
        until(lambda: cluster.ask(f"SELECT 1 {OTHERS} AND backend_xid IS NOT NULL AND now() - xact_start > '1.2 s'"))
        for row in other.table.look()[0]:
            assert other.table.take(row) is not None
    assert one.journal.store.trouble() is None


@pytest.mark.long
@pytest.mark.parametrize("state", ["active", "idle in transaction"])
def test_a_page_that_stands_still_between_two_rows_keeps_nobody_waiting(
    state: str, one: Agent, other: Agent, cluster: Cluster
) -> None:
    """The server sees neither an idle session nor a lost one; or an idle one, and does not end it."""
    with closing(leases_of(one.server, "page")) as page, closing(open_records(one.server)) as records:
        page.make([ALERTS])
        (alerts, _), _ = page.look()
        fence = page.take(alerts)
        assert fence is not None
        with suppress(JournalUnavailable), records.transaction(fence) as db:
            if state == "active":
                _stand_still(db.raw.pgconn)
            else:
                db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            waits = f"{OTHERS} AND wait_event = 'ClientRead' AND state = '{state}' AND now() - state_change > '3 s'"
            until(lambda: cluster.ask(f"SELECT 1 {waits}"))
            (row, _), _ = other.table.look()
            until(lambda: _taken(other, row))


def _stand_still(connection: PGconn) -> None:
    """Send a row, and not the one behind it."""
    connection.enter_pipeline_mode()
    connection.send_query_params(b"SELECT 1", None)
    connection.send_flush_request()
    connection.flush()


def _taken(agent: Agent, row: LeaseRow) -> Fence | None:
    with suppress(JournalUnavailable):
        return agent.table.take(row)
    return None


def test_a_lane_that_is_lost_writes_nothing_and_waits_for_nobody(one: Agent, other: Agent) -> None:
    fence = one.take()
    books = one.journal.of_lane(fence)
    fence.at_loss(books.store.cut)
    ended, failed = threading.Event(), list[Exception]()

    def write() -> None:
        try:
            books.delivery.silent(HIS, 1)
        except (JournalUnavailable, LeaseLost) as error:
            failed.append(error)
        ended.set()

    with other.journal.store.acting() as db:  # alone: what another thread wants waits for it
        waits = threading.Thread(target=write)
        waits.start()
        while not db.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall():
            assert not ended.is_set()
        fence.lose()
        waits.join()
    assert failed
    with pytest.raises(LeaseLost):
        books.delivery.silent(HIS, 1)
    with pytest.raises(LeaseLost):
        books.delivery.lane(HIS)
    assert one.journal.delivery.lane(HIS).silent_since_ms is None
    books.store.close()


def test_who_has_ended_a_lane_writes_nothing_though_nobody_has_taken_it(one: Agent) -> None:
    fence = one.take()
    books = one.journal.of_lane(fence)
    books.delivery.silent(HIS, 1)
    fence.lose()
    with pytest.raises(LeaseLost):
        books.delivery.silent(HIS, 2)
    assert one.journal.delivery.lane(HIS).silent_since_ms == 1
    books.store.close()


def test_an_owner_counts_from_before_it_asked(one: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """The taker sees the answer's commit, at the earliest, when the owner begins to wait for it."""
    now = [1000.0]
    monkeypatch.setattr(leases, "clock", lambda: now[0])
    monkeypatch.setattr("lab_sender.journal.postgres.leases.clock", lambda: now[0])
    real = one.table._asking

    def slow() -> object:
        now[0] += 4.0
        return real()

    monkeypatch.setattr(one.table, "_asking", slow)
    fence = one.take()
    assert fence.holds()
    now[0] += 3.5  # 7.5 s after it was asked for, of 10
    assert not fence.holds()
    one.table.renew([fence])
    assert fence.holds()
    now[0] += 3.5
    assert not fence.holds()


def test_a_watch_begins_anew_with_all_that_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(leases, "clock", lambda: now[0])
    seen = Seen()
    assert seen.stands_s((1, "one", 7)) == 0
    now[0] = 9.0
    assert seen.stands_s((1, "one", 7)) == 9.0
    assert seen.stands_s((2, "one", 7)) == 0, "over another connection: the server may be another one"


def test_a_lane_is_lost_once_and_stays_so() -> None:
    fence, calls = Fence(LeaseRow("his", "one/1", 1, 1, 10_000), leases.clock()), list[str]()
    assert fence.holds()
    fence.at_loss(lambda: calls.append("before"))
    fence.lose()
    fence.lose()
    fence.at_loss(lambda: calls.append("after"))
    fence.renewed(leases.clock())
    assert not fence.holds()
    assert calls == ["before", "after"]


def test_a_name_has_one_agent(one: Agent) -> None:
    with closing(Journal(one.server)) as second:
        with pytest.raises(AgentError) as taken:
            second.begin()
        assert (taken.value.code, taken.value.exit_code) == ("node.taken", 75)
        one.journal.store._whose.let_go()  # its machine was cut off
        second.begin()
    with pytest.raises(AgentError) as gone:
        spool(one.journal, "M1")
    assert gone.value.code == "node.taken"


def test_an_agent_alone_and_agents_of_several_keep_each_other_out(one: Agent, server: Server) -> None:
    with closing(Journal(server)) as alone:
        with pytest.raises(AgentError) as taken:
            alone.begin()
        assert taken.value.code == "journal.taken"
        one.journal.store._whose.let_go()
        alone.begin()
        with pytest.raises(AgentError) as gone:
            spool(one.journal, "M1")
        assert gone.value.code == "journal.taken"
        with closing(Journal(replace(server, node="third"))) as third, pytest.raises(AgentError) as kept_out:
            third.begin()
        assert kept_out.value.code == "journal.taken"
        alone.store._whose.let_go()
        with closing(Journal(replace(server, node="third"))) as third:
            third.begin()
            with pytest.raises(AgentError):
                spool(alone, "M1")


def test_each_agent_has_notes_of_its_own(one: Agent, other: Agent) -> None:
    one.journal.spool.trouble("outbox.unreachable")
    other.journal.end()
    assert one.journal.delivery.last_run() != other.journal.delivery.last_run()
    rows = {}
    for agent in (one, other):
        with agent.journal.store.reading() as db:
            rows[agent.server.node] = dict(db.execute("SELECT key, value FROM meta").fetchall())
    notes = rows["one"]
    assert notes["intake_trouble@one"] == "outbox.unreachable"
    assert "intake_trouble@other" not in notes
    assert (notes["clean@one"], notes["clean@other"]) == ("0", "1")
    assert notes["agent_run"] == ""


def test_a_machine_that_has_never_worked_has_not_ended_badly(one: Agent, server: Server) -> None:
    assert not one.journal.after_unclean_end
    other = replace(server, node="other")
    with closing(View(other)) as view:
        assert view.ended_clean()
        with closing(Agent(server, "other")):
            assert not view.ended_clean()
        with closing(Agent(server, "other")) as again:
            assert again.journal.after_unclean_end, "it was closed, and did not end"


def test_tables_that_somebody_has_made_are_no_journal_yet(server: Server, tmp_path: Path) -> None:
    """Whoever has worked on an outbox finds that its journal is missing there, also as one of several."""
    shared = replace(server, node="one")
    mine = Folders(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path, shared)
    (tmp_path / "agent.lock").write_text("the journal of this outbox is in use\n")
    Journal(server).close()
    assert needs.holds_nothing(journal_of(mine))
    lack = needs.worked_on(mine)
    assert lack is not None
    assert lack.code == "journal.missing"
    with closing(Journal(replace(server, node="other"))) as other:
        other.begin()
    assert not needs.holds_nothing(journal_of(mine)), "another machine has begun: this one may join"


def test_what_was_left_before_agents_shared_the_journal_is_filed_first(server: Server, tmp_path: Path) -> None:
    """Its files would lie in claimed/ for ever: whose they are, an outbox's name says."""
    mine = OutboxConfig("", Folders(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path, server), (HIS,))
    shared = structs.replace(mine, folders=structs.replace(mine.folders, database=replace(server, node="one")))
    folder = str(tmp_path / "claimed")
    with closing(Journal(server)) as alone:
        alone.begin(claimed={"": folder})
        spool(alone, "M1")
    with closing(View(shared.folders.database)) as view:
        (left,) = known_outboxes([shared], view).removed
    assert (left.name, left.folder, left.claimed, left.is_away) == ("", Path(folder), 1, False)
    with closing(Journal(server)) as alone:
        alone.operator.dismiss(1, "a test")
        alone.filing.planned([(1, "dismissed", "one.hl7")])
        alone.filing.placed([1])
    with closing(View(shared.folders.database)) as view:
        assert known_outboxes([shared], view).removed == ()


def test_an_outbox_that_no_other_machine_has_is_not_taken_out_while_it_has_files(
    server: Server, tmp_path: Path
) -> None:
    """It may be shared as it lies, and is this machine's alone: nobody goes on with what is claimed there."""
    by_path = []
    for path in (tmp_path / "before", tmp_path / "now"):
        work = path / ".lab-sender"
        folders = Folders(path, path / "sent", path / "quarantine", work, path, replace(server, node="one"))
        needs.claimed_folder(folders).mkdir(parents=True)
        by_path.append(OutboxConfig("", folders, (HIS,)))
    before, now = by_path
    claimed = needs.claimed_folder(before.folders)
    (claimed / f"{new_id()}_a.hl7").write_bytes(b"MSH|")
    with closing(Agent(server, "one")) as one:
        identity = one.journal.sharing.new(str(claimed))
        one.journal.serves(f":{identity}", str(claimed))
        one.table.begin([lease_of(identity)], "0")
    with closing(View(before.folders.database)) as view:
        assert known_outboxes([before], view).removed == ()
        (left,) = known_outboxes([now], view).removed
        assert (left.folder, left.claimed, left.is_away) == (claimed, 1, False)
    with closing(Agent(server, "other")) as other:
        other.table.begin([lease_of(identity)], "0")
    with closing(View(before.folders.database)) as view:
        assert known_outboxes([now], view).removed == ()


def test_what_an_older_agent_of_several_has_left_is_told_as_that(server: Server, tmp_path: Path) -> None:
    """Its outbox is in the configuration, as one that agents may share now: nobody is told to write it back."""
    work = tmp_path / ".lab-sender"
    here = replace(server, node="one")
    folders = Folders(tmp_path, tmp_path / "sent", tmp_path / "quarantine", work, tmp_path, here)
    mine = OutboxConfig("", folders, (HIS,), new_id())
    (work / "claimed").mkdir(parents=True)
    with closing(Journal(here)) as before:
        before.begin(outboxes=["one"], claimed={"one": str(work / "claimed")})
        before.spool.spooled([source("C", code="json.syntax")._replace(outbox="one")], HIS)
        before.filing.planned([(1, "quarantine", "c.json")])
        before.filing.placed([1])
    with closing(View(here)) as view:
        (left,) = known_outboxes([mine], view).removed
    assert (left.quarantined, left.is_older, left.is_away) == (1, True, False)
    assert "older lab-sender" in left.text
    assert "lab-sender of before" in left.hint


def test_an_outbox_that_has_not_its_own_name_has_that_of_its_agent(server: Server, tmp_path: Path) -> None:
    """Two agents may give the same one away; whose the files are, it says."""
    by_path = []
    for path in (tmp_path / "before", tmp_path / "new"):
        (path / "claimed").mkdir(parents=True)
        folders = Folders(path, path, path, path, path, replace(server, node="one"))
        by_path.append(OutboxConfig("lab", folders, (HIS,)))
    before, new = by_path
    with closing(Journal(before.folders.database)) as journal:
        journal.begin(outboxes=[before.in_journal], claimed={before.in_journal: str(tmp_path / "before" / "claimed")})
    with closing(View(before.folders.database)) as view:
        known = known_outboxes([structs.replace(before, name="old"), new], view)
    assert known.written == {"old": "one:old", "lab": "one:new"}
    assert not is_others("one", known.written["lab"])


def test_a_command_ends_nothing_that_another_agent_may_be_sending(one: Agent) -> None:
    spool(one.journal, "M1")
    one.journal.of_lane(one.take()).delivery.sending(head(one.journal)[0].id)
    run = one.journal.delivery.last_run()
    assert one.journal.delivery.interrupted(HIS, run=run) == 0
