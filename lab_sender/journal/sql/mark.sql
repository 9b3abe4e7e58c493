-- What an outbox has spooled last, by the key of its own mark.

-- name: keep
INSERT INTO meta (key, value) VALUES (:key, :claim_id)
 ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE excluded.value > meta.value;

-- name: kept
SELECT value FROM meta WHERE key = :key;

-- name: known
-- Retention may have deleted the file itself.
SELECT 1 FROM source WHERE claim_id = :claim_id UNION ALL SELECT 1 FROM meta WHERE key = :key AND value >= :claim_id;
