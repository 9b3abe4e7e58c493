-- What may be deleted, and its deletion: the rule stands in each DELETE's own WHERE.

-- part: chain
-- A file with all its earlier and later readings: they are deleted together.
WITH RECURSIVE chain (id, claim_id, returns_as, state, received_ms) AS (
 SELECT s.id, s.claim_id, s.returns_as, s.state, s.received_ms
 UNION
 SELECT n.id, n.claim_id, n.returns_as, n.state, n.received_ms FROM chain c CROSS JOIN source n
  ON n.returns_as = c.claim_id AND n.returns_as <> '' OR n.claim_id = c.returns_as
)

-- part: open
-- Something of a file is not finished, flagged, too young, on its way, or in quarantine; or its second reading is
-- still to come; or it shares the fate of a message that is not finished.
c.state = 'quarantined' OR c.received_ms >= :before OR c.id >= :young
 OR c.state = 'withdrawn' AND NOT EXISTS (SELECT 1 FROM source l WHERE l.claim_id = c.returns_as)
 OR EXISTS (SELECT 1 FROM file f WHERE f.source_id = c.id AND (f.planned_folder <> '' OR f.folder = 'claimed'
  OR f.folder = 'quarantine'))
 OR EXISTS (SELECT 1 FROM message x WHERE x.source_id = c.id AND (x.state NOT IN {finished} OR x.contradicted <> ''
  OR x.final_ms IS NULL OR x.final_ms >= :before
  OR x.same_as IS NOT NULL AND EXISTS (SELECT 1 FROM message o WHERE o.id = x.same_as AND o.state NOT IN {finished})))

-- part: named
-- Somebody else points to a message of it, or its files still lie somewhere.
EXISTS (SELECT 1 FROM file f WHERE f.source_id = c.id AND (f.folder = 'sent' OR f.folder = 'dismissed'))
 OR EXISTS (SELECT 1 FROM message x CROSS JOIN message d ON d.same_as = x.id
  WHERE x.source_id = c.id AND d.source_id NOT IN (SELECT id FROM chain))
 OR EXISTS (SELECT 1 FROM message x CROSS JOIN message r ON r.replaces = x.id
  WHERE x.source_id = c.id AND r.source_id NOT IN (SELECT id FROM chain))

-- part: closed
-- Of these sources, those with nothing open.
SELECT s.id FROM json_each(:sources) k CROSS JOIN source s ON s.id = CAST(k.value AS BIGINT)
WHERE NOT EXISTS ({chain} SELECT 1 FROM chain c WHERE {open})

-- part: old
-- Of these sources, those of which everything may go.
SELECT s.id FROM json_each(:sources) k CROSS JOIN source s ON s.id = CAST(k.value AS BIGINT)
WHERE NOT EXISTS ({chain} SELECT 1 FROM chain c WHERE {open} OR {named})

-- part: unread
-- No duplicate of it came of late.
COALESCE((SELECT d.final_ms FROM message d WHERE d.same_as = m.id ORDER BY d.id DESC LIMIT 1), 0) < :before

-- name: first_young
-- Of the next sources the last one, and the first one that is young; 0 is not one that was received.
SELECT MAX(n.id), MIN(CASE WHEN n.received_ms >= :before THEN n.id END)
FROM (SELECT id, received_ms FROM source WHERE id > :after ORDER BY id LIMIT :most) n;

-- name: with_bytes
-- The next messages that have their bytes.
SELECT w.message_id, m.source_id, m.created_ms FROM wire w CROSS JOIN message m ON m.id = w.message_id
WHERE w.message_id > :after ORDER BY w.message_id LIMIT :most;

-- name: content_due
SELECT m.id FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
WHERE m.state IN {finished} AND m.contradicted = '' AND {unread} AND m.source_id IN ({closed}) ORDER BY m.id;

-- name: delete_bytes
DELETE FROM wire WHERE message_id IN (
 SELECT m.id FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
 WHERE m.state IN {finished} AND m.contradicted = '' AND {unread} AND m.source_id IN ({closed}));

-- name: delete_acks
-- With the HIS's words, of those whose bytes are gone.
UPDATE attempt SET ack = NULL, detail = '' WHERE ack IS NOT NULL
 AND message_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k)
 AND NOT EXISTS (SELECT 1 FROM wire w WHERE w.message_id = attempt.message_id);

