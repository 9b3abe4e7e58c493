-- Schema 4 becomes schema 5: documents that are owed are found by when they were missed, and by their report.
CREATE INDEX IF NOT EXISTS owed_since ON owed(name, since_ms);
CREATE INDEX IF NOT EXISTS owed_source ON owed(source_id);
