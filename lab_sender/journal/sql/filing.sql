-- What the keeper asks and writes.

-- part: final
NOT EXISTS (SELECT 1 FROM message w WHERE w.source_id = f.source_id AND w.state IN {waiting})

-- part: elsewhere
(f.folder IN ('sent', 'dismissed') OR f.folder = 'claimed' AND NOT EXISTS (SELECT 1 FROM message w
 WHERE w.source_id = f.source_id AND w.state IN {waiting} AND w.destination = m.destination))

-- part: without_need
(s.state IN ('dismissed', 'withdrawn') OR s.state = 'read' AND NOT EXISTS
 (SELECT 1 FROM message q WHERE q.source_id = s.id AND q.state = 'quarantined'))

-- name: claimed_and_final
SELECT f.source_id FROM file f WHERE f.folder = 'claimed' AND {final};

-- name: on_the_move
SELECT f.source_id FROM file f WHERE f.planned_folder <> '';

-- name: quarantined_elsewhere
-- A message is in quarantine and its file is not: it had been filed, or waits for another destination's messages.
SELECT m.source_id FROM tally t CROSS JOIN message m ON m.destination = t.destination
JOIN file f ON f.source_id = m.source_id
WHERE t.what = 'messages' AND m.state = 'quarantined' AND {elsewhere};

-- name: duplicate_elsewhere
-- The same for the file of a duplicate of it.
SELECT d.source_id FROM tally t CROSS JOIN message m ON m.destination = t.destination
CROSS JOIN message d ON d.same_as = m.id JOIN file f ON f.source_id = d.source_id
WHERE t.what = 'messages' AND m.state = 'quarantined' AND d.state = 'duplicate' AND {elsewhere};

-- name: in_quarantine_without_need
SELECT f.source_id FROM file f CROSS JOIN source s ON s.id = f.source_id
WHERE f.folder = 'quarantine' AND f.folder <> 'claimed' AND {without_need};

-- name: in_quarantine_with_others
-- Its reason is written anew as others of its messages come to their ends: that may have been cut short.
SELECT f.source_id FROM file f WHERE f.folder = 'quarantine' AND f.folder <> 'claimed' AND f.role = 'report'
 AND (SELECT COUNT(*) FROM message m WHERE m.source_id = f.source_id) > 1;

-- name: unsettled_of
-- All of that at once, of these sources.
SELECT DISTINCT f.source_id FROM json_each(:source_ids) k CROSS JOIN file f ON f.source_id = CAST(k.value AS BIGINT)
JOIN source s ON s.id = f.source_id
WHERE f.planned_folder <> '' OR f.folder = 'claimed' AND {final} OR f.folder = 'quarantine' AND {without_need}
 OR EXISTS (SELECT 1 FROM message m WHERE m.source_id = s.id AND m.state = 'quarantined' AND {elsewhere});

-- name: last_event
SELECT MAX(id) FROM event;

-- name: acted_on
-- Whose messages or files somebody has done something to since.
SELECT DISTINCT COALESCE(e.source_id, m.source_id) FROM event e LEFT JOIN message m ON m.id = e.message_id
WHERE e.id > :after AND (e.source_id IS NOT NULL OR e.message_id IS NOT NULL);

-- name: sharing
-- Also with a duplicate of what a message in it has replaced, however long ago.
WITH RECURSIVE found (id, replaces) AS (
 SELECT m.id, m.replaces FROM json_each(:source_ids) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT)
 UNION SELECT o.id, o.replaces FROM found p CROSS JOIN message o ON o.id = p.replaces AND o.state = 'replaced'
)
SELECT d.source_id FROM found CROSS JOIN message d ON d.same_as = found.id WHERE d.state = 'duplicate';

-- name: outboxes
SELECT s.id, s.outbox FROM json_each(:source_ids) k CROSS JOIN source s ON s.id = CAST(k.value AS BIGINT);

-- name: sources
SELECT s.id, s.state, s.code, s.reason, s.received_ms, s.returns_as
FROM json_each(:source_ids) k CROSS JOIN source s ON s.id = CAST(k.value AS BIGINT) ORDER BY s.id;

-- name: messages
-- A source's messages; a duplicate with the fate, and the id, of the message that it is the same as, or that took the
-- place of that one.
SELECT m.source_id, m.destination, m.place, COALESCE(o.state, m.state), COALESCE(o.code, m.code),
 COALESCE('the same content as message ' || o.id || ': ' || o.reason, m.reason), COALESCE(o.control_id, m.control_id),
 COALESCE(o.final_ms, m.final_ms), COALESCE(o.id, m.id),
 CASE COALESCE(o.state, m.state) WHEN 'quarantined'
  THEN (SELECT COUNT(*) FROM attempt a WHERE a.message_id = COALESCE(o.id, m.id)) END,
 COALESCE(o.may_have_left, m.may_have_left),
 CASE COALESCE(o.state, m.state) WHEN 'quarantined'
  THEN EXISTS (SELECT 1 FROM wire w WHERE w.message_id = COALESCE(o.id, m.id)) END,
 COALESCE(o.his_words, m.his_words)
FROM json_each(:source_ids) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT)
LEFT JOIN message o ON m.state = 'duplicate' AND o.id = (
 WITH RECURSIVE found (id) AS (
  SELECT m.same_as
  UNION SELECT (SELECT MAX(r.id) FROM message r WHERE r.replaces = p.id)
   FROM found p CROSS JOIN message s ON s.id = p.id AND s.state = 'replaced'
 ) SELECT MAX(found.id) FROM found
) ORDER BY m.id;

-- name: files
SELECT f.id, f.source_id, f.role, f.name, f.claimed_as, f.folder, f.filed_as, f.planned_folder, f.planned_as,
 s.sha256, f.size, s.outbox
FROM json_each(:source_ids) k CROSS JOIN file f ON f.source_id = CAST(k.value AS BIGINT)
JOIN source s ON s.id = f.source_id ORDER BY f.id;

-- name: destinations
SELECT COUNT(*) FROM tally WHERE what = 'messages';

-- name: grown
UPDATE source SET state = {source[grown].to}, code = 'file.grown', reason = :reason
WHERE id = :id AND state IN {source[grown].may};

-- name: not_there
UPDATE source SET state = {source[not_there].to}, code = 'file.missing', reason = :reason
WHERE id = :id AND state IN {source[not_there].may};

-- name: not_planned
UPDATE file SET planned_folder = '', planned_as = '' WHERE source_id = :id AND role = 'report';

-- name: planned
UPDATE file SET planned_folder = ?, planned_as = ? WHERE id = ?;

-- name: placed
UPDATE file SET folder = planned_folder, filed_as = planned_as, planned_folder = '', planned_as = ''
WHERE id = ? AND planned_folder <> '';

-- name: sent
-- Moved without a plan.
UPDATE file SET folder = 'sent', filed_as = ? WHERE id = ? AND folder = 'claimed' AND planned_folder = '';

-- name: filed_so
-- BETWEEN: with = SQLite puts the name into substr, finds no index by day, and reads all that was ever sent.
SELECT 1 FROM file WHERE folder = 'sent' AND folder <> 'claimed' AND substr(filed_as, 1, 10) = :day
 AND filed_as BETWEEN :filed_as AND :filed_as;

-- name: missing
UPDATE file SET folder = 'missing', planned_folder = '', planned_as = '' WHERE id = :id;
