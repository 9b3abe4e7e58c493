-- How what was taken goes out once more.

-- name: copied
INSERT INTO message (id, source_id, place, destination, control_id, patient_key, ward, digest, state, replaces,
 wants_application, created_ms, came)
SELECT :copy, source_id, place, destination, :control_id, patient_key, ward, digest, {message[copied].to}, id, wants_application,
 :now_ms, came
FROM message WHERE id = :id;

-- name: copied_bytes
INSERT INTO wire (message_id, body, crc32) VALUES (:copy, :body, :crc32);

-- name: copied_orders
-- It is as old as what it is a copy of.
INSERT INTO message_order (destination, order_key, message_id, service, status, reported, patient_key, came, age)
SELECT o.destination, o.order_key, :copy, o.service, o.status, o.reported, o.patient_key, {claim}, {lasting_age}
FROM message_order o CROSS JOIN message n ON n.id = o.message_id WHERE o.message_id = :id;

-- name: readings
-- Each reading of a file, from any of them, oldest first: a released one comes back under the claim of the next.
WITH RECURSIVE
 earlier (id, claim_id) AS (
  SELECT s.id, s.claim_id FROM source s WHERE s.id = :source_id
  UNION ALL
  SELECT w.id, w.claim_id FROM earlier p CROSS JOIN source w ON w.returns_as = p.claim_id AND w.returns_as <> ''),
 later (id, returns_as) AS (
  SELECT s.id, s.returns_as FROM source s WHERE s.id = :source_id
  UNION ALL
  SELECT n.id, n.returns_as FROM later p CROSS JOIN source n ON n.claim_id = p.returns_as AND p.returns_as <> '')
SELECT p.id FROM earlier p UNION SELECT p.id FROM later p ORDER BY 1;

-- name: files_of_unbuilt
SELECT m.source_id FROM json_each(:ids) k CROSS JOIN message m ON m.id = CAST(k.value AS BIGINT)
WHERE NOT EXISTS (SELECT 1 FROM wire w WHERE w.message_id = m.id);

-- name: messages_of_readings
SELECT m.id FROM json_each(:readings) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT);

-- name: is_on_its_way
SELECT 1 FROM source s WHERE s.id = :id AND s.state = 'withdrawn';

-- name: released_for
-- For which destination the reading before an unreadable one was released: what nothing was read of yet is read for it.
SELECT e.destination FROM event e WHERE e.source_id = :before AND e.kind = 'file.released'
 AND NOT EXISTS (SELECT 1 FROM message m WHERE m.source_id = :id) ORDER BY e.id LIMIT 1;

-- name: to_be_read_again
-- What lies in quarantine at the destination :at ('' is each), and what nobody took. But for what may have arrived, and
-- was not refused then: it goes out under its own control id or, where a person says so, as a copy.
SELECT m.id FROM json_each(:readings) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT)
WHERE m.state IN {message[read_again].may} AND (:at = '' OR m.destination = :at OR m.code = {nobody})
 AND NOT (m.code = 'unanswered' OR (m.may_have_left OR m.accept_acked OR m.left_before) AND m.code <> 'refused')
ORDER BY m.id;

-- name: read_again
-- What is read again of their file takes their place.
UPDATE message SET state = {message[read_again].to}, code = 'read-again', reason = '', his_words = '',
 his_code = '', his_error = '', final_ms = :now_ms
WHERE id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:ids) k) AND state IN {message[read_again].may};

-- name: released_file
UPDATE source SET state = {source[released].to}, returns_as = :returns_as
WHERE id = :id AND state IN {source[released].may};

-- name: read_again_file
UPDATE source SET state = {source[read_again].to}, returns_as = :returns_as
WHERE id = :id AND state IN {source[read_again].may};

-- name: gone
SELECT COUNT(*) FROM file f WHERE f.source_id = :source_id AND f.role = 'report' AND f.folder = 'missing';

-- name: in_use
-- What waits where something is to be read again for; at other destinations it goes on by itself.
SELECT COUNT(*) FROM json_each(:readings) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT)
WHERE m.state IN {waiting} AND (m.destination = :at OR :at = '' AND
 (EXISTS (SELECT 1 FROM json_each(:readings) k CROSS JOIN message q ON q.source_id = CAST(k.value AS BIGINT)
  WHERE q.destination = m.destination AND q.state IN {message[read_again].may})
 OR NOT EXISTS (SELECT 1 FROM json_each(:readings) k CROSS JOIN message q ON q.source_id = CAST(k.value AS BIGINT)
  WHERE q.state IN {message[read_again].may})));

-- name: last_claim
SELECT MAX(claim_id) FROM source;

-- name: last_return
SELECT MAX(returns_as) FROM source WHERE returns_as <> '';