-- name: delete_answers
UPDATE answer SET ack = :nothing WHERE message_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k)
 AND NOT EXISTS (SELECT 1 FROM wire w WHERE w.message_id = answer.message_id);

-- name: delete_words
UPDATE message SET his_words = '' WHERE his_words <> ''
 AND id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k)
 AND NOT EXISTS (SELECT 1 FROM wire w WHERE w.message_id = message.id);

-- name: next_day
-- The first day after :after of which files lie in sent/.
SELECT MIN(substr(filed_as, 1, 10)) FROM file WHERE folder = 'sent' AND folder <> 'claimed'
 AND substr(filed_as, 1, 10) > :after;

-- name: sent_of_day
SELECT f.id, f.source_id, f.role, f.filed_as, f.size, s.sha256, s.outbox FROM file f JOIN source s ON s.id = f.source_id
WHERE f.folder = 'sent' AND f.folder <> 'claimed' AND substr(f.filed_as, 1, 10) = :day AND f.id > :after
ORDER BY f.id LIMIT :most;

-- name: given_up
-- Files in quarantine/dismissed. One that could not be read was given up by an act.
SELECT f.id, f.source_id, f.role, f.filed_as, f.size, s.sha256, s.outbox FROM file f JOIN source s ON s.id = f.source_id
WHERE f.folder = 'dismissed' AND f.folder <> 'claimed' AND substr(f.filed_as, 1, 10) >= :beginning
 AND (substr(f.filed_as, 1, 10) > :beginning OR f.id > :after)
ORDER BY substr(f.filed_as, 1, 10), f.id LIMIT :most;

-- name: files_due
-- Of these files, those that may go: they lie there for good, for as long as the rule says.
SELECT f.id FROM json_each(:files) k CROSS JOIN file f ON f.id = CAST(k.value AS BIGINT)
WHERE f.folder = :folder AND f.planned_folder = '' AND f.source_id IN ({closed})
 AND COALESCE((SELECT MAX(e.at_ms) FROM event e WHERE e.source_id = f.source_id AND e.kind = 'file.dismissed'), 0) < :before;

-- name: file_deleted
-- It is at none of its places any more; :deleted_ms is NULL where it was not retention.
UPDATE file SET folder = 'missing', deleted_ms = :deleted_ms WHERE id = :id AND folder = :folder
 AND planned_folder = '';

-- name: next_sources
SELECT s.id, s.received_ms, (SELECT COUNT(*) FROM message m WHERE m.source_id = s.id) FROM source s
WHERE s.id > :after ORDER BY s.id LIMIT :most;

-- name: messages_due
-- Of these sources, the messages that may go; the newest first: what points to another one goes before it.
SELECT m.id FROM (SELECT o.id FROM ({old}) o) c CROSS JOIN message m ON m.source_id = c.id ORDER BY m.id DESC LIMIT :most;

-- name: sources_due
{old};

-- name: control_ids
SELECT m.id, m.destination, m.control_id, m.state FROM json_each(:ids) k CROSS JOIN message m
 ON m.id = CAST(k.value AS BIGINT);

-- name: used_id
INSERT INTO former_id (destination, control_id, message_id) VALUES (:destination, :control_id, :id)
ON CONFLICT (destination, control_id, message_id) DO NOTHING;

-- name: keep_orders
-- What the HIS has, or may have, of an order.
UPDATE message_order AS o SET (digest, patient_key, send_round, is_sure, came, age) = (
 SELECT n.digest, COALESCE(o.patient_key, n.patient_key), n.send_round, COALESCE(o.is_sure, n.state = 'acked'), {claim}, {lasting_age}
 FROM message n WHERE n.id = o.message_id)
WHERE o.message_id IN (SELECT m.id FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
 WHERE m.state = 'acked' OR m.may_have_left OR m.left_before);

-- name: kept_orders
SELECT DISTINCT o.destination, o.order_key FROM json_each(:ids) k CROSS JOIN message_order o
 ON o.message_id = CAST(k.value AS BIGINT);

