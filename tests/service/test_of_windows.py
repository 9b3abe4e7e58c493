"""`service` on Windows, with a stand-in for its manager: what is asked of it, and what becomes of its answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab_sender.config.load import ConfigError
from lab_sender.operations import service_of_windows as of_windows
from lab_sender.operations.installation import Installation
from lab_sender.service.error import ServiceError
from lab_sender.service.host import State
from lab_sender.service.scm import Installed


def windows_error(number: int) -> OSError:
    error = OSError(22, "refused")
    error.winerror = number  # type: ignore[attr-defined]
    return error


class Manager:
    """A service manager that has at most one service."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.there: Installed | None = None
        self.fails: dict[str, int] = {}
        self.lacks: tuple[str, ...] = ()
        self.comes_to = State.RUNNING

    def _ask(self, what: str, *names: str, **values: Any) -> None:
        self.asked.append((what, values))
        assert set(names) <= {"lab-sender"}
        if what in self.fails:
            raise windows_error(self.fails[what])

    def create(self, name: str, **values: Any) -> None:
        self._ask("create", name, **values)
        self.there = Installed(State.STOPPED, 0, 1077, 0, values["command"], values["account"] or "LocalSystem", 2)

    def configure(self, name: str, **values: Any) -> tuple[str, ...]:
        self._ask("configure", name, **values)
        return self.lacks

    def give_environment(self, name: str, values: dict[str, str]) -> None:
        self._ask("give_environment", name, **values)

    def register(self, source: str, /) -> None:
        self._ask("register", source)

    def forget(self, source: str, /) -> None:
        self._ask("forget", source)

    def installed(self, name: str) -> Installed | None:
        self._ask("installed", name)
        return self.there

    def start(self, name: str, within_s: float) -> State:
        self._ask("start", name, within_s=within_s)
        return State.RUNNING

    def come_up(self, name: str, within_s: float) -> State:
        self._ask("come_up", name, within_s=within_s)
        assert self.there is not None
        self.there = self.there._replace(state=self.comes_to)
        return self.comes_to

    def stop(self, name: str, within_s: float) -> State:
        self._ask("stop", name, within_s=within_s)
        if self.there is None:
            raise windows_error(1060)
        if self.there.state is State.STARTING:
            raise windows_error(1052)
        return State.STOPPED

    def delete(self, name: str) -> None:
        self._ask("delete", name)
        self.there = None


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setattr(sys, "_base_executable", sys.executable)
    path = tmp_path / "con fig.yaml"
    path.write_text(
        "outbox: outbox\nhis: {host: 127.0.0.1, port: 2575, ack_timeout: 2m}\nlog: {file: log/agent.log}\n"
        "folders: {journal: journal}\n",
        encoding="utf-8",
    )
    return Installation(path)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run."""
    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        ran.append([Path(command[0].replace("\\", "/")).name, *command[1:]])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(of_windows.subprocess, "run", run)
    return ran


def installed(installation: Installation, manager: Manager, **more: Any) -> Any:
    values: dict[str, Any] = {"name": "lab-sender", "account": "", "password": None, "start": True}
    return of_windows.install(installation, manager, **values | more)


def test_it_is_made_with_its_own_account_recovery_and_rights(
    installation: Installation, commands: list[list[str]], tmp_path: Path
) -> None:
    manager = Manager()
    manager.lacks = ("delayed start",)
    done = installed(installation, manager)
    asked = dict(manager.asked)
    assert [what for what, _ in manager.asked] == ["create", "configure", "register", "start"]
    assert asked["create"]["account"] == "NT SERVICE\\lab-sender"
    assert asked["create"]["password"] is None
    command = asked["create"]["command"]
    assert command.startswith(subprocess.list2cmdline([sys.executable]) + " -P -m lab_sender --config ")
    assert f'"{tmp_path / "con fig.yaml"}" service run --name lab-sender' in command
    assert asked["configure"]["restart_after_s"] == (10, 60, 300)
    assert asked["configure"]["stop_within_ms"] == 190_000  # 2m + 1m of answers, and some
    rights = {tmp_path: "RX"} | {tmp_path / each: "M" for each in ("outbox", "log", "journal", "outbox/.lab-sender")}
    granted = list(rights)
    assert commands == [
        ["icacls.exe", str(folder), "/grant", f"NT SERVICE\\lab-sender:(OI)(CI){right}"]
        for folder, right in rights.items()
    ]
    assert all(each.is_dir() for each in granted)
    assert (done.state, done.granted, done.to_do) == ("running", tuple(map(str, granted)), ())
    assert done.not_set == ("delayed start",)


def test_what_cannot_be_granted_is_to_be_done(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*_: Any, **__: Any) -> subprocess.CompletedProcess[bytes]:
        raise FileNotFoundError

    monkeypatch.setattr(of_windows.subprocess, "run", fails)
    done = installed(installation, Manager())
    assert done.granted == ()
    assert done.to_do[1] == f'icacls {tmp_path / "outbox"} /grant "NT SERVICE\\lab-sender:(OI)(CI)M"'


@pytest.mark.parametrize(
    ("given", "account", "asks"),
    [
        ("", "NT SERVICE\\x", False),
        ("LocalSystem", "LocalSystem", False),
        ("system", "LocalSystem", False),
        ("NetworkService", "NT AUTHORITY\\NetworkService", False),
        ("LAB\\sender$", "LAB\\sender$", False),
        ("LAB\\sender", "LAB\\sender", True),
        ("sender@lab.example", "sender@lab.example", True),
        ("sender", ".\\sender", True),
    ],
)
def test_accounts_and_who_has_a_password(given: str, account: str, asks: bool) -> None:
    assert of_windows.account_of(given, "x") == account
    assert of_windows.needs_password(account) is asks


def test_a_given_account_and_its_password_go_to_windows_and_nowhere_else(
    installation: Installation, commands: list[list[str]]
) -> None:
    manager = Manager()
    done = installed(installation, manager, account="LAB\\sender", password="geheim", start=False)
    assert manager.asked[0][1]["account"] == "LAB\\sender"
    assert manager.asked[0][1]["password"] == "geheim"
    assert "geheim" not in f"{done} {commands} {manager.asked[1:]} {manager.asked[0][1]['command']}"
    assert "start" not in dict(manager.asked)


def test_local_system_is_no_account_and_needs_no_rights(
    installation: Installation, commands: list[list[str]]
) -> None:
    manager = Manager()
    done = installed(installation, manager, account="LocalSystem")
    assert manager.asked[0][1]["account"] is None
    assert commands == []
    assert done.granted == done.to_do == ()


def test_without_a_log_file_or_with_a_mistake_nothing_is_made(installation: Installation) -> None:
    manager = Manager()
    text = installation.path.read_text("utf-8")
    installation.path.write_text(text.replace("log: {file: log/agent.log}\n", ""), encoding="utf-8")
    with pytest.raises(ServiceError, match=r"service\.no-log"):
        installed(installation.anew(), manager)
    installation.path.write_text("outbox: x\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        installed(installation.anew(), manager)
    assert manager.asked == []


@pytest.mark.usefixtures("commands")
def test_secrets_lie_beside_the_configuration(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAB_HIS", "")  # put back afterwards
    monkeypatch.delenv("LAB_HIS")
    text = installation.path.read_text("utf-8").replace("127.0.0.1", "'${LAB_HIS}'")
    installation.path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        installed(installation.anew(), Manager())
    (tmp_path / "environment").write_text("LAB_HIS=127.0.0.1\n")
    assert installed(installation.anew(), Manager()).done == "installed"


@pytest.mark.parametrize("where", ["configure", "register"])
def test_a_half_made_service_is_removed_again(installation: Installation, where: str) -> None:
    manager = Manager()
    manager.fails = {where: 5}
    with pytest.raises(ServiceError, match=r"service\.no-right"):
        installed(installation, manager)
    assert manager.there is None


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (5, "service.no-right"), (1073, "service.there"), (1057, "service.account"), (1072, "service.manager"),
        (1234, "service.manager"),
    ],
)  # fmt: skip
def test_what_windows_says_is_a_code_of_ours(installation: Installation, number: int, code: str) -> None:
    manager = Manager()
    manager.fails = {"create": number}
    with pytest.raises(ServiceError) as failed:
        installed(installation, manager)
    assert failed.value.code == code
    assert failed.value.hint


@pytest.mark.usefixtures("commands")
def test_a_virtual_environment_is_found_without_its_launcher(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its python.exe starts another process: Windows must see our own."""
    monkeypatch.setattr(sys, "executable", "/venv/Scripts/python.exe")
    monkeypatch.setattr(sys, "_base_executable", "/base/python.exe")
    manager = Manager()
    installed(installation, manager)
    assert manager.asked[0][1]["command"].startswith("/base/python.exe -P ")
    assert ("give_environment", {"__PYVENV_LAUNCHER__": "/venv/Scripts/python.exe"}) in manager.asked


