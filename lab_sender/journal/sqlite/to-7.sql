-- Schema 6 becomes schema 7: figures by the minute; connections apart from what their lanes do; retention;
-- what a person searches by; the HIS's codes apart from our reason.

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
-- What was accepted in a backlog, and which message may leave next: the next transaction of anybody folds it in
-- (journal/verdicts.py). No index but its own number: one page of the log a verdict.
CREATE TABLE verdict (
    message_id INTEGER PRIMARY KEY,
    next_id INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    detail TEXT NOT NULL,
    ack_code TEXT NOT NULL,
    ack BLOB,
    foreign_ids TEXT NOT NULL,
    elapsed_ms REAL NOT NULL
);
-- When retention has deleted a file of ours; its folder is `missing` then.
ALTER TABLE file ADD COLUMN deleted_ms INTEGER;
-- What an order needs of a message that retention has deleted: as the message had it; NULL while that is there.
ALTER TABLE message_order ADD COLUMN digest BLOB;
ALTER TABLE message_order ADD COLUMN patient_key TEXT;
ALTER TABLE message_order ADD COLUMN send_round INTEGER;
ALTER TABLE message_order ADD COLUMN is_sure BOOLEAN;
-- Nothing unfinished, flagged or in quarantine is ever deleted, whoever asks for it.
CREATE TRIGGER message_stays BEFORE DELETE ON message
WHEN OLD.contradicted <> '' OR OLD.state = 'spooled' OR OLD.state = 'sending' OR OLD.state = 'quarantined'
BEGIN SELECT RAISE(ABORT, 'this message is not finished'); END;
CREATE TRIGGER wire_stays BEFORE DELETE ON wire
WHEN EXISTS (SELECT 1 FROM message m WHERE m.id = OLD.message_id AND (m.contradicted <> ''
 OR m.state = 'spooled' OR m.state = 'sending' OR m.state = 'quarantined'))
BEGIN SELECT RAISE(ABORT, 'the message of these bytes is not finished'); END;
CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt
WHEN EXISTS (SELECT 1 FROM message m WHERE m.id = OLD.message_id AND (m.contradicted <> ''
 OR m.state = 'spooled' OR m.state = 'sending' OR m.state = 'quarantined'))
BEGIN SELECT RAISE(ABORT, 'the message of this try is not finished'); END;
CREATE TRIGGER ack_stays BEFORE UPDATE OF ack ON attempt
WHEN EXISTS (SELECT 1 FROM message m WHERE m.id = OLD.message_id AND (m.contradicted <> ''
 OR m.state = 'spooled' OR m.state = 'sending' OR m.state = 'quarantined'))
BEGIN SELECT RAISE(ABORT, 'the message of this try is not finished'); END;
CREATE TRIGGER answer_stays BEFORE DELETE ON answer
WHEN EXISTS (SELECT 1 FROM message m WHERE m.id = OLD.message_id AND (m.contradicted <> ''
 OR m.state = 'spooled' OR m.state = 'sending' OR m.state = 'quarantined'))
BEGIN SELECT RAISE(ABORT, 'the message of this answer is not finished'); END;
CREATE TRIGGER source_stays BEFORE DELETE ON source
WHEN OLD.state = 'quarantined' OR EXISTS (SELECT 1 FROM message m WHERE m.source_id = OLD.id)
 OR EXISTS (SELECT 1 FROM file f WHERE f.source_id = OLD.id AND (f.planned_folder <> ''
  OR f.folder = 'claimed' OR f.folder = 'quarantine'))
BEGIN SELECT RAISE(ABORT, 'this file is not finished'); END;
CREATE TRIGGER file_stays BEFORE DELETE ON file
WHEN OLD.planned_folder <> '' OR OLD.folder = 'claimed' OR OLD.folder = 'quarantine'
BEGIN SELECT RAISE(ABORT, 'this file is not finished'); END;
-- The last that a destination was sent of an order: a repeat of something older must not overwrite it.
CREATE TRIGGER message_order_stays BEFORE DELETE ON message_order
WHEN (OLD.digest IS NOT NULL OR EXISTS (SELECT 1 FROM message m WHERE m.id = OLD.message_id AND m.state = 'acked'))
 AND NOT EXISTS (SELECT 1 FROM message_order n WHERE n.destination = OLD.destination AND n.order_key = OLD.order_key
  AND n.message_id > OLD.message_id)
BEGIN SELECT RAISE(ABORT, 'this is the last that was sent of its order'); END;
-- What is on record of a message or file that is still there.
CREATE TRIGGER event_stays BEFORE DELETE ON event
WHEN EXISTS (SELECT 1 FROM message m WHERE m.id = OLD.message_id)
 OR EXISTS (SELECT 1 FROM source s WHERE s.id = OLD.source_id)
BEGIN SELECT RAISE(ABORT, 'what this act was about is still there'); END;
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
-- What was tried again: no search for it counts tries.
CREATE INDEX attempt_again ON attempt(number, message_id) WHERE number > 1;
-- How many ACKs of a minute took up to 10^(bucket/10) ms: the time that nearly all keep.
CREATE TABLE ack_time (
    minute INTEGER NOT NULL,
    destination TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (minute, destination, bucket)
) WITHOUT ROWID;
