"""The test bench: a site, and what is done to it.

Holds: `Site` (one outbox with its configuration, its journal and its agents), and the ports of a HIS that is down.
Promises: what a site has dropped, it remembers (see judge.py); what it has started ends with it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import sqlite3
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit.system import SIGCONT, WINDOWS

from faults.processes import AgentProcess, Agents, until
from lab_sender.journal import Journal
from lab_sender.mllp.standin.server import StandIn

_serial = itertools.count()
ONE = {"his": 1}
SEVERAL = {"hospital": 1, "registry": 3}
"""Destination -> connections."""

_HIS = """\
host: {host}
port: {port}
connect_timeout: {connect_timeout}
ack_timeout: {ack_timeout}
application_ack_timeout: {application_ack_timeout}
tls: {tls}
plaintext: {plaintext}
retry:
  {{first_wait: {first_wait}, longest_wait: {longest_wait}, refused: {refused}, unanswered: {unanswered},
   unanswered_after: {unanswered_after}}}
brake: {{probe: {probe}}}
"""
_CONFIG = """\
outbox: {outbox}
{to}
message: {{sending_application: {sender}, corrections: {corrections}}}
intake:
  {{poll: {poll}, settle: {settle}, attachment_wait: {attachment_wait}, duplicates: {duplicates}, marker: {marker}}}
inputs: {{hl7: {{end: {hl7_end}, no_answer: {hl7_no_answer}}}}}
folders: {{journal: {journal}, work: {work}, sent: {sent}}}
log: {{format: json, level: debug}}
web: {{listen: "{web}", start: {web_start}}}
{more}
"""
DEFAULTS = {
    "web": "off", "web_start": "with-agent", "more": "",
    "host": "127.0.0.1", "connect_timeout": "10s", "ack_timeout": "10s", "tls": "null", "plaintext": "false",
    "application_ack_timeout": "10s",
    "first_wait": "10ms", "longest_wait": "20ms", "refused": "2", "unanswered": "5", "probe": "60s",
    "unanswered_after": "10m", "sender": "LAB",
    "poll": "100ms", "settle": "20ms", "duplicates": "skip", "marker": "''", "hl7_end": "required",
    "hl7_no_answer": "quarantine",
    "attachment_wait": "5s", "work": "null", "sent": "null", "corrections": "{}",
}  # fmt: skip


@dataclass(frozen=True)
class To:
    """One of several destinations: where its HIS listens, and `settings`, lines of YAML of its own."""

    port: int
    connections: int = 1
    order_by: str = "patient"
    settings: str = ""

    def written(self, values: dict[str, str]) -> str:
        """Write it as YAML."""
        own = f"connections: {self.connections}\norder_by: {self.order_by}\n{self.settings}\n"
        return _HIS.format(**values | {"port": self.port}) + own


def configuration(to: int | Mapping[str, To], **settings: object) -> str:
    """Write config.yaml: one HIS on a port, or several destinations by name; `settings` replace those of DEFAULTS."""
    values = {**DEFAULTS, **{name: str(value) for name, value in settings.items()}}
    if isinstance(to, int):
        way = "his:\n" + textwrap.indent(_HIS.format(**values, port=to), "  ")
    else:
        each = (f"{name}:\n{textwrap.indent(it.written(values), '  ')}" for name, it in to.items())
        way = "destinations:\n" + textwrap.indent("".join(each), "  ")
    return _CONFIG.format(**values, to=way)


def gathered() -> Path:
    """The folder that is searched for patients when the test run ends."""
    return Path(os.environ["LAB_SENDER_TEST_LOGS"])


@dataclass
class Site:
    """One outbox, its configuration, and what was dropped into it."""

    agents: Agents
    folder: Path
    to: int | Mapping[str, To]
    settings: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, list[bytes]] = field(default_factory=dict)
    running: list[AgentProcess] = field(default_factory=list)
    history: int = 0
    """Files and messages up to this number were in the journal before: nobody has dropped them."""

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for folder in (self.outbox, self.journal_folder):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def claimed(self) -> Path:
        return Path(self.settings.get("work", self.outbox / ".lab-sender")) / "claimed"

    @property
    def sent_folder(self) -> Path:
        return Path(self.settings.get("sent", self.outbox / "sent"))

    @property
    def quarantine(self) -> Path:
        return self.outbox / "quarantine"

    @property
    def journal_folder(self) -> Path:
        return Path(self.settings.get("journal", self.folder / "journal"))

    @property
    def journal(self) -> Path:
        return self.journal_folder / "journal.db"

    @property
    def sent(self) -> dict[str, bytes]:
        """What lies in sent/<date>/."""
        return _contents(self.sent_folder.glob("????-??-??/[!.]*"))

    @property
    def quarantined(self) -> dict[str, bytes]:
        """What lies in quarantine/, reasons included."""
        found = self.quarantine.glob("[!.]*") if self.quarantine.exists() else []
        return _contents(path for path in found if path.is_file())

    def configure(self) -> Path:
        """Write config.yaml, unless that is what stands in it; return its path."""
        here = {"outbox": self.outbox, "journal": self.journal_folder}
        config, text = self.folder / "config.yaml", configuration(self.to, **here | self.settings)
        if not config.exists() or config.read_text("utf-8") != text:
            config.write_text(text, "utf-8")
        return config

    def start(self, **tricks: Any) -> AgentProcess:
        """Start an agent."""
        config = self.configure()
        log = gathered() / f"agent-{os.getpid()}-{next(_serial)}.log"
        log.touch()
        agent = self.agents.start(config, log, tricks)
        self.running.append(agent)
        return agent

    def drop(self, name: str, data: bytes, *, order: int | None = None, mounted: bool = False) -> None:
        """Drop a file by rename; `order` gives it a time of its own, long past; `mounted`: the outbox is a mount."""
        self.dropped.setdefault(name, []).append(data)
        part = (self.outbox if mounted else self.folder) / ".part"
        part.write_bytes(data)
        if order is not None:
            os.utime(part, ns=(10**18 + order * 10**9,) * 2)
        os.rename(part, self.outbox / name)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the journal."""
        with contextlib.closing(self._connected()) as db:
            return db.execute(query, values).fetchall()

    def asking(self) -> contextlib.AbstractContextManager[Callable[[str], list[tuple[Any, ...]]]]:
        """Ask the journal again and again, over one connection once there is one."""
        return _Asking(self._connected)

    def settle(self, count: int) -> None:
        """Wait until so many files were taken and none of them waits any more."""
        try:
            with self.asking() as ask:
                until(lambda: self._settled(count, ask), f"{count} files at rest")
        except AssertionError as error:
            error.add_note(f"{self._where()}\n{self.running[-1].last_words()}")
            raise

    def settled_states(self) -> dict[str, int]:
        return dict(self.rows("SELECT state, COUNT(*) FROM message GROUP BY state"))

    @contextlib.contextmanager
    def operator(self) -> Iterator[Any]:
        """Act as an operator, from this process."""
        journal = Journal(self.journal, who="a test")
        try:
            yield journal.operator
        finally:
            journal.close()

    def close(self) -> None:
        """End what runs; keep the reasons for the search of the whole test run."""
        for agent in self.running:
            agent.signal(SIGCONT)
            agent.kill()
        for path in self.quarantine.rglob("*.reason.txt"):
            (gathered() / f"reason-{os.getpid()}-{next(_serial)}.txt").write_bytes(path.read_bytes())

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.journal.as_uri()}?mode=ro", uri=True)

    def _settled(self, count: int, ask: Callable[[str], list[tuple[Any, ...]]]) -> bool:
        try:
            ((known, waiting),) = ask("SELECT COUNT(*), COALESCE(SUM(folder = 'claimed'), 0) FROM file")
        except sqlite3.OperationalError:
            return False
        return known >= count and not waiting

    def _where(self) -> str:
        try:
            return f"now {self.rows('SELECT folder, COUNT(*) FROM file GROUP BY folder')}"
        except sqlite3.OperationalError:
            return "no journal yet"


