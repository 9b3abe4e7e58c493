-- Schema 5 becomes schema 6: a file's outbox; on which of several lanes a message goes; how a destination's stand.
ALTER TABLE source ADD COLUMN outbox TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN patient_turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN order_turn INTEGER NOT NULL DEFAULT 0;
-- Control ids that a rebuild has replaced, and whether the bytes before it may have left.
ALTER TABLE message ADD COLUMN left_before BOOLEAN NOT NULL DEFAULT FALSE;
CREATE TABLE former_id (
    destination TEXT NOT NULL,
    control_id TEXT NOT NULL,
    message_id INTEGER NOT NULL REFERENCES message(id),
    PRIMARY KEY (destination, control_id, message_id)
) WITHOUT ROWID;
-- What waits, and what may be released: all else has gone, or goes as a copy that gets its own.
UPDATE message SET
    patient_turn = CASE WHEN EXISTS (SELECT 1 FROM message_order o WHERE o.message_id = message.id AND
        (SELECT b.patient_key NOT IN ('', message.patient_key) OR b.state NOT IN ('spooled', 'sending', 'acked')
            FROM message_order p CROSS JOIN message b ON b.id = p.message_id
            WHERE p.destination = o.destination AND p.order_key = o.order_key AND p.message_id < o.message_id
            ORDER BY p.message_id DESC LIMIT 1))
        THEN 0 ELSE turn_of(patient_key, (SELECT w.body FROM wire w WHERE w.message_id = message.id)) END,
    order_turn = CASE (SELECT COUNT(DISTINCT o.order_key) FROM message_order o WHERE o.message_id = message.id)
        WHEN 1 THEN turn_of((SELECT o.order_key FROM message_order o WHERE o.message_id = message.id LIMIT 1), NULL)
        ELSE 0 END
    WHERE state IN ('spooled', 'sending') OR state = 'quarantined';
DROP INDEX message_waiting;
CREATE INDEX message_waiting ON message(destination, id, patient_turn, order_turn)
    WHERE state IN ('spooled', 'sending');
-- How many of a destination's connections are up, and where one of them leads.
ALTER TABLE lane ADD COLUMN connections INTEGER NOT NULL DEFAULT 1;
ALTER TABLE lane ADD COLUMN connections_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lane ADD COLUMN address TEXT NOT NULL DEFAULT '';
CREATE INDEX message_here ON message(destination, id) WHERE same_as IS NULL;
