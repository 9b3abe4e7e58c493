"""`preview` and `schema`: what a file will become, and what a file may be.

Holds: how messages and findings are shown; reading and building are of operations/previews.
Promises: writes nothing.
Never: sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option, names_destinations, pass_installation, to_option
from lab_sender.cli.fields import fields_table, show_opinions, sources_table
from lab_sender.errors import ExitCode
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.operations.previews import PreviewedMessage

_SCHEMAS = ("config", "profile", "report", "output", "api")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fields", is_flag=True, help="Name every field.")
@click.option("--explain", is_flag=True, help="Say for each field where it comes from, and which rules had a part.")
@click.option("--second-opinion", is_flag=True, help="Say what hl7apy's own parser and validator object to (slow).")
@click.option("--whole", is_flag=True, help="Do not shorten long segments (embedded documents).")
@to_option("Only the message for this destination")
@as_json_option
@pass_installation
@click.pass_context
def preview(
    ctx: click.Context,
    installation: Installation,
    file: Path,
    fields: bool,
    explain: bool,
    second_opinion: bool,
    whole: bool,
    to: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the messages FILE becomes, and its faults.

    Attachments are looked up beside FILE. Control id and message time are examples: the real ones are given when
    the file is received. Exit codes: 0 it can be sent; 65 something of it cannot.
    """
    from lab_sender.operations import previews

    made = previews.preview(
        installation, file, to=to, fields=fields, explain=explain, second_opinion=second_opinion
    )
    if as_json:
        screen.show_json(made)
    else:
        first = made.messages[0].destination
        count = sum(each.destination in (None, first) for each in made.messages)
        number, named = 0, names_destinations()
        for each in made.messages:
            number += each.destination in (None, first)
            to_whom = f" to {each.destination}" if named and each.destination else ""
            _show(each, f"message {number} of {count}{to_whom}", explain=explain, whole=whole)
            if second_opinion and each.message is not None:
                show_opinions(each.second_opinion or ())
            click.echo()
        click.secho(_verdict(made.messages, named=named), fg="green" if made.ok else "red")
    ctx.exit(ExitCode.DONE if made.ok else ExitCode.DATA)


@click.command()
@click.argument("name", metavar="|".join(_SCHEMAS), type=click.Choice(_SCHEMAS))
def schema(name: str) -> None:
    """Print a JSON Schema.

    Of config.yaml, of a profile in a file of its own, of a lab-result/1 report, or of what --json prints; `api` is
    the OpenAPI document of the page's API.
    """
    if name == "report":
        from lab_sender.readers import report_schema

        screen.show_plain_json(report_schema())
    elif name == "output":
        from lab_sender.operations.output import output_schema

        screen.show_plain_json(output_schema())
    elif name == "api":
        from lab_sender.operations.web.api.openapi import openapi

        screen.show_plain_json(openapi())
    else:
        from lab_sender.config.load import config_schema, profile_schema

        screen.show_plain_json(config_schema() if name == "config" else profile_schema())


def _verdict(messages: Sequence[PreviewedMessage], *, named: bool) -> str:
    """Say how many of the messages can be sent, to whom."""
    if not named:
        built = sum(each.message is not None for each in messages)
        return f"{built} of {wording.plural(len(messages), 'message')} can be sent."
    unreadable = sum(each.destination is None for each in messages)
    parts = []
    for name in dict.fromkeys(each.destination for each in messages if each.destination):
        own = [each for each in messages if each.destination == name]
        built = sum(each.message is not None for each in own)
        other = sum(each.taken is False for each in own)
        of = wording.plural(len(own) + unreadable, "message")
        parts.append(f"{name}: {built} of {of} can be sent{f', {other} not taken' if other else ''}.")
    return "\n".join(parts) or f"0 of {wording.plural(unreadable, 'message')} can be sent."


def _rules(each: PreviewedMessage) -> Iterator[str]:
    """Say which rules took a message, which one did not, or of which nobody can say."""
    said = {True: "taken by", False: "not taken by", None: "nobody can say whether it is taken by"}[each.taken]
    for rule in each.takes:
        if rule.holds is each.taken:
            must = f"{'not ' if rule.negated else ''}{rule.kind}"
            yield f"{said} {rule.field} {must} ({rule.at})"


def _show(each: PreviewedMessage, title: str, *, explain: bool, whole: bool) -> None:
    where = f", {each.place}" if each.place else ""
    made = f", {each.made}" if each.made else ""
    size = f"{made}, {each.message.bytes:,} bytes" if each.message is not None else f"{made}, cannot be sent"
    if each.taken is False:
        size = f"{made}, not taken"
    click.secho(f"{title}{screen.visible(where)}{size}", bold=True)
    for rule in _rules(each):
        click.secho(rule, dim=True)
    if explain and each.fields:
        screen.show(sources_table(each.fields, whole=whole))
    elif explain and each.message is not None:
        click.echo("No rule of the profile changes it.")
    elif each.message is not None and each.fields:
        screen.show(fields_table(each.fields, whole=whole))
    elif each.message is not None:
        for segment in each.message.segments:
            shown = screen.shortened(screen.visible(segment), whole=whole)
            click.echo(click.style(shown[:3], fg="cyan") + shown[3:])
    for finding in each.findings:
        colour = "red" if finding.severity == "error" else "yellow"
        where = f" at {finding.place}" if finding.place else ""
        position = f" ({finding.field})" if finding.field else ""
        severity = click.style(finding.severity, fg=colour, bold=True)
        click.echo(f"{severity} {finding.code}{screen.visible(where)}{position}")
        click.echo(f"    {finding.text} {finding.hint or ''}".rstrip())
