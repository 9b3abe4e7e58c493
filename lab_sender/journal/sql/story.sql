-- One message, or one file, with all that became of it.

-- name: attempts
SELECT started_ms, kind, phase, code, detail, ack_code, ack, foreign_ids, elapsed_ms FROM attempt
WHERE message_id = :message_id ORDER BY number;

-- name: answers
SELECT at_ms, code, ack FROM answer WHERE message_id = :message_id ORDER BY id;

-- name: events
SELECT at_ms, kind, who, detail FROM event
WHERE message_id = :message_id OR (source_id = :source_id AND message_id IS NULL) ORDER BY id;

-- name: last_acts
SELECT at_ms, kind, who, detail, destination, message_id, source_id FROM event ORDER BY id DESC LIMIT :limit;

-- name: remarks
SELECT code, place, text, times FROM remark
WHERE source_id = :source_id AND (message_id IS NULL OR message_id = :message_id) ORDER BY id;

-- name: orders
SELECT DISTINCT order_key FROM message_order WHERE message_id = :message_id ORDER BY order_key;

-- name: wire
SELECT body FROM wire WHERE message_id = :message_id;
