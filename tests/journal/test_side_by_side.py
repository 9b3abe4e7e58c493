"""Several processes on one journal, each with its own store: what arrives by two, acts, the bell."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from intake.test_outboxes import _came, _timed
from kit import purging
from kit.core import HIS, bad, entry, head, ready, rows, source, spool, states, until
from kit.destinations import House
from kit.lanes import lane_to, operator, running
from kit.postgres import OTHERS, Cluster
from kit.settings import his_at
from kit.system import WAIT_S
from kit.threads import beside

from journal.test_twice import WRITES
from lab_sender.config.profile import builtin
from lab_sender.filing.feed import Feed
from lab_sender.filing.purge import Purge
from lab_sender.intake.compose import Recipient
from lab_sender.journal import ActRejected, Attempt, Journal, NewMessage, NewSource, Server, Share, Spooled, now_ms
from lab_sender.journal.database import JournalUnavailable
from lab_sender.mllp.standin.server import Received, StandIn

STRICT = builtin(corrections={"suspicious": "quarantine"})
OTHER = "other"
"""Another destination."""


@pytest.fixture
def another(journal: Journal) -> Iterator[Journal]:
    """Another process on the same journal."""
    with closing(Journal(journal.store.path, who="beside", busy_timeout_s=0.05)) as opened:
        yield opened


# ------------------------------------------------------------------ what two agents take in

NEWER, OLDER = _timed("F1", "new"), _timed("F1", "old")


@pytest.mark.parametrize(
    ("first", "second", "became"),
    [
        (NEWER, NEWER, [("new", "spooled", ""), ("new", "duplicate", "message.duplicate")]),
        (NEWER, OLDER, [("new", "spooled", ""), ("old", "quarantined", "correction.older")]),
        (OLDER, NEWER, [("old", "spooled", ""), ("new", "spooled", "")]),
    ],
    ids=["the same content", "an older one second", "an older one first"],
)
def test_what_another_agent_spooled_since_the_look_is_looked_up_again(
    journal: Journal,
    another: Journal,
    tmp_path: Path,
    first: bytes,
    second: bytes,
    became: list[tuple[str, str, str]],
) -> None:
    ours, theirs = _houses(tmp_path, journal, another)
    theirs["outbox"].put("first.json", first)
    ours["outbox"].put("second.json", second)
    looks = _meanwhile(ours, theirs.look)
    ours.look()
    assert _came(journal) == {("F1", "a"): became}
    assert len(looks) == 2


def test_a_control_id_that_another_agent_used_since_the_look_is_replaced(
    journal: Journal, another: Journal, tmp_path: Path
) -> None:
    ours, theirs = _houses(tmp_path, journal, another)
    theirs["outbox"].put("first.hl7", ready("M1", order="F1"))
    ours["outbox"].put("second.hl7", ready("M1 ", order="F2"))
    _meanwhile(ours, theirs.look)
    ours.look()
    (first, second) = rows(journal, "SELECT control_id, state FROM message ORDER BY id")
    assert first == ("M1", "spooled")
    assert second[1] == "spooled"
    assert second[0].rstrip() != "M1"


def test_a_message_that_was_given_up_since_the_look_makes_no_duplicate(
    journal: Journal, another: Journal, tmp_path: Path
) -> None:
    """Else nobody sends what a person gave up and the laboratory sent once more."""
    ours, _ = _houses(tmp_path, journal, another)
    ours["outbox"].put("first.json", NEWER)
    ours.look()
    ours["outbox"].put("second.json", NEWER)
    _meanwhile(ours, lambda: another.operator.dismiss(1, "a test"))
    ours.look()
    assert rows(journal, "SELECT state FROM message ORDER BY id") == [("dismissed",), ("spooled",)]


def test_whoever_acts_without_end_keeps_nothing_from_being_spooled(
    journal: Journal, another: Journal, tmp_path: Path
) -> None:
    """Else one act after the other, of a bulk act say, leaves intake looking for as long as they go on."""
    ours, _ = _houses(tmp_path, journal, another)
    ours["outbox"].put("first.json", NEWER)
    ours.look()
    ours["outbox"].put("second.json", NEWER)
    refused = list[str]()

    def act() -> None:
        number = len(looks)
        try:
            another.operator.hold(HIS, f"a test {number}") if number % 2 else another.operator.resume(HIS)
        except JournalUnavailable as error:
            refused.append(error.code)

    looks = _meanwhile(ours, act, times=20)
    ours.look()
    assert len(looks) == 4
    assert refused == ["journal.busy"]
    assert rows(journal, "SELECT state FROM message ORDER BY id") == [("spooled",), ("duplicate",)]


def test_the_same_batch_after_a_lost_answer_does_not_meet_its_own_rows(journal: Journal) -> None:
    batch = [source("C1", entry("M1"))]
    seen = journal.spool.seen(batch, HIS)
    assert journal.spool.spooled(batch, HIS, seen=seen)
    assert journal.spool.spooled(batch, HIS, seen=seen)
    assert states(journal) == {"M1": "spooled"}


def test_orders_of_others_that_moved_are_no_reason_to_look_again(journal: Journal, another: Journal) -> None:
    batch = [source("C1", entry("M1", order="F1"))]
    seen = journal.spool.seen(batch, HIS)
    spool(another, "M2")
    another.spool.spooled([source("C3", entry("M3", order="F1", destination=OTHER))], HIS)
    assert journal.spool.spooled(batch, HIS, seen=seen)


def _houses(folder: Path, *journals: Journal) -> list[House]:
    """The outbox and the intake of each agent."""
    houses = []
    for number, each in enumerate(journals):
        (folder / str(number)).mkdir()
        houses.append(House(folder / str(number), each, {"outbox": [Recipient("a", STRICT)]}))
    return houses


def _meanwhile(house: House, call: Callable[[], object], times: int = 1) -> list[int]:
    """Call this so often, between a look at what is known and its transaction; returns the looks as they are made."""
    own = house["outbox"].intake._batches
    recognised, looks = own._recogniser.recognised, list[int]()

    def then(sources: Sequence[NewSource]) -> list[NewSource]:
        found = recognised(sources)
        looks.append(len(found))
        if len(looks) <= times:
            call()
        return found

    own._recogniser.recognised = then  # type: ignore[method-assign]
    return looks


# ------------------------------------------------------------------ the gate of a destination


@pytest.fixture
def ours(server: Server) -> Iterator[Journal]:
    with closing(Journal(server, who="ours", busy_timeout_s=0.05)) as opened:
        yield opened


@pytest.fixture
def theirs(ours: Journal) -> Iterator[Journal]:
    with closing(Journal(ours.store.path, who="theirs", busy_timeout_s=0.05)) as opened:
        yield opened


def test_ids_of_a_destination_are_given_one_after_the_other(ours: Journal, theirs: Journal) -> None:
    """Else the second one's higher id leaves before the lower one is there."""
    quarantined = entry("OLD", state="quarantined", code="refused")
    ours.spool.spooled([source("C1", quarantined)], HIS)
    with ours.store.arriving([HIS, "third"]):
        for add in (lambda: spool(theirs, "M2"), lambda: _resend(theirs)):
            with pytest.raises(JournalUnavailable) as busy:
                add()
            assert busy.value.code == "journal.busy"
    spool(theirs, "M2")


