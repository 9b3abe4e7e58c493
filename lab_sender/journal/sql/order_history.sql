-- What came before and after, for an order, at a destination.

-- part: late
-- Its id says when it was spooled, not when its file came: that waited, or was read again.
CASE WHEN o.came IS NULL THEN COALESCE(n.came, '') <> '' ELSE o.age IS NULL END

-- part: by_claim
-- Whether claims say which of two is newer; else ids do: they need no clock.
(:late OR {late}) AND {claim} <> CAST(:claim AS TEXT)

-- part: unknown
-- Of what is late, and what nobody knows the claim of, the latter is newer: then a person decides.
(:late AND {claim} IS NULL OR {late} AND CAST(:claim AS TEXT) IS NULL)

-- part: recent
-- The last ones of the order, as many as `entries` looks at.
o.message_id >= COALESCE((SELECT DISTINCT l.message_id FROM message_order l LEFT JOIN message m ON m.id = l.message_id
 WHERE l.destination = :destination AND l.order_key = :key AND {counts_too}
 ORDER BY l.message_id DESC LIMIT 1 OFFSET :longest), 0)

-- part: newer
CASE WHEN {by_claim} THEN {claim} > CAST(:claim AS TEXT) WHEN {unknown} THEN {claim} IS NULL
 ELSE ({age}, o.message_id) > (:age, :id) END

-- name: entries
-- The HIS has them, will get them, or (given up after a send without an answer) may have them. What waits comes last, by
-- its place: in which round it was sent before does not count then.
-- Only these count for :longest, message by message: what the HIS never took hides nothing that it has.
SELECT o.order_key, o.service, o.status, o.reported, o.message_id, COALESCE(o.digest, m.digest),
 COALESCE(m.state IN {waiting}, FALSE) AS waits,
 {sure},
 COALESCE(o.send_round, m.send_round) AS send_round, COALESCE(o.patient_key, m.patient_key)
FROM json_each(:keys) k
CROSS JOIN message_order o ON o.destination = :destination AND o.order_key = CAST(k.value AS TEXT)
 AND o.message_id >= COALESCE((SELECT DISTINCT l.message_id FROM message_order l LEFT JOIN message m
  ON m.id = l.message_id WHERE l.destination = :destination AND l.order_key = CAST(k.value AS TEXT) AND {counts_too}
  ORDER BY l.message_id DESC LIMIT 1 OFFSET :longest), 0)
LEFT JOIN message m ON m.id = o.message_id
WHERE {counts}
ORDER BY waits, CASE WHEN COALESCE(m.state IN {waiting}, FALSE) THEN 0 ELSE COALESCE(o.send_round, m.send_round) END,
 o.message_id, o.order_key, o.service;

-- name: facts
SELECT order_key, service, status, reported FROM message_order WHERE message_id = :id ORDER BY order_key, service;

-- name: destination
SELECT destination FROM message WHERE id = :id;

-- name: ages
SELECT n.id, COALESCE({age}, n.id), {claim}, {late} FROM json_each(:ids) k
CROSS JOIN message n ON n.id = CAST(k.value AS BIGINT) LEFT JOIN message_order o ON o.message_id = n.id;

-- name: later
-- A newer message of one order that the HIS has, may have, or is getting, or will get before this one: at its old place
-- or, with :at_end, at the end of the line. Of those that go out :together with it, what goes before it; what may have
-- arrived of the same test, since a HIS that knows its id stores nothing; and, with :at_end, what the HIS has of that, or
-- may have, where it cannot have this one.
SELECT o.message_id FROM message_order o LEFT JOIN message n ON n.id = o.message_id
WHERE o.destination = :destination AND o.order_key = :key AND {recent} AND o.message_id <> :id
 AND CASE WHEN o.message_id IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:together) k)
  THEN o.message_id < :id AND NOT :at_end
   OR (n.may_have_left OR n.left_before OR :at_end AND n.state = 'acked' AND n.contradicted = '')
   AND NOT (:at_end AND EXISTS (SELECT 1 FROM message t WHERE t.id = :id
    AND (t.may_have_left OR t.left_before OR t.state = 'acked' AND t.contradicted = '')))
   AND o.service IN (SELECT t.service FROM message_order t WHERE t.message_id = :id AND t.order_key = :key)
  ELSE o.digest IS NOT NULL OR n.state IN ('acked', 'sending') OR n.may_have_left OR n.left_before
   OR n.state IN {waiting} AND (:at_end OR o.message_id < :id) END
 AND {newer}
ORDER BY o.message_id DESC LIMIT 1;

-- name: older_behind
-- Only a copy, or what waited or was read again, is older than its id says.
SELECT MIN(o.message_id) FROM message_order t CROSS JOIN message_order o ON o.destination = t.destination
 AND o.order_key = t.order_key AND o.message_id > t.message_id AND o.service = t.service
CROSS JOIN message n ON n.id = o.message_id
WHERE t.message_id = :id AND n.state IN {waiting}
 AND CASE WHEN {by_claim} THEN {claim} < CAST(:claim AS TEXT) WHEN {unknown} THEN {claim} IS NOT NULL
  ELSE {age} < :age END;

-- name: passed
SELECT 1 FROM message_order o CROSS JOIN message n ON n.id = o.message_id CROSS JOIN source s ON s.id = n.source_id
WHERE o.destination = :destination AND o.order_key = :key AND {recent} AND s.claim_id > :claim_id
 AND s.outbox IN (SELECT CAST(k.value AS TEXT) FROM json_each(:outboxes) k)
