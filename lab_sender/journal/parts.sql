-- What several books take in. How old row o of the ledger is, of message n, or of none where that is deleted:

-- part: claim
-- By claims: that by which the same came last, else that of its file. NULL: nobody knows.
COALESCE(o.came, NULLIF(n.came, ''),
 (SELECT s.claim_id FROM source s WHERE s.id = n.source_id AND s.claim_id NOT LIKE '0-recovered-%'))

-- part: age
-- By ids: of the last that was the same, or of what this is a copy of; else of the first of those whose place it took.
COALESCE(o.age, (WITH RECURSIVE p (id) AS (
  SELECT n.replaces UNION SELECT m.replaces FROM p CROSS JOIN message m ON m.id = p.id WHERE m.replaces IS NOT NULL)
 SELECT MIN(p.id) FROM p), o.message_id)

-- part: lasting_age
-- The same for when message n is not there to ask; NULL where only the claim says it.
CASE WHEN o.came IS NOT NULL THEN o.age WHEN n.came = '' THEN {age} END

-- What of the ledger the HIS has, will get, or (given up after a send without an answer) may have. Rows o and l, of message
-- m or of none:

-- part: given_up
('quarantined', 'dismissed', 'replaced')

-- part: counts
-- What retention has left of a deleted message counted when it was deleted.
(o.digest IS NOT NULL OR m.state IN {waiting} OR m.state = 'acked' OR (m.may_have_left OR m.left_before) AND m.state IN {given_up})

-- part: counts_too
(l.digest IS NOT NULL OR m.state IN {waiting} OR m.state = 'acked'
 OR (m.may_have_left OR m.left_before) AND m.state IN {given_up})

-- part: sure
-- That the HIS has it, or will: it has neither taken it back nor left it without an answer.
COALESCE(o.is_sure, (m.state IN {waiting} OR m.state = 'acked') AND m.contradicted = '')

-- part: stands_on_other
-- Of message p, a part: what the HIS has of one of its orders is not what it was made for. Of what was spooled behind it
-- the HIS has, may have or is getting something; or of what counts before it for the same patient something waits, or is
-- not sure any more.
EXISTS (SELECT 1 FROM message_order r
 CROSS JOIN message_order o ON o.destination = r.destination AND o.order_key = r.order_key AND o.message_id <> r.message_id
 LEFT JOIN message m ON m.id = o.message_id
 WHERE r.message_id = p.id AND CASE WHEN o.message_id > r.message_id
   THEN o.digest IS NOT NULL OR m.state IN ('acked', 'sending') OR m.may_have_left OR m.left_before
   ELSE {counts} AND (m.state IN {waiting} OR NOT {sure})
    AND (p.patient_key = '' OR COALESCE(o.patient_key, m.patient_key, '') IN ('', p.patient_key)) END
  AND o.message_id >= COALESCE((SELECT DISTINCT l.message_id FROM message_order l LEFT JOIN message m ON m.id = l.message_id
   WHERE l.destination = r.destination AND l.order_key = r.order_key AND l.message_id < r.message_id AND {counts_too}
   ORDER BY l.message_id DESC LIMIT 1 OFFSET :longest), 0))
