"""The names of an agent's lock, journal and figures.

Holds: three names, which whoever looks for an agent from outside needs as well.
Promises: the same for every agent.
Never: opens, makes or starts anything.
"""

JOURNAL_NAME = "journal.db"
LOCK_NAME = "agent.lock"
METRICS_NAME = "metrics.prom"
