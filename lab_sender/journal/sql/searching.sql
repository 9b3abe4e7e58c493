-- Messages and unreadable files by what a person knows of them: which of them fit, and what they are.

-- name: wards
-- Each once: they are found one after the other, however many messages have one.
WITH RECURSIVE found (ward) AS (
 SELECT MIN(m.ward) FROM message m WHERE m.ward <> ''
 UNION ALL SELECT (SELECT MIN(m.ward) FROM message m WHERE m.ward > found.ward AND m.ward <> '') FROM found
  WHERE found.ward IS NOT NULL
)
SELECT ward FROM found WHERE ward IS NOT NULL LIMIT :most;

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
 AND (:tries = 0 OR EXISTS (SELECT 1 FROM attempt a WHERE a.message_id = m.id AND a.number = :tries))
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
SELECT s.id, s.received_ms FROM json_each(:source_ids) k CROSS JOIN source s ON s.id = CAST(k.value AS BIGINT)
WHERE s.code <> '' AND (CAST(:since_ms AS BIGINT) IS NULL OR s.received_ms >= :since_ms)
 AND (CAST(:until_ms AS BIGINT) IS NULL OR s.received_ms < :until_ms)
 AND (:code = '' OR s.code = :code)
 AND (:name = '' OR EXISTS (SELECT 1 FROM file f WHERE f.source_id = s.id AND f.role = 'report'
  AND (f.name LIKE :name ESCAPE '!' OR f.filed_as LIKE :name ESCAPE '!')))
ORDER BY s.id DESC;

-- name: unreadable_among
SELECT s.id, s.received_ms, s.state FROM json_each(:source_ids) k CROSS JOIN source s
 ON s.id = CAST(k.value AS BIGINT) WHERE s.code <> '' AND (:code = '' OR s.code = :code);

-- name: of_patient
SELECT m.id, m.patient_key, m.ward, m.his_words FROM json_each(:ids) k
CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT);

-- name: orders_of
SELECT DISTINCT o.message_id, o.order_key FROM json_each(:ids) k
CROSS JOIN message_order o ON o.message_id = CAST(k.value AS BIGINT) ORDER BY o.message_id, o.order_key;

-- name: of_these_orders
SELECT o.message_id FROM json_each(:ids) k CROSS JOIN message_order o
 ON o.message_id = CAST(k.value AS BIGINT)
WHERE o.order_key = :number OR (o.order_key >= :number || '^' AND o.order_key < :number || '_');
