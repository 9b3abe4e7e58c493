-- An acceptance as one row, and how those rows become what the tables say.

-- name: append
-- The acceptance of one message and the mark of the next one; both must be as the lane has read them, and what another
-- row has accepted is not so any more.
INSERT INTO verdict (message_id, next_id, lane, at_ms, started_ms, detail, ack_code, ack, foreign_ids, elapsed_ms)
SELECT m.id, n.id, ?, ?, ?, ?, ?, ?, ?, ?
FROM message m JOIN message n ON n.id = ?
WHERE m.id = ? AND m.control_id = ? AND m.state IN {message[acked].may}
 AND n.state IN {message[sending].may} AND NOT EXISTS (SELECT 1 FROM verdict w WHERE w.message_id = n.id)
ON CONFLICT (message_id) DO NOTHING;

-- name: some
SELECT EXISTS (SELECT 1 FROM verdict);

-- name: left
-- When the first of them was written.
SELECT at_ms FROM verdict ORDER BY message_id LIMIT 1;

-- name: tries
-- Whatever the message is now: the HIS has answered it.
INSERT INTO attempt (message_id, number, started_ms, kind, phase, code, detail, ack_code, ack, foreign_ids, elapsed_ms)
SELECT v.message_id, 1, v.started_ms, 'verdict', 'ack', '', v.detail, v.ack_code, v.ack, v.foreign_ids, v.elapsed_ms
FROM verdict v WHERE TRUE
ON CONFLICT (message_id, number) DO NOTHING;

-- name: accepted
-- One that had no mark of its own yet has left in this round: no round begins while there is a row of these.
UPDATE message SET
 lane = CASE state WHEN {message[sending].to} THEN lane
  ELSE (SELECT v.lane FROM verdict v WHERE v.message_id = message.id) END,
 send_round = CASE state WHEN {message[sending].to} THEN send_round
  ELSE COALESCE((SELECT l.send_round FROM lane l WHERE l.destination = message.destination), 0) END,
 state = {message[acked].to}, final_ms = (SELECT v.at_ms FROM verdict v WHERE v.message_id = message.id)
WHERE id IN (SELECT v.message_id FROM verdict v) AND state IN {message[acked].may};

-- name: marked
-- Each lane's next one, which may be leaving just now.
UPDATE message SET state = {message[sending].to},
 lane = (SELECT v.lane FROM verdict v WHERE v.next_id = message.id),
 send_round = COALESCE((SELECT l.send_round FROM lane l WHERE l.destination = message.destination), 0)
WHERE id IN (
 SELECT v.next_id FROM verdict v
 WHERE NOT EXISTS (SELECT 1 FROM verdict w WHERE w.message_id = v.next_id)
) AND state IN {message[sending].may};

-- name: folded
DELETE FROM verdict;
