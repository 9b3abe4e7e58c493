-- Schema 6 becomes schema 7: figures by the minute; connections apart from what their lanes do; what a person
-- searches by; the HIS's codes apart from our reason.

-- How many tries a minute came to what, and how long they took together: rate, today's numbers, the last hour's line.
CREATE TABLE minute (
    minute INTEGER NOT NULL,
    destination TEXT NOT NULL,
    outcome TEXT NOT NULL,
    n INTEGER NOT NULL,
    ms REAL NOT NULL,
    PRIMARY KEY (minute, destination, outcome)
) WITHOUT ROWID;
-- Since when a connection stands, whatever its lane does, and when the certificate ends that the HIS showed there.
ALTER TABLE lane ADD COLUMN connected_ms INTEGER;
ALTER TABLE lane ADD COLUMN peer_ends_ms INTEGER;
-- PV1-3.1 of the message as it was spooled. Of older messages it is not known: they are not read again for it.
ALTER TABLE message ADD COLUMN ward TEXT NOT NULL DEFAULT '';
INSERT INTO meta (key, value) SELECT 'wards_since', strftime('%s', 'now') || '000' WHERE EXISTS (SELECT 1 FROM message);
CREATE INDEX message_ward ON message(ward, id) WHERE ward <> '';
-- Ten thousand messages by ten thousand: new ones are near each other, and cost a batch few pages.
CREATE INDEX message_patient ON message(id / 10000, patient_key) WHERE patient_key <> '';
-- MSA-1 and ERR-3 of the refusal for which a message is in quarantine: what groups by cause shows no words.
ALTER TABLE message ADD COLUMN his_code TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN his_error TEXT NOT NULL DEFAULT '';
UPDATE message SET his_code = refusal_of(reason, 0), his_error = refusal_of(reason, 1)
    WHERE state = 'quarantined' AND code = 'refused';
