-- What the writer itself notes.

-- name: tick
UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = 'tick';

-- name: doubted
-- The end of this run may have torn the journal, whoever ended it.
UPDATE meta SET value = '' WHERE key = 'machine_run';

-- name: last_write
SELECT key, value FROM meta WHERE key IN ('last_write', 'last_file', 'moved_to');

-- name: note_write
INSERT INTO meta (key, value) VALUES ('last_write', :note), ('last_file', :file)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value;
