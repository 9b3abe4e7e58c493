-- What is done to messages, files and lanes, and its record.

-- name: record
INSERT INTO event (at_ms, kind, destination, source_id, message_id, who, detail, act, answer)
VALUES (:at_ms, :kind, :destination, :source_id, :message_id, :who, :detail, :act, :answer);

-- name: recorded
SELECT kind, destination, source_id, message_id, answer FROM event WHERE act = :act;

-- name: message
SELECT m.id, m.state, m.code, m.destination, m.source_id, m.place, m.control_id, m.digest, m.same_as,
 m.may_have_left OR m.accept_acked, w.message_id IS NOT NULL, m.contradicted <> ''
FROM message m LEFT JOIN wire w ON w.message_id = m.id WHERE m.id = :id;

-- name: body
SELECT body FROM wire WHERE message_id = :id;

-- name: released
UPDATE message SET state = {message[released].to}, code = '', reason = '', his_words = '',
 his_code = '', his_error = '', final_ms = NULL, refusals = 0, unknowns = 0, holds_orders = FALSE
WHERE id = :id AND state IN {message[released].may};
