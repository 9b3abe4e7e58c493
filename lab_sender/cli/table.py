"""`map`: the lines of configuration that a table needs.

Holds: how a table's suggested format is printed.
Promises: what is printed can be put into config.yaml as it stands; no cell of the file is in it.
Never: changes the configuration.
"""

from __future__ import annotations

from pathlib import Path

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import pass_installation
from lab_sender.errors import ExitCode
from lab_sender.operations.installation import Installation

_LARGEST_BYTES = 64 << 20


@click.command("map")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_installation
@click.pass_context
def map_(ctx: click.Context, installation: Installation, file: Path) -> None:
    """Write the lines of config.yaml that the table FILE needs.

    Each heading gets a line: what is known, what is guessed, and, as a comment, what a person must decide. Nothing of
    its cells is shown but their form. Nothing is changed.

    Exit codes: 0 nothing is open; 1 something must be decided, or cannot be sent all the same; 65 it is no table.
    """
    from lab_sender.cli.send import read_file
    from lab_sender.operations.table_map import map_table

    config = installation.config if installation.is_configured else None
    largest = config.intake.largest_file_bytes if config is not None else _LARGEST_BYTES
    made = map_table(read_file(file, largest), file.name, config)
    click.echo(screen.visible(made.text, keep="\n"), nl=False)
    ctx.exit(ExitCode.NO if made.open or made.findings else ExitCode.DONE)
