"""sqlite/: the journal in one file of this machine, by SQLite."""
