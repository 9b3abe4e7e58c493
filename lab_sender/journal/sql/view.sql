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

-- name: contradictions
SELECT COUNT(*) FROM message WHERE contradicted <> '';

-- name: claimed
SELECT claimed_as FROM file WHERE folder = 'claimed';

-- name: oldest_waiting
SELECT MIN((SELECT m.created_ms FROM message m WHERE m.destination = t.destination
 AND m.state IN {waiting} ORDER BY m.id LIMIT 1)) FROM tally t WHERE t.what = 'messages' AND {here};

-- name: last_acceptance
SELECT MAX(t.accepted_ms) FROM lane t WHERE {here};

-- name: lanes
SELECT destination, hold, hold_reason, hold_since_ms, link, link_code, link_detail, link_since_ms, next_try_ms,
 hold_messages, trouble, silent_since_ms FROM lane ORDER BY destination;

-- name: last_source
SELECT MAX(id) FROM source;

-- name: sources_since
-- With :sha256 also this content, unless it could not be read (:none).
SELECT f.source_id FROM file f JOIN source s ON s.id = f.source_id
WHERE f.source_id > :above AND f.role = 'report' AND f.name = :name
 AND (s.sha256 IN (:sha256, :none) OR :sha256 = :none) ORDER BY f.source_id;
