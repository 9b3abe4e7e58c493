"""The texts of systemd's units for an installation.

Holds: `Wanted`, what they are made for; `units`, their texts, and whose one is; which folders must be there.
Promises: a unit lets the agent write where the configuration names folders, and nowhere else. Whatever a path is
called, systemd reads the same.
Never: reads or writes a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct

from lab_sender.service import environment
from lab_sender.service.error import ServiceError

MARK: Final = "written by `lab-sender service install`"
_STATE: Final = PurePosixPath("/var/lib")
_LOGS: Final = PurePosixPath("/var/log")
_HOMES: Final = ("/home", "/root", "/run/user")
_TEMPORARY: Final = ("/tmp", "/var/tmp")
_FOR: Final = re.compile(r"^ExecStart=.* --config (.+ (?:run|web))$", re.MULTILINE)
_NOT_IN_A_PROGRAM: Final = frozenset("'\"\\")


class Wanted(Struct, frozen=True):
    """What units are made for. `writes` are the folders that the agent writes, but for outboxes and journal."""

    name: str
    program: tuple[str, ...]
    config: Path
    account: str
    group: str
    outboxes: tuple[Path, ...]
    writes: tuple[Path, ...]
    journal: Path
    stop_within_s: int
    page_alone: bool


def units(wanted: Wanted) -> dict[str, str]:
    """Return the text of each unit by its file's name: the agent's, and the page's where it has a service of its own.

    Raises ServiceError `service.path` for a path that no unit can name.
    """
    made = {f"{wanted.name}.service": _agent(wanted)}
    if wanted.page_alone:
        made[f"{wanted.name}-page.service"] = _page(wanted)
    return made


def configuration_of(text: str) -> str:
    """Return the configuration that a unit of ours is for, as it is written there."""
    found = _FOR.search(text)
    return found[1] if found else ""


def _agent(wanted: Wanted) -> str:
    run = [*wanted.program, "--config", str(wanted.config), "run"]
    reload = [*run[:-1], "reload"]
    state, logs = _of_systemd(wanted)
    lines = [
        f"# systemd unit of lab-sender, {MARK}.",
        "# How it is installed and kept: docs/SERVICE.md. Changes of your own: systemctl edit " + wanted.name,
        "[Unit]",
        "Description=lab-sender: laboratory results to the HIS",
        "Wants=network-online.target",
        "After=network-online.target",
        f"RequiresMountsFor={_paths(wanted.outboxes)}",
        "",
        "[Service]",
        "Type=notify",
        "# systemd starts the agent anew where a lane does nothing for this long; a HIS or a share that is away is no"
        " such thing.",
        "WatchdogSec=60",
        *_account(wanted),
        f"ExecStart={_words(run)}",
        "# Brings a changed configuration in force, or fails and says why; the agent goes on either way.",
        f"ExecReload={_words(reload)}",
        *_secrets(wanted),
        "",
        "# SIGTERM finishes the exchange in flight: his.ack_timeout, and after a CA his.application_ack_timeout. Then"
        " SIGKILL;",
        "# what was in flight is sent again at the next start, with the same bytes and control id.",
        f"TimeoutStopSec={wanted.stop_within_s}",
        "",
        "# Exit code 78 is a configuration that somebody has to correct: starting again does not help.",
        "Restart=on-failure",
        "RestartSec=10",
        "RestartPreventExitStatus=78",
        "",
        "# What it may touch: the outboxes with all that lies in them, and the other folders of the configuration.",
        "ProtectSystem=strict",
        f"ReadWritePaths={_paths(writable(wanted))}",
        *([f"StateDirectory={state}", "StateDirectoryMode=0700"] if state else []),
        *([f"LogsDirectory={logs}", "LogsDirectoryMode=0750"] if logs else []),
        *_confined(wanted),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def _page(wanted: Wanted) -> str:
    lines = [
        f"# systemd unit of lab-sender's page (web.start: alone), {MARK}.",
        "[Unit]",
        "Description=lab-sender: its page, API and alerts",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        *_account(wanted),
        f"ExecStart={_words([*wanted.program, '--config', str(wanted.config), 'web'])}",
        *_secrets(wanted),
        "Restart=always",
        "RestartSec=5",
        "RestartPreventExitStatus=78",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def _account(wanted: Wanted) -> list[str]:
    return [f"User={wanted.account}", f"Group={wanted.group}", "UMask=0007"]


def _secrets(wanted: Wanted) -> list[str]:
    path = _printable(str(wanted.config.parent / environment.NAME)).replace("%", "%%")
    return [
        "# Secrets that the configuration names as ${NAME}; the file is for root only.",
        f"EnvironmentFile=-{path}",
    ]


def _confined(wanted: Wanted) -> list[str]:
    named = [*writable(wanted), wanted.journal, wanted.config, Path(wanted.program[0])]
    return [
        *([] if _any_in(named, _HOMES) else ["ProtectHome=true"]),
        *([] if _any_in(named, _TEMPORARY) else ["PrivateTmp=true"]),
        "PrivateDevices=true",
        "NoNewPrivileges=true",
        "CapabilityBoundingSet=",
        "ProtectKernelTunables=true",
        "ProtectKernelModules=true",
        "ProtectControlGroups=true",
        "ProtectClock=true",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "RestrictNamespaces=true",
        "RestrictSUIDSGID=true",
        "LockPersonality=true",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "LimitCORE=0",
    ]


def _of_systemd(wanted: Wanted) -> tuple[str, str]:
    """Return the names of the folders that systemd makes itself: the state in /var/lib, the log in /var/log."""
    journal = PurePosixPath(wanted.journal)
    logs = [each.name for each in map(PurePosixPath, wanted.writes) if each.parent == _LOGS]
    return _plain(journal.name if journal.parent == _STATE else ""), _plain("".join(logs[:1]))


def _plain(name: str) -> str:
    return "" if set(name) & set(' %"\'\\:;') else name


def writable(wanted: Wanted) -> tuple[Path, ...]:
    """Return the folders that must be there and be writable, but for those of systemd; none lies in another."""
    state, logs = _of_systemd(wanted)
    own = {Path(_STATE / state)} if state else set()
    own |= {Path(_LOGS / logs)} if logs else set()
    kept: list[Path] = []
    for folder in (*wanted.outboxes, *wanted.writes, wanted.journal):
        if folder not in own and not any(folder == each or each in folder.parents for each in kept):
            kept = [each for each in kept if folder not in each.parents] + [folder]
    return tuple(kept)


def _any_in(paths: Sequence[Path], folders: Sequence[str]) -> bool:
    return any(path.is_relative_to(folder) for path in paths for folder in folders)


def _paths(paths: Sequence[Path]) -> str:
    return " ".join(_word(str(each)) for each in paths)


def _words(words: Sequence[str]) -> str:
    """Write a command: systemd replaces variables in its words, but not in the program's path."""
    program, *more = words
    if set(program) & _NOT_IN_A_PROGRAM:
        raise ServiceError(
            "service.path", "systemd starts no program whose path has a quotation mark or a backslash.",
            hint="Install lab-sender in another folder, /opt/lab-sender for example.",
        )  # fmt: skip
    return " ".join([_word(program), *(_word(each).replace("$", "$$") for each in more)])


def _word(word: str) -> str:
    """Write a word so that systemd reads the same."""
    word = _printable(word).replace("%", "%%")
    if not set(word) & set(" '\"\\;"):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _printable(word: str) -> str:
    if word.isprintable():
        return word
    raise ServiceError(
        "service.path", "a path of the configuration has a character that no unit can hold.",
        hint="Rename that folder.",
    )  # fmt: skip
