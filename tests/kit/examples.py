"""How many examples the property tests try.

Holds: the profiles of Hypothesis: `quick` for `make quick`, `ci` for `make test`, `night` for
`pytest --hypothesis-profile night`.
Promises: a test names the number that `ci` takes; the others are a twentieth and twentyfold.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

_COMMON: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
_CI = 100
QUICK, EVERY_DAY = "quick", "ci"

for _name, _examples in ((QUICK, _CI // 20), (EVERY_DAY, _CI), ("night", _CI * 20)):
    settings.register_profile(_name, max_examples=_examples, **_COMMON)


def one_of(number: int) -> int:
    """Return the step by which a long row is walked: each `number`-th one in the profile `ci`, every one at night."""
    return number if settings.default.max_examples <= _CI else 1


def examples(number: int, **more: Any) -> settings:
    """Try `number` examples in the profile `ci`, and as many times fewer or more in the others."""
    return settings(max_examples=max(2, number * settings.default.max_examples // _CI), **(_COMMON | more))
