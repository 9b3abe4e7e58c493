-- What intake writes, and what it asks.

-- name: known_claims
SELECT s.claim_id FROM json_each(:claim_ids) k CROSS JOIN source s ON s.claim_id = CAST(k.value AS TEXT);

-- name: known_attachments
SELECT f.claimed_as FROM json_each(:names) k CROSS JOIN file f ON f.claimed_as = CAST(k.value AS TEXT)
AND f.role = 'attachment';

-- name: source
INSERT INTO source (id, claim_id, kind, size, sha256, received_ms, state, code, reason, outbox)
VALUES (?,?,?,?,?,?,?,?,?,?);

-- name: file
INSERT INTO file (source_id, role, name, claimed_as, size) VALUES (?,?,?,?,?);

-- name: owe
INSERT INTO owed (name, source_id, owners, since_ms) VALUES (?,?,?,?);

-- name: message
INSERT INTO message (id, source_id, place, destination, control_id, patient_key, digest, state, code, reason, same_as,
 wants_application, holds_orders, created_ms, final_ms, patient_turn, order_turn, ward, came)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?);

-- name: wire
INSERT INTO wire (message_id, body, crc32, whole, whole_crc32) VALUES (?,?,?,?,?);

-- name: order
INSERT INTO message_order (order_key, service, status, reported, patient_key, message_id, destination)
VALUES (?,?,?,?,?,?,?);

-- name: again
-- The same came once more: the message is as new as that. Not where that waited longer than the message, or nobody
-- knows.
UPDATE message_order AS o SET came = :claim_id, age = CAST(:age AS BIGINT) WHERE o.message_id = :id
 AND (CAST(:age AS BIGINT) IS NOT NULL OR :claim_id >
  (SELECT {claim} FROM (SELECT o.message_id AS id) k LEFT JOIN message n ON n.id = k.id));

-- name: remark
INSERT INTO remark (source_id, message_id, code, place, text, times) VALUES (?,?,?,?,?,?);

-- name: last_claims
-- The largest claim id, and the largest under which a released file comes back: what sorts behind is a new one.
SELECT COALESCE((SELECT MAX(claim_id) FROM source), ''),
 COALESCE((SELECT MAX(returns_as) FROM source WHERE returns_as <> ''), '');

-- name: returning
-- A released file is on its way back until all its files are in claimed/ under their new names.
SELECT s.returns_as FROM source s WHERE s.returns_as <> '' AND s.state = 'withdrawn' AND EXISTS
 (SELECT 1 FROM file f WHERE f.source_id = s.id AND f.folder NOT IN ('outbox', 'missing'));

-- name: owed
-- From its two short ends: what went without of late, and what lies in quarantine. Files of one name may be many. What
-- came by an outbox :elsewhere has its documents there.
SELECT o.name, o.owners FROM (
 SELECT w.name, w.source_id FROM json_each(:names) k CROSS JOIN owed w ON w.name = CAST(k.value AS TEXT)
  AND w.since_ms > :since_ms
 UNION
 SELECT w.name, w.source_id FROM source s CROSS JOIN owed w ON w.source_id = s.id
 WHERE s.code <> '' AND s.state = 'quarantined'
 UNION
 SELECT w.name, w.source_id FROM tally t CROSS JOIN message m ON m.destination = t.destination AND t.what = 'messages'
  AND m.state = 'quarantined' CROSS JOIN owed w ON w.source_id = m.source_id
) c CROSS JOIN owed o ON o.name = c.name AND o.source_id = c.source_id CROSS JOIN source f ON f.id = o.source_id
WHERE o.name IN (SELECT CAST(k.value AS TEXT) FROM json_each(:names) k)
 AND f.outbox NOT IN (SELECT CAST(k.value AS TEXT) FROM json_each(:elsewhere) k)
ORDER BY o.name, o.source_id;

-- name: returned
-- Of these claims those of files that a person has released.
SELECT s.id, s.claim_id FROM json_each(:claim_ids) k CROSS JOIN source w ON w.returns_as = CAST(k.value AS TEXT)
 AND w.returns_as <> '' CROSS JOIN source s ON s.claim_id = w.returns_as ORDER BY s.id;

-- name: replace
-- The messages of a file that was read again replace those for which it was released, each the one at its place, in
-- whichever earlier reading that is.
UPDATE message SET replaces = (
 WITH RECURSIVE earlier (source_id, read_as) AS (
  SELECT w.id, w.claim_id FROM source w WHERE w.returns_as = :claim_id AND w.returns_as <> ''
  UNION ALL
  SELECT w.id, w.claim_id FROM earlier e CROSS JOIN source w ON w.returns_as = e.read_as AND w.returns_as <> '')
 SELECT MAX(o.id) FROM earlier e CROSS JOIN message o ON o.source_id = e.source_id AND o.place = message.place
 AND o.destination = message.destination AND o.code = 'read-again'
 AND NOT EXISTS (SELECT 1 FROM message r WHERE r.replaces = o.id))
WHERE source_id = :source_id AND replaces IS NULL;

-- name: read_before
-- What earlier readings of released files came to: all that was not replaced to be read again, whatever became of it,
-- or of what took its place; also one that nobody took then and a person gave up, whoever would take it now. What the
-- HIS took back is sent again only where the file was released for its destination.
WITH RECURSIVE earlier(claim_id, is_asked, source_id, read_as) AS (
 SELECT w.returns_as, NOT EXISTS (SELECT 1 FROM event a WHERE a.source_id = w.id AND a.kind = 'file.released'
  AND a.destination NOT IN ('', :destination)), w.id, w.claim_id
 FROM json_each(:claim_ids) k CROSS JOIN source w ON w.returns_as = CAST(k.value AS TEXT) AND w.returns_as <> ''
 UNION ALL
 SELECT e.claim_id, e.is_asked, w.id, w.claim_id FROM earlier e CROSS JOIN source w ON w.returns_as = e.read_as
 AND w.returns_as <> '')
SELECT DISTINCT e.claim_id, m.place, m.digest, COALESCE(o.id, m.id), COALESCE(o.state, m.state) = 'dismissed', e.is_asked
FROM earlier e CROSS JOIN message m ON m.source_id = e.source_id
 AND (m.destination = :destination OR m.state = 'dismissed' AND m.code = {nobody})
LEFT JOIN message o ON m.state = 'duplicate' AND o.id = (
 WITH RECURSIVE found (id) AS (
  SELECT m.same_as
  UNION SELECT (SELECT MAX(r.id) FROM message r WHERE r.replaces = p.id)
   FROM found p CROSS JOIN message s ON s.id = p.id AND s.state = 'replaced'
 ) SELECT MAX(found.id) FROM found
)
WHERE COALESCE(o.state, m.state) NOT IN ('replaced', 'duplicate')
 AND (COALESCE(o.contradicted, m.contradicted) = '' OR NOT e.is_asked)
ORDER BY COALESCE(o.id, m.id);

-- name: body
SELECT body FROM wire WHERE message_id = :id;
