"""One process that starts agents for the whole session; a HIS and a site for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.looks import a_second_later
from kit.system import WINDOWS

from faults.bench import Site
from faults.processes import Agents
from lab_sender.mllp.standin.server import StandIn

__all__ = ["a_second_later"]

NOBODY = 65534


@pytest.fixture(scope="session")
def agents() -> Iterator[Agents]:
    if WINDOWS:
        from faults.windows import WindowsAgents

        started: Agents = WindowsAgents()
    else:
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB, where we may mount one."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=2m", "none", str(folder))
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def humble(agents: Agents, his: StandIn) -> Iterator[tuple[Site, dict[str, int]]]:
    """A site whose agent is not root, and the tricks to start it with; for root all folders are open."""
    if WINDOWS:
        pytest.skip("no other account is at hand, and chmod keeps nobody out")
    with tempfile.TemporaryDirectory(prefix="lab-sender-humble-") as folder:
        Path(folder).chmod(0o755)
        site = Site(agents, Path(folder) / "site", his.port)
        tricks = {}
        if os.geteuid() == 0:
            tricks["user"] = NOBODY
            for path in (site.folder, *site.folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        yield site, tricks
        site.close()


def mount(*words: str) -> None:
    """Mount something, or skip the test with a word."""
    if WINDOWS:
        pytest.skip("no disk of its own can be made here")
    if not shutil.which("mount") or subprocess.run(["mount", *words], check=False, capture_output=True).returncode:
        pytest.skip("only root may mount")
