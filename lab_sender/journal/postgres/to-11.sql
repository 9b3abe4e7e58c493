-- How old a message's file is, where its id does not say so.
-- A claim, these sort by time: of a file that waited or was read again its first one. '': its id says it.
ALTER TABLE message ADD COLUMN came TEXT COLLATE "C" NOT NULL DEFAULT '';
-- The same of a message that retention has deleted.
ALTER TABLE message_order ADD COLUMN came TEXT COLLATE "C";
UPDATE message SET came = (
    WITH RECURSIVE x (claim_id) AS (
        SELECT s.claim_id FROM source s WHERE s.id = message.source_id
        UNION ALL
        SELECT w.claim_id FROM x JOIN source w ON w.returns_as = x.claim_id AND w.returns_as <> ''
        AND NOT EXISTS (SELECT 1 FROM event a LEFT JOIN message f ON f.id = a.message_id
            WHERE a.source_id = w.id AND a.kind = 'file.forced' AND a.answer = w.returns_as
            AND a.destination IN ('', message.destination) AND (a.message_id IS NULL OR f.place = message.place)))
    SELECT MIN(x.claim_id) FROM x)
WHERE source_id IN (SELECT s.id FROM source w JOIN source s ON s.claim_id = w.returns_as WHERE w.returns_as <> '');
-- What was deleted before: as old as the last file before it of which something is left.
UPDATE message_order SET came = COALESCE((
    SELECT s.claim_id FROM message m JOIN source s ON s.id = m.source_id
    WHERE m.id < message_order.message_id ORDER BY m.id DESC LIMIT 1), '')
WHERE digest IS NOT NULL;
