"""A PostgreSQL of the tests' own, in a temporary folder; where none is installed, its tests are skipped in words."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab_sender.journal import Journal, Server

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
_NEWEST_FIRST = True
OTHERS = "FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
"""Every connection but that of whoever asks."""
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

    def __init__(self, *, port: int = 0, settings: Sequence[str] = ()) -> None:
        """With a `port` it listens on the loopback too."""
        self.folder = Path(tempfile.mkdtemp(prefix="lab-sender-pg-"))
        self._port = port
        self._settings = ("fsync=off", "max_connections=60", "shared_buffers=32MB", *settings)
        if os.geteuid() == 0:
            shutil.chown(self.folder, _ACCOUNT)
        locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=und", "--encoding=UTF8")
        self._run("initdb", "-D", f"{self.folder}/data", "-U", "lab_sender", "-A", "trust", "--no-sync", *locale)
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        listens = "127.0.0.1" if self._port else ""
        options = [f"listen_addresses={listens}", f"unix_socket_directories={self.folder}", *self._settings]
        options += [f"port={self._port}"] if self._port else []
        given = " ".join(f"-c {each}" for each in options)
        log = f"{self.folder}/log"
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-t", "60", "-l", log, "-o", given, "start")

    def crash(self) -> None:
        """End it as a crash does: no session is ended in good order, nothing is written out."""
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        """Stop it, and remove all of it."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def server(self, schema: str = "lab_sender") -> Server:
        """The address of a journal in it."""
        return Server(self.url, schema)

    @property
    def url(self) -> str:
        """Its address, by its socket."""
        port = f"&port={self._port}" if self._port else ""
        return f"postgresql://lab_sender@/postgres?host={self.folder}{port}"

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement beside everybody else."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _run(self, name: str, *arguments: str) -> None:
        as_account = {"user": _ACCOUNT, "group": _ACCOUNT} if os.geteuid() == 0 else {}
        with open(os.devnull) as nothing:
            ran = subprocess.run(
                [_program(name), *arguments],
                stdin=nothing,
                stdout=subprocess.DEVNULL if name == "pg_ctl" else subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**os.environ, "LC_ALL": "C.UTF-8", "LC_MESSAGES": "C"},
                check=False,
                **as_account,  # type: ignore[call-overload]
            )
        if ran.returncode:
            log = self.folder / "log"
            raise AssertionError(f"{name}: {ran.stdout!r} {log.read_text() if log.exists() else ''}")


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
        f" ('schema', '{_version()}')"
    )
    return cluster.server()


def _version() -> int:
    from lab_sender.journal import SCHEMA_VERSION

    return SCHEMA_VERSION