class _Asking:
    """A connection that is kept from the first answer on: a file may come, and have its tables later."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> Callable[[str], list[tuple[Any, ...]]]:
        return self._ask

    def __exit__(self, *_: object) -> None:
        if self._db is not None:
            self._db.close()

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        db = self._db or self._connect()
        try:
            found = db.execute(query).fetchall()
        except sqlite3.Error:
            self._db = None
            db.close()
            raise
        self._db = db
        return found


def _contents(paths: Iterable[Path]) -> dict[str, bytes]:
    """Read them; one that an agent takes away meanwhile does not lie there."""
    found = dict[str, bytes]()
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = path.read_bytes()
    return found


def rename_folder(source: Path, target: Path) -> None:
    """Rename a folder; on Windows it is tried until the agent looks into it no more."""

    def renamed() -> bool:
        try:
            os.rename(source, target)
        except PermissionError:
            if not WINDOWS:
                raise
            return False
        return True

    until(renamed, "the folder is renamed")


def fill(disk: Path, name: str = "ballast") -> Path:
    """Leave no byte free; the file that does it is returned."""
    ballast = disk / name
    with ballast.open("ab", buffering=0) as writer, contextlib.suppress(OSError):
        while True:
            writer.write(b"\0" * 4096)
    return ballast


@contextlib.contextmanager
def a_round(site: Site, what: str) -> Iterator[None]:
    """Play with a site; what fails is told with `what` and the last words of its agents, and the site is closed."""
    try:
        yield
    except AssertionError as error:
        for each in site.running:
            error.add_note(f"{what}\n{each.last_words()}")
        raise
    finally:
        site.close()


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a loopback port that refuses connections until a stand-in listens on it."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port = keeper.getsockname()[1]
        if WINDOWS:
            keeper.close()  # nobody listens there on a port that another one keeps
        yield port


@contextlib.contextmanager
def stand_ins(
    connections: Mapping[str, int], *rules: str
) -> Iterator[tuple[dict[str, StandIn], int | dict[str, To]]]:
    """Be the HIS of each destination; yields them, and what a site is told of them: of the only one its port."""
    with contextlib.ExitStack() as stack:
        his = {name: stack.enter_context(StandIn(rules=rules)) for name in connections}
        yield his, his["his"].port if connections == ONE else {
            name: To(his[name].port, number) for name, number in connections.items()
        }


@contextlib.contextmanager
def listening(port: int, *rules: str) -> Iterator[StandIn]:
    """Be the HIS on this port for a while."""
    with StandIn(port=port, rules=rules) as his:
        yield his
