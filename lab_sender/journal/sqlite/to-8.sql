-- Schema 7 becomes schema 8: how old a message is, where its id does not say so.

-- A claim, these sort by time: of a file that waited or was read again its first one. '': its id says it.
ALTER TABLE message ADD COLUMN came TEXT NOT NULL DEFAULT '';
-- Of a message that was deleted, or is a copy, or of which the same came once more: the claim, and the id by which it is
-- as old as it is, which is NULL where only the claim says it. NULL: the message says it.
ALTER TABLE message_order ADD COLUMN came TEXT;
ALTER TABLE message_order ADD COLUMN age INTEGER;
UPDATE message SET came = (
    WITH RECURSIVE x (claim_id) AS (
        SELECT s.claim_id FROM source s WHERE s.id = message.source_id
        UNION ALL
        SELECT w.claim_id FROM x CROSS JOIN source w WHERE w.returns_as = x.claim_id AND w.returns_as <> ''
        AND NOT EXISTS (SELECT 1 FROM event a LEFT JOIN message f ON f.id = a.message_id
            WHERE a.source_id = w.id AND a.kind = 'file.forced' AND a.answer = w.returns_as
            AND a.destination IN ('', message.destination) AND (a.message_id IS NULL OR f.place = message.place)))
    SELECT MIN(x.claim_id) FROM x)
WHERE source_id IN (SELECT s.id FROM source w CROSS JOIN source s ON s.claim_id = w.returns_as WHERE w.returns_as <> '');
-- What waited: a file before it in the journal was claimed after it. Claims are a sequence within an agent.
UPDATE message SET came = (SELECT s.claim_id FROM source s WHERE s.id = message.source_id)
WHERE came = '' AND source_id IN (
    SELECT w.id FROM (
        SELECT s.id, s.claim_id,
        MAX(s.claim_id) OVER (PARTITION BY agent_of(s.outbox) ORDER BY s.id) AS newest
        FROM source s) w
    WHERE w.claim_id < w.newest AND w.claim_id NOT LIKE '0-recovered-%');
-- What was deleted before: no younger than the next one of which something is left. Where there is none nobody knows.
UPDATE message_order SET age = message_id, came = (
    SELECT s.claim_id FROM message m CROSS JOIN source s ON s.id = m.source_id
    WHERE m.id > message_order.message_id AND m.came = '' AND m.replaces IS NULL AND s.claim_id NOT LIKE '0-recovered-%'
    ORDER BY m.id LIMIT 1)
WHERE digest IS NOT NULL;
UPDATE message_order SET (came, age) = (
    SELECT COALESCE(NULLIF(m.came, ''), s.claim_id), CASE WHEN m.came = '' THEN (
        WITH RECURSIVE p (id) AS (
            SELECT m.replaces UNION SELECT r.replaces FROM p CROSS JOIN message r ON r.id = p.id WHERE r.replaces IS NOT NULL)
        SELECT MIN(p.id) FROM p) END
    FROM message m CROSS JOIN source s ON s.id = m.source_id WHERE m.id = message_order.message_id)
WHERE message_id IN (SELECT m.id FROM message m WHERE m.replaces IS NOT NULL AND m.came = '');
-- The same came once more.
UPDATE message_order SET (came, age) = (
    SELECT s.claim_id, d.id FROM message d CROSS JOIN source s ON s.id = d.source_id
    WHERE d.same_as = message_order.message_id AND d.code = 'message.duplicate' AND d.came = '' ORDER BY d.id DESC LIMIT 1)
WHERE message_id IN (
    SELECT d.same_as FROM message d WHERE d.same_as IS NOT NULL AND d.code = 'message.duplicate' AND d.came = '');
-- Or that waited, or was read again, and came later than the message.
UPDATE message_order SET age = NULL, came = (
    SELECT MAX(d.came) FROM message d WHERE d.same_as = message_order.message_id AND d.code = 'message.duplicate')
WHERE message_id IN (
    SELECT d.same_as FROM message d WHERE d.same_as IS NOT NULL AND d.code = 'message.duplicate' AND d.came <> '')
AND COALESCE(came, (
    SELECT COALESCE(NULLIF(m.came, ''), s.claim_id) FROM message m CROSS JOIN source s
    WHERE m.id = message_order.message_id AND s.id = m.source_id AND s.claim_id NOT LIKE '0-recovered-%'))
  < (SELECT MAX(d.came) FROM message d WHERE d.same_as = message_order.message_id AND d.code = 'message.duplicate');
