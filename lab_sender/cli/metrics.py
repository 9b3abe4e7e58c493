"""`metrics`: what Prometheus reads, where no port is to be open.

Holds: the command.
Promises: with `--write` the file is whole at any time.
Never: starts anything.
"""

from __future__ import annotations

from pathlib import Path

import click

from lab_sender.cli.arguments import pass_installation
from lab_sender.operations.installation import Installation


@click.command()
@click.option(
    "--write", "path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write this file anew, for node_exporter's textfile collector; others may read it.",
)  # fmt: skip
@pass_installation
def metrics(installation: Installation, path: Path | None) -> None:
    """Print the state and the counts for Prometheus.

    The page serves the same under /metrics.
    """
    from lab_sender import files
    from lab_sender.operations.metrics import exposition

    text = exposition(installation)
    if path is None:
        click.echo(text, nl=False)
    else:
        files.write_new(path, text, shared=True)
