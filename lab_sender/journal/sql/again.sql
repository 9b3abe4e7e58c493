-- How what was taken goes out once more.

-- name: copied
INSERT INTO message (id, source_id, place, destination, control_id, patient_key, ward, digest, state, replaces,
 wants_application, created_ms)
SELECT :copy, source_id, place, destination, :control_id, patient_key, ward, digest, {message[copied].to}, id, wants_application,
 :now_ms
FROM message WHERE id = :id;

-- name: copied_bytes
INSERT INTO wire (message_id, body, crc32) VALUES (:copy, :body, :crc32);

-- name: copied_orders
INSERT INTO message_order (destination, order_key, message_id, service, status, reported)
SELECT destination, order_key, :copy, service, status, reported FROM message_order WHERE message_id = :id;

-- name: to_be_read_again
SELECT id FROM message WHERE source_id = :source_id AND state IN {message[read_again].may} ORDER BY id;

-- name: read_again
-- All that lie in quarantine: what is read again of their file takes their place.
UPDATE message SET state = {message[read_again].to}, code = 'read-again', reason = '', his_words = '',
 his_code = '', his_error = '', final_ms = :now_ms
WHERE source_id = :source_id AND state IN {message[read_again].may};

-- name: released_file
UPDATE source SET state = {source[released].to}, returns_as = :returns_as
WHERE id = :id AND state IN {source[released].may};

-- name: read_again_file
UPDATE source SET state = {source[read_again].to}, returns_as = :returns_as
WHERE id = :id AND state IN {source[read_again].may};

-- name: in_use
-- What waits where something is to be read again for; at other destinations it goes on by itself.
SELECT COUNT(*) FROM message m WHERE m.source_id = :source_id AND m.state IN {waiting} AND
 (EXISTS (SELECT 1 FROM message q WHERE q.source_id = :source_id AND q.destination = m.destination
  AND q.state IN {message[read_again].may})
 OR NOT EXISTS (SELECT 1 FROM message q WHERE q.source_id = :source_id AND q.state IN {message[read_again].may}));

-- name: last_claim
SELECT MAX(claim_id) FROM source;

-- name: last_return
SELECT MAX(returns_as) FROM source WHERE returns_as <> '';
