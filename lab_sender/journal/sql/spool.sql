-- What intake writes, and what it asks.

-- name: known_claims
SELECT s.claim_id FROM json_each(:claim_ids) k CROSS JOIN source s ON s.claim_id = CAST(k.value AS TEXT);

-- name: known_attachments
SELECT f.claimed_as FROM json_each(:names) k CROSS JOIN file f ON f.claimed_as = CAST(k.value AS TEXT)
AND f.role = 'attachment';

-- name: source
INSERT INTO source (id, claim_id, kind, size, sha256, received_ms, state, code, reason) VALUES (?,?,?,?,?,?,?,?,?);

-- name: file
INSERT INTO file (source_id, role, name, claimed_as, size) VALUES (?,?,?,?,?);

-- name: owe
INSERT INTO owed (name, source_id, owners, since_ms) VALUES (?,?,?,?);

-- name: message
INSERT INTO message (id, source_id, place, destination, control_id, patient_key, digest, state, code, reason, same_as,
 wants_application, holds_orders, created_ms, final_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?);

-- name: wire
INSERT INTO wire (message_id, body, crc32) VALUES (?,?,?);

-- name: order
INSERT INTO message_order (order_key, service, status, reported, message_id, destination) VALUES (?,?,?,?,?,?);

-- name: remark
INSERT INTO remark (source_id, message_id, code, place, text, times) VALUES (?,?,?,?,?,?);

-- name: last_claim
SELECT MAX(claim_id) FROM source;

-- name: returning
-- A released file is on its way back until all its files are in claimed/ under their new names.
SELECT s.returns_as FROM source s WHERE s.returns_as <> '' AND s.state = 'withdrawn' AND EXISTS
 (SELECT 1 FROM file f WHERE f.source_id = s.id AND f.folder NOT IN ('outbox', 'missing'));

-- name: owed
SELECT o.name, o.owners FROM json_each(:names) k CROSS JOIN owed o ON o.name = CAST(k.value AS TEXT)
WHERE o.since_ms > :since_ms
 OR EXISTS (SELECT 1 FROM source s WHERE s.id = o.source_id AND s.state = 'quarantined')
 OR EXISTS (SELECT 1 FROM message m WHERE m.source_id = o.source_id AND m.state = 'quarantined')
ORDER BY o.name, o.source_id;

-- name: claimed_after
SELECT m.id FROM json_each(:message_ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
JOIN source s ON s.id = m.source_id WHERE s.claim_id > :claim_id;

-- name: holders
-- Ids that differ in nothing but the blanks behind them are one: an answer is matched without these.
SELECT rtrim(m.control_id), m.id, CASE WHEN m.state IN ('spooled', 'sending', 'acked') AND m.contradicted = ''
 THEN m.digest ELSE :none END
FROM json_each(:control_ids) k CROSS JOIN message m ON m.destination = :destination
 AND m.control_id >= CAST(k.value AS TEXT) AND m.control_id < CAST(k.value AS TEXT) || '!'
 AND rtrim(m.control_id) = CAST(k.value AS TEXT);

-- name: body
SELECT body FROM wire WHERE message_id = :id;
