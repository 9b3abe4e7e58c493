"""`preview` and `schema`: what a file will become, and what a file may be.

Holds: the way from a file to its messages without journal and HIS, and how messages and findings are shown.
Promises: reads and builds as the agent does, with the same configuration; writes nothing.
Never: sends.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab_sender.commands import screen
from lab_sender.commands.site import Site, pass_site
from lab_sender.errors import FileError, Finding

if TYPE_CHECKING:
    from rich.console import Console

    from lab_sender.config import Config
    from lab_sender.results import Item

EXIT_DATA = 65
_LONG = 400


@dataclass(frozen=True, slots=True)
class Preview:
    """One message of a file: its bytes (None when it cannot be built) and what was found."""

    place: str
    made: str
    body: bytes | None
    findings: tuple[Finding, ...] = field(default=())


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fields", is_flag=True, help="Name every field.")
@click.option("--whole", is_flag=True, help="Do not shorten long segments (embedded documents).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_site
@click.pass_context
def preview(ctx: click.Context, site: Site, file: Path, fields: bool, whole: bool, as_json: bool) -> None:
    """Show the messages FILE becomes, and its faults.

    Attachments are looked up beside FILE. Control id and message time are examples: the real ones are given when
    the file is taken in. Exit codes: 0 it can be sent; 65 something of it cannot.
    """
    previews = list(previews_of(file, site.config))
    bad = any(finding.severity == "error" for each in previews for finding in each.findings)
    if as_json:
        screen.show_json(
            {
                "file": file.name,
                "ok": not bad,
                "messages": [
                    {
                        "place": each.place,
                        "made": each.made,
                        "segments": screen.segments(each.body) if each.body is not None else None,
                        "findings": [asdict(finding) for finding in each.findings],
                    }
                    for each in previews
                ],
            }
        )
    else:
        console = screen.console()
        for number, each in enumerate(previews, 1):
            _show(console, each, f"message {number} of {len(previews)}", fields=fields, whole=whole)
        built = sum(each.body is not None for each in previews)
        colour = "red" if bad else "green"
        click.secho(f"{built} of {screen.plural(len(previews), 'message')} can be sent.", fg=colour)
    ctx.exit(EXIT_DATA if bad else 0)


@click.command()
@click.argument("name", metavar="config|report", type=click.Choice(["config", "report"]))
def schema(name: str) -> None:
    """Print the JSON Schema of config.yaml or reports."""
    if name == "config":
        from lab_sender.config import config_schema

        screen.show_json(config_schema())
    else:
        from lab_sender.results import report_schema

        screen.show_json(report_schema())


def previews_of(file: Path, config: Config) -> Iterator[Preview]:
    """Read a file and build its messages, in its order. Raises FileError for a file that cannot be read at all."""
    from lab_sender.agent import message_profile
    from lab_sender.commands.sending import read_file
    from lab_sender.oru import Builder
    from lab_sender.results import read

    builder = Builder(message_profile(config))
    data = read_file(file, config.intake.largest_file_bytes)
    for item in read(data).items:
        yield _preview(item, builder, file.parent)


def _preview(item: Item, builder: Any, folder: Path) -> Preview:
    from lab_sender.ids import new_id
    from lab_sender.results import BadItem, ReadyItem

    if isinstance(item, BadItem):
        return Preview(item.place, "", None, item.findings)
    if isinstance(item, ReadyItem):
        return Preview(item.place, "ready-made", item.body)
    try:
        built = builder.build(
            item.report, control_id=new_id(), now=datetime.datetime.now().astimezone(), place=item.place,
            attachments=_attachments(item.report, folder),
        )  # fmt: skip
    except FileError as error:
        return Preview(item.place, "built", None, error.findings)
    return Preview(item.place, "built", built.body, built.warnings)


def _attachments(report: Any, folder: Path) -> Mapping[str, bytes]:
    """Read what the report names and is there; the builder tells what is missing."""
    from lab_sender.results import attachment_paths

    paths = {name: folder / name for name in attachment_paths(report)}
    return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}


def _show(console: Console, each: Preview, title: str, *, fields: bool, whole: bool) -> None:
    where = f", {each.place}" if each.place else ""
    size = f", {each.made}, {len(each.body):,} bytes" if each.body is not None else ", cannot be sent"
    click.secho(f"{title}{screen.visible(where)}{size}", bold=True)
    if each.body is not None:
        if fields:
            screen.show(console, _fields_table(each.body, whole=whole))
        else:
            for segment in screen.segments(each.body):
                shown = segment if whole else _shortened(segment)
                click.echo(click.style(shown[:3], fg="cyan") + shown[3:])
    for finding in each.findings:
        colour = "red" if finding.severity == "error" else "yellow"
        where = f" at {finding.place}" if finding.place else ""
        position = f" ({finding.field})" if finding.field else ""
        severity = click.style(finding.severity, fg=colour, bold=True)
        click.echo(f"{severity} {finding.code}{screen.visible(where)}{position}")
        click.echo(f"    {finding.text} {finding.hint}".rstrip())
    click.echo()


def _fields_table(body: bytes, *, whole: bool) -> Any:
    from lab_sender.oru import describe

    rows: list[tuple[str, str, str]] = []
    seen: dict[str, int] = {}
    for segment in describe(body, screen.version_of(body), screen.codec_of(body)):
        seen[segment.name] = number = seen.get(segment.name, 0) + 1
        name = segment.name if segment.name in ("MSH", "PID", "PV1") else f"{segment.name}[{number}]"
        values = [(each.number, each.name, each.raw if whole else _shortened(each.raw)) for each in segment.fields]
        rows += [(f"{name}-{field}", words, value) for field, words, value in values]
    return screen.table(("field", "name", "value"), rows, fold="value")


def _shortened(text: str) -> str:
    if len(text) <= _LONG:
        return text
    return f"{text[:_LONG]}... ({len(text) - _LONG:,} more characters; --whole shows them)"
