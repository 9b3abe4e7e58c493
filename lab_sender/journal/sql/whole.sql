-- The bytes of whole reports, beside those of parts.

-- name: told_since
-- What was spooled behind it for one of its orders, and the HIS has, may have or is getting.
SELECT 1 FROM message_order r
CROSS JOIN message_order o ON o.destination = r.destination AND o.order_key = r.order_key AND o.message_id > r.message_id
LEFT JOIN message n ON n.id = o.message_id
WHERE r.message_id = :id AND (o.digest IS NOT NULL OR n.state IN ('acked', 'sending') OR n.may_have_left OR n.left_before)
LIMIT 1;

-- name: kept
SELECT m.destination, m.control_id, w.body, w.crc32, w.whole, w.whole_crc32
FROM wire w CROSS JOIN message m ON m.id = w.message_id WHERE w.message_id = :id;

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
