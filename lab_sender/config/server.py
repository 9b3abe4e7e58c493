"""Where a journal on PostgreSQL is.

Holds: `Server`, and the schema by default.
Promises: nothing that shows it shows the password.
Never: connects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SCHEMA: Final = "lab_sender"
"""The schema of a journal where none is named."""


@dataclass(frozen=True, slots=True)
class Server:
    """A schema of a database. `url` has no password; `tls` says how the server is verified, in libpq's words."""

    url: str
    schema: str = SCHEMA
    password: str = field(default="", repr=False)
    tls: tuple[tuple[str, str], ...] = ()
    node: str = ""
    """By which name this machine's agent is one of several on the journal; "": it is the only one."""
    lease_s: float = 10.0
    """For how long a lane is an agent's that says nothing more of itself."""

    def __str__(self) -> str:
        return f"{self.url} (schema {self.schema})"
