"""`run` and `demo`: the agent itself.

Holds: how the agent is started from a configuration.
Promises: `run` returns when the agent has stopped in good order.
Never: decides how the agent works; agent.py does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab_sender.cli.arguments import pass_installation
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.agent.parts import Part
    from lab_sender.config.load import Config


@click.command()
@pass_installation
def run(installation: Installation) -> None:
    """Run the agent until SIGTERM or Ctrl-C.

    The first signal finishes the exchange in flight; a second one does not wait for the HIS's answer. Exit codes:
    0 stopped in good order, 74 disk or journal, 75 another agent runs, 78 configuration.
    """
    from lab_sender import log, rights
    from lab_sender.agent.process import Agent

    config = installation.config_to_run
    if config.log.file is not None:
        rights.create_private(config.log.file)
        rights.close_to_others(config.log.file)
    log.set_up(form=config.log.format, level=config.log.level, file=config.log.file)
    agent = Agent(config, beside=_beside(config))
    agent.obey_signals()
    agent.run()


def _beside(config: Config) -> tuple[Part, ...]:
    """Return what runs beside the agent as its child, without which it goes on."""
    from lab_sender.operations.web.child import Child

    if config.web.start == "alone" or (config.web.address is None and not config.alerts.channels):
        return ()
    return (Child(config.path),)


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where to play. Default: a new folder in "
    "./demo-run.",
)  # fmt: skip
@click.option("--remove", is_flag=True, help="Remove the folder afterwards.")
@click.pass_context
def demo(ctx: click.Context, folder: Path | None, remove: bool) -> None:
    """Show the whole way with samples and a stand-in."""
    from lab_sender.cli import demo

    ctx.exit(demo.demo(folder, keep=not remove))
