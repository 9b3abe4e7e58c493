"""One destination beside others that are ill: the rate and the latency of the one that is well, against it alone.

Holds: the same files, sent to one destination alone, and to it beside one that is down and one that refuses all.
Prints both, and their ratios; alone and beside take turns, so that noise meets both.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import latency
import rig

from lab_sender.mllp.standin.server import StandIn

_PORT_OF_NOBODY = 9
_ALONE = "outbox: outbox\ndestinations:\n  well: {{host: 127.0.0.1, port: {well}}}\n"
_BESIDE = (
    _ALONE
    + "  down: {{host: 127.0.0.1, port: {down}}}\n"
    + "  refuses: {{host: 127.0.0.1, port: {refuses}, retry: {{first_wait: 10ms, longest_wait: 10ms}}}}\n"
)


def rate(text: str, ports: dict[str, int], files: int, answer_after_s: float) -> float:
    """Return how many messages a second the one that is well got of a backlog."""
    sink = rig.sink_process(files, answer_after_s=answer_after_s)
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name, sink as (port, process):
        config = _config(Path(name), text, ports | {"well": port})
        rig.write_hl7(config.parent / "outbox", files)
        with rig.agent_process(config):
            begun_s = time.perf_counter()
            assert process.stdout is not None
            process.stdout.readline()
            return files / (time.perf_counter() - begun_s)


def latencies_ms(text: str, ports: dict[str, int], files: int) -> list[float]:
    """Return for each of so many files, dropped one by one, how soon it was at the one that is well."""
    his = latency.Listener()
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name:
        config = _config(Path(name), text, ports | {"well": his.port})
        took_ms = []
        with rig.agent_process(config):
            for number in range(files + 1):
                part = config.parent / f"{number}.part"
                part.write_bytes(rig.ready_message(number))
                dropped_s = time.perf_counter()
                part.rename(config.parent / "outbox" / f"{number}.hl7")
                took_ms.append((his.arrival_s(b"B%09d" % number) - dropped_s) * 1000)
                time.sleep(0.02)
        return took_ms[1:]


def main() -> None:
    """Measure in turns and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    with StandIn(rules=["every: AE,code=207"]) as refuses:
        ports = {"down": _PORT_OF_NOBODY, "refuses": refuses.port}
        for _ in range(options.rounds):
            for way, text in (("alone", _ALONE), ("beside", _BESIDE)):
                for answer_ms in (0, 5):
                    per_s = rate(text, ports, options.files, answer_ms / 1000)
                    found.setdefault(f"{way}: messages a second, answered after {answer_ms} ms", []).append(per_s)
                took_ms = latencies_ms(text, ports, options.files // 5)
                found.setdefault(f"{way}: p50 ms", []).append(rig.percentile(took_ms, 0.5))
                found.setdefault(f"{way}: p99 ms", []).append(rig.percentile(took_ms, 0.99))
    figures = {name: statistics.median(values) for name, values in found.items()}
    for name in [each.removeprefix("alone: ") for each in figures if each.startswith("alone")]:
        figures[f"beside / alone: {name}"] = figures[f"beside: {name}"] / figures[f"alone: {name}"]
    rig.show("one of three destinations, the others down and refusing", figures, as_json=options.json)


def _config(folder: Path, text: str, ports: dict[str, int]) -> Path:
    path = folder / "config.yaml"
    path.write_text(text.format(**ports))
    (folder / "outbox").mkdir()
    return path


if __name__ == "__main__":
    main()
