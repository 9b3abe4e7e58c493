"""Which destinations a question or an act is about.

Holds: the readers of what `--to` names: destinations of the configuration, or those of the journal too.
Promises: a name that is none is told together with those that there are. Without a name it is about all of them.
Never: connects, or changes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lab_sender.errors import ExitCode, LabSenderError

if TYPE_CHECKING:
    from lab_sender.config.load import Config
    from lab_sender.journal import View


class UnknownDestination(LabSenderError):
    """A name that no destination has; nothing was done."""

    exit_code = ExitCode.USAGE


def chosen(config: Config, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the destinations that are named, in the configuration's order; all where none is.

    Raises UnknownDestination `destination.unknown`.
    """
    _want_known(names, config.destinations)
    return tuple(each for each in config.destinations if not names or each in names)


def known_to(config: Config, view: View, names: Sequence[str]) -> Sequence[str]:
    """Return these names: each is one of the configuration, or one that the journal has messages for.

    Raises UnknownDestination.
    """
    _want_known(names, dict.fromkeys([*config.destinations, *view.destinations()]))
    return names


def _want_known(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise UnknownDestination for the first name that is not known."""
    there = list(known)
    for name in names:
        if name not in there:
            word = "are" if len(there) > 1 else "is"
            text = f"there is no destination {name}."
            raise UnknownDestination("destination.unknown", text, hint=f"There {word}: {', '.join(there)}.")
