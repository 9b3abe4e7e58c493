"""How long building a message takes: a chemistry report of 20 observations, checks included.

Run it alone: `python benchmarks/build.py`, on Linux best under `taskset -c 1`. Prints the median of one build in
microseconds, the share of each step, and what the first Builder of a process costs.
"""

from __future__ import annotations

import datetime
import statistics
import time
from collections.abc import Callable

import msgspec

_TESTS = [
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", "136-145", "141"),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", "3.5-5.1", "4.12"),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", "0.6-1.3", "<0.2"),
    ("1988-5", "C reactive protein [Mass/volume] in Serum", "mg/L", "<5.0", "104"),
    ("6690-2", "Leukocytes [#/volume] in Blood", "10*9/L", "4.0-10.0", "7.30"),
]


def sample(observations: int = 20) -> bytes:
    """Return a `lab-result/1` report as a laboratory system would write it."""
    results = [
        {
            "test": {
                "code": code,
                "text": text,
                "system": "LN",
                "alt": {"code": f"L{n}", "text": text[:9], "system": "L"},
            },
            "value": value,
            "unit": unit,
            "range": limits,
            "flags": ["N"],
            "status": "F",
            "observed": "2024-08-19T09:30:00+01:00",
            "sub_id": str(n // len(_TESTS)) if n >= len(_TESTS) else "",
        }
        for n in range(observations)
        for code, text, unit, limits, value in [_TESTS[n % len(_TESTS)]]
    ]
    report = {
        "schema": "lab-result/1",
        "patient": {
            "ids": [{"id": "4781203", "type": "MR", "authority": "HOSP|1.2.3.4"}],
            "name": {"family": "Sample", "given": "Jane"},
            "birth": "1980-01-01",
            "sex": "F",
            "address": {"street": "1 High Street", "city": "Dublin", "country": "IRL"},
        },
        "visit": {"class": "I", "ward": "W1", "room": "2", "bed": "3", "number": "V1"},
        "orders": [
            {
                "placer": "P10001|WARD",
                "filler": "F10001|LAB",
                "test": {"code": "24323-8", "text": "Comprehensive metabolic panel", "system": "LN"},
                "status": "final",
                "collected": "2024-08-19T09:30:00+01:00",
                "reported": "2024-08-20T14:12:00+01:00",
                "orderer": {"id": "123", "authority": "NPI|2.16.840.1.113883.4.6", "family": "Fitz", "given": "D"},
                "specimens": [{"id": "S1", "type": {"code": "119364003", "text": "Serum", "system": "SCT"}}],
                "results": results,
            }
        ],
    }
    return msgspec.json.encode(report)


def median_us(work: Callable[[], object], *, seconds: float = 1.0) -> float:
    """Return the median duration of `work` in microseconds, over as many runs as fit into the time."""
    durations = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        work()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations) * 1e6


def main() -> None:
    """Print the figures."""
    from lab_sender.results.model import Report

    start = time.perf_counter()
    from lab_sender.oru import Builder, MessageProfile, grammar
    from lab_sender.oru.checks import Checks
    from lab_sender.oru.encoder import Writer
    from lab_sender.oru.times import Clock

    imported = time.perf_counter()
    builder = Builder(MessageProfile())
    report = msgspec.json.decode(sample(), type=Report)
    now = datetime.datetime.now().astimezone()
    ready = time.perf_counter()

    def build(given: Report = report) -> bytes:
        return builder.build(given, control_id="0123456789ABCDEFGHJK", now=now, attachments={}).body

    size = len(build())
    first = time.perf_counter()
    clock = Clock()

    def write_all(w: Writer) -> None:
        builder.write(w, report, control_id="0123456789ABCDEFGHJK", now=now, attachments={})

    print(f"import {(imported - start) * 1e3:.0f} ms, Builder {(ready - imported) * 1e3:.0f} ms,", end=" ")
    print(f"first message {(first - ready) * 1e3:.0f} ms")

    one = msgspec.json.decode(sample(1), type=Report)
    whole = median_us(build)
    print(f"build: {whole:.1f} us for 20 observations, {size} bytes")
    print(f"  {(whole - median_us(lambda: build(one))) / 19:.2f} us for each further observation")
    written = Writer(clock)
    write_all(written)
    body = "\r".join(written.lines)
    checks = Checks(grammar.load("2.5.1"))
    for step, work in {
        "write": lambda: write_all(Writer(clock)),
        "check": lambda: checks.misfits(written.lines),
        "encode": lambda: body.encode("utf-8"),
    }.items():
        took = median_us(work)
        print(f"  {step:7} {took:6.1f} us  {took / whole:4.0%}")


if __name__ == "__main__":
    main()
