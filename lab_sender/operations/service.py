"""`service`: lab-sender as a service of the machine.

Holds: what a service needs of a configuration, and its installation, removal and state as values.
Promises: a service is not made of a configuration with mistakes. What could not be set, and what a person has to do
yet, is named. An installation that fails leaves no half service.
Never: shows a password or a secret.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from lab_sender.operations.installation import Installation
from lab_sender.operations.values import FORMAT, Value, about
from lab_sender.service import environment
from lab_sender.service.error import ServiceError

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.service.systemd import Systemd
    from lab_sender.service.units import Wanted

NAME: Final = "lab-sender"
"""How the service is called, unless it has a name of its own."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")
_STOP_AT_LEAST_S: Final = 100
_STOP_SPARE_S: Final = 10

ServiceState = Literal["running", "starting", "stopping", "stopped"]


class ServiceStatus(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/service/1"):
    """The service's state, as its manager has it."""

    name: Annotated[str, about("The service's name.")]
    manager: Annotated[Literal["systemd", "windows"], about("Who keeps it up.")]
    installed: Annotated[bool, about("There is a service of this name.")]
    state: Annotated[ServiceState, about("What it does.")]
    at_boot: Annotated[bool, about("It starts with the machine.")]
    account: Annotated[str | None, about("The account that it runs in.")]
    pid: Annotated[int | None, about("Its process.")]
    exit_code: Annotated[
        int | None, about("How its last run has ended, if not in good order: an exit code of `run`; -1: by itself.")
    ]
    runs_from: Annotated[str | None, about("The file of its unit; on Windows its command line.")]

    @property
    def is_running(self) -> bool:
        """Say whether it runs."""
        return self.state == "running"


class ServiceAct(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/service-act/1"):
    """What was done to the service."""

    done: Annotated[Literal["installed", "uninstalled", "nothing"], about("What was done; nothing: only shown.")]
    name: Annotated[str, about("The service's name.")]
    state: Annotated[ServiceState | None, about("What it does now; null: not known, or there is none.")]
    files: Annotated[dict[str, str], about("Unit files that were written or are shown, with their texts.")]
    removed: Annotated[tuple[str, ...], about("Unit files that were removed.")]
    granted: Annotated[tuple[str, ...], about("Folders in which the service's account has its rights now.")]
    not_set: Annotated[tuple[str, ...], about("What this system does not have of what a service should be given.")]
    to_do: Annotated[tuple[str, ...], about("What a person has to type or do yet.")]


def checked_name(name: str) -> str:
    """Return the name of a service. Raises ServiceError `service.name`."""
    if _NAME.fullmatch(name) and not name.endswith("-page"):
        return name
    text = "a service's name has letters, digits, - and _ only, at most 61, and no -page at its end."
    raise ServiceError("service.name", text, hint=f"For example {NAME}-lims.")


def with_secrets(installation: Installation) -> Installation:
    """Put the secrets beside the configuration into the environment, as the service will have them.

    Raises ConfigurationError `service.environment`.
    """
    os.environ.update(environment.read(installation.path.parent / environment.NAME))
    return installation


def install_systemd(
    installation: Installation, manager: Systemd, *, name: str, account: str, group: str, start: bool, dry: bool
) -> ServiceAct:
    """Write, enable and start the units; `dry`: only show them. Raises ServiceError, ConfigError.

    A unit of the page that the configuration wants no more goes. What runs by a unit that was another is named.
    """
    from lab_sender.service.units import units

    wanted = wanted_of(with_secrets(installation).config_to_run, name=name, account=account, group=group)
    made = units(wanted)
    lacks = manager.lacks(wanted)
    shown = {str(manager.path_of(unit)): text for unit, text in made.items()}
    to_do = tuple(line for _, line in lacks)
    if dry:
        return act("nothing", name, files=shown, to_do=to_do)
    if lacks:
        text = f"the service would not start: {'; '.join(what for what, _ in lacks)}. Nothing was installed."
        hint = "\n      ".join(["Type this, or name others with --account and --group:", *to_do])
        raise ServiceError("service.not-ready", text, hint=hint)
    manager.want_free(made)
    gone = () if wanted.page_alone else manager.uninstall(manager.ours((f"{name}-page.service",)))
    behind = manager.running_otherwise(made)
    manager.install(made, start=start)
    return act(
        "installed", name, files=shown, removed=[str(manager.path_of(each)) for each in gone],
        state="running" if start else None, to_do=[f"sudo systemctl restart {each}" for each in behind],
    )  # fmt: skip


def uninstall_systemd(manager: Systemd, *, name: str) -> ServiceAct:
    """Stop the service, and take its units away. Raises ServiceError."""
    removed = manager.uninstall((f"{name}-page.service", f"{name}.service"))
    if not removed:
        raise not_installed(name)
    return act("uninstalled", name, removed=tuple(str(manager.path_of(each)) for each in removed))


def status_of_systemd(manager: Systemd, *, name: str) -> ServiceStatus:
    """Ask systemd. Raises ServiceError."""
    said = manager.show(f"{name}.service")
    active = said.get("ActiveState", "")
    states: dict[str, ServiceState] = {
        "active": "running", "reloading": "running", "activating": "starting", "deactivating": "stopping",
    }  # fmt: skip
    pid, ended = said.get("MainPID", "0"), said.get("ExecMainStatus", "0")
    return ServiceStatus(
        name=name,
        manager="systemd",
        installed=said.get("LoadState") == "loaded",
        state=states.get(active, "stopped"),
        at_boot=said.get("UnitFileState", "").startswith("enabled"),
        account=said.get("User") or None,
        pid=int(pid) if pid.isdigit() and pid != "0" else None,
        exit_code=int(ended) if ended.isdigit() and ended != "0" else None,
        runs_from=said.get("FragmentPath") or None,
    )


def wanted_of(config: Config, *, name: str, account: str, group: str) -> Wanted:
    """Return what units are made for, of a configuration."""
    from lab_sender.service.units import Wanted

    return Wanted(
        name=name,
        program=_program(),
        config=Path(os.path.abspath(config.path)),
        account=account,
        group=group,
        outboxes=tuple(each.folders.outbox for each in config.outboxes),
        writes=written(config),
        journal=config.folders.journal,
        stop_within_s=stop_within_s(config),
        page_alone=config.web.start == "alone",
    )


def _program() -> tuple[str, ...]:
    script = Path(sys.executable).with_name("lab-sender")
    return (str(script),) if script.exists() else (sys.executable, "-P", "-m", "lab_sender")


def written(config: Config) -> tuple[Path, ...]:
    """Return the folders that the agent writes, but for the journal's and what lies in an outbox."""
    of_each = [each.folders for each in config.outboxes]
    folders = [path for each in of_each for path in (each.sent, each.quarantine, each.work)]
    if config.log.file is not None:
        folders.append(config.log.file.parent)
    if config.retention is not None and config.retention.archive is not None:
        folders.append(config.retention.archive)
    outboxes = [each.outbox for each in of_each]
    return tuple([each for each in dict.fromkeys(folders) if not any(each.is_relative_to(one) for one in outboxes)])


def stop_within_s(config: Config) -> int:
    """Return how long an orderly stop may take: an answer that is being waited for, and some."""
    waits_s = [each.his.ack_timeout_s + each.his.application_ack_timeout_s for each in config.destinations.values()]
    return max(_STOP_AT_LEAST_S, int(max(waits_s)) + _STOP_SPARE_S)


def act(
    done: Literal["installed", "uninstalled", "nothing"],
    name: str,
    *,
    state: ServiceState | None = None,
    files: dict[str, str] | None = None,
    removed: Iterable[str] = (),
    granted: Iterable[str] = (),
    not_set: Iterable[str] = (),
    to_do: Iterable[str] = (),
) -> ServiceAct:
    """Make the answer of an act; what is not named is nothing."""
    return ServiceAct(
        done=done, name=name, state=state, files=files or {}, removed=tuple(removed), granted=tuple(granted),
        not_set=tuple(not_set), to_do=tuple(to_do),
    )  # fmt: skip


def not_installed(name: str) -> ServiceError:
    """Make the error of a service that is not there."""
    hint = "`lab-sender service install` makes it; --name names another."
    return ServiceError("service.not-installed", f"there is no service {name}.", hint=hint)
