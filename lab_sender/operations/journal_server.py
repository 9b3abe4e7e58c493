"""`journal schema`: what a DBA has to run for a journal on PostgreSQL.

Holds: whose schema and role it is written for.
Promises: nothing is changed and nobody is asked; the text changes nothing either where it does not fit what is there.
Never: runs it.
"""

from __future__ import annotations

from lab_sender.config.server import SCHEMA
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations.installation import Installation


class NoVersion(LabSenderError):
    """There is no such version to bring up to date; nothing was printed."""

    exit_code = ExitCode.USAGE


def schema_for_dba(installation: Installation, since: int = 0) -> str:
    """Write the SQL for the schema and role of the configuration, or for `lab_sender`. Raises NoVersion."""
    from lab_sender.config.journal import user_of
    from lab_sender.journal.opening import text_for_dba

    server = installation.config.folders.database
    role = (server is not None and user_of(server.url)) or "lab_sender"
    try:
        return text_for_dba(server.schema if server is not None else SCHEMA, role, since)
    except ValueError:
        raise NoVersion(
            "journal.no-version",
            f"there is no way from version {since} to the one of this lab-sender.",
            hint="Leave --from out for a new journal. The version that is there: SELECT value FROM meta WHERE key ="
            " 'schema'.",
        ) from None