def _resend(journal: Journal) -> None:
    journal.operator.resend(1, new_control_id="N1", restamp=lambda body, _: body)


def test_what_arrives_for_another_destination_does_not_wait_and_hides_nothing(ours: Journal, theirs: Journal) -> None:
    """A lane that has seen a higher id of another destination still looks for the lower one of its own."""
    share = Share(0, 2, "patient")
    with ours.store.arriving([HIS]) as db:
        assert list(ours.store.ids(db, HIS, 0, 1)[1]) == [1]
        theirs.spool.spooled([source("C2", entry("M2", destination=OTHER))], HIS)
        seen = theirs.delivery.heads(HIS, share, after_quarantine="continue").seen
    with ours.store.durable() as db:
        db.execute("INSERT INTO source (id, claim_id, kind, size, sha256, received_ms, state)"
                   " VALUES (7, 'C7', 'hl7', 1, '', 1, 'read')")  # fmt: skip
        db.execute("INSERT INTO message (id, source_id, place, destination, control_id, patient_key, digest, state,"
                   " created_ms) VALUES (1, 7, '', 'his', 'M1', '', '', 'spooled', 1)")  # fmt: skip
        db.execute("INSERT INTO wire (message_id, body, crc32) VALUES (1, '', 0)")
    found = theirs.delivery.heads(HIS, share, after_quarantine="continue", after=seen)
    assert [each.id for each in found.messages] == [1]


