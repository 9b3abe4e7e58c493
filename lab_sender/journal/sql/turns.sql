-- On which of several lanes a message goes.

-- name: moved
-- Each row of an order is looked at with the one before it: wherever the patient changes, the later one is a barrier.
UPDATE message SET patient_turn = 0
WHERE id >= :first_id AND patient_turn <> 0 AND state IN ('spooled', 'quarantined') AND EXISTS
 (SELECT 1 FROM message_order o WHERE o.message_id = message.id AND
  (SELECT b.patient_key FROM message_order p CROSS JOIN message b ON b.id = p.message_id
   WHERE p.destination = o.destination AND p.order_key = o.order_key AND p.message_id < o.message_id
   ORDER BY p.message_id DESC LIMIT 1) NOT IN ('', message.patient_key));

-- name: keys
SELECT m.patient_key, o.order_key FROM message m LEFT JOIN message_order o ON o.message_id = m.id
WHERE m.id = :id;

-- name: turns
UPDATE message SET patient_turn = :patient_turn, order_turn = :order_turn WHERE id = :id;

-- name: apart
UPDATE message SET patient_turn = 0 WHERE id = :id AND patient_turn <> 0;
