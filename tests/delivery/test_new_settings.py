"""New settings while a lane works: taken between two messages, over a new connection where they lead elsewhere."""

from __future__ import annotations

import select

import pytest
from kit.core import HIS, attempts, rows, spool, states, until
from kit.lanes import lane_to, operator, running
from kit.settings import his_at, made, retry, rule

from lab_sender.config.sections import His, Tls
from lab_sender.delivery import lane as lane_module
from lab_sender.delivery.lane import Lane
from lab_sender.journal import Journal
from lab_sender.mllp import Link
from lab_sender.mllp.standin.server import Received, StandIn

PATIENT = retry(3600.0, 3600.0)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "_LOOK_S", 0.02)


def _acked(journal: Journal) -> bool:
    return all(state.startswith("acked") for state in states(journal).values())


def _ids(his: StandIn) -> list[str]:
    return [each.control_id for each in his.received]


def test_an_exchange_in_flight_ends_where_it_began_and_the_next_goes_elsewhere(journal: Journal) -> None:
    spool(journal, "M1", "M2", "M3")
    lanes: list[Lane] = []
    with StandIn() as new:

        def move(_: Received) -> None:
            lanes[0].destination.use(his_at(new.port))

        with StandIn(on_message=move) as old:
            lanes.append(lane_to(journal, his_at(old.port)))
            with running(lanes[0]):
                until(lambda: _acked(journal))
            assert (_ids(old), old.connections) == (["M1"], 1)
        assert (_ids(new), new.connections) == (["M2", "M3"], 1)
    assert rows(journal, "SELECT unknowns, may_have_left FROM message") == [(0, 0)] * 3
    assert [attempts(journal, each)[0]["kind"] for each in ("M1", "M2", "M3")] == ["verdict"] * 3


def test_an_answer_is_judged_by_the_rules_that_its_message_left_under(journal: Journal) -> None:
    """And what is new ends the wait for the next try, which was an hour."""
    spool(journal, "M1")
    lanes: list[Lane] = []

    def change(got: Received) -> None:
        if got.number == 1:
            lanes[0].destination.use(his_at(his.port, rule("deliver", code="AE"), retry=PATIENT))

    with StandIn(rules=["AE"], on_message=change) as his:
        lanes.append(lane_to(journal, his_at(his.port, retry=PATIENT)))
        with running(lanes[0]):
            until(lambda: _acked(journal))
        assert his.connections == 1, "it leads where it led"
    assert states(journal) == {"M1": "acked known"}
    assert rows(journal, "SELECT refusals FROM message") == [(1,)]
    assert _ids(his) == ["M1", "M1"]


def test_a_his_that_was_looked_for_at_the_wrong_port_is_found_at_once(journal: Journal) -> None:
    spool(journal, "M1", "M2")
    with StandIn() as gone:
        nobody = gone.port
    with StandIn() as his, running(lane_to(journal, his_at(nobody, retry=PATIENT))) as lane:
        until(lambda: journal.delivery.lane(HIS).next_try_ms)
        lane.destination.use(his_at(his.port, retry=PATIENT))
        until(lambda: _acked(journal))
    assert _ids(his) == ["M1", "M2"]


def test_an_idle_lane_moves_by_itself(journal: Journal) -> None:
    with StandIn() as old, StandIn() as new, running(lane_to(journal, his_at(old.port))) as lane:
        until(lambda: old.connections == 1)
        lane.destination.use(his_at(new.port))
        until(lambda: new.connections == 1)
        spool(journal, "M1")
        lane.wake()
        until(lambda: _acked(journal))
        assert (old.connections, old.count, _ids(new)) == (1, 0, ["M1"])


def test_a_held_lane_stays_held(journal: Journal) -> None:
    spool(journal, "M1")
    journal.operator.hold(HIS, "upgrade")
    with StandIn() as old, StandIn() as new, running(lane_to(journal, his_at(old.port))) as lane:
        until(lambda: lane.destination.hold == "operator")
        until(lambda: lane._link.connected)
        lane.destination.use(his_at(new.port))
        until(lambda: not lane._link.connected)
        assert (old.count, new.connections) == (0, 0)
        with operator(journal) as other:
            other.operator.resume(HIS)
        until(lambda: _acked(journal))
    assert (_ids(old), _ids(new)) == ([], ["M1"])


def test_what_the_old_his_has_said_last_is_kept(journal: Journal) -> None:
    """It takes back on the idle link what it has accepted, and then the lane is sent elsewhere."""
    spool(journal, "M1")
    with StandIn() as old:
        lane = lane_to(journal, his_at(old.port))
        lane._begin()
        while (message := lane._next()) is not None:
            lane._deliver(message)
        old.say(b"\x0bMSH|^~\\&|HIS\rMSA|AE|M1\r\x1c\r")
        connection = lane._link._connection
        assert connection is not None
        assert select.select([connection._socket], [], [], 30)[0]
        lane.destination.use(his_at(1))
        assert lane._next() is None
        lane._link.close()
    assert rows(journal, "SELECT state, contradicted FROM message") == [("acked", "AE")]


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({}, False),
        ({"ack_timeout_s": 1.0}, False),
        ({"retry": PATIENT}, False),
        ({"port": 2}, True),
        ({"hosts": ("localhost",)}, True),
        ({"plaintext": True}, True),
        ({"tls": made(Tls)}, True),
        ({"keepalive_s": 1.0}, True),
    ],
)
def test_a_connection_is_given_up_only_where_it_would_be_made_otherwise(
    change: dict[str, object], moved: bool
) -> None:
    with StandIn() as his:
        settings: His = his_at(his.port)
        link = Link(settings)
        assert link.open() is None
        assert link.use(settings.model_copy(update=change)) is moved
        assert link.connected is not moved
        link.close()
