"""`check`: will it work here?

Holds: the order of the checks and how they are shown; the checks themselves are in probes.py.
Promises: changes nothing and sends nothing.
Never: stops at the first trouble.
"""

from __future__ import annotations

from dataclasses import asdict

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import pass_installation
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

EXIT_CONFIG = 78


@click.command()
@click.option("--connect", is_flag=True, help="Connect also while the agent's own connection is up.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_installation
@click.pass_context
def check(ctx: click.Context, installation: Installation, connect: bool, as_json: bool) -> None:
    """Check everything up to the HIS; send nothing.

    Configuration, folders, journal, name, connection, certificates. Nothing is changed.

    A HIS may allow one connection only: while the agent's is up, no second one is made unless --connect asks for it.

    Exit codes: 0 nothing stands in the way (there may be warnings); 1 something fails; 78 the configuration.
    """
    from lab_sender.config.load import ConfigError
    from lab_sender.operations import probes

    try:
        config = installation.config
    except ConfigError as error:
        if not as_json:
            raise
        mistakes = [mistake.describe(error.path.name) for mistake in error.mistakes]
        findings = [probes.Check("configuration", "fail", mistake) for mistake in mistakes]
    else:
        findings = [
            probes.Check("configuration", "ok", f"{config.path} ({config.digest})"),
            *probes.profile(config),
            *probes.readers(),
            *probes.folders(config, away=installation.outbox_is_away),
            *probes.journal(installation),
            *probes.way_to_his(installation, connect=connect),
        ]
    bad = [each for each in findings if each.state == "fail"]
    if as_json:
        screen.show_json({"ok": not bad, "checks": [asdict(each) for each in findings]})
    else:
        rows = [(each.state, each.what, _found(each.text, each.hint)) for each in findings]
        screen.show(screen.console(), screen.table(("", "what", "found"), rows, fold=("found",)))
        warned = sum(each.state == "warn" for each in findings)
        warnings = f" ({wording.plural(warned, 'warning')})" if warned else ""
        verdict = f"{len(bad)} of {len(findings)} checks failed." if bad else f"nothing stands in the way{warnings}."
        click.secho(f"\n{verdict}", fg="red" if bad else "green", bold=True)
    misconfigured = any(each.what in ("configuration", "message profile", "own readers") for each in bad)
    ctx.exit(EXIT_CONFIG if misconfigured else 1 if bad else 0)


def _found(text: str, hint: str) -> str:
    """Join what was found and what to do about it."""
    if not hint:
        return text
    return f"{text}{'' if text.endswith('.') else '.'} {hint}"
