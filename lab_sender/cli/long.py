"""`follow` and `export`: what goes on until it is stopped, and what may be very long.

Holds: how both are printed, and where an export goes.
Promises: `follow` waits for changes and costs nearly nothing meanwhile. An export holds some hundred rows at a time,
overwrites nothing, and a file of it is its owner's alone. Patient data only where it is asked for, with a warning.
Never: changes anything.
"""

from __future__ import annotations

import csv
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from msgspec.structs import asdict

from lab_sender import rights
from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option, names_destinations, pass_installation
from lab_sender.cli.seeking import search_options
from lab_sender.errors import LabSenderError
from lab_sender.operations import wording
from lab_sender.operations.installation import Installation
from lab_sender.operations.search import Search

if TYPE_CHECKING:
    from lab_sender.operations.stories import Entry

_LOOK_S = 0.5


class FileThere(LabSenderError):
    """The file to write is there already; nothing was written."""


@click.command()
@search_options
@as_json_option
@pass_installation
def follow(installation: Installation, search: Search, as_json: bool) -> None:
    """Print what comes and what becomes of it, until Ctrl-C.

    A line for each message when it is received, and again whenever its state changes; with what is searched for only
    those that fit. --json prints a document a line.
    """
    from lab_sender.operations.following import Following

    if search.since_ms is not None or search.until_ms is not None:
        raise click.UsageError("follow begins now: leave --since and --until out, or use `lab-sender list`.")
    with installation.view() as view:
        following = Following(installation, view, search)
        if not as_json:
            click.secho("following; Ctrl-C ends it.", dim=True, err=True)
        try:
            while True:
                for each in following.look():
                    _show(each, as_json=as_json)
                _rest()
        except KeyboardInterrupt:
            return


def _rest() -> None:
    threading.Event().wait(_LOOK_S)


def _show(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        from lab_sender.operations.following import Followed

        screen.show_json(Followed(**asdict(entry)), line=True)
        return
    parts = (
        wording.clock(entry.received_ms if not entry.final_ms else entry.final_ms),
        entry.ref,
        entry.words,
        " ".join(filter(None, (entry.last_word, entry.his_code, entry.his_error))),
        entry.destination or "" if names_destinations() else "",
        entry.title,
    )
    click.echo("  ".join(screen.visible(each) for each in parts if each))


@click.command()
@search_options
@click.option(
    "--format", "form", type=click.Choice(("csv", "jsonl")), default="csv", show_default=True, help="How."
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Into this new file; else printed.")
@click.option(
    "--patient-data", is_flag=True, help="Also patient number, ward and the HIS's own words. This is patient data."
)
@pass_installation
def export(
    installation: Installation, search: Search, form: str, output: Path | None, patient_data: bool
) -> None:
    """Write all that a search finds: CSV, or JSON lines.

    However long it is; the newest first. Columns are those of `list`, with the orders of each message.
    """
    from lab_sender.operations.export import COLUMNS, PATIENT_COLUMNS, as_cells, rows_of

    if patient_data:
        click.secho("This is patient data: keep it where only those read it who may.", fg="yellow", err=True)
    remarks = list[str]()
    count = 0
    with into(output) as target:
        rows = rows_of(installation, search, patient_data=patient_data, remarks=remarks)
        table = csv.writer(target, lineterminator="\n")
        if form == "csv":
            table.writerow((*COLUMNS, *PATIENT_COLUMNS * patient_data))
        for row in rows:
            count += 1
            if form == "csv":
                table.writerow(as_cells(row))
            else:
                target.write(f"{screen.json_text(row, line=True)}\n")
    for each in (f"{wording.plural(count, 'row')}.", *remarks):
        click.secho(each, dim=True, err=True)


@contextmanager
def into(output: Path | None) -> Iterator[TextIO]:
    """Open where it goes; a file is new, and its owner's alone."""
    if output is None:
        yield sys.stdout
        return
    try:
        descriptor = rights.open_private(str(output), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        raise FileThere("export.exists", f"{output} is there already.", hint="Name another file.") from None
    with open(descriptor, "w", encoding="utf-8", newline="") as file:
        yield file
