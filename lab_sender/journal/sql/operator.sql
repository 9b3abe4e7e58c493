-- What an operator does to whole files, and to all that one destination has.

-- name: dismissed_file
UPDATE source SET state = {source[dismissed].to} WHERE id = :id AND state IN {source[dismissed].may};

-- name: waiting_here
-- But for what is being sent just now.
SELECT m.id FROM message m WHERE m.destination = :destination AND m.state IN {waiting}
 AND m.state IN {message[dismissed].may} ORDER BY m.id LIMIT :most;

-- name: quarantined_here
-- But for what nobody takes: it is there for want of another place.
SELECT m.id FROM message m WHERE m.destination = :destination AND m.state = 'quarantined' AND m.code <> {nobody}
 AND m.state IN {message[dismissed].may} ORDER BY m.id LIMIT :most;

-- name: dismissed_some
UPDATE message SET state = {message[dismissed].to}, reason = :why, final_ms = :now_ms
WHERE id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k) AND state IN {message[dismissed].may};

-- name: dismissed_some_events
INSERT INTO event (at_ms, kind, destination, source_id, message_id, who, detail, answer)
SELECT :now_ms, 'message.dismissed', m.destination, m.source_id, m.id, :who, :why, 'dismissed'
FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT);
