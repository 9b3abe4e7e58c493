"""The names of an agent's lock and journal.

Holds: two names, which whoever looks for an agent from outside needs as well.
Promises: the same for every agent.
Never: opens, makes or starts anything.
"""

JOURNAL_NAME = "journal.db"
LOCK_NAME = "agent.lock"