SPOOLS = """
import sys
from kit.core import HIS, entry, source
from lab_sender.journal import Journal, Server
url, name = sys.argv[1:]
journal = Journal(Server(url, "lab_sender"), busy_timeout_s=20.0)
for n in range(40):
    journal.spool.spooled([source(f"{name}{n:03}-{k}", entry(f"{name}{n}.{k}")) for k in range(8)], HIS)
"""


@pytest.mark.long
def test_a_lane_meets_the_ids_of_two_processes_in_their_order(ours: Journal, server: Server) -> None:
    """What is proven by the gate above, once more by chance: two processes spool, this one sends."""
    tests = str(Path(__file__).parents[1])
    spooling = [
        subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {tests!r})\n{SPOOLS}", str(server.url), name]
        )
        for name in "AB"
    ]
    sent = list[int]()
    try:
        found, has_ended = list[Spooled](), False
        while found or not has_ended:
            has_ended = all([each.poll() is not None for each in spooling])  # noqa: C419
            found = ours.delivery.head(HIS, after_quarantine="continue")
            sent += [each.id for each in found]
            with ours.store.marking(HIS) as db:
                db.executemany("UPDATE message SET state = 'acked' WHERE id = ?", [(each.id,) for each in found])
    finally:
        for each in spooling:
            if each.poll() is None:
                each.kill()
            each.wait()
    assert [each.returncode for each in spooling] == [0, 0]
    assert len(sent) == 640
    assert sent == sorted(sent)


# ------------------------------------------------------------------ acts beside lanes

ACTS: dict[str, Callable[[Journal], object]] = {
    "release": lambda each: each.operator.release(1),
    "dismiss": lambda each: each.operator.dismiss(1, "a test"),
    "resend": _resend,
    "rebuild": lambda each: each.rebuilding.rebuilt(
        each.rebuilding.original(1), entry("NEW")._replace(digest=_digest(each))
    ),
    "release of several": lambda each: each.operator.release_messages([1]),
    "dismiss of several": lambda each: each.operator.dismiss_messages([1], "a test"),
    "resend of several": lambda each: each.operator.resend_messages(
        [1], new_control_id=lambda: "N1", restamp=lambda body, _: body
    ),
    "hold": lambda each: each.operator.hold(HIS, "a test"),
    "resume": lambda each: each.operator.resume(HIS),
    "the brake": lambda each: each.delivery.held(HIS, "brake", "a test"),
    "a later refusal": lambda each: each.delivery.said_later(HIS, "OLD", "AE", b"", accepts=False),
    "what was interrupted": lambda each: each.delivery.interrupted(HIS),
}


def _digest(journal: Journal) -> bytes:
    ((digest,),) = rows(journal, "SELECT digest FROM message WHERE id = 1")
    return bytes(digest)


@pytest.mark.parametrize("act", ACTS)
def test_an_act_waits_for_what_its_lane_marks_and_for_no_other(ours: Journal, theirs: Journal, act: str) -> None:
    ours.spool.spooled([source("C1", entry("OLD", state="quarantined", code="refused"))], HIS)
    with ours.store.marking(HIS), pytest.raises(JournalUnavailable) as busy:
        ACTS[act](theirs)
    assert busy.value.code == "journal.busy"
    with ours.store.marking(OTHER), ours.store.reading():
        ACTS[act](theirs)


def test_a_lane_marks_nothing_between_an_act_s_look_and_its_end(ours: Journal, theirs: Journal) -> None:
    """Else `release` looks (the newer one only waits), the lane marks that, and the older one goes out after it."""
    old, new = entry("OLD", order="F1"), entry("NEW", order="F1")
    ours.spool.spooled([source("C1", old._replace(state="quarantined", code="refused")), source("C2", new)], HIS)
    ours.spool.spooled([source("C3", entry("M3", destination=OTHER))], HIS)
    with theirs.store.acting(1):
        for mark in (lambda: ours.delivery.sending(2), lambda: ours.delivery.not_sent(2)):
            with pytest.raises(JournalUnavailable):
                mark()
        assert ours.delivery.sending(3)
    assert ours.delivery.sending(2)
    with pytest.raises(ActRejected) as overtaken:
        theirs.operator.release(1)
    assert overtaken.value.code == "release.overtaken"


