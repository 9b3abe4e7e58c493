"""systemd: it is given units, and asked how they are.

Holds: `Systemd`, which writes, enables, removes and asks.
Promises: a unit file that we did not write is neither overwritten nor removed. Below a `root` that is another
system's (an image, a package) nothing is started.
Never: makes an account or a folder.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lab_sender import files
from lab_sender.service.error import ServiceError
from lab_sender.service.units import MARK, Wanted, configuration_of, writable

_UNITS: Final = "etc/systemd/system"
_RUNNING: Final = "run/systemd/system"
"""What is there where systemd is the machine's manager."""
_LONGEST_S: Final = 300.0
_SHOWN: Final = ("LoadState", "ActiveState", "UnitFileState", "MainPID", "ExecMainStatus", "User", "FragmentPath")


class Systemd:
    """The systemd of a machine; `root` is where its file system lies."""

    def __init__(
        self, root: Path = Path("/"), *, offline: bool = False, systemctl: Sequence[str] = ("systemctl",)
    ) -> None:
        """`offline`: the system below `root` is not the one that runs; nothing is started in it."""
        self._root = root
        self._offline = offline
        self._systemctl = systemctl

    def path_of(self, unit: str) -> Path:
        """Return where a unit's file is, or would be."""
        return self._root / _UNITS / unit

    def lacks(self, wanted: Wanted) -> list[tuple[str, str]]:
        """Return what systemd will not start the agent without: each lack in words, and what to type."""
        lacks = []
        sudo = f"sudo chroot {shlex.quote(str(self._root))}" if self._offline else "sudo"
        if not self._knows("group", wanted.group):
            lacks.append((f"there is no group {wanted.group}", f"{sudo} groupadd --system {wanted.group}"))
        if not self._knows("passwd", wanted.account):
            how = f"--system --gid {wanted.group} --no-create-home --shell /usr/sbin/nologin {wanted.account}"
            lacks.append((f"there is no account {wanted.account}", f"{sudo} useradd {how}"))
        for folder in writable(wanted):
            if not self._below(folder).is_dir():
                how = f"{sudo} install -d -o {wanted.account} -g {wanted.group} -m 2770 {shlex.quote(str(folder))}"
                lacks.append((f"there is no folder {folder}", how))
        return lacks

    def want_free(self, made: Mapping[str, str]) -> None:
        """Raise ServiceError where a unit cannot be written: it is another hand's, or another configuration's."""
        self._want_systemd()
        for unit, text in made.items():
            self._want_ours(unit)
            self._want_same(unit, text)

    def install(self, made: Mapping[str, str], *, start: bool) -> None:
        """Write units, enable them, and start them. Raises ServiceError; what was written before stays."""
        self.want_free(made)
        for unit, text in made.items():
            path = self.path_of(unit)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                files.write_new(path, text.encode(), shared=True)
            except PermissionError:
                raise _no_right(f"this account may not write {path}.") from None
        files.sync_folder(self.path_of("").parent)
        if not self._offline:
            self._call("daemon-reload")
        self._call("enable", *(["--now"] if start and not self._offline else []), *made)

    def ours(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return those units that are there and that we wrote."""
        return tuple(each for each in names if MARK in (self._text(each) or ""))

    def running_otherwise(self, made: Mapping[str, str]) -> tuple[str, ...]:
        """Return the units that run now by another text than this: systemd starts them anew when it is told to."""
        if self._offline:
            return ()
        changed = [unit for unit, text in made.items() if self._text(unit) not in (None, text)]
        return tuple(each for each in changed if self.show(each).get("ActiveState") == "active")

    def _text(self, unit: str) -> str | None:
        try:
            return self.path_of(unit).read_text("utf-8", "replace")
        except FileNotFoundError:
            return None

    def uninstall(self, names: Sequence[str]) -> tuple[str, ...]:
        """Stop, disable and remove those units that are there; returns which. Raises ServiceError."""
        self._want_systemd()
        there = [each for each in names if self.path_of(each).exists()]
        for unit in there:
            self._want_ours(unit)
        if not there:
            return ()
        self._call("disable", *([] if self._offline else ["--now"]), *there)
        for unit in there:
            try:
                files.remove(self.path_of(unit))
            except PermissionError:
                raise _no_right(f"this account may not remove {self.path_of(unit)}.") from None
        if not self._offline:
            self._call("daemon-reload")
        return tuple(there)

    def show(self, unit: str) -> dict[str, str]:
        """Return what systemd knows of a unit, by its own names. Raises ServiceError."""
        self._want_systemd()
        lines = self._call("show", unit, f"--property={','.join(_SHOWN)}").splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    def _want_systemd(self) -> None:
        if self._offline or (self._root / _RUNNING).is_dir():
            return
        raise ServiceError(
            "service.no-manager",
            "systemd does not manage this machine (or this container), so there is nobody to keep a service up.",
            hint="Have your own supervisor start `lab-sender run`; `lab-sender service install --dry-run` prints the"
            " units, as an example of what it must do.",
        )

    def _want_ours(self, unit: str) -> None:
        path = self.path_of(unit)
        text = self._text(unit)
        if text is not None and MARK not in text:
            raise ServiceError(
                "service.not-ours",
                f"{path} is there, and was not written by this command.",
                hint=f"Move it away, or name another service with --name. Changes of your own go into"
                f" {path}.d/local.conf.",
            )

    def _want_same(self, unit: str, text: str) -> None:
        """The results of another configuration would wait for ever, from the next start of the machine on."""
        before = self._text(unit)
        if before is not None and configuration_of(before) != configuration_of(text):
            hint = "Give this one a name of its own, --name lab-sender-lims for example. Has the configuration moved?"
            raise ServiceError(
                "service.there", f"{unit} is the service of another configuration.",
                hint=f"{hint} Then `lab-sender service uninstall` first.",
            )  # fmt: skip

    def _call(self, *arguments: str) -> str:
        root = [f"--root={self._root}"] if self._offline else []
        command = [*self._systemctl, *root, "--no-pager", *arguments]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                timeout=_LONGEST_S, check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise ServiceError(
                "service.no-manager", "there is no systemctl here.", hint="systemd's package is not installed."
            ) from None
        except subprocess.TimeoutExpired:
            text = f"systemctl {arguments[0]} has not come back within {_LONGEST_S:.0f} s."
            raise ServiceError("service.manager", text, hint="`systemctl status` says what it waits for.") from None
        if done.returncode:
            said = " ".join(done.stderr.split())[:400]
            raise ServiceError(
                "service.manager", f"systemctl {arguments[0]} has failed: {said or done.returncode}",
                hint="`journalctl -xe` says more. Was this typed with sudo?",
            )  # fmt: skip
        return done.stdout

    def _below(self, path: Path) -> Path:
        return self._root / path.relative_to(path.anchor)

    def _knows(self, table: str, name: str) -> bool:
        """Say whether there is an account or a group; of another system by its files."""
        if sys.platform != "win32" and self._root == Path("/"):
            import grp
            import pwd

            try:
                pwd.getpwnam(name) if table == "passwd" else grp.getgrnam(name)
            except KeyError:
                return False
            return True
        try:
            lines = (self._root / "etc" / table).read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return False
        return any(line.partition(":")[0] == name for line in lines)


def _no_right(text: str) -> ServiceError:
    return ServiceError("service.no-right", text, hint="Type it with sudo.")
