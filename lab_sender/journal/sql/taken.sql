-- When a file of each outbox came last.

-- name: newest
SELECT COALESCE(MAX(id), 0) FROM source;

-- name: since
-- The newest of each: by its number, for a clock may have been wrong.
SELECT s.outbox, s.received_ms, s.id FROM source s
WHERE s.id IN (SELECT MAX(n.id) FROM source n WHERE n.id > :after AND n.id <= :to GROUP BY n.outbox);
