-- The bytes of whole reports, beside those of parts.

-- name: stands_on_other
-- What the HIS has of one of its orders is not what the part was made for: of what was spooled behind it the HIS has, may
-- have or is getting something; or of what counts before it for the same patient something waits, or is not sure any more.
SELECT 1 FROM message p CROSS JOIN message_order r ON r.message_id = p.id
CROSS JOIN message_order o ON o.destination = r.destination AND o.order_key = r.order_key AND o.message_id <> r.message_id
LEFT JOIN message m ON m.id = o.message_id
WHERE p.id = :id AND CASE WHEN o.message_id > r.message_id
  THEN o.digest IS NOT NULL OR m.state IN ('acked', 'sending') OR m.may_have_left OR m.left_before
  ELSE {counts} AND (m.state IN {waiting} OR NOT {sure})
   AND (p.patient_key = '' OR COALESCE(o.patient_key, m.patient_key, '') IN ('', p.patient_key)) END
 AND o.message_id >= COALESCE((SELECT DISTINCT l.message_id FROM message_order l LEFT JOIN message m ON m.id = l.message_id
  WHERE l.destination = r.destination AND l.order_key = r.order_key AND l.message_id < r.message_id AND {counts_too}
  ORDER BY l.message_id DESC LIMIT 1 OFFSET :longest), 0)
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
