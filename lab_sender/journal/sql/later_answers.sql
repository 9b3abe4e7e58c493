-- What the HIS says of a message beside the verdicts of its tries.

-- part: what_there_is
SELECT m.id, m.state, m.contradicted <> '', m.source_id, (SELECT COUNT(*) FROM answer a WHERE a.message_id = m.id),
 EXISTS (SELECT 1 FROM answer a
  WHERE a.message_id = m.id AND a.code = :code AND (a.at_ms <> :at_ms OR a.ack <> :ack)),
 EXISTS (SELECT 1 FROM answer a WHERE a.message_id = m.id AND a.at_ms = :at_ms AND a.ack = :ack)

-- name: answered
-- The message that an answer names: ids that differ in the blanks behind them are one.
{what_there_is}
FROM message m WHERE destination = :destination AND control_id >= :control_id AND control_id < :control_id || '!'
 AND rtrim(control_id) = :control_id ORDER BY id DESC;

-- name: answered_before
-- The message that had the id which an answer names: it went out under that one, with other bytes.
{what_there_is}
FROM former_id f CROSS JOIN message m ON m.id = f.message_id
WHERE f.destination = :destination AND f.control_id = :control_id ORDER BY m.id DESC;

-- name: answer
INSERT INTO answer (message_id, at_ms, code, ack) VALUES (:id, :at_ms, :code, :ack);

-- name: contradicted
UPDATE message SET contradicted = :code WHERE id = :id AND state = {message[acked].to};

-- name: whole
-- The application's own acceptance behind a commit.
UPDATE message SET code = '' WHERE id = :id AND code = 'commit-only' AND state = {message[acked].to};
