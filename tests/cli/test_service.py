"""`service` on Linux: what is shown, written and asked. `service/` has how systemd and Windows are asked."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from service.test_systemd import Machine

from cli.conftest import Here
from lab_sender.cli import service
from lab_sender.operations import service as operation
from lab_sender.operations.service import ServiceStatus

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no systemd on Windows")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path / "machine")
    monkeypatch.setenv("PATH", f"{machine.systemctl.parent}:/usr/bin:/bin")
    return machine


def prepared(here: Here, machine: Machine) -> str:
    """Let the folders of the configuration be there below the root."""
    here.configure(2575, more=f"folders: {{journal: {here.folder}/journal}}\n")
    for folder in (here.outbox, here.folder / "journal"):
        (machine.root / folder.relative_to("/")).mkdir(parents=True)
    return str(machine.root)


def test_dry_run_shows_the_units_and_what_is_lacking_and_changes_nothing(here: Here, machine: Machine) -> None:
    here.configure(2575)
    before = {each: each.stat().st_mtime_ns for each in machine.root.rglob("*")}
    said = here("service", "install", "--dry-run", "--root", machine.root, "--name", "lab-sender-2").stdout
    assert f"# {machine.root}/etc/systemd/system/lab-sender-2.service\n" in said
    assert f"ReadWritePaths={here.outbox}\n" in said
    assert f"sudo chroot {machine.root} install -d -o lab-sender -g lab -m 2770 {here.outbox}" in said
    assert {each: each.stat().st_mtime_ns for each in machine.root.rglob("*")} == before
    assert machine.calls() == []
    made = here.json("service", "install", "--dry-run", "--root", machine.root)
    assert (made["done"], list(made["files"])) == (
        "nothing", [f"{machine.root}/etc/systemd/system/lab-sender.service"],
    )  # fmt: skip


def test_it_is_installed_into_an_image_and_removed(here: Here, machine: Machine) -> None:
    root = prepared(here, machine)
    said = here("service", "install", "--root", root).stdout
    unit = Path(root, "etc/systemd/system/lab-sender.service")
    assert f"--config {here.path} run\n" in unit.read_text()
    assert "Service lab-sender: installed" in said
    assert machine.calls() == [[f"--root={root}", "enable", "lab-sender.service"]]
    assert f"Removed: {unit}" in here("service", "uninstall", "--root", root).stdout
    assert not unit.exists()
    assert "service.not-installed" in here("service", "uninstall", "--root", root, exits=1).stderr


def test_installed_again_the_page_that_is_not_wanted_goes_and_what_runs_otherwise_is_named(
    here: Here, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_systemd", lambda _root: machine.systemd)
    prepared(here, machine)
    machine.answers(show={"out": "ActiveState=active\n"})
    folder = machine.root / "etc/systemd/system"
    text = here.path.read_text("utf-8")
    here.path.write_text(re.sub("^web:.*$", "web: {start: alone}", text, flags=re.MULTILINE), "utf-8")
    assert "restart" not in here("service", "install").stdout
    here.path.write_text(text, "utf-8")
    page = folder / "lab-sender-page.service"
    unit = folder / "lab-sender.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=60", "WatchdogSec=50"))
    said = here("service", "install").stdout
    assert f"Removed: {page}\n" in said
    assert not page.exists()
    assert "  sudo systemctl restart lab-sender.service\n" in said
    page.write_text("[Service]\nExecStart=/bin/mine\n")
    assert "restart" not in here("service", "install").stdout
    installed, other = unit.read_text(), "[Service] # written by `lab-sender service install`\n"
    page.write_text(other)
    unit.write_text(installed.replace("config.yaml", "other.yaml"))
    assert "service.there" in here("service", "install", exits=1).stderr
    assert page.read_text() == other, "nothing of another configuration's goes"
    unit.write_text(installed)
    page.write_text("[Service]\nExecStart=/bin/mine\n")
    here("service", "install")
    assert page.exists(), "another hand wrote it"


def test_what_it_lacks_is_named_at_once_and_nothing_is_written(here: Here, machine: Machine) -> None:
    here.configure(2575)
    said = here("service", "install", "--root", machine.root, "--account", "nobody-here", exits=1).stderr
    assert "service.not-ready" in said
    assert "there is no account nobody-here; there is no folder" in said
    assert f"sudo chroot {machine.root} useradd " in said
    assert list((machine.root / "etc/systemd/system").iterdir()) == []


def test_a_configuration_with_mistakes_makes_no_service(here: Here, machine: Machine) -> None:
    here.path.write_text("outbox: x\n", encoding="utf-8")
    assert "config.invalid" in here("service", "install", "--root", machine.root, exits=78).stderr


def test_a_name_that_is_none_is_refused(here: Here, machine: Machine) -> None:
    here.configure(2575)
    for name in ("../x", "", "a b", "-x", "ä", "lab-page"):
        said = here("service", "install", "--root", machine.root, f"--name={name}", exits=1).stderr
        assert "service.name" in said


def test_what_windows_starts_is_nothing_here(here: Here) -> None:
    here.configure(2575)
    assert "lab-sender run" in here("service", "run", exits=2).stderr
    assert " run " not in here("service", "--help").stdout


def test_its_state_is_what_systemd_says(here: Here, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.answers(
        show={
            "out": "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nMainPID=42\nExecMainStatus=0\n"
            "User=lab-sender\nFragmentPath=/etc/systemd/system/lab-sender.service\n"
        }
    )
    found = operation.status_of_systemd(machine.systemd, name="lab-sender")
    assert found == ServiceStatus(
        name="lab-sender", manager="systemd", installed=True, state="running", at_boot=True, account="lab-sender",
        pid=42, exit_code=None, runs_from="/etc/systemd/system/lab-sender.service",
    )  # fmt: skip
    monkeypatch.setattr(service, "_systemd", lambda _: machine.systemd)
    assert here.json("service", "status")["state"] == "running"
    assert "with the machine" in here("service", "status").stdout
    machine.answers(
        show={"out": "LoadState=loaded\nActiveState=failed\nUnitFileState=disabled\nMainPID=0\nExecMainStatus=78\n"}
    )
    found = operation.status_of_systemd(machine.systemd, name="lab-sender")
    assert (found.state, found.exit_code, found.pid, found.at_boot) == ("stopped", 78, None, False)
    assert "exit code 78" in here("service", "status", exits=1).stdout
    machine.answers(show={"out": "LoadState=not-found\nActiveState=inactive\n"})
    assert operation.status_of_systemd(machine.systemd, name="lab-sender").installed is False
    assert here("service", "status", exits=1).stdout == "There is no service lab-sender.\n"
