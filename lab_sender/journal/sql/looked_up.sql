-- Whether what a batch was compared with has moved since it was looked up.

-- name: newest_act
SELECT COALESCE(MAX(id), 0) FROM event;

-- name: newest
SELECT CAST(k.value AS TEXT),
 COALESCE((SELECT MAX(m.id) FROM message m WHERE m.destination = CAST(k.value AS TEXT) AND m.same_as IS NULL), 0)
FROM json_each(:destinations) k;

-- name: moved
-- One of these orders, or of these control ids without their blanks, has a newer message than :newest. What a message
-- was released into is an act.
SELECT 1 FROM json_each(:keys) k CROSS JOIN message_order o ON o.destination = :destination
 AND o.order_key = CAST(k.value AS TEXT) AND o.message_id > :newest
UNION ALL
SELECT 1 FROM json_each(:ids) k CROSS JOIN message m ON m.destination = :destination
 AND m.control_id >= CAST(k.value AS TEXT) AND m.control_id < CAST(k.value AS TEXT) || '!'
 AND rtrim(m.control_id) = CAST(k.value AS TEXT) AND m.id > :newest
LIMIT 1;
