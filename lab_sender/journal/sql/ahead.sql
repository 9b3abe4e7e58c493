-- What a lane reads ahead.

-- part: line
SELECT m.id, m.source_id, m.control_id, w.body, m.wants_application, m.may_have_left, m.accept_acked, m.unknowns,
 m.refusals, EXISTS (SELECT 1 FROM attempt a WHERE a.message_id = m.id AND a.kind = 'verdict'),
 COALESCE((SELECT MAX(a.number) FROM attempt a WHERE a.message_id = m.id), 0), m.created_ms,
 w.whole IS NOT NULL, CASE WHEN w.whole IS NULL THEN FALSE ELSE (SELECT {stands_on_other} FROM message p WHERE p.id = m.id) END, w.crc32

-- name: first
-- The head where nothing keeps a message back.
{line} FROM message m JOIN wire w ON w.message_id = m.id
WHERE m.destination = :destination AND m.state IN {waiting} ORDER BY m.id LIMIT :most;

-- name: these
-- The head where queue.py has named the messages that may leave.
{line} FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
JOIN wire w ON w.message_id = m.id
WHERE m.destination = :destination AND m.state IN {waiting} ORDER BY m.id LIMIT :most;
