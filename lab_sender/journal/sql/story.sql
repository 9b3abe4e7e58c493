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
SELECT body, crc32 FROM wire WHERE message_id = :message_id;

-- name: former_ids
SELECT f.control_id FROM tally t CROSS JOIN former_id f ON f.destination = t.destination
WHERE t.what = 'messages' AND f.message_id = :message_id;

-- name: may_have_arrived
-- Those of these messages that the HIS may have, and whether under a control id that they had before.
SELECT m.id, m.control_id, m.may_have_left OR m.accept_acked OR m.state = 'sending', m.left_before
FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
WHERE m.may_have_left OR m.accept_acked OR m.left_before OR m.state = 'sending';

-- name: former_ids_of
SELECT f.message_id, f.control_id FROM tally t CROSS JOIN former_id f ON f.destination = t.destination
WHERE t.what = 'messages' AND f.message_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k);

-- name: not_built_of
SELECT COUNT(*) FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
WHERE m.control_id IS NULL;

-- name: source
SELECT s.claim_id, s.kind, s.size, s.sha256, s.received_ms, s.outbox FROM source s WHERE s.id = :source_id;

-- name: documents
SELECT name FROM file WHERE source_id = :source_id AND role = 'attachment' ORDER BY id;
