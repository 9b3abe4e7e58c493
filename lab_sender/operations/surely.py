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
_IN_DOUBT: Final = ("journal.unreachable", "journal.not-replicated")
"""All else that a journal is unavailable by says of its own try that nothing was written."""


def surely(do: Callable[..., T], act: str | None = None) -> T:
    """Do an act, with its id as `act`. Raises JournalUnavailable: the journal stayed away; it may have been done."""
    from lab_sender.journal import JournalUnavailable

    act, doubt = act or new_id(), None
    for number in range(_TRIES):
        if number:
            time.sleep(_EACH_S)
        try:
            return do(act=act)
        except JournalUnavailable as error:
            doubt = error if error.code in _IN_DOUBT else doubt
            if doubt is None:
                raise
    assert doubt is not None
    raise doubt
