-- The bytes of whole reports, beside those of parts.

-- name: stands_on_other
SELECT 1 FROM message p WHERE p.id = :id AND {stands_on_other};

-- name: kept
SELECT m.destination, m.control_id, w.body, w.crc32, w.whole, w.whole_crc32
FROM wire w CROSS JOIN message m ON m.id = w.message_id WHERE w.message_id = :id;

-- name: renamed
UPDATE message SET control_id = :control_id, left_before = left_before OR may_have_left OR accept_acked,
 may_have_left = FALSE, accept_acked = FALSE, refusals = 0, unknowns = 0
WHERE id = :id;

-- name: bytes
UPDATE wire SET body = :body, crc32 = :crc32, whole = NULL, whole_crc32 = NULL WHERE message_id = :id;

-- name: former_id
-- An id that has left, or may have, is no other content's, whoever had it.
INSERT INTO former_id (destination, control_id, message_id) VALUES (:destination, :control_id, :id)
ON CONFLICT (destination, control_id, message_id) DO NOTHING;