-- name: drop_orders
-- What it never had; what came later of the same test and patient has taken its place; and what nobody looks back to.
DELETE FROM message_order WHERE destination = :destination AND order_key = :order_key AND message_id <= :last
 AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id = message_order.message_id)
 AND (digest IS NULL
 OR EXISTS (SELECT 1 FROM message_order y WHERE y.destination = :destination AND y.order_key = :order_key
  AND y.message_id > message_order.message_id AND y.message_id <= :last AND y.digest IS NOT NULL
  AND y.service = message_order.service AND y.patient_key = message_order.patient_key
  AND y.is_sure = message_order.is_sure AND y.send_round >= message_order.send_round)
 OR message_id < (SELECT DISTINCT z.message_id FROM message_order z WHERE z.destination = :destination
  AND z.order_key = :order_key AND z.message_id <= :last AND z.digest IS NOT NULL
  ORDER BY z.message_id DESC LIMIT 1 OFFSET :longest));

-- name: delete_messages
DELETE FROM message WHERE id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k) AND state IN {finished}
 AND contradicted = '' AND source_id IN ({old});

-- name: delete_messages_bytes
DELETE FROM wire WHERE message_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k)
 AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id = wire.message_id);

-- name: delete_attempts
DELETE FROM attempt WHERE message_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k)
 AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id = attempt.message_id);

-- name: delete_messages_answers
DELETE FROM answer WHERE message_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k)
 AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id = answer.message_id);

-- name: delete_files
DELETE FROM file WHERE source_id IN ({old})
 AND NOT EXISTS (SELECT 1 FROM message m WHERE m.source_id = file.source_id);

-- name: delete_sources
-- After its earlier readings: a file whose second reading is not there waits for it.
DELETE FROM source WHERE id IN ({old}) AND NOT EXISTS (SELECT 1 FROM message m WHERE m.source_id = source.id)
 AND NOT EXISTS (SELECT 1 FROM source e WHERE e.returns_as = source.claim_id AND e.returns_as <> '');

-- name: delete_remarks
DELETE FROM remark WHERE source_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:sources) k)
 AND NOT EXISTS (SELECT 1 FROM source s WHERE s.id = remark.source_id);

-- name: delete_owed
DELETE FROM owed WHERE source_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:sources) k)
 AND NOT EXISTS (SELECT 1 FROM source s WHERE s.id = owed.source_id);

-- name: next_events
SELECT id, at_ms FROM event WHERE id > :after ORDER BY id LIMIT :most;

-- name: delete_events
DELETE FROM event WHERE id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k) AND at_ms < :before
 AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id = event.message_id)
 AND NOT EXISTS (SELECT 1 FROM source s WHERE s.id = event.source_id);

-- name: archived_message
SELECT m.id, m.source_id, m.place, m.destination, m.control_id, m.patient_key, m.state, m.code, m.reason, m.his_words,
 m.same_as, m.replaces, m.may_have_left, m.created_ms, m.final_ms, w.body, f.name, s.claim_id, s.sha256, s.outbox
FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
LEFT JOIN wire w ON w.message_id = m.id LEFT JOIN source s ON s.id = m.source_id
LEFT JOIN file f ON f.source_id = m.source_id AND f.role = 'report' ORDER BY m.id;

-- name: archived_file
SELECT s.id, s.claim_id, s.kind, s.size, s.sha256, s.received_ms, s.state, s.code, s.reason, s.outbox, f.name
FROM json_each(:sources) k CROSS JOIN source s ON s.id = CAST(k.value AS BIGINT)
LEFT JOIN file f ON f.source_id = s.id AND f.role = 'report' ORDER BY s.id;

-- name: archived_attempts
SELECT a.message_id, a.number, a.started_ms, a.kind, a.phase, a.code, a.detail, a.ack_code, a.ack, a.foreign_ids,
 a.elapsed_ms FROM json_each(:ids) k CROSS JOIN attempt a ON a.message_id = CAST(k.value AS BIGINT)
ORDER BY a.message_id, a.number;

-- name: archived_answers
SELECT a.message_id, a.at_ms, a.code, a.ack FROM json_each(:ids) k CROSS JOIN answer a
 ON a.message_id = CAST(k.value AS BIGINT) ORDER BY a.id;

-- name: archived_orders
SELECT o.message_id, o.order_key, o.service, o.status, o.reported FROM json_each(:ids) k CROSS JOIN message_order o
 ON o.message_id = CAST(k.value AS BIGINT) ORDER BY o.message_id, o.order_key, o.service;

-- name: archived_events
SELECT e.message_id, e.at_ms, e.kind, e.who, e.detail FROM json_each(:ids) k CROSS JOIN event e
 ON e.message_id = CAST(k.value AS BIGINT) ORDER BY e.id;
