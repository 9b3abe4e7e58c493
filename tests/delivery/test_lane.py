"""The lane against a scripted HIS: what each answer, each silence and each failure comes to."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
from kit.core import HIS, attempts, entry, head, rows, source, spool, states, until, waiting, watched
from kit.fixtures import OF_THE_FILE
from kit.lanes import lane_to, running
from kit.lanes import operator as _operator
from kit.settings import brake, his_at, retry, rule

from lab_sender.config.sections import His, ReplySetting, Retry
from lab_sender.delivery import lane as delivery
from lab_sender.delivery import record
from lab_sender.delivery.consequences import Consequences
from lab_sender.delivery.destination import Destination
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Journal
from lab_sender.mllp import Outcome
from lab_sender.mllp.acknowledgement import Acknowledgement, read_acknowledgement
from lab_sender.mllp.standin.server import Received, StandIn
from lab_sender.patterns import Pattern

SOON = 0.002


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_LOOK_S", 0.02)


def _settings(*rules: ReplySetting, **settings: object) -> His:
    return his_at(1, *rules, **({"retry": retry(SOON, 2 * SOON, unanswered_after_s=0.0)} | settings))


def _lane(
    journal: Journal, port: int, settings: His | None = None, *, ack_s: float = 10, application_s: float = 10
) -> Lane:
    here = {"port": port, "ack_timeout_s": ack_s, "application_ack_timeout_s": application_s}
    return lane_to(journal, (settings or _settings()).model_copy(update=here))


def _codes(journal: Journal, control_id: str) -> list[str]:
    return [f"{each['kind']} {each['code'] or each['ack_code']}" for each in attempts(journal, control_id)]


def _until_final(journal: Journal, *control_ids: str) -> None:
    """Wait until all of these, or all messages, are neither waiting nor on their way."""

    def final() -> bool:
        now = look()
        return all(not now[each].startswith(("spooled", "sending")) for each in control_ids or now)

    with watched(journal) as look:
        until(final)


def _held(journal: Journal) -> bool:
    return journal.delivery.lane(HIS).hold != ""


# ------------------------------------------------------------------ one answer

REFUSED = "quarantined refused"
ANSWERS = [
    # rule, ACK time in s, attempts, end state
    ("AA", 10, ["verdict AA"], "acked"),
    ("CA", 10, ["verdict CA"], "acked"),
    ("AA,late=50ms", 10, ["verdict AA"], "acked"),
    ("AA,split", 10, ["verdict AA"], "acked"),
    ("twice", 10, ["verdict AA"], "acked"),
    ("foreign-first", 10, ["verdict AA"], "acked"),
    ("foreign-after", 10, ["verdict AA"], "acked"),
    ("no-cr", 10, ["verdict AA"], "acked"),
    ("lf", 10, ["verdict AA"], "acked"),
    ("AE", 10, ["verdict AE"] * 3, REFUSED),
    ("AR,code=101,text=unknown patient", 10, ["verdict AR"] * 3, REFUSED),
    ("CE", 10, ["verdict CE"] * 3, REFUSED),
    ("CR", 10, ["verdict CR"] * 3, REFUSED),
    ("first=2: AE,code=207", 10, ["verdict AE", "verdict AE", "verdict AA"], "acked"),
    ("first: unknown-code", 10, ["unknown ack.unknown-code", "verdict AA"], "acked"),
    ("first: no-msa", 10, ["unknown ack.no-msa", "verdict AA"], "acked"),
    ("first: several-msa", 10, ["unknown ack.several-msa", "verdict AA"], "acked"),
    ("first: empty-frame", 10, ["unknown ack.empty", "verdict AA"], "acked"),
    ("first: xml", 10, ["unknown ack.not-hl7", "verdict AA"], "acked"),
    ("first: unframed", 10, ["unknown ack.unframed", "verdict AA"], "acked"),
    ("first: garbage", 10, ["unknown ack.gibberish", "verdict AA"], "acked"),
    ("first: http", 10, ["unknown ack.gibberish", "verdict AA"], "acked"),
    ("first: noise=1MiB", 10, ["unknown ack.gibberish", "verdict AA"], "acked"),
    ("first: endless", 10, ["unknown ack.too-long", "verdict AA"], "acked"),
    ("first: close", 10, ["unknown ack.closed", "verdict AA"], "acked"),
    ("first: reset", 10, ["unknown ack.reset", "verdict AA"], "acked"),
    ("first: nothing", 0.3, ["unknown ack.timeout", "verdict AA"], "acked"),
    ("first: wrong-id", 0.3, ["unknown ack.foreign", "verdict AA"], "acked"),
    ("first: containing-id", 0.3, ["unknown ack.foreign", "verdict AA"], "acked"),
    ("first: late=600ms", 0.3, ["unknown ack.timeout", "verdict AA"], "acked"),
    ("AE,code=205,text=duplicate", 10, ["verdict AE"] * 3, REFUSED),
]


@pytest.mark.parametrize(("rule", "ack_s", "tried", "ends"), ANSWERS, ids=[line[0] for line in ANSWERS])
def test_each_answer_comes_to_its_end(journal: Journal, rule: str, ack_s: float, tried: list[str], ends: str) -> None:
    spool(journal, "M1")
    with StandIn(rules=[rule]) as his, running(_lane(journal, his.port, ack_s=ack_s)):
        _until_final(journal)
    assert states(journal) == {"M1": ends}
    done = _codes(journal, "M1")
    if ack_s < 1:  # a busy machine may add silences of its own
        done = list(dict.fromkeys(done))
    assert done == tried
    copies = [each.body for each in his.received]
    assert len(copies) == len(_codes(journal, "M1"))
    assert set(copies) == {entry("M1").body}
    unknown = sum(code.startswith("unknown") for code in _codes(journal, "M1"))
    refused = sum(code in ("verdict AE", "verdict AR", "verdict CE", "verdict CR") for code in tried)
    assert rows(journal, "SELECT unknowns, refusals, may_have_left FROM message") == [(unknown, refused, unknown > 0)]


@pytest.mark.parametrize("rule", ["first: reset-mid", "first=3: accept-close", "first=3: accept-reset"])
def test_a_connection_that_breaks_costs_no_message(journal: Journal, rule: str) -> None:
    body = entry("M1", body=entry("M1").body + b"NTE|1||" + b"x" * 300_000 + b"\r")
    journal.spool.spooled([source("C1", body), source("C2", entry("M2"))], HIS)
    with StandIn(rules=[rule]) as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert states(journal) == {"M1": "acked", "M2": "acked"}
    assert [each.control_id for each in his.received if not each.duplicate] == ["M1", "M2"]
    assert {each.body for each in his.received if each.control_id == "M1"} == {body.body}
    assert not [code for code in _codes(journal, "M1") if code.startswith("not-sent")]


def test_a_known_refusal_after_an_unknown_outcome_is_the_proof_of_delivery(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    with StandIn(rules=["first: close", "nth=2: AE,code=205,text=seen"]) as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert states(journal) == {"M1": "acked known", "M2": "acked"}
    assert _codes(journal, "M1") == ["unknown ack.closed", "verdict AE"]
    assert [each.control_id for each in his.received] == ["M1", "M1", "M2"]


@pytest.mark.parametrize(
    ("rule", "ends", "copies"),
    [
        ("commit+accept", "acked", 1),
        ("commit", "acked commit-only", 1),
        ("commit+close", "acked commit-only", 1),
        ("commit+error", REFUSED, 3),
        ("first: commit+error", "acked", 2),
        ("CE", REFUSED, 3),
        ("CR", REFUSED, 3),
        ("AA", "acked", 1),
    ],
)
def test_enhanced_mode(journal: Journal, rule: str, ends: str, copies: int) -> None:
    journal.spool.spooled([source("C1", entry("M1", wants_application=True))], HIS)
    application_s = 0.1 if rule == "commit" else 10.0
    with StandIn(rules=[rule]) as his, running(_lane(journal, his.port, application_s=application_s)):
        _until_final(journal)
    assert states(journal) == {"M1": ends}
    assert len(his.received) == copies


def test_a_committed_message_is_not_sent_again_after_a_crash(journal: Journal) -> None:
    journal.spool.spooled([source("C1", entry("M1", wants_application=True)), source("C2", entry("M2"))], HIS)
    journal.delivery.sending(1)
    journal.delivery.commit_accepted(1)  # and there the process died
    with StandIn() as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert states(journal) == {"M1": "acked commit-only", "M2": "acked"}
    assert [each.control_id for each in his.received] == ["M2"]


def _just_before(
    monkeypatch: pytest.MonkeyPatch, journal: Journal, owner: type, step: str, act: Callable[[Journal], object]
) -> None:
    """Let an operator act once, between the lane's last look and this step of it."""
    real = getattr(owner, step)
    done: list[object] = []

    def acted_on(*values: object, **more: object) -> object:
        if not done:
            with _operator(journal) as other:
                done.append(act(other))
        return real(*values, **more)

    monkeypatch.setattr(owner, step, acted_on)


