-- What `rebuild` reads and changes; the statements that it shares with the operator's acts are in acts.sql.

-- name: files
SELECT f.id, f.source_id, f.role, f.name, f.claimed_as, f.folder, f.filed_as, f.planned_folder, f.planned_as,
 s.sha256, f.size, s.outbox
FROM file f JOIN source s ON s.id = f.source_id WHERE s.id = :source_id ORDER BY f.id;

-- name: rebuilt
UPDATE message SET control_id = :control_id, patient_key = :patient_key, ward = :ward, wants_application = :wants_application,
 left_before = left_before OR may_have_left OR accept_acked, may_have_left = FALSE, accept_acked = FALSE,
 refusals = 0, unknowns = 0
WHERE id = :id AND control_id = :old_control_id AND state IN {message[rebuilt].may};

-- name: bytes
UPDATE wire SET body = :body, crc32 = :crc32, whole = NULL, whole_crc32 = NULL WHERE message_id = :id;

-- name: age
-- How old it is, where its orders say so: with other ones it is no younger.
SELECT came, age FROM message_order WHERE message_id = :id LIMIT 1;

-- name: orders_go
DELETE FROM message_order WHERE message_id = :id;

-- name: order
INSERT INTO message_order (destination, order_key, message_id, service, status, reported, patient_key, came, age)
VALUES (:destination, :key, :id, :service, :status, :reported, :patient, :came, :age);
