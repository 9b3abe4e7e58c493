"""A HIS that is down behind a relay: nothing is set aside, the order is kept, nothing arrives more than twice.

The relay takes the connection before it looks for the HIS. LAB_SENDER_RELAY_DOWN_S says for how long the HIS is down.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.bench import Site, reserved_port
from faults.judge import judge
from faults.workload import ready

from lab_sender.mllp.standin.server import StandIn
from relays.relay import RELAYS, Relay, installed

pytestmark = [pytest.mark.relays, pytest.mark.timeout(600)]

DOWN_S = float(os.environ.get("LAB_SENDER_RELAY_DOWN_S", "10"))


@contextlib.contextmanager
def _behind(name: str, folder: Path, port: int, his: int) -> Iterator[None]:
    if not installed(name):
        pytest.skip(f"{RELAYS[name].program} is not installed")
    relay = Relay(folder, port, his)
    try:
        relay.start(name)
        yield
    finally:
        relay.stop()


@pytest.mark.parametrize("starts", ["before", "while the HIS is down"])
@pytest.mark.parametrize("relay", RELAYS)
def test_a_his_that_is_down_behind_it(
    relay: str, starts: str, make_site: Callable[..., Site], tmp_path: Path
) -> None:
    with reserved_port() as port, reserved_port() as his_port, _behind(relay, tmp_path, port, his_port):
        tls = f"{{ca: {tmp_path / 'ca.pem'}}}" if RELAYS[relay].tls else "null"
        site = make_site(port, first_wait="1s", longest_wait="10s", ack_timeout="30s", tls=tls)
        files, received = 0, []
        if starts == "before":
            with StandIn(port=his_port) as his:
                agent = site.start()
                site.drop("0.hl7", ready("M0"), order=0)
                site.settle(1)
                files, received = 1, his.received
        for number in range(files, files + 3):
            site.drop(f"{number}.hl7", ready(f"M{number}"), order=number)
        if starts != "before":
            agent = site.start()
        threading.Event().wait(DOWN_S)
        with StandIn(port=his_port) as his:
            his.wait_for(3)
            site.settle(files + 3)
            received = received + his.received
        assert agent.stop() == 0
        assert site.settled_states() == {"acked": files + 3}
        assert not agent.events("message.quarantined")
        assert not agent.events("lane.held")
        assert judge(site, received) <= 1
        assert list(dict.fromkeys(each.control_id for each in received)) == [f"M{n}" for n in range(files + 3)]
