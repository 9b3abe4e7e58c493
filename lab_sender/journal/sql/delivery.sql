-- What a lane writes.

-- part: uncharged
code = '', reason = '', his_words = '', his_code = '', his_error = '', final_ms = NULL, refusals = 0, unknowns = 0

-- part: round
COALESCE((SELECT l.send_round FROM lane l WHERE l.destination = message.destination), 0)

-- name: waits_as
SELECT control_id FROM message WHERE id = :id AND state IN {message[made_whole].may};

-- name: sending
UPDATE message SET state = {message[sending].to}, lane = :lane, send_round = {round}
WHERE id = :id AND state IN {message[sending].may};

-- name: not_sent
UPDATE message SET state = {message[not_sent].to} WHERE id = :id AND state IN {message[not_sent].may};

-- name: is_not_sent
SELECT 1 FROM message WHERE id = :id AND state = {message[not_sent].to};

-- name: commit_accepted
UPDATE message SET accept_acked = TRUE WHERE id = :id AND state IN {message[commit_accepted].may};

-- name: commit_stands
UPDATE message SET state = {message[commit_stands].to}, code = :code, final_ms = :now_ms
WHERE id = :id AND control_id = :control_id AND accept_acked AND state IN {message[commit_stands].may};

-- name: acked
-- The verdict on one message and the mark of the next one.
UPDATE message SET state = CASE id WHEN :id THEN {message[acked].to} ELSE {message[sending].to} END,
 code = CASE WHEN id = :id AND :code <> '' THEN :code ELSE code END,
 final_ms = CASE id WHEN :id THEN :now_ms ELSE final_ms END,
 lane = CASE id WHEN :id THEN lane ELSE :lane END,
 send_round = CASE id WHEN :id THEN send_round ELSE {round} END
WHERE id = :id AND control_id = :control_id AND state IN {message[acked].may}
 OR id = :next_id AND state IN {message[sending].may};

-- name: is_acked
-- Whether all that `acked` does has been done, this time or before.
SELECT 1 FROM message WHERE id = :id AND control_id = :control_id AND state = {message[acked].to}
 AND (CAST(:next_id AS BIGINT) IS NULL
  OR EXISTS (SELECT 1 FROM message n WHERE n.id = :next_id AND n.state = {message[sending].to}));

-- name: unknown
UPDATE message SET state = {message[unknown].to}, may_have_left = TRUE, unknowns = :unknowns
WHERE id = :id AND control_id = :control_id AND state IN {message[unknown].may};

-- name: unknown_since
SELECT started_ms FROM attempt WHERE message_id = :id AND kind = 'unknown'
ORDER BY number DESC LIMIT 1 OFFSET :later;

-- name: refused
-- A refusal also takes back a CA before it.
UPDATE message SET state = {message[refused].to}, accept_acked = FALSE, refusals = :refusals
WHERE id = :id AND control_id = :control_id AND state IN {message[refused].may};

-- name: quarantined
UPDATE message SET state = {message[quarantined].to}, code = :code, reason = :reason, his_words = :his_words,
 his_code = :his_code, his_error = :his_error, final_ms = :now_ms
WHERE id = :id AND control_id = :control_id AND state IN {message[quarantined].may};

-- name: is_quarantined
SELECT 1 FROM message
WHERE id = :id AND control_id = :control_id AND state = {message[quarantined].to} AND code = :code;

-- name: put_back
-- Of those in quarantine only what the lane itself put there for a HIS that may be ill.
UPDATE message SET state = {message[put_back].to}, {uncharged}
WHERE id = :id AND state IN {message[put_back].may}
 AND (state <> {message[quarantined].to} OR code IN {by_his});

-- name: interrupted_attempts
INSERT INTO attempt (message_id, number, started_ms, kind, phase, code, detail, ack_code, foreign_ids, elapsed_ms)
SELECT m.id, COALESCE((SELECT MAX(a.number) FROM attempt a WHERE a.message_id = m.id), 0) + 1, :now_ms, 'unknown',
 'write', 'agent.interrupted', 'the agent ended in mid-send', '', '', 0
FROM message m
WHERE m.destination = :destination AND m.state IN {waiting} AND m.state IN {message[interrupted].may};

-- name: interrupted
UPDATE message SET state = {message[interrupted].to}, may_have_left = TRUE
WHERE destination = :destination AND state IN {waiting} AND state IN {message[interrupted].may};

-- name: attempt
-- Its number is the one after those that the lane had read: the same attempt written twice is one.
INSERT INTO attempt (message_id, number, started_ms, kind, phase, code, detail, ack_code, ack, foreign_ids, elapsed_ms)
VALUES (:message_id, :number, :started_ms, :kind, :phase, :code, :detail, :ack_code, :ack, :foreign_ids, :elapsed_ms)
ON CONFLICT (message_id, number) DO NOTHING;
