"""lab-sender on the command line.

Holds: the group of commands, its options, and the one place where an error becomes a message and an exit code.
Promises: every expected error is `error CODE: text` and a hint on standard error, without a traceback. An unexpected
one is told by its kind and place; its own text is not printed, for it may quote a result file.
Never: does a command's work.
"""

from __future__ import annotations

import errno
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from lab_sender import __version__, files
from lab_sender.cli import act, check, explain, his, listing, preview, run, screen, send, status, table
from lab_sender.errors import ExitCode, FileError, LabSenderError
from lab_sender.operations.installation import Installation

_SECTIONS = {
    "Deliver": (run.run, send.send, check.check, preview.preview, table.map_),
    "Look": (status.status, listing.list_, listing.show, explain.explain),
    "Act": (act.release, act.rebuild, act.resend, act.dismiss, act.hold, act.resume),
    "Try": (run.demo, his.his, preview.schema),
}


class Commands(click.Group):
    """The commands in their sections, and the errors of all of them."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the commands in the order of the help page."""
        return [str(command.name) for section in _SECTIONS.values() for command in section]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help page's sections."""
        width = formatter.width - 12 - max(map(len, self.list_commands(ctx)))
        for section, commands in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(str(each.name), each.get_short_help_str(width)) for each in commands])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn its errors into messages and exit codes."""
        if hasattr(sys.stdout, "reconfigure"):  # a console that lacks a letter shows its number
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except LabSenderError as error:
            _tell(error)
            ctx.exit(error.exit_code)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            where = f": {error.filename}" if error.filename else ""
            name = errno.errorcode.get(error.errno or 0, type(error).__name__)
            _line(f"io.{name.lower()}", f"{error.strerror or 'input or output failed'}{where}", "")
            ctx.exit(ExitCode.LATER if files.is_shortage(error) else ExitCode.STORAGE)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            frames = "".join(traceback.format_tb(error.__traceback__))
            click.echo(frames, err=True, nl=False)
            _line(f"bug.{type(error).__name__}", "this should not have happened.", "Please report the lines above.")
            ctx.exit(ExitCode.BUG)


def _tell(error: LabSenderError) -> None:
    if isinstance(error, FileError):
        for finding in error.findings:
            where = f" at {finding.place}" if finding.place else ""
            _line(f"{finding.code}{where}", finding.text, finding.hint)
    else:
        _line(error.code, error.text, error.hint)


def _line(code: str, text: str, hint: str) -> None:
    text, hint = screen.visible(text, keep="\n"), screen.visible(hint, keep="\n")
    click.echo(f"{click.style('error', fg='red', bold=True)} {code}: {text}", err=True)
    if hint:
        click.echo(f"      {hint}", err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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


for _section in _SECTIONS.values():
    for _command in _section:
        main.add_command(_command)
