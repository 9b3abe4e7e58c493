-- Messages and unreadable files by what a person knows of them, newest first. Ids below :before, from :low on.

-- part: window
m.id < :before AND m.id >= :low

-- name: by_id
SELECT m.id FROM message m WHERE {window} ORDER BY m.id DESC LIMIT :most;

-- name: own
-- Of one destination, without its duplicates: those are `closed`.
SELECT m.id FROM message m WHERE m.destination = :destination AND m.same_as IS NULL AND {window}
ORDER BY m.id DESC LIMIT :most;

-- name: waiting
SELECT m.id FROM message m WHERE m.destination = :destination AND m.state IN {waiting} AND {window}
ORDER BY m.id DESC LIMIT :most;

-- name: quarantined
SELECT m.id FROM message m WHERE m.destination = :destination AND m.state = 'quarantined' AND {window}
ORDER BY m.id DESC LIMIT :most;

-- name: closed
SELECT m.id FROM message m
WHERE m.destination = :destination AND (m.state = 'duplicate' OR m.state = 'dismissed' OR m.state = 'replaced')
 AND m.state = :state AND {window} ORDER BY m.id DESC LIMIT :most;

-- name: contradicted
SELECT m.id FROM message m WHERE m.contradicted <> '' AND {window} ORDER BY m.id DESC LIMIT :most;

-- name: of_order
SELECT DISTINCT m.message_id FROM message_order m WHERE m.destination = :destination AND m.order_key = :order_key
 AND m.message_id < :before AND m.message_id >= :low ORDER BY m.message_id DESC LIMIT :most;

-- name: of_ward
SELECT m.id FROM message m WHERE m.ward = :ward AND m.ward <> '' AND {window} ORDER BY m.id DESC LIMIT :most;

-- name: wards
-- Each once: they are found one after the other, however many messages have one.
WITH RECURSIVE found (ward) AS (
 SELECT MIN(m.ward) FROM message m WHERE m.ward <> ''
 UNION ALL SELECT (SELECT MIN(m.ward) FROM message m WHERE m.ward > found.ward AND m.ward <> '') FROM found
  WHERE found.ward IS NOT NULL
)
SELECT ward FROM found WHERE ward IS NOT NULL LIMIT :most;

-- name: of_patient_in_part
-- Ten thousand messages by ten thousand (message_patient): new ones are near each other there.
SELECT m.id FROM message m WHERE m.id / 10000 = :part AND m.patient_key >= :first AND m.patient_key < :beyond
 AND m.patient_key <> '' AND {window} ORDER BY m.id DESC;

-- name: named_in_part
SELECT f.source_id FROM file f WHERE f.source_id / 10000 = :part AND f.name >= :first AND f.name < :beyond
 AND f.role = 'report' AND f.folder <> 'claimed' AND f.source_id < :before AND f.source_id >= :low
ORDER BY f.source_id DESC;

-- name: named_in_claimed
SELECT f.source_id FROM file f WHERE f.folder = 'claimed' AND f.name >= :first AND f.name < :beyond
 AND f.role = 'report' AND f.source_id < :before AND f.source_id >= :low;

-- name: filed_as
SELECT f.source_id FROM file f WHERE f.folder IN ('sent', 'quarantine', 'dismissed', 'outbox', 'missing')
 AND f.folder <> 'claimed' AND substr(f.filed_as, 1, 10) = :beginning AND f.filed_as >= :name AND f.filed_as <= :name
 AND f.role = 'report' AND f.source_id < :before AND f.source_id >= :low;

-- name: fits
-- Which of these messages have all that is asked for.
SELECT m.id, m.source_id, m.created_ms
FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
WHERE (CAST(:since_ms AS BIGINT) IS NULL OR m.created_ms >= :since_ms)
 AND (CAST(:until_ms AS BIGINT) IS NULL OR m.created_ms < :until_ms)
 AND (:to = '[]' OR m.destination IN (SELECT CAST(k.value AS TEXT) FROM json_each(:to) k))
 AND (:states = '[]' OR m.state IN (SELECT CAST(k.value AS TEXT) FROM json_each(:states) k)
  OR m.state || ' ' || m.code IN (SELECT CAST(k.value AS TEXT) FROM json_each(:states) k))
 AND (:contradicted = 0 OR m.contradicted <> '')
 AND (:ward = '' OR m.ward = :ward)
 AND (:patient_first = '' OR m.patient_key >= :patient_first AND m.patient_key < :patient_beyond)
 AND (:code = '' OR m.code = :code OR m.his_code = :code OR m.contradicted = :code
  OR m.his_code || ' ' || m.his_error = :code OR ' ' || m.his_error || ' ' LIKE '% ' || :code || ' %'
  OR (SELECT a.ack_code FROM attempt a WHERE a.message_id = m.id ORDER BY a.number DESC LIMIT 1) = :code)
 AND (:but_code = '' OR m.code <> :but_code)
 AND (:tries = 0 OR (SELECT COUNT(*) FROM attempt a WHERE a.message_id = m.id) >= :tries)
 AND (:name = '' OR EXISTS (SELECT 1 FROM file f WHERE f.source_id = m.source_id AND f.role = 'report'
  AND (f.name LIKE :name ESCAPE '!' OR f.filed_as LIKE :name ESCAPE '!')))
ORDER BY m.id DESC;

-- name: received
SELECT s.id FROM json_each(:source_ids) k CROSS JOIN source s ON s.id = CAST(k.value AS BIGINT)
WHERE (CAST(:since_ms AS BIGINT) IS NULL OR s.received_ms >= :since_ms)
 AND (CAST(:until_ms AS BIGINT) IS NULL OR s.received_ms < :until_ms);

-- name: messages_of
SELECT m.id FROM json_each(:source_ids) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT);

-- name: bodies
SELECT w.message_id, w.body FROM json_each(:ids) k CROSS JOIN wire w ON w.message_id = CAST(k.value AS BIGINT);

-- name: unreadable
SELECT s.id, s.received_ms FROM source s
WHERE s.code <> '' AND s.state = :state AND s.id < :before AND s.id >= :low
 AND (CAST(:since_ms AS BIGINT) IS NULL OR s.received_ms >= :since_ms)
 AND (CAST(:until_ms AS BIGINT) IS NULL OR s.received_ms < :until_ms)
 AND (:code = '' OR s.code = :code)
 AND (:name = '' OR EXISTS (SELECT 1 FROM file f WHERE f.source_id = s.id AND f.role = 'report'
  AND (f.name LIKE :name ESCAPE '!' OR f.filed_as LIKE :name ESCAPE '!')))
ORDER BY s.id DESC LIMIT :most;

-- name: unreadable_among
SELECT s.id, s.received_ms, s.state FROM json_each(:source_ids) k CROSS JOIN source s
 ON s.id = CAST(k.value AS BIGINT) WHERE s.code <> '' AND (:code = '' OR s.code = :code);

-- name: of_patient
SELECT m.id, m.patient_key, m.ward, m.his_words FROM json_each(:ids) k
CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT);

-- name: orders_of
SELECT DISTINCT o.message_id, o.order_key FROM json_each(:ids) k
CROSS JOIN message_order o ON o.message_id = CAST(k.value AS BIGINT) ORDER BY o.message_id, o.order_key;
