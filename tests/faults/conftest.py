"""One process that starts agents for the whole session; a HIS and a site for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.bench import Site
from faults.processes import Agents
from lab_sender.mllp.standin import StandIn


@pytest.fixture(scope="session")
def agents() -> Iterator[Agents]:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("the bench starts agents by fork and waits for them by pidfd: Linux only")
    started = Agents()
    yield started
    started.close()


@pytest.fixture
def his() -> Iterator[StandIn]:
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def make_site(agents: Agents, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Make sites in folders of their own; `settings` are keys of bench.DEFAULTS."""
    made: list[Site] = []

    def make(port: int, **settings: str) -> Site:
        made.append(Site(agents, tmp_path / f"site-{len(made)}", port, settings))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture
def site(make_site: Callable[..., Site], his: StandIn) -> Site:
    return make_site(his.port)
