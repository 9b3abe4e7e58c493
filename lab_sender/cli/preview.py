"""`preview` and `schema`: what a file will become, and what a file may be.

Holds: the way from a file to its messages without journal and HIS, and how messages and findings are shown.
Promises: reads and builds as the agent does, with the same configuration; writes nothing.
Never: sends.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import pass_installation
from lab_sender.cli.origins import opinions_on, show_opinions, stories_json, stories_table
from lab_sender.errors import ExitCode, FileError, Finding
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from rich.console import Console

    from lab_sender.config.load import Config
    from lab_sender.hl7.second_opinion import Opinion
    from lab_sender.oru import Builder, FieldStory
    from lab_sender.readers import Item, ReadyItem
    from lab_sender.report.model import Report


@dataclass(frozen=True, slots=True)
class Preview:
    """One message of a file: its bytes (None when it cannot be built) and what was found.

    `stories` say where each field comes from, where that was asked for.
    """

    place: str
    made: str
    body: bytes | None
    findings: tuple[Finding, ...] = field(default=())
    stories: tuple[FieldStory, ...] = ()


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fields", is_flag=True, help="Name every field.")
@click.option("--explain", is_flag=True, help="Say for each field where it comes from, and which rules had a part.")
@click.option("--second-opinion", is_flag=True, help="Say what hl7apy's own parser and validator object to (slow).")
@click.option("--whole", is_flag=True, help="Do not shorten long segments (embedded documents).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
    as_json: bool,
) -> None:
    """Show the messages FILE becomes, and its faults.

    Attachments are looked up beside FILE. Control id and message time are examples: the real ones are given when
    the file is taken in. Exit codes: 0 it can be sent; 65 something of it cannot.
    """
    previews = list(previews_of(file, installation.config, explain=explain))
    opinions = [opinions_on(each.body) if second_opinion else None for each in previews]
    bad = any(finding.severity == "error" for each in previews for finding in each.findings)
    if as_json:
        pairs = zip(previews, opinions, strict=True)
        messages = [_as_json(each, explain=explain, opinions=given) for each, given in pairs]
        told = {"file": file.name, "ok": not bad, "profile": installation.config.message.name, "messages": messages}
        screen.show_json(told)
    else:
        console = screen.console()
        for number, (each, given) in enumerate(zip(previews, opinions, strict=True), 1):
            _show(console, each, f"message {number} of {len(previews)}", fields=fields, explain=explain, whole=whole)
            if given is not None and each.body is not None:
                show_opinions(given)
            click.echo()
        built = sum(each.body is not None for each in previews)
        colour = "red" if bad else "green"
        click.secho(f"{built} of {wording.plural(len(previews), 'message')} can be sent.", fg=colour)
    ctx.exit(ExitCode.DATA if bad else ExitCode.DONE)


@click.command()
@click.argument("name", metavar="config|profile|report", type=click.Choice(["config", "profile", "report"]))
def schema(name: str) -> None:
    """Print the JSON Schema of config.yaml, profiles or reports."""
    if name != "report":
        from lab_sender.config.load import config_schema, profile_schema

        screen.show_json(config_schema() if name == "config" else profile_schema())
    else:
        from lab_sender.readers import report_schema

        screen.show_json(report_schema())


def previews_of(file: Path, config: Config, *, explain: bool = False) -> Iterator[Preview]:
    """Read a file and build its messages, in its order. Raises FileError for a file that cannot be read at all."""
    from lab_sender.agent.wiring import inputs
    from lab_sender.cli.send import read_file
    from lab_sender.operations import beside
    from lab_sender.oru import Builder
    from lab_sender.readers import ReadyItem, read

    builder = Builder(config.message)
    data = read_file(file, config.intake.largest_file_bytes)
    settings = inputs(config)
    reading = read(data, file.name, settings)
    documents = config.message.settings.attachments
    items = beside.with_pdf(reading.items, file, settings, documents.test, may_be_cut=documents.cut == "send")
    for number, item in enumerate(items):
        each = _preview(item, builder, file.parent, explain=explain)
        each = _answered(each, sent=isinstance(item, ReadyItem) and settings.hl7.no_answer == "send")
        yield each if number else replace(each, findings=(*reading.remarks, *each.findings))


def _preview(item: Item, builder: Builder, folder: Path, *, explain: bool) -> Preview:
    from lab_sender.ids import new_id
    from lab_sender.operations import beside
    from lab_sender.readers import BadItem, ReadyItem

    if isinstance(item, BadItem):
        return Preview(item.place, "", None, item.findings)
    if isinstance(item, ReadyItem):
        return _ready(item, builder, explain=explain)
    made = f"built by {builder.site.given.name}"
    given: Any = {
        "control_id": new_id(),
        "now": datetime.datetime.now().astimezone(),
        "place": item.place,
        "attachments": {path.name: path.read_bytes() for path in beside.named_files([item], folder)} | item.documents,
    }
    stories = _stories(builder, item.report, given) if explain else ()
    try:
        built = builder.build(item.report, **given)
    except FileError as error:
        return Preview(item.place, made, None, item.located(error.findings), stories)
    return Preview(item.place, made, built.body, item.located(built.warnings), stories)


def _ready(item: ReadyItem, builder: Builder, *, explain: bool) -> Preview:
    from lab_sender.oru import explain_ready, with_rules

    if not builder.rules.for_ready:
        return Preview(item.place, "ready-made", item.body, item.remarks)
    made = f"ready-made, by the rules of {builder.site.given.name}"
    try:
        ruled = with_rules(item.body, builder.rules, item.place)
    except FileError as error:
        return Preview(item.place, made, None, error.findings)
    stories = tuple(explain_ready(item.body, builder.rules, item.version)) if explain else ()
    return Preview(item.place, made, ruled.body, (*item.remarks, *ruled.warnings), stories)


def _answered(made: Preview, *, sent: bool) -> Preview:
    """Refuse a message that asks for no answer, as intake does; or only say so, where it is `sent` all the same."""
    from lab_sender.hl7.asked_answers import asked_answers

    if made.body is None:
        return made
    faults = asked_answers(made.body).faults(made.place, severity="warning" if sent else "error")
    body = made.body if sent or not faults else None
    return replace(made, body=body, findings=(*faults, *made.findings))


def _stories(builder: Builder, report: Report, given: dict[str, Any]) -> tuple[FieldStory, ...]:
    from lab_sender.oru import explain

    return tuple(explain(builder, report, **given))


def _as_json(each: Preview, *, explain: bool, opinions: list[Opinion] | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "place": each.place,
        "made": each.made,
        "segments": screen.segments(each.body) if each.body is not None else None,
        "findings": [asdict(finding) for finding in each.findings],
    }
    if explain:
        told["fields"] = stories_json(each.stories)
    if opinions is not None:
        told["second_opinion"] = [one._asdict() for one in opinions]
    return told


def _show(console: Console, each: Preview, title: str, *, fields: bool, explain: bool, whole: bool) -> None:
    where = f", {each.place}" if each.place else ""
    made = f", {each.made}" if each.made else ""
    size = f"{made}, {len(each.body):,} bytes" if each.body is not None else f"{made}, cannot be sent"
    click.secho(f"{title}{screen.visible(where)}{size}", bold=True)
    if explain and each.stories:
        screen.show(console, stories_table(each.stories, whole=whole))
    elif explain and each.body is not None:
        click.echo("No rule of the profile changes it.")
    elif each.body is not None:
        if fields:
            screen.show(console, _fields_table(each.body, whole=whole))
        else:
            for segment in screen.segments(each.body):
                shown = screen.shortened(segment, whole=whole)
                click.echo(click.style(shown[:3], fg="cyan") + shown[3:])
    for finding in each.findings:
        colour = "red" if finding.severity == "error" else "yellow"
        where = f" at {finding.place}" if finding.place else ""
        position = f" ({finding.field})" if finding.field else ""
        severity = click.style(finding.severity, fg=colour, bold=True)
        click.echo(f"{severity} {finding.code}{screen.visible(where)}{position}")
        click.echo(f"    {finding.text} {finding.hint}".rstrip())


def _fields_table(body: bytes, *, whole: bool) -> Any:
    from lab_sender.hl7.describe import describe

    rows: list[tuple[str, str, str]] = []
    seen: dict[str, int] = {}
    for segment in describe(body):
        seen[segment.name] = number = seen.get(segment.name, 0) + 1
        name = segment.name if segment.name in ("MSH", "PID", "PV1") else f"{segment.name}[{number}]"
        values = [(each.number, each.name, screen.shortened(each.raw, whole=whole)) for each in segment.fields]
        rows += [(f"{name}-{field}", words, value) for field, words, value in values]
    return screen.table(("field", "name", "value"), rows, fold=("name", "value"))
