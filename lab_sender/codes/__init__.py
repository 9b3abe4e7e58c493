"""codes/: every code that lab-sender prints, logs or records, with what it means and what to do next.

Holds: the registry, a TOML file for each subject, and the look-up in it.
Promises: nothing is read before somebody asks; a test holds the registry and the code of the package together.
Never: imported by the agent, or by a command that does not explain a code.
"""

from lab_sender.codes.registry import AFTERWARDS, KINDS, LEVELS, WAITS, Code, find, near, registry

__all__ = ["AFTERWARDS", "KINDS", "LEVELS", "WAITS", "Code", "find", "near", "registry"]
