"""How long building a message takes: a chemistry report of 20 observations, checks included.

Run it alone: `python benchmarks/build.py [PROFILE] [--version 2.3.1]`, on Linux best under `taskset -c 1`. Prints the
median of one build in microseconds, the share of each step, and what the first Builder of a process costs.
"""

from __future__ import annotations

import argparse
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


_LAB = {
    "name": "General Laboratory",
    "id": "05D0897628",
    "authority": "CLIA|2.16.840.1.113883.4.7|ISO",
    "address": {"street": "1 Laboratory Way", "city": "Springfield", "state": "TX", "zip": "12345"},
    "director": {"id": "77", "family": "Quill", "given": "Ada"},
}


def sample(observations: int = 20, *, full: bool = False) -> bytes:
    """Return a `lab-result/1` report as a laboratory system would write it; `full` is what us-lri asks for."""
    lab = {"lab": _LAB, "analysed": "2024-08-19T10:30:00+01:00"} if full else {}
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
            **lab,
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", nargs="?", default="generic-2.5.1", help="a built-in profile")
    parser.add_argument("--full", action="store_true", help="each result with its laboratory, as us-lri asks")
    parser.add_argument("--version", default="", help="an HL7 version, in place of the profile's own")
    asked = parser.parse_args()
    from lab_sender.report.model import Report

    start = time.perf_counter()
    from lab_sender.config.profile import builtin
    from lab_sender.oru import Builder
    from lab_sender.oru.writer import Writer

    imported = time.perf_counter()
    given = builtin(asked.profile, sending_facility="HOSP", **({"version": asked.version} if asked.version else {}))
    loaded = time.perf_counter()
    builder = Builder(given)
    report = msgspec.json.decode(sample(full=asked.full), type=Report)
    now = datetime.datetime.now().astimezone()
    ready = time.perf_counter()

    def build(given: Report = report) -> bytes:
        return builder.build(given, control_id="0123456789ABCDEFGHJK", now=now, attachments={}).body

    def write() -> Writer:
        w = Writer(builder.site)
        builder.write(w, report, control_id="0123456789ABCDEFGHJK", now=now, attachments={})
        return w

    size = len(build())
    first = time.perf_counter()
    one = msgspec.json.decode(sample(1, full=asked.full), type=Report)
    whole = median_us(build)
    written = write()
    lines, site = written.lines, builder.site
    tests = [(site.tests[line[:3]], line) for line in lines if line[:3] in site.tests]
    test = median_us(lambda: [passes(line) for passes, line in tests])
    steps = {
        "write": median_us(write) - test,  # each line is tested as it is written
        "test": test,
        "order": median_us(lambda: site.checks.misfits(lines, written.unchecked)),
    }
    if builder.rules.active:
        steps["rules"] = median_us(lambda: builder.rules.apply(list(lines), list(written.places), report, ""))
    text = "\r".join(lines)
    steps["encode"] = median_us(lambda: text.encode(site.codec))
    print(f"{asked.profile}, HL7 {site.profile.version}: import {(imported - start) * 1e3:.0f} ms, ", end="")
    print(f"profile {(loaded - imported) * 1e3:.0f} ms, Builder {(ready - loaded) * 1e3:.0f} ms, ", end="")
    print(f"first message {(first - ready) * 1e3:.0f} ms")
    print(f"build: {whole:.1f} us for 20 observations, {size} bytes")
    print(f"  {(whole - median_us(lambda: build(one))) / 19:.2f} us for each further observation")
    for step, took in steps.items():
        print(f"  {step:7} {took:6.1f} us  {took / whole:4.0%}")


if __name__ == "__main__":
    main()
