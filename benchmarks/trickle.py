"""What the agent costs when little happens: a file every 10 ms for a minute, and nothing at all for ten seconds."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import rig


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    files = int(options.seconds * 100)
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name, rig.sink_process(files) as (port, sink):
        folder = Path(name)
        config = rig.write_config(folder, port)
        with rig.agent_process(config) as agent:
            time.sleep(2)  # started
            before_s = agent.cpu_s()
            time.sleep(10)
            idle = (agent.cpu_s() - before_s) / 10
            before_s, begun_s = agent.cpu_s(), time.monotonic()
            for number in range(files):
                rig.drop(folder, f"{number}.json", json.dumps(rig.report(number)).encode())
                time.sleep(max(0.0, begun_s + (number + 1) / 100 - time.monotonic()))
            assert sink.stdout is not None
            sink.stdout.readline()
            busy = (agent.cpu_s() - before_s) / (time.monotonic() - begun_s)
    figures = {"idle: % of a core": idle * 100, "a file every 10 ms: % of a core": busy * 100}
    rig.show("CPU of the agent", figures, as_json=options.json)


if __name__ == "__main__":
    main()
