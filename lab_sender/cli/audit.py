"""`audit`: who saw and did what on the page and by the API, and whether anybody changed that.

Holds: the list and the proof.
Promises: what may be of patients is shown with --raw alone, which is itself a row of the audit.
Never: changes a row.
"""

from __future__ import annotations

import click

from lab_sender.cli import screen
from lab_sender.cli.accounts import by
from lab_sender.cli.arguments import HIGHEST_ID, as_json_option, filter_option, pass_installation
from lab_sender.errors import ExitCode
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation


@click.group()
def audit() -> None:
    """Show and verify who saw and did what."""


@audit.command("list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many rows.")
@click.option("--before", type=click.IntRange(1, HIGHEST_ID), help="Only rows before this number.")
@filter_option("--who", "Only what this account or key did.", metavar="NAME")
@filter_option("--act", "Only this: login, reveal, release ...", metavar="ACT")
@click.option("--raw", is_flag=True, help="With patients and reasons. This is noted in the audit.")
@as_json_option
@pass_installation
def audit_list(
    installation: Installation, limit: int, before: int | None, who: str, act: str, raw: bool, as_json: bool
) -> None:
    """Show rows, the newest first."""
    from lab_sender.operations.audit import Audit, without_patients

    kept = Audit(installation.records())
    if raw:
        kept.note(by(), "audit-raw")
    listing = kept.listing(limit=limit, before=before, who=who, act=act)
    if not raw:
        listing = without_patients(listing)
    if as_json:
        screen.show_json(listing)
        return
    rows = [
        (str(each.id), wording.clock(each.at_ms), each.who, each.role, each.address, each.act,
         each.phase if each.asked is None else f"{each.phase} {each.asked}", each.target, each.patient, each.why,
         each.detail)
        for each in listing.rows
    ]  # fmt: skip
    columns = ("row", "time", "who", "role", "from", "act", "", "target", "patient", "why", "detail")
    screen.show(screen.table(columns, rows, right=("row",), fold=("why", "detail")))
    if listing.more:
        click.echo(f"There are older ones: --before {listing.rows[-1].id}")


@audit.command("verify")
@as_json_option
@pass_installation
@click.pass_context
def audit_verify(ctx: click.Context, installation: Installation, as_json: bool) -> None:
    """Walk the chain: exit code 0 where no row was changed or removed, else 1.

    The last row's hash, written down elsewhere, proves all rows up to it.
    """
    from lab_sender.operations.audit import Audit

    verdict = Audit(installation.records()).verify()
    if as_json:
        screen.show_json(verdict)
    else:
        click.echo(f"{verdict.text}; the last hash is {verdict.last_hash}" if verdict.ok else verdict.text)
    ctx.exit(ExitCode.DONE if verdict.ok else ExitCode.NO)
