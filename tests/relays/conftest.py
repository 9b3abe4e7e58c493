"""The bench of tests/faults, behind relays that nobody here wrote; `make relays` runs them, `make test` does not."""

from faults.conftest import agents, make_site

__all__ = ["agents", "make_site"]