LIMIT 1;

-- name: in_quarantine
-- A message for the order that a person may release; what lies there longer than `entries` looks back is overtaken.
SELECT 1 FROM message_order o CROSS JOIN message n ON n.id = o.message_id
WHERE o.destination = :destination AND o.order_key = :key AND {recent}
 AND n.state = 'quarantined' AND EXISTS (SELECT 1 FROM wire w WHERE w.message_id = n.id)
LIMIT 1;

-- name: later_of_another_file
SELECT o.message_id FROM message_order o LEFT JOIN message n ON n.id = o.message_id
WHERE o.destination = :destination AND o.order_key = :key AND {recent} AND {newer}
 AND (o.digest IS NOT NULL OR n.source_id NOT IN (SELECT CAST(k.value AS BIGINT) FROM json_each(:readings) k)
  AND (n.state IN ('acked', 'sending') OR n.may_have_left OR n.left_before OR n.state IN {waiting}))
ORDER BY o.message_id DESC LIMIT 1;

-- name: orders_of_file
-- Those of the messages of all its readings, and of the originals that their duplicates are the same as, at each
-- destination for which the file is read again: :at, or all ('') where it has one in quarantine, or it as a whole is
-- there. A report of which nothing was built at one destination is about the orders that it has at the others.
SELECT DISTINCT d.destination, o.order_key, m.id
FROM json_each(:readings) k CROSS JOIN message m ON m.source_id = CAST(k.value AS BIGINT)
JOIN message_order o ON o.message_id IN (m.id, m.same_as)
CROSS JOIN (SELECT DISTINCT b.destination
 FROM json_each(:readings) k CROSS JOIN message b ON b.source_id = CAST(k.value AS BIGINT)
 WHERE b.destination = :at OR :at = '' AND (b.state = 'quarantined' OR NOT EXISTS
  (SELECT 1 FROM json_each(:readings) k CROSS JOIN message q ON q.source_id = CAST(k.value AS BIGINT)
   WHERE q.state = 'quarantined'))) d
ORDER BY m.id;

-- part: forced
-- That a person has had what is at this place of reading w of a file, for this destination, go out whatever is newer; of
-- a file that could not be read, what is at any.
(SELECT 1 FROM event a LEFT JOIN message m ON m.id = a.message_id
 WHERE a.source_id = w.id AND a.kind = 'file.forced' AND a.answer = w.returns_as AND a.destination IN ('', :destination)
  AND (a.message_id IS NULL OR m.place = :place))

-- name: came
-- The first claim of a file, for what is at one place of it, at one destination; the first reading after a forced
-- release of that begins anew.
WITH RECURSIVE earlier (claim_id) AS (
 SELECT w.claim_id FROM source w WHERE w.returns_as = :claim_id AND w.returns_as <> '' AND NOT EXISTS {forced}
 UNION ALL
 SELECT w.claim_id FROM earlier e CROSS JOIN source w ON w.returns_as = e.claim_id AND w.returns_as <> ''
 WHERE NOT EXISTS {forced})
SELECT COALESCE(MIN(e.claim_id), :claim_id) FROM earlier e;

-- name: came_after
-- Where nobody knows, it did: then a person decides.
SELECT DISTINCT o.message_id FROM json_each(:ids) k CROSS JOIN message_order o ON o.message_id = CAST(k.value AS BIGINT)
LEFT JOIN message n ON n.id = o.message_id WHERE COALESCE({claim} > :came, TRUE);

-- part: forced_at_all
-- That a person has had something of reading w of a file read again whatever is newer.
(SELECT 1 FROM event a WHERE a.source_id = w.id AND a.kind = 'file.forced' AND a.answer = w.returns_as)

-- name: first_claims
-- Of these claims those of released files: the first claim of each since anything of it was forced, and whether that was.
WITH RECURSIVE released (claim_id, id, read_as, is_forced) AS (
 SELECT w.returns_as, w.id, w.claim_id, EXISTS {forced_at_all} FROM json_each(:claim_ids) k
 CROSS JOIN source w ON w.returns_as = CAST(k.value AS TEXT) AND w.returns_as <> ''
 UNION ALL
 SELECT r.claim_id, w.id, w.claim_id, r.is_forced OR EXISTS {forced_at_all} FROM released r
 CROSS JOIN source w ON w.returns_as = r.read_as AND w.returns_as <> '')
SELECT r.claim_id, COALESCE(MIN(CASE WHEN NOT r.is_forced THEN r.read_as END), ''),
 MAX(CASE WHEN r.is_forced THEN 1 ELSE 0 END) FROM released r GROUP BY r.claim_id;

-- name: holders
-- The ids are without the blanks behind them; the digest counts where the message is or will be delivered. An id that a
-- rebuild has replaced stays its message's, of content that nobody has.
SELECT f.control_id, f.message_id, :nothing FROM json_each(:ids) k
CROSS JOIN former_id f ON f.destination = :destination AND f.control_id = CAST(k.value AS TEXT)
UNION ALL
SELECT rtrim(m.control_id), m.id,
 CASE WHEN (m.state IN {waiting} OR m.state = 'acked') AND m.contradicted = '' THEN m.digest ELSE :nothing END
FROM json_each(:ids) k
CROSS JOIN message m ON m.destination = :destination AND m.control_id >= CAST(k.value AS TEXT)
 AND m.control_id < CAST(k.value AS TEXT) || '!' AND rtrim(m.control_id) = CAST(k.value AS TEXT)
ORDER BY 2;
