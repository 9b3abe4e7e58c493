"""cli/: what a person types, one module for each group of commands.

Holds: the commands and what they print; the only room that knows click and rich.
Promises: documented exit codes; errors on standard error with a code and the next step; the heavy rooms (rich,
pydantic, hl7apy) are imported when a command needs them, so `--help` and a usage error come at once.
Never: shows patient data, except where that is asked for: `preview`, `show --raw`, `his --show`.
"""
