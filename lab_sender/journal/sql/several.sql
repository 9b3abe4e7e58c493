-- What acts on several messages ask.

-- name: messages_of_file
-- Those of all its readings; but what is the same as one of an earlier reading, for that one is there itself. With
-- whether the HIS took it back, and whether another one took its place or was made of it.
SELECT m.id, m.state, m.contradicted <> '', EXISTS (SELECT 1 FROM message r WHERE r.replaces = m.id)
FROM json_each(:readings) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT)
WHERE NOT (m.state = 'duplicate' AND EXISTS (SELECT 1 FROM message o WHERE o.id = m.same_as
 AND o.source_id <> m.source_id AND o.source_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:readings) k)))
ORDER BY m.id;

-- name: destinations_of_file
SELECT DISTINCT m.destination FROM json_each(:readings) k
CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT);

-- name: orders
SELECT DISTINCT destination, order_key FROM message_order WHERE message_id = :id;
