"""No input stops the agent: reading takes time as the size of the file, not as its square.

Faults 99 and 100. What is asserted is that the result behind the bad file goes out and that the agent obeys SIGTERM.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from faults.bench import Site
from faults.judge import judge
from faults.workload import report
from lab_sender.mllp.standin.server import StandIn

_HEAD = b"MSH|^~\\&|LAB||HIS||20261122101500||ORU^R01|M1|P|2.5.1\rOBR|1||F1|T\rOBX|1|NM|T||1\r"


def _one_test_often() -> bytes:
    whole = json.loads(report("MANY"))
    (order,) = whole["orders"]
    (result,) = order["results"]
    order["results"] = [{**result, "notes": []}] * 60_000
    return json.dumps(whole).encode()


_WORST: dict[str, Callable[[], bytes]] = {
    "fault_99-a-mebibyte-of-frame-ends": lambda: _HEAD + b"\x1c" * (1 << 20) + b"X",
    "fault_100-20000-bad-lines": lambda: b'{"a":1}\n' * 20_000,
    "fault_100-a-million-empty-reports": lambda: b"[" + b"{}," * (1 << 20) + b"{}]",
    "fault_100-rows-of-another-width": lambda: b"patient_id,accession,code,value\n" + b"1\n" * 100_000,
    "fault_100-one-test-60000-times": _one_test_often,
}


@pytest.mark.parametrize("make", _WORST.values(), ids=_WORST)
def test_the_next_result_goes_out(make: Callable[[], bytes], site: Site, his: StandIn) -> None:
    site.drop("worst", make(), order=1)
    site.drop("good.json", report("GOOD"), order=2)
    agent = site.start()
    site.settle(2)
    assert agent.stop() == 0
    assert judge(site, his.received) == 0
    assert any(b"GOOD" in each.body for each in his.received)
    ((entries,),) = site.rows("SELECT COUNT(*) FROM message")
    assert entries <= 202, "of a wrong export the first bad reports are named, the others counted"