@pytest.mark.usefixtures("commands")
def test_it_is_removed_also_with_a_broken_configuration(installation: Installation) -> None:
    manager = Manager()
    installed(installation, manager)
    installation.path.write_text("outbox: x\n", encoding="utf-8")
    assert of_windows.uninstall(installation.anew(), manager, name="lab-sender").done == "uninstalled"
    assert [what for what, _ in manager.asked[-3:]] == ["stop", "delete", "forget"]
    with pytest.raises(ServiceError, match=r"service\.not-installed"):
        of_windows.uninstall(installation.anew(), manager, name="lab-sender")


@pytest.mark.usefixtures("commands")
def test_one_that_starts_is_waited_for_and_then_removed(installation: Installation) -> None:
    """A service that starts takes no stop."""
    manager, told = Manager(), list[str]()
    installed(installation, manager)
    assert manager.there is not None
    manager.there = starting = manager.there._replace(state=State.STARTING)
    done = of_windows.uninstall(installation, manager, name="lab-sender", waits=told.append)
    assert (done.done, manager.there) == ("uninstalled", None)
    assert [what for what, _ in manager.asked[-4:]] == ["come_up", "stop", "delete", "forget"]
    assert len(told) == 1
    assert "is starting" in told[0]

    manager.there, manager.comes_to = starting, State.STARTING
    with pytest.raises(ServiceError, match=r"service\.busy"):
        of_windows.uninstall(installation, manager, name="lab-sender")
    assert manager.there is not None, "it stays as it is"
    manager.fails = {"come_up": 1061}
    with pytest.raises(ServiceError, match=r"service\.busy"):
        of_windows.uninstall(installation, manager, name="lab-sender")


