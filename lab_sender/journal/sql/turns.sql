-- On which of several lanes a message goes.

-- name: moved
-- Each row of an order is looked at with the one before it: wherever the patient changes, the later one is a barrier.
-- So is one behind a row that neither waits nor was delivered: that one keeps nothing apart. One without a patient does
-- so only while it waits.
UPDATE message SET patient_turn = 0
WHERE id >= :first_id AND id <= :last_id AND patient_turn <> 0 AND state IN ('spooled', 'quarantined') AND EXISTS
 (SELECT 1 FROM message_order o WHERE o.message_id = message.id AND
  (SELECT COALESCE(p.patient_key, b.patient_key) <> message.patient_key OR NOT (b.state IN {waiting} OR b.state = 'acked')
   FROM message_order p CROSS JOIN message b ON b.id = p.message_id
   WHERE p.destination = o.destination AND p.order_key = o.order_key AND p.message_id < o.message_id
   ORDER BY p.message_id DESC LIMIT 1));

-- name: is_barrier_behind_others
SELECT 1 FROM message m WHERE m.id = :id AND m.patient_turn = 0 AND EXISTS
 (SELECT 1 FROM message w WHERE w.destination = m.destination AND w.state IN {waiting} AND w.id < m.id);

-- name: next
-- The next message of an order that may still be sent from its place.
SELECT n.id FROM message m CROSS JOIN message_order o ON o.destination = m.destination AND o.order_key = :key
 AND o.message_id > m.id CROSS JOIN message n ON n.id = o.message_id
WHERE m.id = :id AND n.state IN ('spooled', 'sending', 'quarantined') ORDER BY o.message_id LIMIT 1;

-- name: keys
SELECT m.patient_key, o.order_key FROM message m LEFT JOIN message_order o ON o.message_id = m.id
WHERE m.id = :id;

-- name: turns
UPDATE message SET patient_turn = :patient_turn, order_turn = :order_turn WHERE id = :id;

-- name: apart
UPDATE message SET patient_turn = 0 WHERE id = :id AND patient_turn <> 0;
