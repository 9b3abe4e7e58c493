-- Schema 2 becomes schema 3: released files keep together; remarks; the HIS's words and later answers apart.

ALTER TABLE source ADD COLUMN returns_as TEXT NOT NULL DEFAULT '';
ALTER TABLE file ADD COLUMN size INTEGER NOT NULL DEFAULT -1;
UPDATE source SET returns_as = claim_id || 'R' WHERE state = 'withdrawn'
    AND id IN (SELECT source_id FROM file WHERE place NOT IN ('outbox', 'missing'));

CREATE TABLE owed (
    name TEXT NOT NULL,
    source_id INTEGER NOT NULL REFERENCES source(id),
    owners TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (name, source_id)
) WITHOUT ROWID;


CREATE TABLE remark (
    source_id INTEGER NOT NULL REFERENCES source(id),
    message_id INTEGER REFERENCES message(id),
    code TEXT NOT NULL,
    place TEXT NOT NULL,
    text TEXT NOT NULL,
    times INTEGER NOT NULL
);
CREATE INDEX remark_source ON remark(source_id);

ALTER TABLE message ADD COLUMN his_words TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN contradicted TEXT NOT NULL DEFAULT '';
UPDATE message SET his_words = ltrim(substr(reason, 20), ' .:'), reason = substr(reason, 1, 19) || '.'
    WHERE code = 'refused' AND state = 'quarantined' AND reason LIKE 'The HIS answered __%';

CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message(id),
    at_ms INTEGER NOT NULL,
    code TEXT NOT NULL,
    ack BLOB NOT NULL
);
CREATE INDEX answer_message ON answer(message_id);
CREATE INDEX message_contradicted ON message(id) WHERE contradicted <> '';

ALTER TABLE lane ADD COLUMN hold_messages TEXT NOT NULL DEFAULT '';
ALTER TABLE lane ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE lane ADD COLUMN silent_since_ms INTEGER;
