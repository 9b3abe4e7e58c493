"""`alerts`: whom an alert goes to, what is one now, and who has it.

Holds: `alerts test`, `alerts list` and `alerts ack`.
Promises: `test` sends one text to each channel and ends with 1 where one did not take it.
Never: prints an address.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import HIGHEST_ID, as_json_option, pass_installation, who
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.cli.grid import Grid
    from lab_sender.operations.alerts.asked import ListedAlert


@click.group()
def alerts() -> None:
    """Try the channels; list alerts; say "I have it"."""


@alerts.command()
@click.option("--channel", "channels", multiple=True, metavar="NAME", help="Only this one; may be given again.")
@as_json_option
@pass_installation
@click.pass_context
def test(ctx: click.Context, installation: Installation, channels: tuple[str, ...], as_json: bool) -> None:
    """Send one text to each channel, and say what became of it.

    0 all have taken it, 1 one has not, 78 there is no channel. That a channel has taken a text does not say that
    anybody reads it: ask.
    """
    from lab_sender.operations.alerts import asked

    found = asked.trial(installation, channels)
    if as_json:
        screen.show_json(found)
        ctx.exit(found.exit_code)
    width = max(len(each.channel) for each in found.channels)
    for each in found.channels:
        word = click.style("sent", fg="green") if each.sent else click.style("not sent", fg="red")
        why = "" if each.sent else screen.visible(f": {each.code}, {each.detail}")
        click.echo(f"{each.channel:{width}}  {word}{why}")
    ctx.exit(found.exit_code)


@alerts.command("list")
@as_json_option
@pass_installation
def list_(installation: Installation, as_json: bool) -> None:
    """List what is an alert or may become one, who has it, and which channels fail."""
    from lab_sender.operations.alerts import asked

    found = asked.listing(installation)
    if as_json:
        screen.show_json(found)
        return
    if found.alerts:
        screen.show(listed(found.alerts))
    elif found.channels:
        click.echo("No alerts.")
    for channel in found.failing:
        tries = wording.plural(channel.tries, "try", "tries")
        click.echo(
            f"The channel {channel.channel} fails since {wording.clock(channel.since_ms)}"
            f" ({channel.code}, {tries}): `lab-sender alerts test`."
        )
    if not found.channels:
        click.echo(
            "No alert goes out, and nobody looks: the configuration has no alerts.channels. `lab-sender status` says"
            " what is wrong now.\nWrite `alerts: {channels: {mail: ADDRESS}}` into it (docs/MONITORING.md has"
            " addresses), then `lab-sender reload` and `lab-sender alerts test`."
        )


@alerts.command()
@click.argument("numbers", metavar="ID...", type=click.IntRange(1, HIGHEST_ID), nargs=-1, required=True)
@as_json_option
@pass_installation
def ack(installation: Installation, numbers: tuple[int, ...], as_json: bool) -> None:
    """Say "I have it": it is not sent again, until it gets worse.

    The ids are those of `alerts list` and of the texts.
    """
    from lab_sender.operations.alerts import asked

    taken = asked.take(installation, numbers, who())
    if as_json:
        screen.show_json(taken)
        return
    for each in taken.alerts:
        click.echo(screen.visible(f"{each.id} {each.code}: {each.taken_by} has it."))


def listed(alerts: Iterable[ListedAlert]) -> Grid:
    """Lay out a row for each; what it is, and where, has the room that is left: at night it is read first."""
    columns = ("id", "level", "state", "since", "sent", "who has it", "what")
    rows = [_row(each) for each in alerts]
    return screen.table(columns, rows, right=("id",), fold=("what",), spare={"sent": 110})


def _row(each: ListedAlert) -> tuple[str, ...]:
    where = "".join(f"{name}: " for name in (each.node, each.destination) if name)
    return (
        str(each.id),
        each.level.lower(),
        each.phase,
        wording.clock(each.since_ms, short=True),
        wording.clock(each.sent_ms, short=True),
        each.taken_by or "",
        f"{where}{each.text}. {each.code}",
    )