def test_a_file_that_is_read_again_has_the_lanes_of_all_that_was_read_of_it(ours: Journal, theirs: Journal) -> None:
    unbuilt = entry("M1", state="quarantined", code="json.value", body=None)
    ours.spool.spooled([source("C1", unbuilt, entry("M2", destination=OTHER))], HIS)
    for release in (lambda: theirs.operator.release(1), lambda: theirs.operator.release_messages([1])):
        with ours.store.marking(OTHER), pytest.raises(JournalUnavailable):
            release()
    with ours.store.marking("third"):
        assert theirs.operator.release(1) == "outbox"


def test_acts_are_on_record_in_their_order_wherever_they_are_done(ours: Journal, theirs: Journal) -> None:
    """The keeper looks at what was done since the last one that it saw: a lower number would never be seen."""
    with ours.store.acting(HIS), pytest.raises(JournalUnavailable):
        theirs.operator.hold(OTHER, "a test")


def test_a_process_that_hangs_in_a_lane_s_transaction_stops_no_other_lane(ours: Journal, theirs: Journal) -> None:
    spool(ours, "M1")
    ours.spool.spooled([source("C2", entry("M2", destination=OTHER))], HIS)
    with ours.store.marking(HIS):
        with pytest.raises(JournalUnavailable):
            theirs.operator.hold(HIS, "a test")
        theirs.operator.hold(OTHER, "a test")
        theirs.operator.resume(OTHER)
        assert theirs.delivery.sending(2)
        spool(theirs, "M3")


def test_journals_in_two_schemas_of_one_database_do_not_wait_for_each_other(ours: Journal, cluster: Cluster) -> None:
    try:
        with closing(Journal(cluster.server("second"), who="second", busy_timeout_s=0.05)) as second:
            with ours.store.acting(HIS), ours.store.reading():
                second.operator.hold(HIS, "a test")
            with ours.store.acting():
                spool(second, "M1")
    finally:
        cluster.ask("DROP SCHEMA second CASCADE")


def test_no_release_lets_an_older_message_go_after_a_newer_one(server: Server) -> None:
    """Each is released while its lane marks the newer one of its order; either goes first, or is refused."""
    turns, released, messages = [threading.Event() for _ in range(41)], list[int](), list[NewMessage]()
    for n in range(40):
        messages.append(entry(f"OLD{n}", order=f"F{n}", state="quarantined", code="refused"))
        messages.append(entry(f"NEW{n}", order=f"F{n}"))

    moment = threading.Event()

    def comes(received: Received) -> None:
        if received.control_id.startswith("NEW"):
            turns[int(received.control_id[3:]) + 1].set()
            moment.wait(0.01)  # as long as a release takes: it has a chance

    with closing(Journal(server)) as agents, StandIn(on_message=comes) as his:
        lane = lane_to(agents, his_at(his.port, after_quarantine="continue"))
        with _listening(agents, lane.wake), operator(agents) as other, running(lane):
            agents.spool.spooled([source("C1", *messages)], HIS)
            lane.wake()
            turns[0].set()
            chance = random.Random(7)
            for n in range(40):
                assert turns[max(0, n - chance.randint(0, 2))].wait(WAIT_S)
                with suppress(ActRejected):
                    other.operator.release(2 * n + 1)
                    released.append(n)
            until(lambda: len(his.received) == 40 + len(released))
    came = [each.control_id for each in his.received]
    assert len(set(came)) == len(came)
    assert [n for n in released if came.index(f"OLD{n}") > came.index(f"NEW{n}")] == []


