BEGIN TRANSACTION;
CREATE TABLE attempt (
    message_id INTEGER NOT NULL REFERENCES message(id),
    number INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    phase TEXT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    ack_code TEXT NOT NULL,
    ack BLOB,
    foreign_ids TEXT NOT NULL DEFAULT '',
    elapsed_ms REAL NOT NULL,
    PRIMARY KEY (message_id, number)
) WITHOUT ROWID;
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message_id INTEGER,
    source_id INTEGER,
    who TEXT NOT NULL,
    detail TEXT NOT NULL
);
INSERT INTO "event" VALUES(1,1795865107065,'lane.brake',NULL,NULL,'lane','5 messages refused (0 put back)');
CREATE TABLE file (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source(id),
    role TEXT NOT NULL CHECK (role IN ('report', 'attachment')),
    name TEXT NOT NULL,
    claimed_as TEXT NOT NULL,
    place TEXT NOT NULL DEFAULT 'claimed' CHECK (place IN
        ('claimed', 'sent', 'quarantine', 'dismissed', 'outbox', 'missing')),
    placed_as TEXT NOT NULL DEFAULT '',
    planned_place TEXT NOT NULL DEFAULT '',
    planned_as TEXT NOT NULL DEFAULT ''
);
INSERT INTO "file" VALUES(1,1,'report','C1.json','C1_C1.json','claimed','','','');
INSERT INTO "file" VALUES(2,2,'report','C2.json','C2_C2.json','claimed','','','');
CREATE TABLE lane (
    destination TEXT PRIMARY KEY,
    hold TEXT NOT NULL DEFAULT '' CHECK (hold IN ('', 'operator', 'brake', 'reply')),
    hold_reason TEXT NOT NULL DEFAULT '',
    hold_since_ms INTEGER,
    link TEXT NOT NULL DEFAULT 'idle',
    link_code TEXT NOT NULL DEFAULT '',
    link_detail TEXT NOT NULL DEFAULT '',
    link_since_ms INTEGER,
    next_try_ms INTEGER
) WITHOUT ROWID;
INSERT INTO "lane" VALUES('his','brake','5 messages refused',1795865107065,'held','lane.held','x',1795865107066,NULL);
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER NOT NULL REFERENCES source(id),
    place TEXT NOT NULL,
    destination TEXT NOT NULL,
    control_id TEXT,
    patient_key TEXT NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('spooled', 'sending', 'acked', 'quarantined', 'duplicate', 'dismissed')),
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    same_as INTEGER,
    wants_application INTEGER NOT NULL DEFAULT 0,
    may_have_left INTEGER NOT NULL DEFAULT 0,
    accept_acked INTEGER NOT NULL DEFAULT 0,
    unknowns INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    holds_orders INTEGER NOT NULL DEFAULT 0,
    send_round INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    final_ms INTEGER
);
INSERT INTO "message" VALUES(1,1,'','his','M1','',X'E75EFBD393175F7252B64A2D9FA5186CB19124FB6D9DBBA141DC23CEC7F06F07','spooled','','',NULL,0,0,0,0,0,0,0,1795865107064,NULL);
INSERT INTO "message" VALUES(2,2,'','his','M2','',X'91A9A96F0AB3AA252F2E8ECDB196B3629D451DC89D29155E3EB69B0C9D55A448','spooled','','',NULL,0,0,0,0,0,0,0,1795865107064,NULL);
CREATE TABLE message_order (
    order_key TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    service TEXT NOT NULL,
    status TEXT NOT NULL,
    reported TEXT NOT NULL,
    PRIMARY KEY (order_key, message_id, service)
) WITHOUT ROWID;
INSERT INTO "message_order" VALUES('O-M1',1,'58410-2','F','');
INSERT INTO "message_order" VALUES('O-M2',2,'58410-2','F','');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('clean','1');
INSERT INTO "meta" VALUES('send_round','0');
INSERT INTO "meta" VALUES('tick','1');
CREATE TABLE source (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    claim_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('read', 'quarantined', 'dismissed', 'withdrawn')),
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
);
INSERT INTO "source" VALUES(1,'C1','hl7',3,X'BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD',1795865107064,'read','','');
INSERT INTO "source" VALUES(2,'C2','hl7',3,X'BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD',1795865107064,'read','','');
CREATE TABLE wire (
    message_id INTEGER PRIMARY KEY REFERENCES message(id), body BLOB NOT NULL, crc32 INTEGER NOT NULL
);
INSERT INTO "wire" VALUES(1,X'4D53487C5E7E5C267C4C41427C4C7C487C487C32303236313132327C7C4F52555E5230315E4F52555F5230317C4D317C507C322E352E310D5049447C317C7C504154373733313934325E5E5E4D527C7C5A77696562656C6D617965725E416E6E610D4F42527C317C7C4F2D4D315E4C41427C35383431302D325E4342435E4C4E0D4F42587C317C4E4D7C3731382D375E48625E4C4E7C7C317C672F644C7C7C7C7C7C460D',213659024);
INSERT INTO "wire" VALUES(2,X'4D53487C5E7E5C267C4C41427C4C7C487C487C32303236313132327C7C4F52555E5230315E4F52555F5230317C4D327C507C322E352E310D5049447C317C7C504154373733313934325E5E5E4D527C7C5A77696562656C6D617965725E416E6E610D4F42527C317C7C4F2D4D325E4C41427C35383431302D325E4342435E4C4E0D4F42587C317C4E4D7C3731382D375E48625E4C4E7C7C317C672F644C7C7C7C7C7C460D',2090393050);
CREATE INDEX file_source ON file(source_id);
CREATE INDEX file_claimed ON file(source_id) WHERE place = 'claimed';
CREATE INDEX file_moving ON file(id) WHERE planned_place <> '';
CREATE UNIQUE INDEX message_control ON message(destination, control_id);
CREATE INDEX message_source ON message(source_id);
CREATE INDEX message_same ON message(same_as) WHERE same_as IS NOT NULL;
CREATE INDEX message_waiting ON message(destination, id) WHERE state IN ('spooled', 'sending');
CREATE INDEX message_quarantined ON message(id) WHERE state = 'quarantined';
CREATE INDEX message_order_message ON message_order(message_id);
CREATE INDEX message_holding ON message(id) WHERE state = 'quarantined' AND holds_orders;
CREATE TRIGGER event_is_append_only BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('source',2);
INSERT INTO "sqlite_sequence" VALUES('message',2);
INSERT INTO "sqlite_sequence" VALUES('event',1);
COMMIT;
PRAGMA user_version = 2;
