-- A destination's hold, the state of its link, its row of quarantined messages, its round of sending.

-- name: hold
-- An operator's hold is not replaced by the lane's own; either ends the row that the brake counts. Of two operators'
-- holds both reasons stay, and since when the first holds.
INSERT INTO lane (destination, hold, hold_reason, hold_since_ms, hold_messages)
VALUES (:destination, :hold, :reason, :now_ms, :messages)
ON CONFLICT (destination) DO UPDATE SET hold = excluded.hold,
 hold_reason = CASE WHEN lane.hold <> 'operator' OR lane.hold_reason = '' THEN excluded.hold_reason
  WHEN excluded.hold_reason IN ('', lane.hold_reason) THEN lane.hold_reason
  ELSE lane.hold_reason || '; ' || excluded.hold_reason END,
 hold_since_ms = CASE lane.hold WHEN 'operator' THEN lane.hold_since_ms ELSE excluded.hold_since_ms END,
 hold_messages = excluded.hold_messages, quarantined_messages = ''
WHERE lane.hold <> 'operator' OR excluded.hold = 'operator';

-- name: release
UPDATE lane SET hold = '', hold_reason = '', hold_since_ms = NULL, hold_messages = '', quarantined_messages = ''
WHERE destination = :destination AND hold <> '' AND (hold <> 'operator' OR :whoever);

-- name: begin_round
-- From now on what goes out again into an old place comes after what went out before.
INSERT INTO lane (destination, send_round) VALUES (:destination, 1)
ON CONFLICT (destination) DO UPDATE SET send_round = lane.send_round + 1;

-- name: lane
SELECT destination, hold, hold_reason, hold_since_ms, link, link_code, link_detail, link_since_ms, next_try_ms,
 hold_messages, trouble, silent_since_ms, connections, connections_up, address, connected_ms, peer_ends_ms
FROM lane WHERE destination = :destination;

-- name: link
INSERT INTO lane (destination, link, link_code, link_detail, link_since_ms, next_try_ms, trouble, connections,
 connections_up, address, connected_ms, peer_ends_ms)
VALUES (:destination, :link, :code, :detail, :now_ms, :next_try_ms, :trouble, :connections, :connections_up, :address,
 :connected_ms, :peer_ends_ms)
ON CONFLICT (destination) DO UPDATE SET trouble = excluded.trouble,
 link_since_ms = CASE lane.link WHEN excluded.link THEN lane.link_since_ms ELSE excluded.link_since_ms END,
 link = excluded.link, link_code = excluded.link_code, link_detail = excluded.link_detail,
 next_try_ms = excluded.next_try_ms, connections = excluded.connections, connections_up = excluded.connections_up,
 address = excluded.address, connected_ms = excluded.connected_ms,
 peer_ends_ms = COALESCE(excluded.peer_ends_ms, lane.peer_ends_ms);

-- name: silent
INSERT INTO lane (destination, silent_since_ms) VALUES (:destination, :since_ms)
ON CONFLICT (destination) DO UPDATE SET silent_since_ms = excluded.silent_since_ms;

-- name: row
-- The messages quarantined with no acceptance since.
SELECT quarantined_messages FROM lane WHERE destination = :destination;

-- name: row_grows
INSERT INTO lane (destination, quarantined_messages) VALUES (:destination, :messages)
ON CONFLICT (destination) DO UPDATE SET quarantined_messages = excluded.quarantined_messages;

-- name: row_ends
UPDATE lane SET quarantined_messages = ''
WHERE destination = :destination AND quarantined_messages <> '';

-- name: row_in_quarantine
SELECT m.id, m.code FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
WHERE m.destination = :destination AND m.state = {message[quarantined].to} AND m.code IN {by_his}
ORDER BY m.id;

-- name: destination
SELECT destination FROM message WHERE id = :id;
