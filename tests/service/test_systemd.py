"""systemd: what the units say, and how they are written, enabled and asked for. The root folder is a made one."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab_sender.service.error import ServiceError
from lab_sender.service.systemd import Systemd
from lab_sender.service.units import Wanted, units, writable

ROOT = Path(__file__).parents[2]
WANTED = Wanted(
    name="lab-sender",
    program=("/opt/lab-sender/.venv/bin/lab-sender",),
    config=Path("/etc/lab-sender/config.yaml"),
    account="lab-sender",
    group="lab",
    outboxes=(Path("/srv/lab/outbox"),),
    writes=(),
    journal=Path("/var/lib/lab-sender"),
    stop_within_s=100,
    page_alone=False,
)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no systemd on Windows")
SYSTEMCTL = """\
#!{python}
import json, os, sys
answers = json.loads(open({answers!r}).read())
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
said = answers.get(sys.argv[2], {{}})
sys.stdout.write(said.get("out", ""))
sys.stderr.write(said.get("err", ""))
sys.exit(said.get("exit", 0))
"""


class Machine:
    """A machine with systemd: its root folder, and a systemctl that notes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        for each in ("run/systemd/system", "etc/systemd/system", "srv/lab/outbox", "var/lib"):
            (self.root / each).mkdir(parents=True)
        (self.root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nlab-sender:x:990:990::/:/bin/false\n")
        (self.root / "etc/group").write_text("root:x:0:\nlab:x:990:\n")
        self.log = folder / "calls"
        self.log.touch()
        self._answers = folder / "answers.json"
        self._answers.write_text("{}")
        self.systemctl = folder / "systemctl"
        text = SYSTEMCTL.format(python=sys.executable, answers=str(self._answers), log=str(self.log))
        self.systemctl.write_text(text)
        self.systemctl.chmod(0o755)

    @property
    def systemd(self) -> Systemd:
        return Systemd(self.root, systemctl=(str(self.systemctl),))

    def answers(self, **answers: dict[str, object]) -> None:
        self._answers.write_text(json.dumps(answers))

    def calls(self) -> list[list[str]]:
        calls = map(json.loads, self.log.read_text().splitlines())
        return [[word for word in call if word != "--no-pager"] for call in calls]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_unit_in_the_documents_is_that_of_the_installation_in_the_documents() -> None:
    """Where this fails, the text has changed: write `units(WANTED)` into docs/lab-sender.service."""
    assert (ROOT / "docs" / "lab-sender.service").read_text("utf-8") == units(WANTED)["lab-sender.service"]


def test_the_page_has_a_unit_where_it_is_a_service_of_its_own() -> None:
    made = units(replace(WANTED, page_alone=True))
    assert list(made) == ["lab-sender.service", "lab-sender-page.service"]
    assert "config.yaml web\n" in made["lab-sender-page.service"]


def test_what_the_configuration_names_may_be_written_and_nothing_twice() -> None:
    wanted = replace(
        WANTED,
        outboxes=(Path("/srv/lab/a"), Path("/srv/lab/b")),
        writes=(Path("/srv/lab/b/sent"), Path("/archive"), Path("/var/log/lab-sender"), Path("/srv/lab/a/x")),
        journal=Path("/data/journal"),
    )
    assert writable(wanted) == tuple(map(Path, ("/srv/lab/a", "/srv/lab/b", "/archive", "/data/journal")))
    unit = units(wanted)["lab-sender.service"]
    assert "RequiresMountsFor=/srv/lab/a /srv/lab/b\n" in unit
    assert "ReadWritePaths=/srv/lab/a /srv/lab/b /archive /data/journal\n" in unit
    assert "LogsDirectory=lab-sender\n" in unit
    assert "StateDirectory" not in unit
    assert writable(replace(wanted, writes=(Path("/srv/lab"),))) == (Path("/srv/lab"), Path("/data/journal"))


@pytest.mark.parametrize(
    ("folder", "missing"),
    [("/home/lab/out", "ProtectHome"), ("/root/out", "ProtectHome"), ("/tmp/out", "PrivateTmp")],
)
def test_nothing_is_hidden_that_the_agent_needs(folder: str, missing: str) -> None:
    assert missing in units(WANTED)["lab-sender.service"]
    assert missing not in units(replace(WANTED, outboxes=(Path(folder),)))["lab-sender.service"]


def test_any_path_is_read_as_it_is(tmp_path: Path) -> None:
    strange = Path('/srv/Über lab/50%/a"b\\c $HOME; x')
    unit = units(replace(WANTED, outboxes=(strange,), config=strange / "config.yaml"))["lab-sender.service"]
    assert r'ReadWritePaths="/srv/Über lab/50%%/a\"b\\c $HOME; x"' in unit
    assert r'--config "/srv/Über lab/50%%/a\"b\\c $$HOME; x/config.yaml" run' in unit
    verify(tmp_path, unit)
    with pytest.raises(ServiceError, match=r"service\.path"):
        units(replace(WANTED, outboxes=(Path("/srv/a\nUser=root"),)))


def test_the_program_is_found_whatever_its_folder_is_called(tmp_path: Path) -> None:
    """systemd replaces no variable in a program's path: `$$` would be two of them."""
    program = tmp_path / "a $b 50% ü; x" / "lab-sender"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = units(replace(WANTED, program=(str(program),)))["lab-sender.service"]
    assert f'ExecStart="{tmp_path}/a $b 50%% ü; x/lab-sender" --config' in unit
    verify(tmp_path, unit)
    for none in ("/opt/o'neil/lab-sender", '/opt/"a"/lab-sender', r"/opt/a\b/lab-sender"):
        with pytest.raises(ServiceError, match=r"service\.path"):
            units(replace(WANTED, program=(none,)))


def verify(folder: Path, text: str) -> None:
    """Have systemd itself read a unit, where it is here."""
    if shutil.which("systemd-analyze") is None:
        return
    unit = folder / "lab-sender.service"
    unit.write_text(text.replace("/opt/lab-sender/.venv/bin/lab-sender", "/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", "verify", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert [line for line in said.stderr.splitlines() if "lab-sender.service:" in line] == []


def test_systemd_itself_reads_all_of_them(tmp_path: Path) -> None:
    for text in units(replace(WANTED, page_alone=True)).values():
        verify(tmp_path, text)


def test_it_is_written_enabled_started_and_removed(machine: Machine) -> None:
    made = units(replace(WANTED, page_alone=True))
    machine.systemd.install(made, start=True)
    folder = machine.root / "etc/systemd/system"
    assert {each.name: each.read_text() for each in folder.iterdir()} == made
    assert all(stat.S_IMODE(each.stat().st_mode) & 0o444 == 0o444 for each in folder.iterdir())
    names = ["lab-sender.service", "lab-sender-page.service"]
    assert machine.calls() == [["daemon-reload"], ["enable", "--now", *names]]
    machine.systemd.install(made, start=False)  # again, over our own
    assert machine.calls()[2:] == [["daemon-reload"], ["enable", *names]]
    assert machine.systemd.uninstall((*names, "lab-sender-other.service")) == tuple(names)
    assert machine.calls()[4:] == [["disable", "--now", *names], ["daemon-reload"]]
    assert list(folder.iterdir()) == []
    assert machine.systemd.uninstall(names) == ()


def test_what_others_wrote_is_not_touched(machine: Machine) -> None:
    path = machine.root / "etc/systemd/system/lab-sender.service"
    path.write_text("[Service]\nExecStart=/bin/mine\n")
    does: tuple[Callable[[], object], ...] = (
        lambda: machine.systemd.install(units(WANTED), start=True),
        lambda: machine.systemd.uninstall(("lab-sender.service",)),
    )
    for act in does:
        with pytest.raises(ServiceError) as failed:
            act()
        assert failed.value.code == "service.not-ours"
    assert path.read_text() == "[Service]\nExecStart=/bin/mine\n"
    assert machine.calls() == []


def test_the_service_of_another_configuration_stays(machine: Machine) -> None:
    """Else the agent of that one never starts again, and its results wait for ever."""
    machine.systemd.install(units(WANTED), start=True)
    others = (
        replace(WANTED, config=Path("/srv/b/config.yaml")),
        replace(WANTED, name="lab", page_alone=True),  # its page would be called as an agent is
    )
    path, calls = machine.root / "etc/systemd/system/lab-sender.service", machine.calls()
    path.with_name("lab-page.service").write_text(units(WANTED)["lab-sender.service"])
    before = {each.name: each.read_text() for each in path.parent.iterdir()}
    for other in others:
        with pytest.raises(ServiceError) as failed:
            machine.systemd.install(units(other), start=True)
        assert failed.value.code == "service.there"
    assert {each.name: each.read_text() for each in path.parent.iterdir()} == before
    assert machine.calls() == calls
    machine.systemd.install(units(replace(WANTED, program=("/opt/new/lab-sender",))), start=True)


def test_without_systemd_it_says_so(machine: Machine) -> None:
    (machine.root / "run/systemd/system").rmdir()
    with pytest.raises(ServiceError) as failed:
        machine.systemd.install(units(WANTED), start=True)
    assert failed.value.code == "service.no-manager"
    assert "systemd does not manage this machine" in failed.value.text
    assert list((machine.root / "etc/systemd/system").iterdir()) == []
    (machine.root / "run/systemd/system").mkdir()
    with pytest.raises(ServiceError, match=r"service\.no-manager: there is no systemctl"):
        Systemd(machine.root, systemctl=("/nowhere/systemctl",)).show("lab-sender.service")


def test_what_systemctl_says_is_shown_and_cannot_act_on_a_terminal(machine: Machine) -> None:
    machine.answers(enable={"exit": 1, "err": "Access denied\n"})
    with pytest.raises(ServiceError) as failed:
        machine.systemd.install(units(WANTED), start=True)
    assert (failed.value.code, "Access denied" in failed.value.text) == ("service.manager", True)


def test_what_is_lacking_is_all_named_with_what_to_type(machine: Machine) -> None:
    assert machine.systemd.lacks(WANTED) == []
    lacks = machine.systemd.lacks(
        replace(WANTED, account="other", group="none", outboxes=(Path("/srv/a b"),), journal=Path("/data/j"))
    )
    assert [line for _, line in lacks] == [
        "sudo groupadd --system none",
        "sudo useradd --system --gid none --no-create-home --shell /usr/sbin/nologin other",
        "sudo install -d -o other -g none -m 2770 '/srv/a b'",
        "sudo install -d -o other -g none -m 2770 /data/j",
    ]


def test_what_another_system_lacks_is_made_in_it_and_not_here(machine: Machine) -> None:
    lacks = Systemd(machine.root, offline=True).lacks(replace(WANTED, account="other", group="none"))
    assert [line.split(" -")[0] for _, line in lacks] == [
        f"sudo chroot {machine.root} groupadd", f"sudo chroot {machine.root} useradd",
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemctl is not installed")
def test_in_an_image_the_real_systemctl_enables_it_and_nothing_is_started(tmp_path: Path) -> None:
    offline = Systemd(tmp_path, offline=True)
    offline.install(units(WANTED), start=True)
    link = tmp_path / "etc/systemd/system/multi-user.target.wants/lab-sender.service"
    assert os.readlink(link).endswith("/etc/systemd/system/lab-sender.service")
    assert offline.uninstall(("lab-sender.service",)) == ("lab-sender.service",)
    assert not os.path.lexists(link)
