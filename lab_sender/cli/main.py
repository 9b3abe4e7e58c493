"""lab-sender on the command line.

Holds: the group of commands, its options, and the one function in which an error becomes a message and an exit code.
Promises: every expected error is `error CODE: text` and a hint on standard error, without a traceback; with `--json`
it is one document on standard output, as every other answer is. Of an unexpected one kind and line are shown; its
own text is not printed, for it may quote a result file.
Never: does a command's work.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import itertools
import os
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final, NoReturn, cast

import click
from msgspec.structs import replace

from lab_sender import __version__, files
from lab_sender.cli import screen
from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations.installation import Installation
from lab_sender.operations.problems import Problem, of_bug, problem

_AS_JSON = "lab_sender.as_json"

_SECTIONS: Final = {
    "Deliver": {
        "run": "run", "reload": "run", "send": "send", "check": "check", "preview": "preview", "map": "table",
    },
    "Look": {
        "status": "status", "list": "listing", "show": "listing", "follow": "long", "export": "long",
        "proof": "proof", "explain": "explain",
    },
    "Act": {
        "release": "act", "rebuild": "act", "resend": "act", "dismiss": "act", "hold": "act", "resume": "act",
    },
    "Warn": {"alerts": "alerts", "metrics": "metrics"},
    "The page": {"web": "web", "user": "accounts", "key": "accounts", "audit": "audit"},
    "Keep": {"service": "service", "journal": "journal"},
    "Try": {"demo": "run", "his": "his", "schema": "preview"},
}  # fmt: skip
"""The commands in the sections of the help page, each with the module that has it."""


atexit.register(gc.freeze)  # what was loaded ends with the process: nothing is looked through once more

_AT_ONCE: Final = frozenset({"run", "status", "list", "show"})
"""What is asked for often, or has files waiting: it starts without looks for garbage, which take a tenth of that."""


class _OnDemand(Mapping[str, click.Command]):
    """The commands by their names; a module is loaded when one of its commands is asked for."""

    _modules: Final = {name: module for section in _SECTIONS.values() for name, module in section.items()}

    def __getitem__(self, name: str) -> click.Command:
        module = import_module(f"lab_sender.cli.{self._modules[name]}")
        return next(each for each in vars(module).values() if isinstance(each, click.Command) and each.name == name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


class Commands(click.Group):
    """The commands in their sections, and the errors of all of them."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the commands in the order of the help page."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help page's sections."""
        width = formatter.width - 12 - max(map(len, self.list_commands(ctx)))
        for section, names in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(width)) for name in names])

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the command line up to the command."""
        screen.set_up_streams()
        as_json = _wants_json(args)
        with _usage_as_json(as_json=as_json):
            ctx = super().make_context(info_name, args, parent, **extra)
        ctx.meta[_AS_JSON] = as_json
        return ctx

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn its errors into messages and exit codes."""
        as_json = ctx.meta[_AS_JSON]
        try:
            with _usage_as_json(as_json=as_json):
                return super().invoke(ctx)
        except click.UsageError as error:
            if ctx.invoked_subcommand != "status":
                raise
            error.show()
            _show(Problem("command.usage", error.format_message(), None, ExitCode.USAGE, ()), ctx)
        except LabSenderError as error:
            _show(problem(error), ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            where = f": {error.filename}" if error.filename else ""
            name = errno.errorcode.get(error.errno or 0, type(error).__name__)
            text = f"{error.strerror or 'input or output failed'}{where}"
            exit_code = ExitCode.LATER if files.is_shortage(error) else ExitCode.STORAGE
            _show(Problem(f"io.{name.lower()}", text, None, exit_code, ()), ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            import traceback

            click.echo("".join(traceback.format_tb(error.__traceback__)), err=True, nl=False)
            hint = "Please report it, with the lines on standard error."
            _show(problem(of_bug(error, hint=hint)), ctx)


class _UsageProblem(click.ClickException):
    """A mistake on the command line, for a program."""

    exit_code = ExitCode.USAGE

    def show(self, _file: IO[Any] | None = None) -> None:
        """Print it, on standard output like every other answer."""
        screen.show_json(Problem("command.usage", self.message, None, self.exit_code, ()))


@contextlib.contextmanager
def _usage_as_json(*, as_json: bool) -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        if not as_json or isinstance(error, _UsageProblem):
            raise
        raise _UsageProblem(error.format_message()) from None


def _wants_json(args: Sequence[str]) -> bool:
    """Say whether `--json` is among the options, also where the rest of them cannot be read."""
    options = itertools.takewhile(lambda each: each != "--", args)
    return "--json" in options


def _show(error: Problem, ctx: click.Context) -> NoReturn:
    """Print an error and end with its exit code; a `status` that cannot be known is one of its verdicts."""
    if ctx.invoked_subcommand == "status":
        from lab_sender.cli import status

        error = replace(error, exit_code=status.UNKNOWN)
    with contextlib.suppress(OSError):  # where nothing can be printed, the exit code says it
        _print(error, ctx)
    ctx.exit(error.exit_code)


def _print(error: Problem, ctx: click.Context) -> None:
    if ctx.invoked_subcommand == "status" and not ctx.meta[_AS_JSON]:
        from lab_sender.cli import status

        click.echo(status.unknown(error.code, error.text))
    if error.code == "command.usage" and not ctx.meta[_AS_JSON]:
        pass  # shown as click does
    elif ctx.meta[_AS_JSON]:
        screen.show_json(error)
    elif error.code == "config.invalid":
        screen.show_error(error.code, error.text, error.hint)
    else:
        screen.show_error(error.code, error.text, error.hint, error.findings)


@click.group(
    cls=Commands,
    commands=cast("MutableMapping[str, click.Command]", _OnDemand()),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--config", "-c", "path", type=click.Path(path_type=Path), default="config.yaml", show_default=True,
    envvar="LAB_SENDER_CONFIG", help="The configuration file.",
)  # fmt: skip
@click.version_option(__version__, prog_name="lab-sender")
@click.pass_context
def main(ctx: click.Context, path: Path) -> None:
    """Deliver laboratory results from a folder to the hospital's HIS: HL7 v2 ORU^R01 over MLLP.

    The commands work while the agent runs and while it does not. Their exit codes are in docs/COMMANDS.md.
    """
    ctx.obj = Installation(path)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would look through all that is installed here
    if ctx.invoked_subcommand in _AT_ONCE and gc.isenabled():
        gc.disable()
        ctx.call_on_close(gc.enable)
