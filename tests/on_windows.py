"""On a real Windows PC, with the Python of the ZIP: what Wine cannot show. on_windows.ps1 starts it, and says more.

Holds: the experiments, each with a folder, a stand-in for the HIS and an agent of its own. Usage:
on_windows.py FOLDER [SHARE], where SHARE is a UNC folder that this account may write to.
Promises: a line for each experiment, `ok`, `FAIL` or `note`, in ASCII, without the names of people, machines and
folders; patients are made up. Works in new folders only, and ends with 1 after a FAIL.
Never: needs an administrator, or changes a setting.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from lab_sender import __version__, files
from lab_sender.mllp.standin.server import StandIn

sys.path.insert(0, str(Path(__file__).parent))  # the ZIP's Python does not look beside a script
from share import CREATE_NEW, SHARES, close, opened, write

assert sys.platform == "win32", "this is for Windows"
KERNEL = ctypes.WinDLL("kernel32")
PAUSE_S = 3.0
"""Longer than `intake.settle`."""
CONFIG = """\
outbox: '{outbox}'
his: {{host: 127.0.0.1, port: {port}, ack_timeout: 5s, retry: {{first_wait: 200ms, longest_wait: 1s}}}}
folders: {{journal: '{journal}'}}
intake: {{poll: 200ms}}
log: {{file: agent.log, format: json}}
web: {{listen: off}}
"""
failed = False


def tell(good: bool | None, what: str, found: str) -> None:
    """Print what an experiment found; `good` is None where there is no right or wrong."""
    global failed
    failed |= good is False
    word = "note" if good is None else "ok  " if good else "FAIL"
    print(f"{word} {what}: {found}".encode("ascii", "backslashreplace").decode(), flush=True)


def message(control_id: str) -> bytes:
    """Make a message about nobody."""
    return (
        f"MSH|^~\\&|LAB||HIS||20261122101500||ORU^R01^ORU_R01|{control_id}|P|2.5.1\rPID|1||TEST||TEST^TEST\r"
        f"OBR|1||{control_id}|2345-7^Glucose^LN\rOBX|1|NM|2345-7^Glucose^LN||5.4|mmol/L|||||F\r"
    ).encode()


def until(true: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so, but not for ever."""
    deadline = time.monotonic() + seconds
    while not (now := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


class Site:
    """A folder with a configuration, a HIS, and an agent that can be killed."""

    def __init__(self, folder: Path, his: StandIn, outbox: Path | None = None) -> None:
        folder.mkdir(parents=True)
        self.folder, self.his = folder, his
        self.outbox = outbox or folder / "outbox"
        self.path = folder / "config.yaml"
        text = CONFIG.format(outbox=self.outbox, port=his.port, journal=folder / "journal")
        self.path.write_text(text, encoding="utf-8")
        self.agent: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "lab_sender", "--config", str(self.path), *arguments]

    def start(self) -> None:
        """Start the agent, and wait until it looks at its outbox."""
        null = subprocess.DEVNULL
        self.agent = subprocess.Popen(self.command("run"), stdin=null, stdout=null, stderr=null)
        log = self.folder / "agent.log"
        begun = self.said("link.up")
        if not until(lambda: self.said("link.up") > begun, 60):
            raise RuntimeError(f"no agent: {log.read_text('utf-8')[-500:] if log.exists() else 'no log'}")

    def said(self, event: str) -> int:
        log = self.folder / "agent.log"
        return log.read_text("utf-8", errors="replace").count(f'"{event}"') if log.exists() else 0

    def kill(self) -> None:
        """End the agent as the Task Manager does."""
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()

    def ids(self) -> list[str]:
        return [each.control_id for each in self.his.received]

    def json(self, *arguments: str) -> dict[str, object]:
        """Run a command with --json, through a pipe."""
        command = self.command(*arguments, "--json")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        answer: dict[str, object] = json.loads(done.stdout)
        return answer


@contextlib.contextmanager
def site(folder: Path, outbox: Path | None = None) -> Iterator[Site]:
    """Make a site whose agent runs; it is killed at the end. The HIS stays to the end of all."""
    made = Site(folder, StandIn().start(), outbox)
    try:
        made.start()
        yield made
    finally:
        made.kill()


# -------------------------------------------------------------------------------------------------------- experiments


def this_pc(folder: Path) -> None:
    """Say what a reader of the report has to know of the PC."""
    here = "Python {}.{}.{}, Windows {}.{}.{}".format(*sys.version_info[:3], *sys.getwindowsversion()[:3])
    tell(None, "versions", f"lab-sender {__version__}, {here}")
    tell(None, "code pages", f"ANSI {KERNEL.GetACP()}, OEM {KERNEL.GetOEMCP()}")
    name, drive = ctypes.create_unicode_buffer(64), f"{folder.drive}\\"
    KERNEL.GetVolumeInformationW(drive, None, 0, None, None, None, name, 64)
    tell(None, "drive", f"{name.value}, type {KERNEL.GetDriveTypeW(drive)} (3: fixed, 4: network)")


