"""A PostgreSQL of the tests' own, in a temporary folder; where none is installed, its tests are skipped in words."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kit.core import until
from lab_sender.journal import Journal, Server

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
_NEWEST_FIRST = True
OTHERS = "FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
"""Every connection but that of whoever asks."""
_WHO = ("--auth-local=trust", "--auth-host=scram-sha-256")
_ACCOUNT = "postgres"
"""The server refuses to run as root."""


@functools.cache
def missing() -> str:
    """Why there can be no cluster here; "" where there can."""
    if sys.platform == "win32":
        return "PostgreSQL's tests run on Linux"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed: pip install 'lab-sender[postgresql]'"
    return "" if _program("initdb") else "PostgreSQL is not installed: apt-get install postgresql"


@functools.cache
def _program(name: str) -> str:
    folders = [str(each) for place in _PLACES for each in sorted(Path("/").glob(place[1:]), reverse=_NEWEST_FIRST)]
    return shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")])) or ""


class Cluster:
    """One server; unlike bytes, its locale has 'a' before 'B', and '_' before '0'."""

    def __init__(self, settings: Sequence[str] = ()) -> None:
        """Over its socket nobody needs a password; over the loopback everybody does, and TLS may be had."""
        self.folder = Path(tempfile.mkdtemp(prefix="lab-sender-pg-"))
        self._asking: Any = None
        self._settings = ("fsync=off", "max_connections=60", "shared_buffers=32MB", *settings)
        import trustme

        self.authority = trustme.CA()
        own = self.authority.issue_cert("localhost")
        own.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        own.cert_chain_pems[0].write_to_path(str(self.folder / "certificate.pem"))
        (self.folder / "key.pem").chmod(0o600)
        if os.geteuid() == 0:
            for each in (self.folder, self.folder / "key.pem"):
                shutil.chown(each, _ACCOUNT)
        self._make()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.start()

    def _make(self) -> None:
        locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=und", "--encoding=UTF8")
        self._run("initdb", "-D", f"{self.folder}/data", "-U", "lab_sender", "--no-sync", *locale, *_WHO)

    def start(self) -> None:
        """Start, and wait until it answers."""
        tls = [f"ssl_cert_file={self.folder}/certificate.pem", f"ssl_key_file={self.folder}/key.pem", "ssl=on"]
        at = ["listen_addresses=localhost", f"unix_socket_directories={self.folder}", f"port={self.port}"]
        options = [*at, *tls, *self._settings]
        given = " ".join(f"-c {each}" for each in options)
        log = f"{self.folder}/log"
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-t", "60", "-l", log, "-o", given, "start")

    def crash(self) -> None:
        """End it as a crash does: no session is ended in good order, nothing is written out."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        """Stop it, and remove all of it."""
        with contextlib.suppress(AssertionError):
            self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def server(self, schema: str = "lab_sender") -> Server:
        """The address of a journal in it."""
        return Server(self.url, schema)

    @property
    def url(self) -> str:
        """Its address, by its socket."""
        return f"postgresql://lab_sender@/postgres?host={self.folder}&port={self.port}"

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement beside everybody else."""
        import psycopg

        if self._asking is None:
            self._asking = psycopg.connect(self.url, autocommit=True, prepare_threshold=None)
        cursor = self._asking.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def _run(self, name: str, *arguments: str) -> None:
        as_account = {"user": _ACCOUNT, "group": _ACCOUNT} if os.geteuid() == 0 else {}
        said = self.folder / f"{name}.said"  # a file: the server that pg_ctl starts keeps it open
        with open(os.devnull) as nothing, said.open("w") as out:
            ran = subprocess.run(
                [_program(name), *arguments],
                stdin=nothing,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**os.environ, "LC_ALL": "C.UTF-8", "LC_MESSAGES": "C"},
                check=False,
                **as_account,  # type: ignore[call-overload]
            )
        if ran.returncode:
            log = self.folder / "log"
            raise AssertionError(f"{name}: {said.read_text()} {log.read_text() if log.exists() else ''}")


class Standby(Cluster):
    """A server that follows another one, until it is promoted."""

    def __init__(self, primary: Cluster) -> None:
        """It has what the other one has now, and follows."""
        self._primary = primary
        super().__init__()

    def _make(self) -> None:
        of = ("-h", str(self._primary.folder), "-p", str(self._primary.port), "-U", "lab_sender")
        self._run("pg_basebackup", "-D", f"{self.folder}/data", "-R", "-X", "stream", "-c", "fast", "--no-sync", *of)

    def promote(self) -> None:
        """Let it take over."""
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-t", "60", "promote")

    def follows(self) -> bool:
        """Whether it has all that the other one has."""
        behind = "SELECT COUNT(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"
        return self._primary.ask(behind) == [(1,)]

    def fall_behind(self) -> None:
        """Hear no more of the other one."""
        for statement in ("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"):
            self.ask(statement)
        until(lambda: self._primary.ask("SELECT COUNT(*) FROM pg_stat_replication") == [(0,)])


class Pair(NamedTuple):
    """Two servers under one address: whichever takes writes is meant."""

    primary: Cluster
    standby: Standby

    @property
    def url(self) -> str:
        """The address of both."""
        hosts, ports = (",".join(str(getattr(each, name)) for each in self) for name in ("folder", "port"))
        return f"postgresql://lab_sender@/postgres?host={hosts}&port={ports}&target_session_attrs=read-write"

    def wait_for_standby(self) -> None:
        """Let every COMMIT wait until the standby has it."""
        for statement in ("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"):
            self.primary.ask(statement)
        until(lambda: self.primary.ask("SELECT sync_state FROM pg_stat_replication") == [("sync",)])

    def fail_over(self) -> None:
        """The first server crashes, the other one takes over."""
        self.primary.crash()
        self.standby.promote()

    def remove(self) -> None:
        """Remove both."""
        self.standby.remove()
        self.primary.remove()


def pair() -> Pair:
    """Make two servers."""
    if why := missing():
        pytest.skip(why)
    primary = Cluster()
    try:
        return Pair(primary, Standby(primary))
    except BaseException:
        primary.remove()
        raise


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The server of this test run; made for the first test that asks."""
    if why := missing():
        pytest.skip(why)
    made = Cluster()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def _tables(cluster: Cluster) -> list[str]:
    Journal(cluster.server()).close()
    found = cluster.ask("SELECT tablename::text FROM pg_tables WHERE schemaname = 'lab_sender'")
    return [name for (name,) in found]


@pytest.fixture
def server(cluster: Cluster, _tables: list[str]) -> Server:
    """A journal with nothing in it; whatever the test before has left open is cut off."""
    emptied = "; ".join(f"DELETE FROM lab_sender.{name}" for name in _tables)
    cluster.ask(f"SELECT pg_terminate_backend(pid) {OTHERS}")
    cluster.ask(
        f"SET session_replication_role = replica; {emptied};"  # past the triggers
        " SELECT setval(pg_get_serial_sequence('lab_sender.' || t, 'id'), 1, false)"
        " FROM unnest(ARRAY['source', 'file', 'message', 'remark', 'answer', 'event']) t;"
        " INSERT INTO lab_sender.meta (key, value) VALUES ('tick', '0'), ('clean', '1'), ('acts', '0'),"
        f" ('schema', '{_version()}'), ('readable_by', '{_version()}')"
    )
    return cluster.server()


def _version() -> int:
    from lab_sender.journal.postgres.steps import known

    return known()
