-- The bytes of whole reports, beside those of parts.

-- name: bytes_of
SELECT COALESCE(whole, body), CASE WHEN whole IS NULL THEN crc32 ELSE whole_crc32 END FROM wire WHERE message_id = :id;

-- name: part
SELECT m.destination, m.control_id FROM wire w CROSS JOIN message m ON m.id = w.message_id
WHERE w.message_id = :id AND w.whole IS NOT NULL;

-- name: renamed
UPDATE message SET control_id = :control_id, left_before = left_before OR may_have_left OR accept_acked,
 may_have_left = FALSE, accept_acked = FALSE
WHERE id = :id;

-- name: bytes
UPDATE wire SET body = :body, crc32 = :crc32, whole = NULL, whole_crc32 = NULL WHERE message_id = :id;

-- name: former_id
-- An id that has left, or may have, is no other content's, whoever had it.
INSERT INTO former_id (destination, control_id, message_id) VALUES (:destination, :control_id, :id)
ON CONFLICT (destination, control_id, message_id) DO NOTHING;
