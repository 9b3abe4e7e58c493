"""What a person can type after the demo.

Holds: the lines, and how `lab-sender` is typed in the shell that the demo was started from.
Promises: each command works as it stands, in the folder that the demo was started in.
Never: runs anything.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from shlex import quote


def next_steps(home: Path) -> str:
    """Say what can be typed next; each line works as it stands, in a shell of this system."""
    first, command = _command()
    mine = f"{command} --config {_quoted(home / 'config.yaml')}"
    return f"""\
Every sample ended as its story says. What you can look at next:
  {home / "outbox" / "quarantine"}    the two that did not go on, each with its .reason.txt
{first}  {mine} list
  {mine} show 1
The real thing: set outbox and his in config.yaml, then
  {command} check
  {command} run
and, for a HIS to try it with, in a second terminal:
  {command} his"""


def _command() -> tuple[str, str]:
    """Return the line to type first, and how to type `lab-sender` after it.

    It is its name where the shell finds the one that runs now, or will find it after that line.
    """
    folder = Path(sys.executable).parent
    script = shutil.which("lab-sender", path=os.pathsep.join((str(folder), str(folder.parent))))
    if script is None:  # not installed
        return "", f"{_quoted(Path(sys.executable))} -m lab_sender"
    found = shutil.which("lab-sender")
    if found is not None and os.path.samefile(found, script):
        return "", "lab-sender"
    if sys.platform == "win32":  # what changes PATH there is another thing in each shell
        return "", _quoted(_from_here(Path(script).with_suffix("")))
    return f"  export PATH={_quoted(folder)}:$PATH    # so that the shell finds it\n", "lab-sender"


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _quoted(path: Path) -> str:
    text = str(path)
    if sys.platform != "win32":
        return quote(text)
    return f'"{text}"' if " " in text else text
