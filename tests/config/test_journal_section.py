"""The section `journal`: a PostgreSQL in the place of journal.db, its password and its TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab_sender.config.journal import is_on_this_machine
from lab_sender.config.load import Config, ConfigError, load
from lab_sender.journal import Server
from lab_sender.premises.names import journal_of

SECRET = "s3cret-word"


def read(folder: Path, section: str, **environment: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(f"outbox: outbox\nhis: {{host: h, port: 1, plaintext: true}}\njournal: {{{section}}}\n")
    return load(path, environment)


def test_without_it_the_journal_is_a_file(tmp_path: Path) -> None:
    config = read(tmp_path, "")
    assert journal_of(config.folders) == config.folders.journal / "journal.db"


def test_a_server_of_another_machine_is_verified(tmp_path: Path) -> None:
    config = read(tmp_path, "database: postgresql://lab@db1.example/lab, password: '${PW}'", PW=SECRET)
    tls = (("sslmode", "verify-full"), ("sslrootcert", "system"))
    assert config.folders.database == Server("postgresql://lab@db1.example/lab", "lab_sender", SECRET, tls)
    assert SECRET not in f"{config!r} {config.folders} {config.folders.database}"
    given = read(tmp_path, "database: postgresql://lab@db1.example/lab, tls: {ca: ca.pem, certificate: c.pem}")
    assert given.folders.database is not None
    assert dict(given.folders.database.tls) == {
        "sslmode": "verify-full", "sslrootcert": str(tmp_path / "ca.pem"), "sslcert": str(tmp_path / "c.pem"),
    }  # fmt: skip


def test_the_password_is_no_part_of_what_the_configuration_is_known_by(tmp_path: Path) -> None:
    section = "database: postgresql://lab@db1.example/lab, password: '${PW}'"
    assert read(tmp_path, section, PW="one").digest == read(tmp_path, section, PW="two").digest


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("postgresql://lab@localhost/lab", True),
        ("postgresql://lab@127.0.0.1:5433/lab", True),
        ("postgresql://lab@[::1]:5433/lab", True),
        ("postgresql:///lab?host=/var/run/postgresql", True),
        ("postgresql://%2Fvar%2Frun/lab", True),
        ("postgresql:///lab", True),
        ("postgresql://lab@localhost,db2/lab", False),
        ("postgresql://lab@db1/lab", False),
        ("postgresql://lab@localhost/lab?host=db1", False),
        ("postgresql://lab@127.0.0.1.example/lab", False),
        ("postgresql://lab@127.0.0.1.1/lab", False),  # a name, which is asked for in the site's domain
        ("postgresql://lab@127.0.0.300/lab", False),
        ("postgresql:///lab?host=/run%2Cdb1", False),  # PostgreSQL's library reads the comma too
        ("postgresql://%2Frun%2Cdb1/lab", False),
    ],
)
def test_only_this_machine_needs_no_tls(url: str, is_here: bool) -> None:
    assert is_on_this_machine(url) is is_here


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (f"database: 'postgresql://lab:{SECRET}@db1/lab'", "holds a password"),
        (f"database: 'postgresql://lab@db1/lab?password={SECRET}'", "holds a password"),
        (f"database: 'postgresql://lab@db1/lab?Password={SECRET}'", "holds a password"),
        (f"database: 'postgresql://lab@db1/lab?pass%77ord={SECRET}'", "holds a password"),
        ("database: 'postgresql://lab@db1/lab?sslm%6fde=disable'", "has a parameter whose name is none"),
        ("database: 'postgresql:///lab?ho%73t=db1'", "has a parameter whose name is none"),
        ("database: 'mysql://lab@db1/lab'", "is no address of a PostgreSQL"),
        ("database: 'postgresql://lab@db1/lab?sslmode=disable'", "says sslmode"),
        ("password: x", "is of no use without a database"),
        ("tls: {}", "is of no use without a database"),
        ("database: postgresql://db1/lab, tls: {key: k.pem}", "is of no use without a certificate"),
        ("database: postgresql://db1/lab, schema: 'a; DROP'", "must be a schema's name"),
    ],
)
def test_what_cannot_stand_is_said_without_the_password(tmp_path: Path, section: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as found:
        read(tmp_path, section)
    assert SECRET not in str(found.value)


def test_several_agents_are_only_where_each_has_a_name(tmp_path: Path) -> None:
    at = "database: postgresql://lab@db1.example/lab"
    alone, named = read(tmp_path, at).folders.database, read(tmp_path, f"{at}, node: lab-a, lease: 5s")
    assert alone is not None
    assert named.folders.database is not None
    assert (alone.node, named.folders.database.node, named.folders.database.lease_s) == ("", "lab-a", 5.0)
    assert [each.in_journal for each in named.outboxes] == ["lab-a"]
    for section, setting in (
        ("node: lab-a", "journal.node"),
        ("lease: 10s", "journal.lease"),
        (f"{at}, lease: 10s", "journal.lease"),
        ("schema: lab_sender", "journal.schema"),
        (f"{at}, node: lab/a", "journal.node"),
        (f"{at}, node: 'lab a'", "journal.node"),
        (f"{at}, node: lab-a, lease: 1s", "journal.lease"),
        (f"{at}, node: lab-a}}\nretention: {{archive: kept", "retention.archive"),
    ):
        with pytest.raises(ConfigError) as wrong:
            read(tmp_path, section)
        assert [each.key for each in wrong.value.mistakes] == [setting]
