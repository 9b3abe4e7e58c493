"""An act whose answer was lost on the way is asked for again.

Holds: `surely`, which gives an act an id and does it.
Promises: under one id an act is done once, and its answer is that of the first time: so a database that was away for
a moment, at the COMMIT too, leaves nobody in doubt.
Never: waits for longer than some seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from lab_sender.ids import new_id

T = TypeVar("T")
_TRIES: Final = 4
_EACH_S: Final = 1.0
_LOST: Final = "journal.unreachable"
"""All else that a journal is unavailable by says that nothing was written."""


def surely(do: Callable[..., T], act: str | None = None) -> T:
    """Do an act, with its id as `act`. Raises JournalUnavailable: the journal stayed away; it may have been done."""
    from lab_sender.journal import JournalUnavailable

    act = act or new_id()
    for _ in range(_TRIES - 1):
        try:
            return do(act=act)
        except JournalUnavailable as error:
            if error.code != _LOST:
                raise
            time.sleep(_EACH_S)
    return do(act=act)
