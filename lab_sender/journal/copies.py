"""The journal as a file: backed up, recovered, compacted.

Holds: what commands ask of the database that the journal is in.
Promises: nothing is overwritten; what is damaged is not written to.
Never: looks whether an agent runs.
"""

from __future__ import annotations

from lab_sender.journal.sqlite.copies import TargetTaken, back_up, compact
from lab_sender.journal.sqlite.mend import Mended
from lab_sender.journal.sqlite.salvage import Recovered, Saved, Unreadable, recover

__all__ = ["Mended", "Recovered", "Saved", "TargetTaken", "Unreadable", "back_up", "compact", "recover"]
