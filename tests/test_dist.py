"""What `make dist-windows` and a person on a real PC rest on, as far as it can be seen without either."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / ".ci" / "windows_lock.txt").read_text("utf-8")
ON_WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}


def test_the_zip_for_windows_has_what_the_project_needs() -> None:
    """A dependency that is added or raised without `make windows-lock` is found here, not at a customer's."""
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+) --hash=sha256:[0-9a-f]{64}$", LOCK, re.MULTILINE))
    assert len(pinned) == sum(not line.startswith("#") for line in LOCK.splitlines())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for need in map(Requirement, project["dependencies"]):
        if need.marker is None or need.marker.evaluate(ON_WINDOWS):
            version = pinned[canonicalize_name(need.name)]
            assert need.specifier.contains(version), f"{need}, and {version} is pinned"


def test_what_runs_on_a_real_pc_is_read_alike_by_every_powershell() -> None:
    """5.1 takes a script without a mark for the PC's code page."""
    script = (ROOT / "tests" / "on_windows.ps1").read_bytes()
    assert script.isascii()
    assert b"on_windows.py" in script


def test_the_zip_for_windows_has_the_script_for_a_real_pc_with_all_it_reads() -> None:
    made = (ROOT / ".ci" / "windows_zip.py").read_text("utf-8")
    script = (ROOT / "tests" / "on_windows.py").read_text("utf-8")
    assert "from share import" in script
    for name in ("on_windows.ps1", "on_windows.py", "windows/share.py"):
        assert (ROOT / "tests" / name).is_file()
        assert f'"tests/{name}"' in made
