-- What acts on all messages of a file ask.

-- name: messages
-- Those of all its readings; but what is the same as one of an earlier reading, for that one is there itself.
SELECT m.id, EXISTS (SELECT 1 FROM message r WHERE r.replaces = m.id), m.contradicted <> ''
FROM json_each(:readings) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT)
WHERE NOT (m.state = 'duplicate' AND EXISTS (SELECT 1 FROM message o WHERE o.id = m.same_as
 AND o.source_id <> m.source_id AND o.source_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:readings) k)))
ORDER BY m.id;
