"""Why a command was not done, as a value.

Holds: `problem`, the value that an error becomes.
Promises: holds what its text for people holds, and what is wrong one by one where there are several things.
Never: quotes what an unexpected error says, for it may quote a result file.
"""

from __future__ import annotations

import errno
from typing import Annotated

from lab_sender.errors import ExitCode, FileError, LabSenderError
from lab_sender.operations.values import FORMAT, Found, Value, about, found


class Problem(Value, frozen=True, tag_field=FORMAT, tag="lab-sender/error/1"):
    """Why a command was not done."""

    code: Annotated[str, about("What is wrong, by a stable code.")]
    text: Annotated[str, about("What is wrong, in words.")]
    hint: Annotated[str | None, about("What to do.")]
    exit_code: Annotated[int, about("The exit code of the command.")]
    findings: Annotated[tuple[Found, ...], about("Of a file or the configuration: each thing that is wrong with it.")]


def problem(error: LabSenderError) -> Problem:
    """Return an error as a value."""
    findings = found(error.findings) if isinstance(error, FileError) else _mistakes(error)
    return Problem(error.code, error.text, error.hint or None, int(error.exit_code), findings)


def of_system(error: OSError) -> LabSenderError:
    """Return what the system said of a file, without its name; it may pass, as a full disk does."""
    name = errno.errorcode.get(error.errno or 0, type(error).__name__).lower()
    hint = "Free disk space, or bring back what cannot be reached; then do the same again."
    return _NotNow(f"io.{name}", error.strerror or "input or output failed.", hint=hint)


def of_bug(error: Exception, *, hint: str = "Please report it.") -> LabSenderError:
    """Return an error that nobody expected, by its kind alone."""
    return _Bug(f"bug.{type(error).__name__}", "this should not have happened.", hint=hint)


class _Bug(LabSenderError):
    """Nobody expected it."""

    exit_code = ExitCode.BUG


class _NotNow(LabSenderError):
    """The same may work later."""

    exit_code = ExitCode.LATER


def _mistakes(error: LabSenderError) -> tuple[Found, ...]:
    """Return the mistakes of a configuration."""
    from lab_sender.config.load import ConfigError

    if not isinstance(error, ConfigError):
        return ()
    return tuple(
        [
            Found(
                severity="error",
                code=each.code,
                text=f"{each.key}: {each.text}" if each.key else each.text,
                place=f"{each.file or error.path.name}{f' line {each.line}' if each.line else ''}",
                field=None,
                hint=each.hint or None,
            )
            for each in error.mistakes
        ]
    )
