"""The text format of Prometheus, as far as it is needed.

Holds: `Family`, a metric with its samples, `Histogram`, and how both are written.
Promises: each family once, with its help; label values are escaped; numbers as Prometheus reads them.
Never: knows what is counted.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct, field

PREFIX = "lab_sender_"
Labels = tuple[tuple[str, str], ...]


class Family(Struct):
    """One metric: its name without the prefix, and a number for each set of labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: dict[Labels, float] = field(default_factory=dict)

    def put(self, number: float | None, **labels: str) -> Family:
        """Set a number; None is none."""
        if number is not None:
            self.samples[tuple(labels.items())] = number
        return self

    def lines(self) -> Iterable[str]:
        """Write it; nothing where it has no samples."""
        if not self.samples:
            return
        yield from head(self.name, self.kind, self.help)
        for labels, number in self.samples.items():
            yield sample(self.name, labels, number)


class Histogram:
    """How often a time was at most so long; `bounds` are in seconds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect.bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def lines(self, name: str, labels: Labels) -> Iterable[str]:
        """Write its samples, without the head."""
        total = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            yield sample(f"{name}_bucket", (*labels, ("le", _number(bound))), total)
        yield sample(f"{name}_sum", labels, self._sum)
        yield sample(f"{name}_count", labels, total)


def histograms(name: str, help: str, found: Mapping[Labels, Histogram]) -> Iterable[str]:
    """Write a family of histograms."""
    yield from head(name, "histogram", help)
    for labels, histogram in found.items():
        yield from histogram.lines(name, labels)


def head(name: str, kind: str, help: str) -> Iterable[str]:
    """Write what stands above the samples of a family."""
    yield f"# HELP {PREFIX}{name} {help}"
    yield f"# TYPE {PREFIX}{name} {kind}"


def sample(name: str, labels: Labels, number: float) -> str:
    """Write one line."""
    inner = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
    return f"{PREFIX}{name}{{{inner}}} {_number(number)}" if inner else f"{PREFIX}{name} {_number(number)}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(number: float) -> str:
    if number == float("inf"):
        return "+Inf"
    return str(int(number)) if number == int(number) else repr(float(number))
