-- Schema 3 becomes schema 4: what took a message's place; orders and events by destination; receipts of acts.
ALTER TABLE file RENAME COLUMN place TO folder;
ALTER TABLE file RENAME COLUMN placed_as TO filed_as;
ALTER TABLE file RENAME COLUMN planned_place TO planned_folder;
ALTER TABLE event ADD COLUMN destination TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN act TEXT;
ALTER TABLE event ADD COLUMN answer TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX event_act ON event(act) WHERE act IS NOT NULL;
ALTER TABLE lane ADD COLUMN send_round INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lane ADD COLUMN quarantined_messages TEXT NOT NULL DEFAULT '';
CREATE INDEX source_returns ON source(returns_as) WHERE returns_as <> '';
CREATE TABLE message_4 (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL REFERENCES source(id),
    place TEXT NOT NULL,
    destination TEXT NOT NULL,
    control_id TEXT,
    patient_key TEXT NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('spooled', 'sending', 'acked', 'quarantined', 'duplicate', 'dismissed', 'replaced')),
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    same_as INTEGER,
    wants_application BOOLEAN NOT NULL DEFAULT FALSE,
    may_have_left BOOLEAN NOT NULL DEFAULT FALSE,
    accept_acked BOOLEAN NOT NULL DEFAULT FALSE,
    unknowns INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    holds_orders BOOLEAN NOT NULL DEFAULT FALSE,
    send_round INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    final_ms INTEGER,
    his_words TEXT NOT NULL DEFAULT '',
    contradicted TEXT NOT NULL DEFAULT '',
    replaces INTEGER,
    lane INTEGER NOT NULL DEFAULT 0
);
INSERT INTO message_4 (id, source_id, place, destination, control_id, patient_key, digest, state, code, reason, same_as, wants_application, may_have_left, accept_acked, unknowns, refusals, holds_orders, send_round, created_ms, final_ms, his_words, contradicted)
    SELECT id, source_id, place, destination, control_id, patient_key, digest, state, code, reason, same_as, wants_application, may_have_left, accept_acked, unknowns, refusals, holds_orders, send_round, created_ms, final_ms, his_words, contradicted FROM message ORDER BY id;
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'message') WHERE name = 'message_4';
DROP TABLE message;
ALTER TABLE message_4 RENAME TO message;
CREATE UNIQUE INDEX message_control ON message(destination, control_id);
CREATE INDEX message_source ON message(source_id);
CREATE INDEX message_same ON message(same_as) WHERE same_as IS NOT NULL;
CREATE INDEX message_waiting ON message(destination, id) WHERE state IN ('spooled', 'sending');
CREATE INDEX message_quarantined ON message(destination, id) WHERE state = 'quarantined';
CREATE INDEX message_replaces ON message(replaces) WHERE replaces IS NOT NULL;
CREATE INDEX message_holding ON message(destination, id) WHERE state = 'quarantined' AND holds_orders;
CREATE INDEX message_contradicted ON message(id) WHERE contradicted <> '';
ALTER TABLE message_order RENAME TO message_order_3;
DROP INDEX message_order_message;
CREATE TABLE message_order (
    destination TEXT NOT NULL,
    order_key TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    service TEXT NOT NULL,
    status TEXT NOT NULL,
    reported TEXT NOT NULL,
    PRIMARY KEY (destination, order_key, message_id, service)
) WITHOUT ROWID;
CREATE INDEX message_order_message ON message_order(message_id);
INSERT INTO message_order (destination, order_key, message_id, service, status, reported)
    SELECT m.destination, o.order_key, o.message_id, o.service, o.status, o.reported
    FROM message_order_3 o JOIN message m ON m.id = o.message_id;
DROP TABLE message_order_3;
UPDATE message SET replaces = same_as WHERE state <> 'duplicate' AND same_as IS NOT NULL;
UPDATE message SET same_as = NULL WHERE replaces IS NOT NULL;
CREATE TABLE resent (copy INTEGER PRIMARY KEY, original INTEGER NOT NULL);
INSERT INTO resent (copy, original) SELECT CAST(substr(detail, 12) AS INTEGER), MAX(message_id) FROM event
    WHERE kind = 'message.resent' AND message_id IS NOT NULL
    AND detail = 'as message ' || CAST(substr(detail, 12) AS INTEGER)
    GROUP BY 1;
