"""Must show 3: the wire, captured between agent and HIS."""

from __future__ import annotations

from collections.abc import Callable

from faults.bench import Site
from faults.judge import judge
from faults.tap import Tap
from faults.workload import ready
from lab_sender.mllp.standin.server import StandIn

_MESSAGES = 1000
_A_FILE = 4


def test_one_connection_and_never_two_messages_in_flight(make_site: Callable[..., Site], his: StandIn) -> None:
    with Tap(his.port) as tap:
        site = make_site(tap.port)
        for first in range(0, _MESSAGES, _A_FILE):
            ids = [f"M{number:04}" for number in range(first, first + _A_FILE)]
            site.drop(f"{first:04}.hl7", b"".join(map(ready, ids)), order=first)
        agent = site.start()
        site.settle(_MESSAGES // _A_FILE)
        assert agent.stop() == 0
        assert judge(site, his.received) == 0
    assert [each.control_id for each in his.received] == [f"M{number:04}" for number in range(_MESSAGES)]
    assert tap.connections == 1
    assert tap.story == b"mMaA" * _MESSAGES
    assert tap.spoke_too_soon == 0