@pytest.mark.parametrize("name", WRITES)
def test_whatever_is_written_has_taken_what_it_changes(
    ours: Journal, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test with one process does not miss a lock: so each write is asked for those that it has.

    A message is changed by whoever has its lane, and added through its gate; what is on record is an act's.
    """
    from lab_sender.journal.postgres.connection import PostgresDb
    from lab_sender.journal.postgres.locks import Wanted
    from lab_sender.journal.postgres.store import PostgresStore

    began = list[Wanted]()
    begin, execute, executemany = PostgresStore._transaction, PostgresDb.execute, PostgresDb.executemany

    def noted(store: PostgresStore, wanted: Wanted) -> Any:
        began.append(wanted)
        return begin(store, wanted)

    def asked(statement: str) -> None:
        text, wanted = re.sub(r"(?m)^--.*\n", "", statement).strip(), began[-1] if began else Wanted("note")
        if text.startswith("UPDATE message "):
            assert wanted.kind in ("lane", "arrival", "alone") or wanted.lanes, text
        if text.startswith("INSERT INTO message "):
            assert wanted.gates, text
        if text.startswith(("INSERT INTO event", "UPDATE source", "UPDATE lane SET hold")):
            assert wanted.kind in ("act", "alone"), text

    def one(db: PostgresDb, statement: str, values: Any = (), /) -> Any:
        done = execute(db, statement, values)
        if done.rowcount:
            asked(statement)
        return done

    def many(db: PostgresDb, statement: str, values: Any, /) -> Any:
        done = executemany(db, statement, values)
        if done.rowcount:
            asked(statement)
        return done

    unreadable = source("C2", code="json.syntax")
    ours.spool.spooled([source("C1", entry("M1"), entry("M2"), bad()), unreadable, source("C3", entry("M3"))], HIS)
    before, write = WRITES[name]
    with monkeypatch.context() as patch:
        patch.setattr(PostgresStore, "_transaction", noted)
        patch.setattr(PostgresDb, "execute", one)
        patch.setattr(PostgresDb, "executemany", many)
        write(ours, before(ours) or head(ours))
        assert began


# ------------------------------------------------------------------ the bell


@pytest.fixture
def rung(ours: Journal) -> Iterator[list[int]]:
    """How often our bell was rung, while it listens."""
    times = list[int]()
    with _listening(ours, lambda: times.append(1)):
        until(lambda: times, timeout_s=10.0)
        yield times


@contextmanager
def _listening(journal: Journal, ring: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let a process hear what others tell."""
    bell = journal.store.bell(ring)
    assert bell is not None
    with beside(bell.run, bell.stop):
        until(journal.store.times_listened)
        yield


@pytest.mark.parametrize(
    "told",
    [lambda each: spool(each, "M2"), lambda each: each.operator.hold(HIS, "a test"), _resend],
    ids=["spooled", "an act", "a copy"],
)
def test_who_listens_hears_what_others_spool_and_do(
    theirs: Journal, rung: list[int], told: Callable[[Journal], object]
) -> None:
    theirs.spool.spooled([source("C1", entry("OLD", state="quarantined", code="refused"))], HIS)
    until(lambda: len(rung) == 2)
    told(theirs)
    until(lambda: len(rung) == 3)


def test_what_is_no_news_is_not_told(ours: Journal, theirs: Journal, cluster: Cluster, rung: list[int]) -> None:
    """A verdict would cost half as much again; and another journal is another one's."""
    spool(theirs, "M1")
    until(lambda: len(rung) == 2)
    message = head(theirs)[0]
    theirs.delivery.sending(message.id)
    theirs.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))
    theirs.filing.trouble("a test")
    with closing(Journal(cluster.server("second"), who="second")) as second:
        second.operator.hold(HIS, "a test")
    cluster.ask("DROP SCHEMA second CASCADE")
    with pytest.raises(JournalUnavailable), ours.store.arriving([HIS]):
        spool(theirs, "M2")
    spool(theirs, "M3")
    until(lambda: len(rung) == 3)


def test_a_bell_that_was_cut_off_rings_when_it_listens_again(
    ours: Journal, theirs: Journal, cluster: Cluster, rung: list[int]
) -> None:
    before = ours.store.foreign_version()
    cluster.ask(f"SELECT pg_terminate_backend(pid) {OTHERS} AND query LIKE 'LISTEN%'")
    theirs.operator.hold(HIS, "a test")
    until(lambda: len(rung) == 2)
    assert ours.store.foreign_version() != before


