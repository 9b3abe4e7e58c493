"""`service` on Windows.

Holds: the account, command line and rights of the service, its installation, removal and state.
Promises: rights are added and none is taken: the account may change the folders that the configuration names. What
cannot be given here, on a share or by an old Windows, is named for a person to do.
Never: has a password anywhere but in the call that hands it to Windows.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from lab_sender import files
from lab_sender.errors import LabSenderError
from lab_sender.operations.installation import Installation
from lab_sender.operations.service import (
    ServiceAct,
    ServiceState,
    ServiceStatus,
    act,
    not_installed,
    stop_within_s,
    with_secrets,
    written,
)
from lab_sender.service import scm
from lab_sender.service.error import ServiceError
from lab_sender.service.host import SPECIFIC_ERROR, State

if TYPE_CHECKING:
    from lab_sender.config.load import Config

_RESTART_AFTER_S: Final = (10, 60, 300)
"""Waits before the first, the second, and each later start."""
_FORGIVEN_AFTER_S: Final = 86_400
_START_WITHIN_S: Final = 90.0
_DISPLAY: Final = "laboratory results to the HIS"
_ABOUT: Final = "Takes result files from a folder and delivers them to the hospital's HIS (HL7 v2 over MLLP)."
_SYSTEM: Final = "LocalSystem"
_BUILT_IN: Final = {
    "localsystem": _SYSTEM,
    "system": _SYSTEM,
    "localservice": "NT AUTHORITY\\LocalService",
    "networkservice": "NT AUTHORITY\\NetworkService",
}
_WITHOUT_PASSWORD: Final = ("nt service\\", "nt authority\\")
_STATES: Final[dict[State, ServiceState]] = {
    State.STOPPED: "stopped", State.STARTING: "starting", State.STOPPING: "stopping", State.RUNNING: "running",
}  # fmt: skip
_REASONS: Final = {
    5: ("service.no-right", "this account may not change services.", "Type it in an administrator's shell."),
    1057: ("service.account", "there is no such account, or its password is wrong.", "Name it as DOMAIN\\name."),
    1069: (
        "service.account", "the account may not log on as a service, or its password is wrong.",
        "Give it the right `Log on as a service`: secpol.msc, Local Policies, User Rights Assignment. Then"
        " `sc start` the service.",
    ),
    1072: ("service.manager", "the old service is being removed still.", "Close services.msc, then try again."),
    **dict.fromkeys(
        scm.TAKES_NO_STOP,
        ("service.busy", "the service is starting or stopping just now.", "Try again in a minute."),
    ),
    1073: ("service.there", "there is a service of this name.", "`lab-sender service uninstall` first."),
}  # fmt: skip


def account_of(given: str, name: str) -> str:
    """Return an account as Windows writes it; "" is the service's own, which has no password and no other rights."""
    if not given:
        return f"NT SERVICE\\{name}"
    if given.lower() in _BUILT_IN:
        return _BUILT_IN[given.lower()]
    return given if "\\" in given or "@" in given else f".\\{given}"


def needs_password(account: str) -> bool:
    """Say whether Windows wants a password for an account; a managed one (`DOMAIN\\name$`) has none to give."""
    return not (account == _SYSTEM or account.lower().startswith(_WITHOUT_PASSWORD) or account.endswith("$"))


def command_line(name: str, config: Path, executable: str) -> str:
    """Return what Windows starts; no module is looked for in the current folder."""
    start = [executable, "-P", "-m", "lab_sender", "--config", os.path.abspath(config), "service", "run"]
    return subprocess.list2cmdline([*start, "--name", name])


def grant_line(account: str, folder: Path, right: Literal["M", "RX"] = "M") -> list[str]:
    """Return the command that lets an account change what is in a folder, now and later, or only read it."""
    return ["icacls", str(folder), "/grant", f"{account}:(OI)(CI){right}"]


def shown(installation: Installation, *, name: str, account: str) -> ServiceAct:
    """Return what `install` would make, with the commands that give the account its folders. Raises ConfigError."""
    config = with_secrets(installation).config_to_run
    command = command_line(name, installation.path, _python()[0])
    account = account_of(account, name)
    lines = [subprocess.list2cmdline(grant_line(account, folder, right)) for folder, right in _folders(config)]
    to_do = lines if account != _SYSTEM else []
    return act("nothing", name, files={name: f"{command}\naccount: {account}"}, to_do=to_do)


def install(
    installation: Installation, manager: scm.Manager, *, name: str, account: str, password: str | None, start: bool
) -> ServiceAct:
    """Make the service, give its account the folders, and start it. Raises ServiceError, ConfigError."""
    config = with_secrets(installation).config_to_run
    if config.log.file is None:
        text = "a service of Windows has no standard error, and the configuration names no log file."
        hint = "Write `log:` and below it `  file: C:\\ProgramData\\lab-sender\\log\\agent.log` into it."
        raise ServiceError("service.no-log", text, hint=hint)
    account = account_of(account, name)
    executable, environment = _python()
    with _told(name):
        manager.create(
            name, display=f"{name}: {_DISPLAY}", command=command_line(name, installation.path, executable),
            account=None if account == _SYSTEM else account, password=password,
        )  # fmt: skip
    try:
        with _told(name):
            not_set = manager.configure(
                name, description=_ABOUT, restart_after_s=_RESTART_AFTER_S, reset_s=_FORGIVEN_AFTER_S,
                stop_within_ms=stop_within_s(config) * 1000,
            )  # fmt: skip
            if environment:
                manager.give_environment(name, environment)
            manager.register(name)
    except BaseException:
        with contextlib.suppress(OSError):
            manager.delete(name)
        raise
    granted, to_do = _grant(config, account)
    state = None
    if start:
        with _told(name):
            state = _STATES[manager.start(name, _START_WITHIN_S)]
    return act("installed", name, state=state, granted=granted, not_set=not_set, to_do=to_do)


