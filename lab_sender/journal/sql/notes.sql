-- Single facts by name.

-- name: note
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: noted
SELECT value FROM meta WHERE key = :key;
