"""Secrets beside the configuration: the file `environment`.

Holds: how it is read, `NAME=value` a line, as systemd reads an EnvironmentFile of that kind.
Promises: a value is never shown; a line that is none names its number only.
Never: decides whose file it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from lab_sender.errors import ConfigurationError

NAME: Final = "environment"
_LINE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def read(path: Path) -> dict[str, str]:
    """Read the file; {} where there is none. Raises ConfigurationError `service.environment`."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise ConfigurationError(
            "service.environment", f"this account may not read {path}.",
            hint="Type it with sudo; on Windows let the service's account read it. Nobody else should.",
        ) from None  # fmt: skip
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            "service.environment", f"{path} cannot be read ({type(error).__name__}).",
            hint="Save it as a plain file in UTF-8.",
        ) from None  # fmt: skip
    values: dict[str, str] = {}
    for number, written in enumerate(text.splitlines(), 1):
        line = written.strip()
        if not line or line[0] in "#;":
            continue
        if (found := _LINE.fullmatch(line)) is None:
            text = f"{path} line {number} is not NAME=value."
            raise ConfigurationError("service.environment", text, hint="Correct that line, or begin it with #.")
        name, value = found[1], found[2].strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        values[name] = value
    return values
