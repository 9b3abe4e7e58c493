"""`check`: will it work here?

Holds: how the checks of operations/checks are shown.
Promises: changes nothing and sends nothing; on Windows a file is made in each folder and removed at once.
Never: stops at the first trouble.
"""

from __future__ import annotations

import click

from lab_sender.cli import screen, sent_again
from lab_sender.cli.arguments import DaysType, as_json_option, pass_installation, to_option
from lab_sender.errors import ExitCode
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation


@click.command()
@click.option("--connect", is_flag=True, help="Connect also while the agent's own connection is up.")
@click.option(
    "--sent",
    "days",
    type=DaysType(),
    metavar="DAYS",
    help="Instead: read what lies in sent/ of the last days (30d) again, and list what would be quarantined now.",
)
@click.option("--remarks", is_flag=True, help="With --sent: list also what would newly get a remark.")
@to_option("Only the way to this destination, and what all share")
@as_json_option
@pass_installation
@click.pass_context
def check(
    ctx: click.Context,
    installation: Installation,
    connect: bool,
    days: int | None,
    remarks: bool,
    to: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check everything up to the HIS; send nothing.

    Configuration, folders, journal, name, connection, certificates, and whether the agent runs with this
    configuration. Nothing is changed.

    A HIS may allow one connection only: while the agent's is up, no second one is made unless --connect asks for it.

    --sent looks back, before an upgrade or after a change of the configuration: what was delivered is read and built
    again with this version and this configuration, beside a running agent; nothing is written and nothing is sent.

    Exit codes: 0 all checks passed (there may be warnings); 1 one has failed, or something would be quarantined; 78
    the configuration.
    """
    from lab_sender.operations import checks

    if remarks and days is None:
        raise click.UsageError("--remarks needs --sent, such as --sent 30d.")
    if connect and days is not None:
        raise click.UsageError("--sent connects to nothing; leave --connect out.")
    if days is None:
        made = checks.check(installation, connect=connect, to=to)
    else:
        made = checks.check_configuration(installation)
        if made.ok:
            ctx.exit(_sent(installation, days, to, remarks=remarks, as_json=as_json))
    if as_json:
        screen.show_json(made)
    else:
        named = len({each.destination for each in made.checks} - {None}) > 1
        rows = [
            (each.state, *[each.destination or ""] * named, each.what, _found(each.text, each.hint))
            for each in made.checks
        ]
        columns = ("", *["destination"] * named, "what", "found")
        screen.show(screen.table(columns, rows, fold=("found",)))
        warnings = f" ({wording.plural(made.warned, 'warning')})" if made.warned else ""
        failed = f"{made.failed} of {wording.plural(len(made.checks), 'check')} failed{warnings}."
        verdict = f"all checks passed{warnings}." if made.ok else failed
        click.secho(f"\n{verdict}", fg="green" if made.ok else "red", bold=True)
    ctx.exit(ExitCode.CONFIG if made.misconfigured else ExitCode.DONE if made.ok else ExitCode.NO)


def _sent(installation: Installation, days: int, to: tuple[str, ...], *, remarks: bool, as_json: bool) -> ExitCode:
    """Read sent/ again and show what was found; returns the exit code."""
    from lab_sender.operations.sent_again import read_sent_again

    progress = sent_again.progress_on_terminal()
    made = read_sent_again(installation, days, to=to, remarks=remarks, progress=progress)
    if as_json:
        screen.show_json(made)
    else:
        sent_again.show(made)
    return ExitCode.DONE if made.ok else ExitCode.NO


def _found(text: str, hint: str | None) -> str:
    """Join what was found and what to do about it."""
    if not hint:
        return text
    return f"{text}{'' if text.endswith('.') else '.'} {hint}"
