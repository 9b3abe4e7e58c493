"""`service`: lab-sender as a service of the machine, by systemd or Windows.

Holds: `install`, `uninstall` and `status`, and `run`, which Windows starts.
Promises: a password is asked for unseen, or read from standard input; it is in no list of processes.
Never: knows how a manager is asked; service/ does.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import as_json_option, pass_installation, password_on_stdin
from lab_sender.errors import ExitCode
from lab_sender.operations.installation import Installation
from lab_sender.operations.service import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab_sender.operations.conditions import Condition
    from lab_sender.operations.service import ServiceAct
    from lab_sender.service.host import Host
    from lab_sender.service.systemd import Systemd

_WINDOWS = sys.platform == "win32"
_name_option = click.option(
    "--name", default=NAME, show_default=True, help="The service's name, where a machine has several installations."
)
_root_option = click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Of another system: an image's "
    "root folder. Nothing is started there.", hidden=_WINDOWS,
)  # fmt: skip


@click.group()
def service() -> None:
    """Keep the agent up: as a service of systemd or Windows.

    It starts with the machine, and again where it ends by itself; a broken configuration (78) it does not try again.
    """


@service.command()
@_name_option
@click.option("--account", default="", help="Account that it runs in. Default: lab-sender; on Windows the service's "
              "own, NT SERVICE\\NAME.")  # fmt: skip
@click.option("--group", default="lab", show_default=True, help="Group of whoever drops files.", hidden=_WINDOWS)
@click.option("--password-stdin", is_flag=True, help="Read the account's password from standard input.",
              hidden=not _WINDOWS)  # fmt: skip
@click.option("--no-start", is_flag=True, help="Do not start it now.")
@click.option("--dry-run", is_flag=True, help="Only show what would be installed.")
@_root_option
@as_json_option
@pass_installation
def install(
    installation: Installation,
    name: str,
    account: str,
    group: str,
    password_stdin: bool,
    no_start: bool,
    dry_run: bool,
    root: Path | None,
    as_json: bool,
) -> None:
    """Make the service of this configuration, and start it.

    Wants an administrator (root). The configuration must have no mistakes. Exit codes: 0 done, 1 not done, 78 the
    configuration.
    """
    from lab_sender.operations import service as operation

    name = operation.checked_name(name)
    if sys.platform == "win32":
        from lab_sender.operations import service_of_windows
        from lab_sender.service.scm import WindowsManager

        if dry_run:
            done = service_of_windows.shown(installation, name=name, account=account)
        else:
            password = _password(service_of_windows.account_of(account, name), password_stdin)
            done = service_of_windows.install(
                installation, WindowsManager(), name=name, account=account, password=password, start=not no_start
            )
    else:
        done = operation.install_systemd(
            installation, _systemd(root), name=name, account=account or NAME, group=group, start=not no_start,
            dry=dry_run,
        )  # fmt: skip
    _show(done, as_json=as_json, dry=dry_run)


@service.command()
@_name_option
@_root_option
@as_json_option
@pass_installation
def uninstall(installation: Installation, name: str, root: Path | None, as_json: bool) -> None:
    """Stop the service in good order, and remove it.

    Configuration, folders and journal stay.
    """
    from lab_sender.operations import service as operation

    name = operation.checked_name(name)
    if sys.platform == "win32":
        from lab_sender.operations import service_of_windows
        from lab_sender.service.scm import WindowsManager

        done = service_of_windows.uninstall(
            installation, WindowsManager(), name=name, waits=lambda text: None if as_json else click.echo(text)
        )
    else:
        done = operation.uninstall_systemd(_systemd(root), name=name)
    _show(done, as_json=as_json, dry=False)


@service.command()
@_name_option
@as_json_option
@click.pass_context
def status(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show the service's state.

    Whether results get through is another question: `lab-sender status`. Exit codes: 0 it runs, 1 it does not.
    """
    from lab_sender.operations import service as operation

    name = operation.checked_name(name)
    if sys.platform == "win32":
        from lab_sender.operations import service_of_windows
        from lab_sender.service.scm import WindowsManager

        found = service_of_windows.status(WindowsManager(), name=name)
    else:
        found = operation.status_of_systemd(_systemd(None), name=name)
    if as_json:
        screen.show_json(found)
    elif not found.installed:
        click.echo(f"There is no service {name}.")
    else:
        pairs = [
            ("state", found.state),
            ("starts", "with the machine" if found.at_boot else "by hand"),
            ("account", found.account or ""),
            ("process", str(found.pid or "")),
            ("last end", _ended(found.exit_code)),
            ("runs from", found.runs_from or ""),
        ]
        screen.show(screen.facts(pairs))
    ctx.exit(ExitCode.DONE if found.is_running else ExitCode.NO)