@pytest.mark.usefixtures("commands")
def test_what_inherits_nothing_from_the_outbox_is_given_too(
    installation: Installation, commands: list[list[str]], tmp_path: Path
) -> None:
    """Whoever starts an agent first makes those folders, `send` too: the work folder is made for the service now."""
    (tmp_path / "outbox" / "sent").mkdir(parents=True)
    done = installed(installation, Manager())
    ours = [str(tmp_path / "outbox" / name) for name in (".lab-sender", "sent")]
    assert [folder for folder in done.granted if folder in ours] == ours
    assert [command[1] for command in commands if command[1] in ours] == ours


@pytest.mark.parametrize(
    ("state", "error", "specific", "shown"),
    [
        (State.RUNNING, 0, 0, ("running", None)),
        (State.STARTING, 0, 0, ("starting", None)),
        (State.STOPPED, 0, 0, ("stopped", None)),
        (State.STOPPED, 1066, 78, ("stopped", 78)),
        (State.STOPPED, 1067, 1067, ("stopped", -1)),
        (State.STOPPED, 1077, 0, ("stopped", None)),
    ],
)
def test_how_it_stands(state: State, error: int, specific: int, shown: tuple[str, int | None]) -> None:
    manager = Manager()
    assert of_windows.status(manager, name="lab-sender").installed is False
    manager.there = Installed(state, 0, error, specific, "python.exe", "NT SERVICE\\x", 2)
    found = of_windows.status(manager, name="lab-sender")
    assert (found.installed, found.at_boot, found.state, found.exit_code) == (True, True, *shown)


def test_a_whole_disk_is_given_by_nobody_but_a_person(
    installation: Installation, commands: list[list[str]]
) -> None:
    """Rights on `D:\\` would be handed down to all that is on it."""
    text = installation.path.read_text("utf-8").replace("journal: journal", "journal: /")
    installation.path.write_text(text, encoding="utf-8")
    done = installed(installation, Manager())
    assert not any(Path(command[1]) == Path(command[1]).parent for command in commands)
    assert any(line.startswith(f"icacls {Path('/').absolute()} ") for line in done.to_do)