UPDATE message SET replaces = (SELECT r.original FROM resent r WHERE r.copy = message.id)
    WHERE id IN (SELECT copy FROM resent) AND replaces IS NULL;
DROP TABLE resent;
UPDATE message SET state = 'replaced', code = 'resent', reason = '', his_words = ''
    WHERE state = 'dismissed' AND reason LIKE 'resent as message %'
    AND id IN (SELECT message_id FROM event WHERE kind = 'message.resent');
UPDATE message SET state = 'replaced', code = 'read-again', reason = '', his_words = ''
    WHERE state = 'dismissed' AND reason IN ('its file is read anew', 'its file went back to the outbox')
    AND source_id IN (SELECT id FROM source WHERE state = 'withdrawn');
UPDATE message SET replaces = (SELECT MAX(o.id) FROM source s CROSS JOIN source w ON w.returns_as = s.claim_id AND w.returns_as <> ''
        CROSS JOIN message o ON o.source_id = w.id WHERE s.id = message.source_id AND o.place = message.place
        AND o.destination = message.destination AND o.state = 'replaced' AND o.code = 'read-again')
    WHERE replaces IS NULL AND source_id IN (SELECT s.id FROM source w JOIN source s ON s.claim_id = w.returns_as
        WHERE w.returns_as <> '');
INSERT INTO lane (destination) SELECT DISTINCT destination FROM message
    WHERE (SELECT value FROM meta WHERE key = 'send_round') <> '0' ON CONFLICT (destination) DO NOTHING;
UPDATE lane SET send_round = CAST((SELECT value FROM meta WHERE key = 'send_round') AS INTEGER);
DELETE FROM meta WHERE key = 'send_round';

-- Questions that do not grow with the history: indexes, and numbers in place of counts.
CREATE INDEX message_closed ON message(destination, state, id)
    WHERE state = 'duplicate' OR state = 'dismissed' OR state = 'replaced';
CREATE INDEX source_unreadable ON source(state, id) WHERE code <> '';
CREATE INDEX file_attachment ON file(claimed_as) WHERE role = 'attachment';
CREATE INDEX file_filed ON file(folder, substr(filed_as, 1, 10)) WHERE folder <> 'claimed';
CREATE INDEX file_name ON file(source_id / 10000, name) WHERE folder <> 'claimed' AND role = 'report';
CREATE INDEX event_message ON event(message_id) WHERE message_id IS NOT NULL;
CREATE INDEX event_source ON event(source_id) WHERE source_id IS NOT NULL;
ALTER TABLE remark RENAME TO remark_3;
DROP INDEX remark_source;
CREATE TABLE remark (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source(id),
    message_id INTEGER REFERENCES message(id),
    code TEXT NOT NULL,
    place TEXT NOT NULL,
    text TEXT NOT NULL,
    times INTEGER NOT NULL
);
INSERT INTO remark (id, source_id, message_id, code, place, text, times)
    SELECT rowid, source_id, message_id, code, place, text, times FROM remark_3;
DROP TABLE remark_3;
CREATE INDEX remark_source ON remark(source_id);
CREATE TABLE tally (
    destination TEXT NOT NULL,
    what TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (destination, what)
) WITHOUT ROWID;
INSERT INTO tally (destination, what, number) SELECT destination, 'messages', COUNT(*) FROM message GROUP BY destination;
INSERT INTO tally (destination, what, number)
    SELECT destination, 'duplicate', COUNT(*) FROM message WHERE state = 'duplicate' GROUP BY destination;
INSERT INTO tally (destination, what, number) SELECT destination, 'commit-only', COUNT(*) FROM message
    WHERE state = 'acked' AND code = 'commit-only' GROUP BY destination;
ALTER TABLE lane ADD COLUMN accepted_ms INTEGER;
INSERT INTO lane (destination) SELECT destination FROM tally WHERE what = 'messages' ON CONFLICT (destination) DO NOTHING;
UPDATE lane SET accepted_ms =
    (SELECT MAX(m.final_ms) FROM message m WHERE m.destination = lane.destination AND m.state = 'acked');
