-- Who may leave: a row for each order of each message, in the order of delivery.

-- part: lines
SELECT m.id, m.patient_key, o.patient_key, m.holds_orders, o.order_key, m.patient_turn, m.order_turn
FROM message m LEFT JOIN message_order o ON o.message_id = m.id
WHERE m.destination = :destination

-- part: turn
CASE :order_by WHEN 'order' THEN m.order_turn ELSE m.patient_turn END

-- name: waiting
{lines} AND m.state IN {waiting} ORDER BY m.id;

-- name: quarantined
{lines} AND m.state = 'quarantined' ORDER BY m.id;

-- name: holding
{lines} AND m.state = 'quarantined' AND m.holds_orders ORDER BY m.id;

-- name: share
-- What is a lane's by its turn, and what goes alone (turn 0), behind :after. By the index alone.
SELECT m.id, {turn} AS turn
FROM message m WHERE m.destination = :destination AND m.state IN {waiting} AND m.id > :after
 AND ({turn} % :of = :lane OR {turn} = 0)
ORDER BY m.id LIMIT :most;

-- name: oldest
SELECT m.id FROM message m WHERE m.destination = :destination AND m.state IN {waiting} ORDER BY m.id LIMIT 1;

-- name: newest
-- Of one destination: what has a lower id there is seen before it, and elsewhere perhaps after it. By its own index.
SELECT COALESCE(MAX(id), 0) FROM message WHERE destination = :destination AND same_as IS NULL;

-- name: destination
SELECT destination FROM message WHERE id = :id;
