"""What the page costs the delivery: an agent with five tabs open, in pairs with one whose page is off.

Each run delivers a backlog of JSON reports, then files one by one. The tabs are logged in as an operator and ask for
the overview every 2 s, as the page's script does. Prints with/without for each figure, and the page's own share of a
core. `--journal FOLDER` begins with a copy of the journal.db there (tests/kit/grown.py makes long ones).
"""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import latency
import rig

TABS = 5
EACH_S = 2.0
_FIRST = 9_000_000
"""The numbers of the files that are dropped one by one: others than the backlog's."""
_PASSWORD = "five tabs of one operator"


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=5000, help="files of the backlog")
    parser.add_argument("--files", type=int, default=300, help="files of the latency")
    parser.add_argument("--journal", type=Path, help="folder with the journal.db to begin with")
    parser.add_argument("--tabs", metavar="ADDRESS", help="be the tabs")
    options = parser.parse_args()
    if options.tabs:
        _be_tabs(options.tabs)
        return
    ratios: dict[str, list[float]] = {}
    for number in range(options.rounds):
        sides = (True, False) if number % 2 else (False, True)
        figures = {page: _run(options.count, options.files, options.journal, page=page) for page in sides}
        core = [figures[page].pop("page's core") for page in (False, True)][1]
        for name, without in figures[False].items():
            ratios.setdefault(f"{name}, with / without", []).append(figures[True][name] / without)
        ratios.setdefault("the page's share of a core", []).append(core)
    for name, values in ratios.items():
        if options.json:
            found = {"benchmark": "page", "figure": name, "median": statistics.median(values), "runs": values}
            print(json.dumps(found))
        else:
            print(f"{name:44} {statistics.median(values):8.3f}   {' '.join(f'{each:.3f}' for each in values)}")


def _run(count: int, files: int, journal: Path | None, *, page: bool) -> dict[str, float]:
    his = latency.Listener()
    with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        config = rig.write_config(folder, his.port, f'web: {{listen: "{address if page else "off"}"}}\n')
        outbox, staged = folder / "outbox", folder / "staged"
        staged.mkdir()
        if journal is not None:
            (outbox / ".lab-sender" / "claimed").mkdir(parents=True)
            shutil.copy(journal / "journal.db", outbox / ".lab-sender")
        rig.write_reports(staged, count)
        agent = stack.enter_context(rig.agent_process(config))
        _drop(folder, 0)
        his.arrival_s(_control_id(0))
        if page:
            stack.enter_context(_tabs(config, address))
        cpu_s, began_s = agent.cpu_s(), time.perf_counter()
        page_cpu_s = _children_cpu_s(agent.process.pid)
        for each in sorted(staged.iterdir()):
            os.rename(each, outbox / each.name)
        while his.count < count + 1:
            time.sleep(0.005)
        rate = count / (max(his.arrivals_s()) - began_s)
        cpu_s = agent.cpu_s() - cpu_s
        took_ms = []
        for number in range(1, files + 1):
            dropped_s = _drop(folder, number)
            took_ms.append((his.arrival_s(_control_id(number)) - dropped_s) * 1000)
        took_s = time.perf_counter() - began_s
        return {
            "rate": rate,
            "agent's CPU": cpu_s,
            "p50": rig.percentile(took_ms, 0.5),
            "p99": rig.percentile(took_ms, 0.99),
            "page's core": (_children_cpu_s(agent.process.pid) - page_cpu_s) / took_s if page else 0.0,
        }


def _drop(folder: Path, number: int) -> float:
    return rig.drop(folder, f"{number}.hl7", rig.ready_message(_FIRST + number))


def _control_id(number: int) -> bytes:
    return b"B%09d" % (_FIRST + number)


def _children_cpu_s(pid: int) -> float:
    """Return the processor time of the page's process."""
    total = 0
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (path / "stat").read_text().rpartition(") ")[2].split()
            if int(fields[1]) == pid and b"\0web\0" in (path / "cmdline").read_bytes():
                total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _tabs(config: Path, address: str) -> Iterator[None]:
    """Open the tabs, and close them when the block ends."""
    program = [sys.executable, "-m", "lab_sender", "--config", str(config)]
    account = ["user", "add", "anna", "--role", "operator", "--password-stdin"]
    subprocess.run([*program, *account], input=_PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, __file__, "--tabs", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tabs:
        assert tabs.stdout is not None
        assert tabs.stdout.readline() == b"open\n"
        try:
            yield
        finally:
            tabs.kill()


def _be_tabs(address: str) -> None:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    opener.addheaders = [("Origin", f"http://{address}")]
    while True:
        try:
            form = opener.open(f"http://{address}/login").read().decode()
            break
        except OSError:
            time.sleep(0.1)
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    fields |= {"name": "anna", "password": _PASSWORD, "next": "/"}
    opener.open(f"http://{address}/login", urllib.parse.urlencode(fields).encode()).read()
    assert "anna" in opener.open(f"http://{address}/").read().decode(), "logged in"
    print("open", flush=True)
    while True:
        began_s = time.monotonic()
        for _ in range(TABS):
            opener.open(f"http://{address}/").read()
        time.sleep(max(0.0, EACH_S - (time.monotonic() - began_s)))


if __name__ == "__main__":
    main()
