"""agent/: one process. Its premises, parts and orderly stop."""