def uninstall(
    installation: Installation, manager: scm.Manager, *, name: str, waits: Callable[[str], None] = lambda _: None
) -> ServiceAct:
    """Stop the service in good order, and remove it. Rights on folders stay.

    One that is starting takes no stop: it is waited for, which `waits` is told. Raises ServiceError.
    """
    with _told(name):
        found = manager.installed(name)
        if found is not None and found.state is State.STARTING:
            waits(f"The service is starting and takes no stop: this waits for it, {_START_WITHIN_S:.0f} s at most.")
            if manager.come_up(name, _START_WITHIN_S) is State.STARTING:
                text = f"the service still starts after {_START_WITHIN_S:.0f} s and takes no stop. Nothing was done."
                raise ServiceError("service.busy", text, hint="Its log says what it waits for. Then try again.")
        manager.stop(name, _longest_stop_s(installation))
        manager.delete(name)
        manager.forget(name)
    return act("uninstalled", name)


def status(manager: scm.Manager, *, name: str) -> ServiceStatus:
    """Ask Windows. Raises ServiceError."""
    with _told(name):
        found = manager.installed(name)
    if found is None:
        return ServiceStatus(
            name=name, manager="windows", installed=False, state="stopped", at_boot=False, account=None, pid=None,
            exit_code=None, runs_from=None,
        )  # fmt: skip
    ended = None
    if found.state is State.STOPPED and found.error not in (0, scm.NEVER_STARTED):
        ended = found.specific if found.error == SPECIFIC_ERROR else -1
    return ServiceStatus(
        name=name,
        manager="windows",
        installed=True,
        state=_STATES[found.state],
        at_boot=found.start == scm.AUTO_START,
        account=found.account or None,
        pid=found.pid or None,
        exit_code=ended,
        runs_from=found.command or None,
    )


def _python() -> tuple[str, dict[str, str]]:
    """Return the interpreter itself, and how it finds its virtual environment: Windows must see our own process."""
    base = getattr(sys, "_base_executable", sys.executable)
    if os.path.normcase(base) == os.path.normcase(sys.executable):
        return sys.executable, {}
    return base, {"__PYVENV_LAUNCHER__": sys.executable}


def _grant(config: Config, account: str) -> tuple[list[str], list[str]]:
    """Let the account write the folders; returns which it may now, and what a person has to do."""
    granted: list[str] = []
    to_do: list[str] = []
    if account == _SYSTEM:
        return granted, to_do
    for folder, right in _folders(config):
        line = grant_line(account, folder, right)
        if _on_share(folder):
            what = "change" if right == "M" else "read"
            to_do.append(f"On the server of {folder}: let {_seen_from_outside(account)} {what} what is in it.")
        elif folder != folder.parent and _may_be_made(folder) and _runs(line):  # a whole disk is for a person to give
            granted.append(str(folder))
        else:
            to_do.append(subprocess.list2cmdline(line))
    return granted, to_do


def _folders(config: Config) -> list[tuple[Path, Literal["M", "RX"]]]:
    """Return the folders of the agent with the right that it needs; what lies in one of them has that right too.

    But for those of ours in an outbox: they inherit nothing, unless on a share, and have the rights of who made them.
    """
    changes = [each.folders.outbox for each in config.outboxes]
    for each in (*written(config), config.folders.journal):
        if not any(each.is_relative_to(other) for other in changes):
            changes.append(each)
    for of in (each.folders for each in config.outboxes if not _on_share(each.folders.outbox)):
        ours = (of.work, *(each for each in (of.sent, of.quarantine) if files.exists(each)))
        changes += [each for each in ours if each not in changes]
    home = Path(os.path.abspath(config.path)).parent
    reads = [] if any(home.is_relative_to(each) for each in changes) else [home]
    return [*((each, "RX") for each in reads), *((each, "M") for each in changes)]


def _on_share(folder: Path) -> bool:
    return str(folder).startswith("\\\\")


def _seen_from_outside(account: str) -> str:
    """Name an account as another machine knows it: one that is of this machine only comes as the machine."""
    return "this machine's account (DOMAIN\\MACHINE$)" if account.lower().startswith(_WITHOUT_PASSWORD) else account


def _may_be_made(folder: Path) -> bool:
    try:
        files.make_folder(folder)
    except OSError:
        return False
    return True


def _runs(line: list[str]) -> bool:
    program = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", f"{line[0]}.exe")
    try:
        done = subprocess.run(
            [program, *line[1:]], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _longest_stop_s(installation: Installation) -> float:
    try:
        return stop_within_s(installation.config)
    except LabSenderError:  # a service can be removed with a broken configuration
        return 120.0


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Make Windows' errors those of the command."""
    try:
        yield
    except OSError as error:
        number = getattr(error, "winerror", None) or 0
        if number == scm.NO_SUCH_SERVICE:
            raise not_installed(name) from None
        if number in _REASONS:
            code, text, hint = _REASONS[number]
            raise ServiceError(code, text, hint=hint) from None
        text = f"Windows' service manager says no: error {number}."
        raise ServiceError("service.manager", text, hint=f"`net helpmsg {number}` has it in words.") from None
