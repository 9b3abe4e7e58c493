"""`map`: the lines of configuration that a table needs.

Holds: how a table's suggested format is printed.
Promises: what is printed can be put into config.yaml as it stands; no cell of the file is in it.
Never: changes the configuration.
"""

from __future__ import annotations

from pathlib import Path

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option, pass_installation
from lab_sender.errors import ExitCode
from lab_sender.operations.installation import Installation


@click.command("map")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json_option
@pass_installation
@click.pass_context
def map_(ctx: click.Context, installation: Installation, file: Path, as_json: bool) -> None:
    """Write the lines of config.yaml that the table FILE needs.

    Each heading gets a line: what is known, what is guessed, and, as a comment, what a person must decide. Nothing of
    its cells is shown but their form. Nothing is changed.

    Exit codes: 0 nothing is open; 1 something must be decided, or cannot be sent all the same; 65 it is no table.
    """
    from lab_sender.operations.table_map import map_file

    made = map_file(installation, file)
    if as_json:
        screen.show_json(made)
    else:
        click.echo(screen.visible(made.text, keep="\n"), nl=False)
    ctx.exit(ExitCode.NO if made.open or made.findings else ExitCode.DONE)
