-- Single facts by name.

-- name: note
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: noted
SELECT value FROM meta WHERE key = :key;

-- name: claimed
-- Of one agent, and of each of several: their names stand behind an @.
SELECT key, value FROM meta WHERE key >= 'claimed' AND key < 'claimed~' ORDER BY key;

-- name: begun
-- By an agent that has it alone, or by one of several.
SELECT 1 FROM meta WHERE value <> '' AND (key = 'outboxes' OR key >= 'outboxes@' AND key < 'outboxesA') LIMIT 1;
