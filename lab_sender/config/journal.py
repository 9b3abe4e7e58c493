"""The section `journal`: a PostgreSQL in the place of journal.db.

Holds: what may be written of it, and the `Server` that it makes.
Promises: a server of another machine is verified by TLS, whatever the address says; the password is never in the
address, which is shown.
Never: connects.
"""

import re
from typing import Annotated, Final

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from lab_sender.config.server import SCHEMA, Server
from lab_sender.config.text.scalars import AbsolutePath, Scalar, duration, is_loopback, matching
from lab_sender.config.text.section import Section, at_odds, setting, unusable

_URL: Final = re.compile(
    r"postgresql://(?:(?P<user>[^/?@\s]*)@)?(?P<hosts>[^/?@\s]*)(?:/[^/?@\s]*)?(?:\?(?P<more>[^\s]*))?"
)
_EXAMPLE: Final = "write it as postgresql://USER@HOST/DATABASE"
_OURS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "options", "service", "hostaddr")


def _plain(text: str) -> str:
    """Return a part of an address as PostgreSQL's library reads it."""
    return re.sub("%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text)


def _database(text: str) -> str:
    found = _URL.fullmatch(text)
    more = [each.partition("=")[0] for each in ((found and found["more"]) or "").split("&")]
    secret = any(each.lower() in ("password", "pwd", "pass") for each in map(_plain, more))
    if (found and ":" in (found["user"] or "")) or secret or re.match(r"\w+://[^/@]*:[^/@]*@", text):
        raise unusable("holds a password, and an address is shown", "write it under journal.password as ${NAME}")
    if not found:
        raise unusable("is no address of a PostgreSQL", _EXAMPLE)
    if found["more"] and not all(re.fullmatch("[a-z_]+", each) for each in more):  # written in %HH it would be unseen
        raise unusable("has a parameter whose name is none", "behind the ? stand name=value, with & between two")
    if ours := next((each for each in more if each in _OURS), None):
        raise unusable(f"says {ours}, which is not for the address to say", "TLS is written under journal.tls")
    return text


_ADDRESS: Final = Scalar(_database, {"type": "string", "pattern": r"^postgresql://|\$\{"})

_NODE: Final = matching("[A-Za-z0-9][A-Za-z0-9-]{0,39}", "must be a name of letters, digits and hyphens")


class DatabaseTls(Section):
    """TLS to the database. The server's certificate, and its name, are always verified."""

    ca: AbsolutePath | None = setting(None, "PEM file of the authorities to trust, instead of the system's.")
    certificate: AbsolutePath | None = setting(
        None, "PEM file of our own certificate, where the server asks for one."
    )
    key: AbsolutePath | None = setting(None, "PEM file of our private key.")

    @field_validator("key")
    @classmethod
    def _belongs_to_a_certificate(cls, key: object, info: ValidationInfo) -> object:
        if key is not None and info.data.get("certificate") is None:
            raise at_odds("is of no use without a certificate", "name it under {here}.certificate")
        return key


class JournalSettings(Section):
    """Where the journal is, if not in journal.db: a PostgreSQL."""

    database: Annotated[str | None, _ADDRESS] = setting(
        None, "PostgreSQL that has the journal: postgresql://USER@HOST/DATABASE. Left out: journal.db has it."
    )
    password: SecretStr | None = setting(
        None, "Password of its user. Write ${NAME} and keep it in the environment; or ?passfile=FILE in the address."
    )
    schema_name: Annotated[str, matching(r"[a-z_][a-z0-9_]{0,40}", "must be a schema's name in small letters")] = (
        Field(SCHEMA, alias="schema", description="Schema of the tables: one for each agent.")
    )
    tls: DatabaseTls | None = setting(
        None, "How the server is verified. Left out: by the system's authorities; one of this machine needs no TLS."
    )

    node: Annotated[str | None, _NODE] = setting(
        None, "Name of this machine among several whose agents share the journal. Left out: it has one agent."
    )
    lease_s: Annotated[float, duration("3s", "60s")] = setting(
        "10s", "After how long another machine's agent takes over the lanes of one that has gone."
    )

    @field_validator("password", "tls", "node")
    @classmethod
    def _of_a_database(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("database", "") is None:
            raise at_odds("is of no use without a database", "name it under {here}.database")
        return value

    @property
    def server(self) -> Server | None:
        """The database; None where the journal is in journal.db."""
        if self.database is None:
            return None
        password = self.password.get_secret_value() if self.password is not None else ""
        tls = tuple(self._tls(self.database).items())
        return Server(self.database, self.schema_name, password, tls, self.node or "", self.lease_s)

    def _tls(self, database: str) -> dict[str, str]:
        if self.tls is None and is_on_this_machine(database):
            return {}
        tls = self.tls or DatabaseTls()
        files = {"sslrootcert": tls.ca or "system", "sslcert": tls.certificate, "sslkey": tls.key}
        return {"sslmode": "verify-full", **{name: str(path) for name, path in files.items() if path is not None}}


def is_on_this_machine(url: str) -> bool:
    """Say whether each host that an address names is this machine: a socket, or the loopback."""
    found = _URL.fullmatch(url)
    if found is None:
        return False
    hosts = [re.sub(r"(?<=.):[0-9]+$", "", each) for each in _plain(found["hosts"]).split(",")]
    named = [_plain(each.partition("=")[2]) for each in (found["more"] or "").split("&") if each.startswith("host=")]
    hosts = [host for host in hosts if host] + [host for each in named for host in each.split(",")]
    return all(is_loopback(host.strip("[]")) or host.startswith("/") for host in hosts)


def user_of(url: str) -> str:
    """Return the user that an address names, "" if it names none."""
    found = _URL.fullmatch(url)
    return _plain((found and found["user"]) or "")
