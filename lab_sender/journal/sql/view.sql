-- How the journal stands; of one destination, or (:destination is NULL) of all.

-- part: here
(CAST(:destination AS TEXT) IS NULL OR t.destination = :destination)

-- name: counts
-- All of it at one instant. A state that history makes long is kept as a number (tally.py), or is what is left.
SELECT c.what, SUM(c.number) FROM (
 SELECT t.what, t.number FROM tally t WHERE {here}
 UNION ALL
 SELECT m.state, COUNT(*) FROM tally t CROSS JOIN message m ON m.destination = t.destination
 WHERE t.what = 'messages' AND {here} AND m.state IN {waiting} GROUP BY m.state
 UNION ALL
 SELECT 'quarantined', COUNT(*) FROM tally t CROSS JOIN message m ON m.destination = t.destination
 WHERE t.what = 'messages' AND {here} AND m.state = 'quarantined'
 UNION ALL
 SELECT 'dismissed', COUNT(*) FROM tally t CROSS JOIN message m ON m.destination = t.destination
 WHERE t.what = 'messages' AND {here} AND (m.state = 'duplicate' OR m.state = 'dismissed' OR m.state = 'replaced')
 AND m.state = 'dismissed'
 UNION ALL
 SELECT 'replaced', COUNT(*) FROM tally t CROSS JOIN message m ON m.destination = t.destination
 WHERE t.what = 'messages' AND {here} AND (m.state = 'duplicate' OR m.state = 'dismissed' OR m.state = 'replaced')
 AND m.state = 'replaced'
 UNION ALL
 SELECT 'unreadable', COUNT(*) FROM source s WHERE s.code <> '' AND s.state = 'quarantined'
) c GROUP BY c.what;

-- name: taken_by_nobody
SELECT COUNT(*) FROM message m WHERE m.destination = :destination AND m.state = 'quarantined'
 AND m.code = {nobody};

-- name: left_of_outbox
-- Files that are not through: claimed, in quarantine for a person to decide about, released, or on the move (these at
-- both of their places).
SELECT f.id, f.folder, f.claimed_as, f.size, s.sha256, f.role = 'report'
FROM file f CROSS JOIN source s ON s.id = f.source_id WHERE f.folder = 'claimed' AND s.outbox = :outbox
UNION SELECT f.id, f.folder, f.filed_as, f.size, s.sha256, TRUE
FROM file f CROSS JOIN source s ON s.id = f.source_id
WHERE f.folder = 'quarantine' AND f.folder <> 'claimed' AND f.role = 'report' AND s.outbox = :outbox
 AND (s.state = 'quarantined' OR EXISTS (SELECT 1 FROM message m LEFT JOIN message o ON o.id = m.same_as
  WHERE m.source_id = s.id AND 'quarantined' IN (m.state, o.state)))
UNION SELECT f.id, f.folder, f.filed_as, f.size, s.sha256, TRUE
FROM source s CROSS JOIN file f ON f.source_id = s.id
WHERE s.returns_as <> '' AND s.state = 'withdrawn' AND s.outbox = :outbox AND f.role = 'report'
 AND f.folder NOT IN ('claimed', 'outbox', 'missing')
UNION SELECT f.id, f.folder, f.filed_as, f.size, s.sha256, f.role = 'report'
FROM file f CROSS JOIN source s ON s.id = f.source_id
WHERE f.planned_folder <> '' AND f.folder <> 'claimed' AND s.outbox = :outbox
UNION SELECT f.id, f.planned_folder, f.planned_as, f.size, s.sha256, f.role = 'report'
FROM file f CROSS JOIN source s ON s.id = f.source_id WHERE f.planned_folder <> '' AND s.outbox = :outbox;

-- name: quarantined_by
SELECT m.code, COUNT(*), MIN(m.final_ms) FROM message m WHERE m.destination = :destination AND m.state = 'quarantined'
GROUP BY m.code ORDER BY 2 DESC, 1;

-- name: unreadable_by
SELECT s.code, COUNT(*), MIN(s.received_ms) FROM source s WHERE s.code <> '' AND s.state = 'quarantined'
GROUP BY s.code ORDER BY 2 DESC, 1;

-- name: not_built
-- Files that could not be read, and messages without bytes.
SELECT (SELECT COUNT(*) FROM source s WHERE s.code <> '' AND s.state = 'quarantined')
 + (SELECT COUNT(*) FROM tally t CROSS JOIN message m ON m.destination = t.destination AND m.state = 'quarantined'
  WHERE t.what = 'messages' AND {here} AND NOT EXISTS (SELECT 1 FROM wire w WHERE w.message_id = m.id));

-- name: contradictions
SELECT COUNT(*) FROM message t WHERE t.contradicted <> '' AND {here};

-- name: claimed
SELECT claimed_as FROM file WHERE folder = 'claimed';

-- name: oldest_waiting
SELECT MIN((SELECT m.created_ms FROM message m WHERE m.destination = t.destination
 AND m.state IN {waiting} ORDER BY m.id LIMIT 1)) FROM tally t WHERE t.what = 'messages' AND {here};

-- name: last_acceptance
SELECT MAX(t.accepted_ms) FROM lane t WHERE {here};

-- name: lanes
SELECT destination, hold, hold_reason, hold_since_ms, link, link_code, link_detail, link_since_ms, next_try_ms,
 hold_messages, trouble, silent_since_ms, connections, connections_up, address, connected_ms,
 peer_ends_ms FROM lane ORDER BY destination;

-- name: last_source
SELECT MAX(id) FROM source;

-- name: sources_since
-- With :sha256 also this content, unless it could not be read (:none). What is filed is looked for ten thousand sources
-- by ten thousand (file_name).
WITH RECURSIVE found (part) AS (
 SELECT (:above + 1) / 10000
 UNION ALL SELECT p.part + 1 FROM found p WHERE p.part < (SELECT MAX(source_id) / 10000 FROM file)
)
SELECT n.source_id FROM (
 SELECT f.source_id FROM found p CROSS JOIN file f ON f.source_id / 10000 = p.part AND f.name = :name
  AND f.folder <> 'claimed' AND f.role = 'report'
 UNION ALL SELECT f.source_id FROM file f WHERE f.folder = 'claimed' AND f.name = :name AND f.role = 'report'
) n JOIN source s ON s.id = n.source_id
WHERE n.source_id > :above AND (s.sha256 IN (:sha256, :none) OR :sha256 = :none) ORDER BY n.source_id;
