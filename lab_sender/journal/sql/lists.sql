-- Messages and unreadable files in lists, newest first. No list is longer to find than what it shows.

-- part: message
SELECT m.id, m.source_id, COALESCE(f.name, ''), m.place, COALESCE(m.control_id, ''), m.state, m.code, m.reason,
 m.created_ms, m.final_ms,
 COALESCE((SELECT a.ack_code FROM attempt a WHERE a.message_id = m.id ORDER BY a.number DESC LIMIT 1), ''),
 (SELECT a.elapsed_ms FROM attempt a WHERE a.message_id = m.id AND a.ack_code <> '' ORDER BY a.number DESC LIMIT 1),
 (SELECT COUNT(*) FROM attempt a WHERE a.message_id = m.id), m.may_have_left, m.same_as,
 COALESCE(f.folder || CASE WHEN f.filed_as = '' THEN '' ELSE '/' || f.filed_as END, ''), m.his_words, m.contradicted,
 (SELECT MAX(r.id) FROM message r WHERE r.replaces = m.id), m.replaces, m.destination,
 (SELECT s.outbox FROM source s WHERE s.id = m.source_id), m.his_code, m.his_error

-- part: report
LEFT JOIN file f ON f.source_id = m.source_id AND f.role = 'report'

-- part: here
(CAST(:destination AS TEXT) IS NULL OR m.destination = :destination)

-- part: own
m.destination = :destination AND m.same_as IS NULL AND m.state <> 'duplicate'

-- name: newest
{message} FROM message m {report} ORDER BY m.id DESC LIMIT :most;

-- name: newest_here
-- Of one destination, without its duplicates: those are `closed`.
{message} FROM message m {report} WHERE {own} ORDER BY m.id DESC LIMIT :most;

-- name: acked
-- By their first tries: what was never tried, a whole export that came again as duplicates, is not walked through.
{message} FROM attempt d CROSS JOIN message m ON m.id = d.message_id AND m.state = 'acked' {report}
WHERE d.number = 1 ORDER BY d.message_id DESC LIMIT :most;

-- name: acked_here
{message} FROM message m {report} WHERE {own} AND m.state = 'acked' ORDER BY m.id DESC LIMIT :most;

-- name: waiting
{message} FROM message m {report}
WHERE m.destination = :destination AND m.state IN {waiting} AND m.state = :state
ORDER BY m.id DESC LIMIT :most;

-- name: quarantined
{message} FROM message m {report}
WHERE m.destination = :destination AND m.state = 'quarantined' ORDER BY m.id DESC LIMIT :most;

-- name: closed
{message} FROM message m {report}
WHERE m.destination = :destination AND (m.state = 'duplicate' OR m.state = 'dismissed' OR m.state = 'replaced')
 AND m.state = :state ORDER BY m.id DESC LIMIT :most;

-- name: contradicted
{message} FROM message m {report} WHERE m.contradicted <> '' AND {here} ORDER BY m.id DESC LIMIT :most;

-- name: unreadable
SELECT NULL, s.id, COALESCE(f.name, ''), '', '', s.state, s.code, s.reason, s.received_ms, s.received_ms, '', NULL, 0,
 FALSE, NULL, COALESCE(f.folder || CASE WHEN f.filed_as = '' THEN '' ELSE '/' || f.filed_as END, ''), '', '', NULL,
 NULL, '', s.outbox, '', ''
FROM source s LEFT JOIN file f ON f.source_id = s.id AND f.role = 'report'
WHERE s.code <> '' AND s.state = :state ORDER BY s.id DESC LIMIT :most;

-- name: of_sources
{message} FROM json_each(:source_ids) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT) {report}
WHERE {here} ORDER BY m.id DESC LIMIT :most;

-- name: unreadable_of_sources
SELECT NULL, s.id, COALESCE(f.name, ''), '', '', s.state, s.code, s.reason, s.received_ms, s.received_ms, '', NULL, 0,
 FALSE, NULL, COALESCE(f.folder || CASE WHEN f.filed_as = '' THEN '' ELSE '/' || f.filed_as END, ''), '', '', NULL,
 NULL, '', s.outbox, '', ''
