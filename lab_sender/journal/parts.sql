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
