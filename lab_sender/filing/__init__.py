"""filing/: folders follow the journal."""
