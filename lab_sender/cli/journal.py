"""`journal`: the journal as a whole.

Holds: `backup`, `recover`, `compact`, `move`, `accept` and `schema`, and how they are printed.
Promises: what is missing after a recovery is named in numbers, table by table; exit code 1 says that something is.
Never: writes to the journal, but for `compact`, `move` and `accept`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option, as_reason, pass_installation, who
from lab_sender.config.server import SCHEMA
from lab_sender.errors import ExitCode
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.operations.journal_files import RecoveredJournal

_FILE = click.Path(dir_okay=False, path_type=Path)
_PEM = click.Path(dir_okay=False, exists=True, resolve_path=True, path_type=Path)


@click.group()
def journal() -> None:
    """Back up the journal, recover it, make it small, move it.

    docs/AUDITOR.md has how a backup is restored, step by step.
    """


@journal.command()
@click.argument("file", type=_FILE)
@as_json_option
@pass_installation
def backup(installation: Installation, file: Path, as_json: bool) -> None:
    """Copy the journal to the new FILE, also while the agent runs.

    It is one instant of the journal, was looked at whole, and holds patient data. Nothing is overwritten.
    """
    from lab_sender.operations import journal_files

    made = journal_files.backup(installation, file.absolute())
    if as_json:
        screen.show_json(made)
        return
    click.echo(f"{made.path}: {wording.size(made.bytes)}, {_messages(made.messages)}")
    click.echo(f"SHA-256 {made.sha256}")


@journal.command()
@click.argument("file", type=_FILE)
@as_json_option
@pass_installation
@click.pass_context
def recover(ctx: click.Context, installation: Installation, file: Path, as_json: bool) -> None:
    """Make the new journal FILE of what can be read of a damaged one. The agent must be stopped.

    The damaged one is not changed. Exit codes: 0 nothing is missing; 1 something is, and it is named.
    """
    from lab_sender.operations import journal_files

    made = journal_files.recover(installation, file.absolute())
    if as_json:
        screen.show_json(made)
    else:
        _show_recovered(made)
    ctx.exit(ExitCode.DONE if made.whole else ExitCode.NO)


@journal.command()
@as_json_option
@pass_installation
def compact(installation: Installation, as_json: bool) -> None:
    """Give the room of what was deleted back to the disk. The agent must be stopped.

    It needs twice the journal's size of free disk meanwhile. From then on the journal gives room back by itself.
    """
    from lab_sender.operations import journal_files

    done = journal_files.compact(installation)
    if as_json:
        screen.show_json(done)
        return
    click.echo(f"the journal was {wording.size(done.before_bytes)}, and is {wording.size(done.after_bytes)} now")


@journal.command()
@click.option("--why", required=True, type=as_reason, metavar="TEXT", help="Why; it is on record.")
@as_json_option
@pass_installation
def accept(installation: Installation, why: str, as_json: bool) -> None:
    """Hold all lanes, and let the agent go on with an older journal.

    After a restored backup, or `journal.behind`. The agent must be stopped. Nothing is sent until `resume`.
    """
    from lab_sender.operations import journal_accept

    done = journal_accept.accept(installation, why, who=who())
    if as_json:
        screen.show_json(done)
        return
    for folder in done.behind:
        click.echo(f"{folder}: the journal lacks what was spooled last from this outbox")
    click.echo(f"held: {', '.join(done.held)}")
    click.echo("Start the agent, compare `lab-sender list --waiting` with the HIS, then `lab-sender resume`.")


@journal.command()
@click.option("--to", required=True, metavar="PLACE", help="postgresql://USER@HOST/DATABASE, or a new file.")
@click.option("--schema", default=SCHEMA, show_default=True, metavar="NAME", help="Schema in that database.")
@click.option("--ca", type=_PEM, help="PEM file of the authorities that the server's certificate is held against.")
@click.option("--certificate", type=_PEM, help="PEM file of our own certificate, where the server asks for one.")
@click.option("--key", type=_PEM, help="PEM file of its private key.")
@as_json_option
@pass_installation
def move(installation: Installation, /, to: str, as_json: bool, **more: Any) -> None:
    """Move the journal to a PostgreSQL, or back into a file. The agent must be stopped.

    All is copied and compared, or nothing was changed. The password of the database: in PGPASSWORD, or ?passfile=FILE
    in the address. The configuration stays as it is: the lines to write are printed.
    """
    from lab_sender.operations import journal_move

    def progress(table: str, done: int, rows: int) -> None:
        if rows and not as_json:
            click.echo(f"{table}: {done:,} of {rows:,}", err=True)

    done = journal_move.move(installation, journal_move.Target(to, **more), progress)
    if as_json:
        screen.show_json(done)
        return
    click.echo(f"moved from {screen.visible(done.source)}\nto {screen.visible(done.target)}")
    click.echo(f"{sum(each.rows for each in done.tables):,} rows in {len(done.tables)} tables, compared")
    for column, number in done.nul_replaced.items():
        click.echo(f"{column}: a NUL became U+FFFD in {wording.plural(number, 'text', 'texts')}")
    click.echo("\nconfig.yaml needs, before the agent is started:\n")
    for line in done.configuration:
        click.echo(f"  {screen.visible(line)}")


@journal.command()
@click.option("--from", "since", type=int, default=0, metavar="VERSION", help="The version that is there.")
@pass_installation
def schema(installation: Installation, since: int) -> None:
    """Print the SQL for a journal on PostgreSQL, for a DBA.

    The agent's own role needs no right to CREATE then. Without --from it makes a new journal. What does not fit what
    is there changes nothing.
    """
    from lab_sender.operations import journal_server

    click.echo(journal_server.schema_for_dba(installation, since), nl=False)


def _show_recovered(made: RecoveredJournal) -> None:
    click.echo(f"{made.path}: {_messages(made.messages)}\n")
    click.echo(f"{'table':16}{'rows':>12}{'unreadable':>12}{'unsound':>12}")
    for each in made.tables:
        click.echo(f"{each.table:16}{each.rows:>12,}{each.unreadable:>12,}{each.unsound:>12,}")
    found = (
        (made.bytes_lost, "that waited had lost their bytes: they are in quarantine (journal.bytes-lost)"),
        (made.rows_lost, "had only their bytes left: quarantined, or delivered by an answer (journal.row-lost)"),
        (made.nowhere, "had only their bytes left, and no destination: they are NOT in it"),
        (made.orders_again, "had lost what they say of their orders: it was read from their bytes again"),
    )
    click.echo("")
    for number, what in found:
        if number:
            click.echo(f"{wording.plural(number, 'message', 'messages')} {what}")
    if made.sources_lost:
        click.echo(f"{wording.plural(made.sources_lost, 'file', 'files')} had only their messages left")
    if made.unsure:
        files = wording.plural(made.unsure, "unfinished file", "unfinished files")
        click.echo(f"{files} may have lost a message whole: quarantined (journal.row-lost)")
    missing = "Something is missing: read docs/AUDITOR.md before you use it."
    click.echo("Nothing is missing." if made.whole else missing)


def _messages(counts: dict[str, int]) -> str:
    kept = {what: number for what, number in counts.items() if number and what != "commit-only"}
    return ", ".join(f"{number:,} {wording.state(what)}" for what, number in sorted(kept.items())) or "no message"
