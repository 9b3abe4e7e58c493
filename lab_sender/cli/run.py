"""`run`, `reload` and `demo`: the agent itself.

Holds: how the agent is started from a configuration, and how it is asked to take a changed one.
Promises: `run` returns when the agent has stopped in good order; `reload` when the agent has answered.
Never: decides how the agent works; agent/ does.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option, pass_installation, who
from lab_sender.errors import ExitCode
from lab_sender.operations.installation import Installation

if TYPE_CHECKING:
    from lab_sender.config.load import Config


@click.command()
@pass_installation
def run(installation: Installation) -> None:
    """Run the agent until SIGTERM or Ctrl-C.

    The first signal finishes the exchange in flight; a second one does not wait for the HIS's answer. Exit codes:
    0 stopped in good order, 74 disk or journal, 75 another agent runs, 78 configuration.
    """
    from lab_sender.agent.process import Agent

    config = installation.config_to_run
    log_as(config)
    page = Page(config)
    agent = Agent(config, reread=installation.reread, on_reload=page.take, beside=(page.child,))
    agent.obey_signals()
    gc.freeze()  # what was loaded stays
    gc.enable()
    agent.run()


class Page:
    """The page's process, as the configuration in force wants it."""

    def __init__(self, config: Config) -> None:
        from lab_sender.operations.web.child import Child

        self._config = config
        self.child = Child(config.path, wanted=self._wanted(config))

    def take(self, config: Config) -> None:
        """Go by a changed configuration: log where it says, and let the page begin anew where that concerns it.

        Raises OSError, the log as it was.
        """
        log_as(config)
        old, self._config = self._config, config
        self.child.want(self._wanted(config))
        if old.web != config.web or old.log != config.log or config.log.file is not None:
            self.child.again()

    @staticmethod
    def _wanted(config: Config) -> bool:
        alerts, several = config.alerts, bool(config.folders.node)  # of them it says which one asks for the heartbeat
        sends = bool(alerts.channels) or (several and alerts.heartbeat is not None)
        return config.web.start != "alone" and (config.web.address is not None or sends)


def log_as(config: Config) -> None:
    """Send the log where the configuration says. Raises OSError, the log as it was."""
    from lab_sender.logfile import set_up_as

    set_up_as(config.log)


@click.command()
@as_json_option
@pass_installation
@click.pass_context
def reload(ctx: click.Context, installation: Installation, as_json: bool) -> None:
    """Bring a changed configuration in force.

    The running agent takes it between two messages and two files, whole or not at all, and opens its log file anew.
    Exit codes: 0 in force, 78 not taken (each mistake with its line, or what needs a restart; the agent goes on as
    before), 75 no agent runs or it has not answered.
    """
    from lab_sender.operations.reload import reload as operation

    done = operation(installation, who=who())
    if as_json:
        screen.show_json(done)
    elif not done.in_force:
        screen.show_error(done.code or "", f"not taken, the agent goes on as before: {done.text}", done.hint)
    else:
        changed = ", ".join(done.changed) or "no setting differs"
        click.echo(f"In force: {done.digest} ({changed}).")
    ctx.exit(ExitCode.DONE if done.in_force else ExitCode.CONFIG)


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