def _built_anew(other: Journal) -> object:
    original = other.rebuilding.original(1, force=True)
    new = entry("NEW", order="O-M1", digest=original.digest, built=True)
    return other.rebuilding.rebuilt(original, new, force=True)


@pytest.mark.parametrize(
    ("act", "ends", "arrives"),
    [
        (_built_anew, {"NEW": "acked", "M2": "acked"}, ["NEW", "M2"]),
        (lambda other: other.operator.dismiss(1, ""), {"M1": "dismissed", "M2": "acked"}, ["M2"]),
    ],
    ids=["built anew", "dismissed"],
)
def test_a_commit_stands_for_the_bytes_it_was_given_for_only(
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Journal], object],
    ends: dict[str, str],
    arrives: list[str],
) -> None:
    """An operator takes the message away while the lane is about to note that its commit stands."""
    journal.spool.spooled([source("C1", entry("M1", wants_application=True)), source("C2", entry("M2"))], HIS)
    journal.delivery.sending(1)
    journal.delivery.commit_accepted(1)  # and there the process died
    _just_before(monkeypatch, journal, Lane, "_deliver", act)
    with StandIn() as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert states(journal) == ends
    assert [each.control_id for each in his.received] == arrives


@pytest.mark.parametrize(
    ("act", "ends", "arrives"),
    [
        (_built_anew, {"NEW": "acked", "M2": "acked"}, ["M1", "NEW", "M2"]),
        (lambda other: other.operator.dismiss(1, ""), {"M1": "dismissed", "M2": "acked"}, ["M1", "M2"]),
    ],
    ids=["built anew", "dismissed"],
)
def test_what_an_operator_did_between_a_refusal_and_the_quarantine_stays(
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Journal], object],
    ends: dict[str, str],
    arrives: list[str],
) -> None:
    spool(journal, "M1", "M2")
    _just_before(monkeypatch, journal, Consequences, "_quarantine", act)
    settings = _settings(rule("quarantine", code="AR"))
    with StandIn(rules=["first: AR"]) as his, running(_lane(journal, his.port, settings)):
        _until_final(journal)
    assert states(journal) == ends
    assert [each.control_id for each in his.received] == arrives