def test_a_lane_need_not_ask_between_its_mark_and_the_first_byte(
    ours: Journal, theirs: Journal, rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes by what its mark has seen, until an act is heard of."""
    spool(ours, "M1")
    until(lambda: len(rung) == 2)
    before = ours.store.foreign_version()
    theirs.operator.hold(HIS, "before the mark")
    until(lambda: len(rung) == 3)
    ours.delivery.sending(1)
    with monkeypatch.context() as patch:
        patch.setattr(ours.store, "reading", None)
        seen = ours.store.foreign_version()
    assert seen != before
    theirs.operator.resume(HIS)
    until(lambda: len(rung) == 4)
    assert ours.store.foreign_version() != seen


def test_a_lane_asks_each_time_while_nobody_listens(ours: Journal, theirs: Journal) -> None:
    spool(ours, "M1")
    ours.delivery.sending(1)
    before = ours.store.foreign_version()
    theirs.operator.hold(HIS, "a test")
    assert ours.store.foreign_version() != before


@pytest.mark.usefixtures("cluster")
def test_a_bell_ends_while_the_server_is_away() -> None:
    """Nothing is at that address."""
    from lab_sender.journal.postgres.bell import Bell, Heard

    heard = list[int]()
    bell = Bell(Server("postgresql://nobody@127.0.0.1:9/none", "lab_sender"), Heard(), lambda: heard.append(1))
    with beside(bell.run, bell.stop):
        pass
    assert heard == []


# ------------------------------------------------------------------ retention


def test_one_agent_deletes_at_a_time(ours: Journal, theirs: Journal, tmp_path: Path) -> None:
    """What one looks at is not deleted by another; the turn ends with whoever had it."""
    kept = purging.House(tmp_path, ours)
    kept.claim("a.json", entry("M1"))
    kept.deliver()
    kept.days = 9
    begin_ms = now_ms()
    ours.retention.note_clock(begin_ms, begin_ms + 9 * purging.DAY_MS, leapt=False)
    purge = Purge(ours, {"": kept.folders}, purging.retention(), now=kept.now)
    with theirs.retention.turn() as is_theirs:
        assert is_theirs
        purge.look(kept.now())
        assert rows(ours, "SELECT message_id FROM wire") == [(1,)]
    purge.look(kept.now())
    assert rows(ours, "SELECT message_id FROM wire") == []


# ------------------------------------------------------------------ files of another agent


@pytest.fixture
def agents(server: Server) -> Iterator[dict[str, Journal]]:
    """Two agents of several, by their names; the first one's outbox has brought a message."""
    with closing(Journal(replace(server, node="a"))) as one, closing(Journal(replace(server, node="b"))) as two:
        one.spool.spooled([source("C1", entry("M1"))._replace(outbox="a")], HIS)
        yield {"a": one, "b": two}


def _feeds(agents: dict[str, Journal]) -> dict[str, Feed]:
    feeds = {name: Feed(each, ("",), {name: ""}) for name, each in agents.items()}
    for each in feeds.values():
        each.look()
        assert each.take("") == set()
    return feeds


def _deliver(journal: Journal) -> None:
    message = head(journal)[0]
    journal.delivery.sending(message.id)
    journal.delivery.acked(message, Attempt(message.id, 0, "verdict", "ack", "", "", "AA"))


def test_whoever_has_the_files_is_told_what_another_agent_has_sent(agents: dict[str, Journal]) -> None:
    with _listening(agents["a"]):
        feeds = _feeds(agents)
        _deliver(agents["b"])
        assert feeds["b"].take("") == set()
        found = set[int]()
        until(lambda: found.update(feeds["a"].take("")) or found)
    assert found == {1}


def test_what_was_missed_while_nobody_listened_is_looked_for(agents: dict[str, Journal]) -> None:
    """An agent that was away finds it at its start; one that was cut off, when it listens again."""
    feeds = _feeds(agents)
    _deliver(agents["b"])
    feeds["b"].take("")
    feeds["a"].look()
    assert feeds["a"].take("") == set()
    with _listening(agents["a"]):
        feeds["a"].look()
        feeds["b"]._look_at_all_at = 0.0
        feeds["b"].look()
    assert feeds["a"].take("") == {1}
    assert feeds["b"].take("") == set()
    with closing(Journal(agents["a"].store.path)) as again:
        begun = Feed(again, ("",), {"a": ""})
        begun.look()
        assert begun.take("") == {1}


def test_what_is_told_has_room_for_all(agents: dict[str, Journal]) -> None:
    told = set[int]()
    many = set(range(10**15, 10**15 + 1000))
    with _listening(agents["a"]):
        agents["b"].store.tell_finished("a", many)
        agents["b"].store.tell_finished("c", {7})
        until(lambda: told.update(agents["a"].delivery.finished_sources()) or len(told) >= 1000)
    assert told == many


def test_files_of_another_agent_are_left_to_it_in_silence(
    agents: dict[str, Journal], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _deliver(agents["b"])
    agents["a"].filing.sent([(1, "2020-01-01/M1.hl7")])
    kept = purging.House(tmp_path, agents["b"])
    kept.days = 9
    purge = Purge(agents["b"], {"b": kept.folders}, purging.retention(), now=kept.now)
    with caplog.at_level("WARNING"):
        assert purge.night(purging.retention())
    assert caplog.records == []
    assert rows(agents["a"], "SELECT folder, deleted_ms FROM file") == [("sent", None)]
