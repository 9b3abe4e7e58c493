-- Who may leave: a row for each order of each message, in the order of delivery.

-- part: lines
SELECT m.id, m.patient_key, m.holds_orders, o.order_key
FROM message m LEFT JOIN message_order o ON o.message_id = m.id
WHERE m.destination = :destination

-- name: waiting
{lines} AND m.state IN {waiting} ORDER BY m.id;

-- name: quarantined
{lines} AND m.state = 'quarantined' ORDER BY m.id;

-- name: holding
{lines} AND m.state = 'quarantined' AND m.holds_orders ORDER BY m.id;

-- name: destination
SELECT destination FROM message WHERE id = :id;