def test_a_thousand_small_things_go_over_one_connection_in_order(journal: Journal) -> None:
    names = [f"M{n:03}" for n in range(300)]
    spool(journal, *names)
    with StandIn() as his, running(_lane(journal, his.port)) as lane:
        his.wait_for(300)
        _until_final(journal)
    assert [each.control_id for each in his.received] == names
    assert (his.connections, lane.delivered) == (1, 300)
    assert rows(journal, "SELECT COUNT(*) FROM attempt") == [(300,)]


# ------------------------------------------------------------------ refused, unanswered, and the brake


def test_one_refused_among_good_ones_is_quarantined_and_the_order_of_the_rest_kept(journal: Journal) -> None:
    spool(journal, "M1", "BAD", "M2", "M3")
    with StandIn(rules=["contains=BAD: AE,text=no such order"]) as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert [each.control_id for each in his.received] == ["M1", "BAD", "BAD", "BAD", "M2", "M3"]
    assert states(journal) == {"M1": "acked", "BAD": REFUSED, "M2": "acked", "M3": "acked"}
    assert rows(journal, "SELECT reason, his_words FROM message WHERE control_id = 'BAD'") == [
        ("The HIS answered AE.", "no such order")
    ]


def test_later_messages_of_its_order_wait_where_the_site_wants_it(journal: Journal) -> None:
    batch = [entry("BAD", order="O"), entry("M1"), entry("M2", order="O"), entry("M3")]
    journal.spool.spooled([source("C1", *batch)], HIS)
    settings = _settings(after_quarantine="hold-order")
    with StandIn(rules=["contains=BAD: AE"]) as his, running(_lane(journal, his.port, settings)):
        _until_final(journal, "BAD", "M1", "M3")
        with _operator(journal) as other:
            other.operator.dismiss(1, "wrong")
        _until_final(journal)
    assert [each.control_id for each in his.received][3:] == ["M1", "M3", "M2"]


def test_a_his_that_refuses_everything_is_held_and_nothing_is_thrown_out(journal: Journal) -> None:
    names = [f"M{n}" for n in range(1, 9)]
    spool(journal, *names)
    with StandIn(rules=["AR"]) as his, running(_lane(journal, his.port)):
        until(lambda: _held(journal))
        assert waiting(journal) == names
        assert set(rows(journal, "SELECT refusals, unknowns FROM message")) == {(0, 0)}
        assert [each.control_id for each in his.received] == [each for each in names[:5] for _ in range(3)]
        assert journal.delivery.lane(HIS).hold == "brake"
        his.answer_by("AA")
        with _operator(journal) as other:
            assert other.operator.resume(HIS) == "brake"
        _until_final(journal)
    assert [each.control_id for each in his.received][15:] == names
    assert set(states(journal).values()) == {"acked"}


def test_the_brake_counts_on_over_a_restart(journal: Journal) -> None:
    spool(journal, *(f"M{n}" for n in range(1, 7)))
    lanes: list[Lane] = []
    with StandIn(rules=["AR"], on_message=lambda got: lanes[0].stop() if got.number == 12 else None) as his:
        lanes.append(_lane(journal, his.port))
        lanes[0].run()  # until the fourth has been refused three times
        assert list(states(journal).values()) == [REFUSED] * 4 + ["spooled"] * 2
        assert not _held(journal)
        with running(_lane(journal, his.port)):
            until(lambda: _held(journal))
    assert waiting(journal) == [f"M{n}" for n in range(1, 7)]