@service.command(hidden=True)
@_name_option
@pass_installation
def run(installation: Installation, name: str) -> None:
    """Be the service. Windows' service manager starts this; a person starts `lab-sender run`."""
    if sys.platform == "win32":
        from lab_sender.service import scm

        def work(host: Host) -> None:
            _work(host, installation, name)

        try:
            scm.be_service(name, work)
        except OSError:
            raise click.UsageError("this is for Windows' service manager; type `lab-sender run`.") from None
    else:
        raise click.UsageError("this is for Windows' service manager; systemd starts `lab-sender run`.")


if sys.platform == "win32":

    def _work(host: Host, installation: Installation, name: str) -> None:
        """Be the agent, as `run` is: what a monitor must see goes to the Event Log too."""
        from lab_sender import log
        from lab_sender.agent.parts import Worker
        from lab_sender.agent.process import Agent
        from lab_sender.cli.run import Page, log_as
        from lab_sender.operations.critical import Critical
        from lab_sender.operations.service import with_secrets
        from lab_sender.operations.status import status as look
        from lab_sender.service import eventlog
        from lab_sender.service.events import Seen

        log.listen(Seen(lambda entry: eventlog.enter(name, entry)).hear)
        log.set_up(form="json", level="info")
        config = with_secrets(installation).config_to_run
        log_as(config)
        page = Page(config)
        seen = [installation]

        def conditions() -> Iterable[Condition]:
            seen[0] = seen[0].latest()
            return look(seen[0]).conditions

        critical = Critical(conditions)
        ready = Worker("ready", host.ready, lambda _: None)
        agent = Agent(
            config, reread=installation.reread, on_reload=page.take, beside=(page.child, critical, ready)
        )
        host.on_stop(agent.stop)
        gc.freeze()  # what was loaded stays
        agent.run()


def _systemd(root: Path | None) -> Systemd:
    from lab_sender.service.systemd import Systemd

    return Systemd() if root is None else Systemd(root, offline=True)


def _password(account: str, from_input: bool) -> str | None:
    from lab_sender.operations.service_of_windows import needs_password

    if from_input:
        return password_on_stdin()
    if not needs_password(account):
        return None
    return str(click.prompt(f"Password of {account}", hide_input=True))


def _show(done: ServiceAct, *, as_json: bool, dry: bool) -> None:
    if as_json:
        screen.show_json(done)
        return
    for path, text in done.files.items():
        click.echo(f"# {path}\n{screen.visible(text, keep=chr(10))}" if dry else f"Written: {path}")
    for path in done.removed:
        click.echo(f"Removed: {path}")
    for folder in done.granted:
        click.echo(f"The service's account has its rights in {screen.visible(folder)}")
    for what in done.not_set:
        click.echo(f"Not set, because this system does not have it: {what}")
    if done.to_do:
        click.echo("To be done yet:")
        for line in done.to_do:
            click.echo(f"  {screen.visible(line)}")
    if not dry:
        state = f", {done.state}" if done.state else ""
        click.echo(f"Service {done.name}: {done.done}{state}.")
        if done.state in ("stopped", "starting"):
            click.echo("It has not come up yet: `lab-sender service status` and the log say why.")


def _ended(code: int | None) -> str:
    if code is None:
        return ""
    return "by itself, without a word" if code < 0 else f"exit code {code}"