def open_files(what: str, folder: Path, outbox: Path | None = None) -> None:
    """A writer of each share mode writes, pauses longer than the outbox waits, writes again, and closes."""
    with site(folder, outbox) as here:
        handles = {name: opened(here.outbox / f"{name}.hl7", share, how=CREATE_NEW) for name, share in SHARES.items()}
        for name, handle in handles.items():
            write(handle, message(f"{name}-1"))
        time.sleep(PAUSE_S * 2)
        early = here.ids()
        for name, handle in handles.items():
            write(handle, message(f"{name}-2"))
            close(handle)
        wanted = sorted(f"{name}-{number}" for name in SHARES for number in (1, 2))
        until(lambda: sorted(here.ids()) == wanted, 40)
        came = here.ids()
        good = not early and sorted(came) == wanted
        tell(good, what, f"{len(early)} sent before the close, {len(came)} of {len(wanted)} after it")


def directory_entry(what: str, folder: Path) -> None:
    """What a look at the folder says of a file that is being written, beside what the file itself says."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "grows.hl7"
    handle, sizes = opened(path, SHARES["all"], how=CREATE_NEW), []
    try:
        for _ in range(4):
            write(handle, bytes(100_000))
            time.sleep(0.3)
            with os.scandir(folder) as entries:
                (entry,) = (each for each in entries if each.name == path.name)
                sizes.append((entry.stat().st_size, os.stat(path).st_size))
    finally:
        close(handle)
    tell(None, what, f"(entry, file) {sizes}: the entry is {'right' if all(a == b for a, b in sizes) else 'STALE'}")


def kills(folder: Path, count: int = 120, times: int = 6) -> None:
    """Files come, and the agent is ended hard again and again."""
    with site(folder) as here:
        names = [f"K{number:04}" for number in range(count)]

        def drop() -> None:
            for name in names:
                part = here.outbox / f"{name}.part"
                part.write_bytes(message(name))
                files.rename(part, here.outbox / f"{name}.hl7")
                time.sleep(0.05)

        dropper = threading.Thread(target=drop)
        dropper.start()
        for _ in range(times):
            time.sleep(random.uniform(0.3, 1.5))
            here.kill()
            here.start()
        dropper.join()
        until(lambda: set(here.ids()) >= set(names), 90)
        time.sleep(1)
        came = here.ids()
        firsts, bodies = list(dict.fromkeys(came)), {(each.control_id, each.body) for each in here.his.received}
        good = firsts == names and len(bodies) == len(names)
        found = f"{len(firsts)} arrived, in order: {firsts == names}, {len(came) - len(firsts)} twice"
        tell(good, f"{times} hard ends in {count} files", found)


def names(folder: Path) -> None:
    """File names that Windows programs, Macs and Linux machines make."""
    wanted = {
        "umlauts": "Befund M\u00fcller \u00e4\u00f6\u00df.hl7", "emoji": "\U0001f600.hl7", "cjk": "\u7d50\u679c.hl7",
        "signs": "a;b %PATH% & c'd.hl7", "capitals": "UPPER.HL7", "long": "x" * 180 + ".hl7",
        "dot at the end": "dot.hl7.", "blank at the end": "blank.hl7 ", "device": "CON.hl7",
    }  # fmt: skip
    with site(folder) as here:
        made = {}
        for number, (what, name) in enumerate(wanted.items()):
            try:
                with open(f"\\\\?\\{here.outbox}\\{name}", "xb") as file:
                    file.write(message(f"N{number}"))
                made[what] = f"N{number}"
            except OSError as error:
                tell(None, "names", f"{what}: cannot be made here ({error.winerror})")
        until(lambda: set(here.ids()) >= set(made.values()), 30)
        left = [what for what, control_id in made.items() if control_id not in here.ids()]
        tell(not left, "names", f"{len(made) - len(left)} of {len(made)} delivered; not: {', '.join(left) or 'none'}")
        entries = here.json("list").get("entries")
        shown = {each["file"] for each in entries} if isinstance(entries, list) else set()
        tell(wanted["emoji"] in shown, "JSON in a pipe", f"{len(shown)} names read, an emoji among them")


def reason(folder: Path) -> None:
    """A file that cannot be read, and what lies beside it then."""
    with site(folder) as here:
        (here.outbox / "bad.json").write_text("{", encoding="utf-8")
        path = here.outbox / "quarantine" / "bad.json.reason.txt"
        there = until(path.exists, 30)
        data = path.read_bytes() if there else b""
        lines, ends = data.count(b"\n"), data.count(b"\r\n")
        tell(there and lines == ends, "reason file", f"{lines} lines, {ends} with CRLF")


def main() -> int:
    """Run all experiments."""
    folder = Path(sys.argv[1]).absolute()
    experiments: list[tuple[str, Callable[[], None]]] = [
        ("this PC", lambda: this_pc(folder)),
        ("open files", lambda: open_files("open files", folder / "open")),
        ("directory entry", lambda: directory_entry("directory entry", folder / "entry")),
        ("hard ends", lambda: kills(folder / "kills")),
        ("names", lambda: names(folder / "names")),
        ("reason file", lambda: reason(folder / "reason")),
    ]
    if len(sys.argv) > 2:
        share = Path(sys.argv[2]).absolute()
        slow, stale = "open files on the share", "directory entry on the share"
        experiments += [
            (slow, lambda: open_files(slow, folder / "share", share / "outbox")),
            (stale, lambda: directory_entry(stale, share / "entry")),
        ]
    for what, experiment in experiments:
        try:
            experiment()
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1].lineno
            tell(False, what, f"{type(error).__name__} at {at}: {str(error).replace(str(folder), 'FOLDER')}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