def _two_of_one_order(journal: Journal, *others: str) -> None:
    named = [entry("OLD", order="X"), entry("NEW", order="X"), *map(entry, others)]
    journal.spool.spooled([source(f"C-{each.control_id}", each) for each in named], HIS)


def test_the_brake_sends_nothing_after_a_newer_one_of_its_order_that_may_have_arrived(journal: Journal) -> None:
    """The HIS takes NEW but its answer is lost; OLD, refused before, does not follow it when the HIS is well."""
    _two_of_one_order(journal, "M3", "M4", "M5")
    with StandIn(rules=["nth=4: close", "AR"]) as his, running(_lane(journal, his.port)):
        until(lambda: _held(journal))
        assert [each.control_id for each in his.received][:4] == ["OLD"] * 3 + ["NEW"]
        seen = his.count
        his.answer_by("AA")
        with _operator(journal) as other:
            other.operator.resume(HIS)
        until(lambda: states(journal)["M5"] == "acked")
    assert [each.control_id for each in his.received][seen:] == ["NEW", "M3", "M4", "M5"]
    assert states(journal)["OLD"] == REFUSED, "it is seen, and somebody decides"


def test_the_brake_sends_nothing_after_a_newer_one_that_was_delivered_though_the_clock_was_set_back(
    journal: Journal,
) -> None:
    """The row of quarantined messages is read from the journal at a start, and the clock was ahead when OLD was."""
    _two_of_one_order(journal, "M3", "M4", "M5", "M6")
    with StandIn(rules=["contains=OLD: AR", "contains=NEW: AA", "AR"]) as his:
        settings = _settings(brake=brake(refused=2))
        lanes: list[Lane] = []

        def stop(got: Received) -> None:
            if got.control_id == "NEW":
                lanes[0].stop()

        his._on_message = stop
        lanes.append(_lane(journal, his.port, settings))
        lanes[0].run()
        assert states(journal)["NEW"] == "acked"
        with journal.store.durable() as db:
            db.execute("UPDATE message SET final_ms = final_ms + 86400000 WHERE control_id = 'OLD'")
        with running(_lane(journal, his.port, settings)):
            until(lambda: _held(journal))
            seen = his.count
            his.answer_by("AA")
            with _operator(journal) as other:
                other.operator.resume(HIS)
            until(lambda: states(journal)["M6"] == "acked")
    assert "OLD" not in [each.control_id for each in his.received][seen:]
    assert states(journal)["OLD"] == REFUSED


def test_an_acceptance_between_keeps_the_brake_off(journal: Journal) -> None:
    names = [f"{kind}{n}" for n in range(4) for kind in ("BAD", "BAD-", "OK")]
    spool(journal, *names)
    with StandIn(rules=["contains=BAD: AR"]) as his, running(_lane(journal, his.port)):
        _until_final(journal)
    assert not _held(journal)
    assert [name for name, state in states(journal).items() if state == "acked"] == names[2::3]


