"""`check`: will it work here?

Holds: the order of the checks and how they are shown; the checks themselves are in probes.py.
Promises: changes nothing and sends nothing.
Never: stops at the first trouble.
"""

from __future__ import annotations

import click

from lab_sender.cli import screen, sent_again
from lab_sender.cli.arguments import pass_installation
from lab_sender.errors import ExitCode
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation


@click.command()
@click.option("--connect", is_flag=True, help="Connect also while the agent's own connection is up.")
@click.option(
    "--sent",
    "days",
    type=sent_again.DaysType(),
    metavar="DAYS",
    help="Instead: read what lies in sent/ of the last days (30d) again, and list what would be refused now.",
)
@click.option("--remarks", is_flag=True, help="With --sent: list also what would newly get a remark.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_installation
@click.pass_context
def check(
    ctx: click.Context, installation: Installation, connect: bool, days: int | None, remarks: bool, as_json: bool
) -> None:
    """Check everything up to the HIS; send nothing.

    Configuration, folders, journal, name, connection, certificates. Nothing is changed.

    A HIS may allow one connection only: while the agent's is up, no second one is made unless --connect asks for it.

    --sent looks back, before an upgrade or after a change of the configuration: what was delivered is read and built
    again with this version and this configuration, beside a running agent; nothing is written and nothing is sent.

    Exit codes: 0 nothing stands in the way (there may be warnings); 1 something fails, or would be refused; 78 the
    configuration.
    """
    from lab_sender.config.load import ConfigError
    from lab_sender.operations import probes

    if remarks and days is None:
        raise click.UsageError("--remarks needs --sent, such as --sent 30d.")
    if connect and days is not None:
        raise click.UsageError("--sent connects to nothing; leave --connect out.")
    try:
        config = installation.config
    except ConfigError as error:
        if not as_json:
            raise
        mistakes = [mistake.describe(error.path.name) for mistake in error.mistakes]
        findings = [probes.Check("configuration", "fail", mistake, exit_code=ExitCode.CONFIG) for mistake in mistakes]
    else:
        findings = [
            probes.Check("configuration", "ok", f"{config.path} ({config.digest})"),
            *probes.profile(config),
            *probes.readers(),
        ]
        if days is not None and all(each.state != "fail" for each in findings):
            ctx.exit(_sent(installation, days, remarks=remarks, as_json=as_json))
        findings += [
            *probes.folders(config, away=installation.outbox_is_away),
            *probes.journal(installation),
            *probes.way_to_his(installation, connect=connect),
        ]
    bad = [each for each in findings if each.state == "fail"]
    if as_json:
        shown = [{"what": each.what, "state": each.state, "text": each.text, "hint": each.hint} for each in findings]
        screen.show_json({"ok": not bad, "checks": shown})
    else:
        rows = [(each.state, each.what, _found(each.text, each.hint)) for each in findings]
        screen.show(screen.console(), screen.table(("", "what", "found"), rows, fold=("found",)))
        warned = sum(each.state == "warn" for each in findings)
        warnings = f" ({wording.plural(warned, 'warning')})" if warned else ""
        verdict = f"{len(bad)} of {len(findings)} checks failed." if bad else f"nothing stands in the way{warnings}."
        click.secho(f"\n{verdict}", fg="red" if bad else "green", bold=True)
    ctx.exit(max((each.exit_code for each in bad), default=ExitCode.DONE))


def _sent(installation: Installation, days: int, *, remarks: bool, as_json: bool) -> ExitCode:
    """Read sent/ again and show what was found; returns the exit code."""
    from lab_sender.operations.sent_again import read_sent_again

    progress = sent_again.progress_on_terminal()
    tally = read_sent_again(installation, days, remarks=remarks, progress=progress)
    if as_json:
        screen.show_json(sent_again.as_json(tally, days))
    else:
        sent_again.show(tally, days)
    return ExitCode.DONE if tally.is_well else ExitCode.NO


def _found(text: str, hint: str) -> str:
    """Join what was found and what to do about it."""
    if not hint:
        return text
    return f"{text}{'' if text.endswith('.') else '.'} {hint}"