FROM json_each(:source_ids) k CROSS JOIN source s ON s.id = CAST(k.value AS BIGINT)
LEFT JOIN file f ON f.source_id = s.id AND f.role = 'report'
WHERE s.code <> '' ORDER BY s.id DESC LIMIT :most;

-- name: these
{message} FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT) {report} ORDER BY m.id DESC;

-- name: destinations
SELECT destination FROM tally WHERE what = 'messages' ORDER BY destination;

-- name: by_control_id
-- Several where they went to several destinations, or an older journal has ids that differ in blanks only.
{message} FROM tally t CROSS JOIN message m ON m.destination = t.destination AND t.what = 'messages'
 AND (CAST(:destination AS TEXT) IS NULL OR t.destination = :destination)
 AND m.control_id >= :id AND m.control_id < :id || '!' AND rtrim(m.control_id) = :id {report} ORDER BY m.id DESC;

-- name: by_former_id
-- Those that went out under it, with other bytes.
{message} FROM tally t CROSS JOIN former_id u ON u.destination = t.destination AND t.what = 'messages'
 AND (CAST(:destination AS TEXT) IS NULL OR t.destination = :destination) AND u.control_id = :id
CROSS JOIN message m ON m.id = u.message_id {report} ORDER BY m.id DESC;

-- name: order_keys
-- The number alone, and each `number^authority`: they are found one after the other, however many messages have one.
WITH RECURSIVE found (destination, order_key) AS (
 SELECT t.destination, (SELECT MIN(o.order_key) FROM message_order o WHERE o.destination = t.destination
  AND o.order_key >= :number || '^' AND o.order_key < :number || '_') FROM tally t
 WHERE t.what = 'messages' AND (CAST(:destination AS TEXT) IS NULL OR t.destination = :destination)
 UNION ALL
 SELECT p.destination, (SELECT MIN(o.order_key) FROM message_order o WHERE o.destination = p.destination
  AND o.order_key > p.order_key AND o.order_key < :number || '_') FROM found p WHERE p.order_key IS NOT NULL
)
SELECT destination, order_key FROM found WHERE order_key IS NOT NULL
UNION ALL SELECT t.destination, :number FROM tally t
WHERE t.what = 'messages' AND (CAST(:destination AS TEXT) IS NULL OR t.destination = :destination);

-- name: of_order
SELECT DISTINCT message_id FROM message_order WHERE destination = :destination AND order_key = :order_key
ORDER BY message_id DESC LIMIT :most;

-- name: quarantined_bytes
SELECT m.id, w.body FROM message m JOIN wire w ON w.message_id = m.id
WHERE m.destination = :destination AND m.state = 'quarantined' ORDER BY m.id DESC;

-- name: last_part
SELECT MAX(source_id) / 10000 FROM file;

-- name: named_in_part
-- Filed reports that had the name in the outbox; these are indexed ten thousand sources by ten thousand (file_name).
SELECT f.source_id FROM file f WHERE f.source_id / 10000 = :part AND f.name = :name AND f.role = 'report'
 AND f.folder <> 'claimed' ORDER BY f.id DESC LIMIT :most;

-- name: named_in_claimed
SELECT f.source_id FROM file f WHERE f.folder = 'claimed' AND f.name = :name AND f.role = 'report';

-- name: filed_as
-- Reports that have the name where they lie now: `2026-11-22/NAME` in sent/, and in quarantine what came second.
-- Not `filed_as = :name`: SQLite would put the name into substr too, and find no index for it.
SELECT f.source_id FROM file f WHERE f.folder IN ('sent', 'quarantine', 'dismissed', 'outbox', 'missing')
 AND f.folder <> 'claimed' AND substr(f.filed_as, 1, 10) = :beginning AND f.filed_as >= :name AND f.filed_as <= :name
 AND f.role = 'report';