def test_one_message_refused_again_and_again_is_not_a_storm(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    settings = _settings(brake=brake(refused=2))
    with StandIn(rules=["contains=M1: AR"]) as his:
        with running(_lane(journal, his.port, settings)):
            _until_final(journal)
            with journal.store.durable() as db:  # as if nothing had been accepted since
                db.execute("UPDATE lane SET quarantined_messages = '1'")
        with running(_lane(journal, his.port, settings)) as lane, _operator(journal) as other:
            until(lambda: lane.destination._brake.row)
            other.operator.release(1)
            until(lambda: len(attempts(journal, "M1")) == 6)
            _until_final(journal)
    assert not _held(journal)
    assert states(journal)["M1"] == REFUSED


@pytest.mark.long
def test_one_unanswered_while_nobody_is_answered_holds_the_lane(journal: Journal) -> None:
    spool(journal, "M1", "M2", "M3")
    with StandIn(rules=["close"]) as his, running(_lane(journal, his.port)):
        until(lambda: _held(journal))
    assert [each.control_id for each in his.received] == ["M1"] * 5
    assert waiting(journal) == ["M1", "M2", "M3"]
    assert rows(journal, "SELECT unknowns, may_have_left FROM message ORDER BY id") == [(0, 1), (0, 0), (0, 0)]
    assert journal.delivery.lane(HIS).hold == "brake"


def test_a_probe_that_is_accepted_releases_the_brake(journal: Journal) -> None:
    names = [f"M{n}" for n in range(1, 8)]
    spool(journal, *names)
    settings = _settings(brake=brake(probe_s=0.01))
    with StandIn(rules=["first=17: AR"]) as his, running(_lane(journal, his.port, settings)):
        _until_final(journal)
    assert set(states(journal).values()) == {"acked"}
    assert [each.control_id for each in his.received][15:] == ["M1", "M6", *names]
    assert [kind for (kind,) in rows(journal, "SELECT kind FROM event")] == ["lane.brake", "lane.resumed"]
    assert rows(journal, "SELECT refusals FROM message WHERE control_id = 'M1'") == [(0,)]  # probes are not charged


def test_a_probe_that_is_refused_keeps_its_message(journal: Journal) -> None:
    names = ["M1", "M2", "M3"]
    spool(journal, *names)
    settings = _settings(rule("quarantine", code="AR"), brake=brake(refused=2, probe_s=0.01))
    with StandIn(rules=["first=4: AR"]) as his, running(_lane(journal, his.port, settings)):
        _until_final(journal)
    assert set(states(journal).values()) == {"acked"}
    assert [each.control_id for each in his.received] == ["M1", "M2", "M1", "M3", *names]


@pytest.mark.parametrize(
    ("means", "answer", "ends", "copies"),
    [
        (rule("deliver", code="AE", text=Pattern("on chart")), "AE,text=already on chart", "acked known", 1),
        (rule("quarantine", code="AR"), "AR", REFUSED, 1),
        (rule("retry", error="101"), "AE,code=101", REFUSED, 3),
        (rule("quarantine", error="LAB-9"), "AE,code=LAB-9", REFUSED, 1),
        (rule("quarantine", code="AE", error="102"), "AE,code=101", REFUSED, 3),
        (rule("deliver", code="AE"), "AA", "acked", 1),
    ],
)
def test_the_site_says_what_a_reply_means(
    journal: Journal, means: ReplySetting, answer: str, ends: str, copies: int
) -> None:
    spool(journal, "M1")
    with StandIn(rules=[answer]) as his, running(_lane(journal, his.port, _settings(means))):
        _until_final(journal)
    assert states(journal) == {"M1": ends}
    assert len(his.received) == copies


def test_a_reply_that_holds_the_lane_keeps_the_message_in_its_place(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    licence = rule("hold", text=Pattern("licence"))
    with (
        StandIn(rules=["first: AR,text=licence expired"]) as his,
        running(_lane(journal, his.port, _settings(licence))),
    ):
        until(lambda: _held(journal))
        assert journal.delivery.lane(HIS).hold == "reply"
        assert waiting(journal) == ["M1", "M2"]
        with _operator(journal) as other:
            assert other.operator.resume(HIS) == "reply"
        _until_final(journal)
    assert [each.control_id for each in his.received] == ["M1", "M1", "M2"]


# ------------------------------------------------------------------ what others see


def test_a_refusal_leaves_the_age_of_the_connection_alone(journal: Journal) -> None:
    """What the lane does, waiting for the next try, is one thing; since when the connection stands another."""
    spool(journal, "M1", "M2")
    settings = _settings(retry=retry(0.3, 0.3))
    with StandIn(rules=["id=M1&first: AE,code=207", "AA"]) as his, running(_lane(journal, his.port, settings)):
        until(lambda: journal.delivery.lane(HIS).link == "waiting")
        since_ms = journal.delivery.lane(HIS).connected_ms
        assert since_ms is not None
        _until_final(journal)
        until(lambda: journal.delivery.lane(HIS).link == "up")
        row = journal.delivery.lane(HIS)
        assert (row.connected_ms, row.connections_up) == (since_ms, 1)
        assert row.link_since_ms is not None
        assert row.link_since_ms >= since_ms


def test_a_connection_that_was_given_up_has_no_age(journal: Journal) -> None:
    spool(journal, "M1")
    settings = _settings(retry=retry(3600.0, 3600.0))
    with StandIn(rules=["nothing"]) as his, running(_lane(journal, his.port, settings, ack_s=0.05)):
        until(lambda: journal.delivery.lane(HIS).link == "waiting")
        row = journal.delivery.lane(HIS)
        assert (row.connected_ms, row.connections_up) == (None, 0)


def test_each_try_is_counted_by_what_came_of_it(journal: Journal) -> None:
    spool(journal, "M1", "M2", "M3")
    rules = ["id=M1&first: AE,code=207", "id=M2&first: nothing", "id=M3: AR", "AA"]
    settings = _settings(retry=retry(SOON, SOON, refused=2, unanswered_after_s=0.0))
    with StandIn(rules=rules) as his, running(_lane(journal, his.port, settings, ack_s=0.2)):
        _until_final(journal)
    journal.minutes.flush(at_once=True)
    counted = dict[str, int]()
    for outcome, number in rows(journal, "SELECT outcome, n FROM minute WHERE destination = ?", HIS):
        counted[outcome] = counted.get(outcome, 0) + number
    tries = rows(journal, "SELECT kind, ack_code, COUNT(*) FROM attempt GROUP BY kind, ack_code ORDER BY 1, 2")
    assert tries == [("unknown", "", 1), ("verdict", "AA", 2), ("verdict", "AE", 1), ("verdict", "AR", 2)]
    assert counted == {"delivered": 2, "refused": 3, "unknown": 1, "quarantined": 1}


# ------------------------------------------------------------------ without a HIS


class FakeLink:
    """A link that follows a script of `(control id expected or "", outcome)`; stops the lane at its end."""

    def __init__(self, script: Iterable[Outcome | None]) -> None:
        self.script = iter(script)
        self.lane: Lane | None = None
        self.connected = False
        self.answered = False
        self.opened, self.peer, self.peer_ends_ms = 0, "", None
        self.sent: list[str] = []
        self.heard: list[Acknowledgement] = []

    def _next(self) -> Outcome | None:
        try:
            return next(self.script)
        except StopIteration:
            assert self.lane is not None
            self.lane.stop()
            return _not_sent("connect.aborted")

    def wait_for_close(self) -> bool:
        return False

    def open(self) -> Outcome | None:
        if not self.connected:
            self.opened += 1
            trouble = self._next()
            self.connected = trouble is None
            return trouble
        return None

    def exchange(self, _body: bytes, control_id: str, **_: object) -> Outcome:
        outcome = self._next()
        assert outcome is not None
        self.sent.append(control_id)
        self.connected = outcome.kind == "verdict"
        return outcome

    def listen(self) -> bool:
        return self.connected

    def close(self) -> None:
        self.connected = False

    def abort(self) -> None:
        self.connected = False


class ImpatientLane(Lane):
    """A lane that notes its waits instead of waiting."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.waits: list[float] = []

    def _wait(self, seconds: float, *, wake_by_bell: bool = False) -> bool:
        if wake_by_bell:
            self.stop()  # nothing left to do: the story has ended
        else:
            self.waits.append(seconds)
        return False


def _not_sent(code: str = "connect.refused") -> Outcome:
    return Outcome("not-sent", "connect", code, "", None, (), 0.0)


def _unknown(code: str = "ack.timeout") -> Outcome:
    return Outcome("unknown", "ack", code, "", None, (), 0.0)


def _play(
    journal: Journal, script: Iterable[Outcome | None], waits: Retry, *rules: ReplySetting
) -> tuple[ImpatientLane, FakeLink]:
    link = FakeLink(script)
    lane = ImpatientLane(Destination(HIS, journal, his_at(1, *rules, retry=waits)), journal, link)
    link.lane = lane
    lane.run()
    return lane, link


def test_a_his_that_is_down_costs_one_connect_a_wait_and_charges_nobody(journal: Journal) -> None:
    spool(journal, *(f"M{n:03}" for n in range(200)))
    lane, link = _play(journal, [_not_sent()] * 30, retry())
    assert len(lane.waits) == link.opened == 31
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(lane.waits[:6])] == [True] * 6
    assert all(30 <= wait <= 60 for wait in lane.waits[7:])
    charged = set(rows(journal, "SELECT state, unknowns, refusals, may_have_left FROM message"))
    assert charged == {("spooled", 0, 0, 0)}
    assert rows(journal, "SELECT COUNT(*) FROM attempt") == [(0,)]
    assert link.sent == []


def test_waits_grow_although_connects_succeed(journal: Journal) -> None:
    """Only a verdict resets the wait: a load balancer without a HIS accepts every connect."""
    spool(journal, "M1")
    story = [None, _unknown("ack.closed")] * 4
    lane, _ = _play(journal, story, retry())
    assert all(0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(lane.waits[:4]))
    assert rows(journal, "SELECT unknowns FROM message") == [(4,)]


def test_what_was_not_sent_after_all_is_not_charged(journal: Journal) -> None:
    spool(journal, "M1")
    lane, link = _play(journal, [None, _not_sent("write.reset"), None, _not_sent("connect.refused")], retry())
    assert link.sent[:2] == ["M1", "M1"]
    assert rows(journal, "SELECT state, unknowns, may_have_left FROM message") == [("spooled", 0, 0)]
    assert len(lane.waits) >= 2


def test_the_his_own_error_codes_are_the_sites_to_judge(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    ack = read_acknowledgement(b"MSH|^~\\&|\rMSA|AE|M1\rERR|||207^^HL70357|E|205^seen^LAB\r")
    verdict = Outcome("verdict", "ack", "", "", ack, (), 1.0)
    _play(journal, [None, verdict], retry(), rule("quarantine", error="205"))
    assert states(journal) == {"M1": REFUSED, "M2": "spooled"}


def test_five_silences_of_a_his_that_answers_nobody_hold_the_lane(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    _, link = _play(journal, [None, _unknown()] * 6, retry(unanswered_after_s=0.0))
    assert link.sent == ["M1"] * 5
    assert states(journal) == {"M1": "spooled", "M2": "spooled"}
    assert journal.delivery.lane(HIS).held_for == (1,)


def test_a_his_that_comes_back_gets_everything_in_order(journal: Journal) -> None:
    names = [f"M{n:03}" for n in range(200)]
    spool(journal, *names)
    with StandIn() as first:
        port = first.port
    with running(_lane(journal, port)):
        until(lambda: journal.delivery.lane(HIS).link_code == "connect.refused")
        assert journal.delivery.lane(HIS).next_try_ms is not None
        with StandIn(port=port) as his:
            his.wait_for(200)
            _until_final(journal)
    assert [each.control_id for each in his.received] == names
    assert rows(journal, "SELECT SUM(unknowns), SUM(refusals) FROM message") == [(0, 0)]


def test_a_name_that_does_not_resolve_is_waited_for(journal: Journal) -> None:
    spool(journal, "M1")
    with running(lane_to(journal, _settings(host="no-such-host.invalid", plaintext=True, connect_timeout_s=5.0))):
        until(lambda: journal.delivery.lane(HIS).link_code.startswith("resolve."))
    assert states(journal) == {"M1": "spooled"}


# ------------------------------------------------------------------ the operator


def test_the_operator_holds_and_resumes_from_another_process(journal: Journal) -> None:
    with StandIn() as his, running(_lane(journal, his.port)) as lane, _operator(journal) as other:
        other.operator.hold(HIS, "upgrade")
        until(lambda: lane.destination.hold == "operator")
        spool(journal, "M1", "M2")
        lane.wake()
        until(lambda: lane._foreign_version >= 0)
        assert his.count == 0
        assert other.operator.resume(HIS) == "operator"
        his.wait_for(2)
        _until_final(journal)
    assert [each.control_id for each in his.received] == ["M1", "M2"]


def test_a_hold_that_is_there_at_the_start_is_kept(journal: Journal) -> None:
    spool(journal, "M1")
    journal.operator.hold(HIS, "upgrade")
    with StandIn() as his, running(_lane(journal, his.port)) as lane:
        until(lambda: lane.destination.hold == "operator")
    assert his.count == 0
    assert states(journal) == {"M1": "spooled"}


def test_what_is_done_to_others_does_not_cut_a_wait_short(journal: Journal) -> None:
    """A HIS that is busy for a moment costs a message no tries, however much an operator tidies up meanwhile."""
    spool(journal, "M1", "M2", "M3")
    for _ in (1, 2):
        journal.delivery.quarantined(head(journal)[0], code="refused", reason="")
    with (
        StandIn(rules=["contains=M3: AE,code=207,text=busy"]) as his,
        running(_lane(journal, his.port, _settings(retry=retry(60.0, 60.0)))) as lane,
        _operator(journal) as other,
    ):
        until(lambda: len(attempts(journal, "M3")) == 1)
        seen = lane._foreign_version
        other.operator.dismiss(1, "entered by hand")
        until(lambda: lane._foreign_version != seen)
        other.operator.release(2)
        until(lambda: states(journal)["M2"] == "acked")
    assert [each.control_id for each in his.received][:2] == ["M3", "M2"], "what is released goes out at once"


def test_dismissing_the_head_lets_the_next_one_go(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    patient = _settings(retry=retry(60.0, 60.0, refused=99))
    with (
        StandIn(rules=["contains=M1: AE"]) as his,
        running(_lane(journal, his.port, patient)),
        _operator(journal) as other,
    ):
        until(lambda: len(attempts(journal, "M1")) == 1)
        other.operator.dismiss(1, "wrong patient")
        _until_final(journal)
    assert [each.control_id for each in his.received] == ["M1", "M2"]
    assert states(journal) == {"M1": "dismissed", "M2": "acked"}


def test_a_released_message_goes_out_of_its_old_place(journal: Journal) -> None:
    spool(journal, "M1", "M2", "M3")
    journal.delivery.quarantined(head(journal)[0], code="refused", reason="")
    journal.operator.hold(HIS, "")
    with StandIn() as his, running(_lane(journal, his.port)) as lane, _operator(journal) as other:
        until(lambda: lane.destination.hold == "operator")
        other.operator.release(1)
        other.operator.resume(HIS)
        _until_final(journal)
    assert [each.control_id for each in his.received] == ["M1", "M2", "M3"]


# ------------------------------------------------------------------ stopping, and a journal that cannot be written


def test_stopping_finishes_the_exchange_in_flight(journal: Journal) -> None:
    spool(journal, "M1", "M2", "M3")
    with StandIn(rules=["first: late=100ms"]) as his:
        with running(_lane(journal, his.port)):
            his.wait_for(1)
        assert states(journal) == {"M1": "acked", "M2": "spooled", "M3": "spooled"}
        assert set(rows(journal, "SELECT may_have_left FROM message WHERE state = 'spooled'")) == {(0,)}
        assert his.count == 1


def test_a_stop_after_the_next_one_was_marked_takes_the_mark_back(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool(journal, "M1", "M2")
    real = journal.delivery.acked
    with StandIn() as his:
        lane = _lane(journal, his.port)

        def acked(*values: object, **more: object) -> bool:
            marked = real(*values, **more)  # type: ignore[arg-type]
            assert states(journal)["M2"] == "sending"
            lane.stop()
            return marked

        monkeypatch.setattr(journal.delivery, "acked", acked)
        lane.run()
    assert (states(journal), his.count) == ({"M1": "acked", "M2": "spooled"}, 1)


def test_stopping_at_once_leaves_the_outcome_unknown_and_charges_nobody(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    with StandIn(rules=["first=6: nothing"]) as his:
        for round_ in range(1, 7):
            with running(_lane(journal, his.port)) as lane:
                his.wait_for(round_)
                lane.stop(at_once=True)
            assert states(journal) == {"M1": "spooled", "M2": "spooled"}
        assert _codes(journal, "M1") == ["unknown ack.aborted"] * 6
        assert rows(journal, "SELECT unknowns, may_have_left FROM message ORDER BY id") == [(0, 1), (0, 0)]
        with running(_lane(journal, his.port)):
            _until_final(journal)
    assert [each.control_id for each in his.received] == ["M1"] * 7 + ["M2"]


def _locking(locker: sqlite3.Connection) -> Callable[[Received], None]:
    """Lock the journal when the first message has come, before it is answered."""

    def lock(got: Received) -> None:
        if got.number == 1:
            locker.execute("BEGIN IMMEDIATE")

    return lock


@OF_THE_FILE
def test_a_verdict_that_cannot_be_committed_is_kept_and_nothing_else_is_sent(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()
    monkeypatch.setattr(record, "_journal_waits", lambda _: waits.set())
    spool(journal, "M1", "M2", "M3")
    locker = sqlite3.connect(journal.store.path, isolation_level=None, check_same_thread=False)
    with StandIn(on_message=_locking(locker)) as his, running(_lane(journal, his.port)):
        assert waits.wait(30)
        assert his.count == 1
        assert states(journal)["M1"] == "sending"
        locker.execute("COMMIT")
        _until_final(journal)
    locker.close()
    assert [each.control_id for each in his.received] == ["M1", "M2", "M3"]
    assert set(states(journal).values()) == {"acked"}
    assert not any(each.duplicate for each in his.received)


@OF_THE_FILE
def test_a_verdict_lost_with_the_process_costs_one_copy_with_the_same_bytes(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    locker = sqlite3.connect(journal.store.path, isolation_level=None, check_same_thread=False)
    with StandIn(on_message=_locking(locker)) as his:
        with running(_lane(journal, his.port)):
            his.wait_for(1)  # and stop: the verdict never reaches the journal
        locker.execute("COMMIT")
        assert states(journal) == {"M1": "sending", "M2": "spooled"}
        with running(_lane(journal, his.port)):
            _until_final(journal)
    locker.close()
    assert [each.control_id for each in his.received] == ["M1", "M1", "M2"]
    assert len({each.body for each in his.received if each.control_id == "M1"}) == 1
    assert _codes(journal, "M1") == ["unknown agent.interrupted", "verdict AA"]


def test_an_idle_connection_that_was_reset_costs_no_attempt(journal: Journal) -> None:
    with StandIn() as his, running(_lane(journal, his.port)) as lane:
        for number in range(1, 4):
            spool(journal, f"M{number}")
            lane.wake()
            _until_final(journal)
            his.drop(reset=number % 2 == 0)
    assert [each.control_id for each in his.received] == ["M1", "M2", "M3"]
    assert rows(journal, "SELECT kind FROM attempt") == [("verdict",)] * 3


def test_a_listener_that_never_accepts_is_no_busy_loop(journal: Journal) -> None:
    spool(journal, "M1")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    filler = [socket.socket() for _ in range(3)]
    for each in filler:  # fill the backlog: connects time out
        each.setblocking(False)
        with suppress(BlockingIOError):
            each.connect(listener.getsockname())
    with running(_lane(journal, listener.getsockname()[1], _settings(connect_timeout_s=0.1))):
        until(lambda: journal.delivery.lane(HIS).link_code == "connect.timeout")
    for each in (*filler, listener):
        each.close()
    assert states(journal) == {"M1": "spooled"}


def test_an_operators_hold_outlives_the_lanes_own(journal: Journal) -> None:
    """The lane may not know yet that an operator holds it when it brakes, or when its probe is accepted."""
    with _operator(journal) as other:
        other.operator.hold(HIS, "maintenance")
    journal.delivery.held(HIS, "brake", "five refused")
    assert journal.delivery.lane(HIS).hold == "operator"
    journal.delivery.released(HIS, who="probe")
    assert journal.delivery.lane(HIS).hold == "operator"
