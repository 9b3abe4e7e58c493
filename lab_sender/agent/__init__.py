"""agent/: one process. Its premises, threads and orderly stop."""
