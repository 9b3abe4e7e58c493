-- Schema 8 becomes schema 9: which bytes are only what had changed since the HIS was told before, and behind which message
-- they were made: their first one. NULL: they are whole.
ALTER TABLE wire ADD COLUMN part_at INTEGER;
