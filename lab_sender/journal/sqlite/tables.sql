-- The journal's tables, as a new one is made; to-N.sql leads an older one here.
-- An index costs a page of the log in each transaction that touches it: those that a verdict would touch hold only
-- what waits. The condition of a partial index has no list of three or more: SQLite makes a table of it at each look.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE source (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    claim_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('read', 'quarantined', 'dismissed', 'withdrawn')),
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    returns_as TEXT NOT NULL DEFAULT '',
    outbox TEXT NOT NULL DEFAULT ''
);
CREATE INDEX source_unreadable ON source(state, id) WHERE code <> '';
CREATE INDEX source_returns ON source(returns_as) WHERE returns_as <> '';

CREATE TABLE file (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source(id),
    role TEXT NOT NULL CHECK (role IN ('report', 'attachment')),
    name TEXT NOT NULL,
    claimed_as TEXT NOT NULL,
    folder TEXT NOT NULL DEFAULT 'claimed' CHECK (folder IN
        ('claimed', 'sent', 'quarantine', 'dismissed', 'outbox', 'missing')),
    filed_as TEXT NOT NULL DEFAULT '',
    planned_folder TEXT NOT NULL DEFAULT '',
    planned_as TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL DEFAULT -1,
    deleted_ms INTEGER
);
CREATE INDEX file_source ON file(source_id);
CREATE INDEX file_claimed ON file(source_id) WHERE folder = 'claimed';
CREATE INDEX file_moving ON file(id) WHERE planned_folder <> '';
CREATE INDEX file_attachment ON file(claimed_as) WHERE role = 'attachment';
-- What is filed: by the first ten characters of its name there, which are the day in sent/; and by the name that it
-- had in the outbox. The names of each ten thousand sources stand together, for new ones to be near each other.
CREATE INDEX file_filed ON file(folder, substr(filed_as, 1, 10)) WHERE folder <> 'claimed';
CREATE INDEX file_name ON file(source_id / 10000, name) WHERE folder <> 'claimed' AND role = 'report';

CREATE TABLE message (
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
    lane INTEGER NOT NULL DEFAULT 0,
    patient_turn INTEGER NOT NULL DEFAULT 0,
    order_turn INTEGER NOT NULL DEFAULT 0,
    left_before BOOLEAN NOT NULL DEFAULT FALSE,
    ward TEXT NOT NULL DEFAULT '',
    his_code TEXT NOT NULL DEFAULT '',
    his_error TEXT NOT NULL DEFAULT '',
    came TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX message_control ON message(destination, control_id);
CREATE INDEX message_source ON message(source_id);
CREATE INDEX message_same ON message(same_as) WHERE same_as IS NOT NULL;
-- With the turns, so that a lane looks for its own messages without a look at the rows of others.
CREATE INDEX message_waiting ON message(destination, id, patient_turn, order_turn)
    WHERE state IN ('spooled', 'sending');
-- The newest of one destination; no verdict changes it.
CREATE INDEX message_here ON message(destination, id) WHERE same_as IS NULL;
CREATE INDEX message_quarantined ON message(destination, id) WHERE state = 'quarantined';
CREATE INDEX message_holding ON message(destination, id) WHERE state = 'quarantined' AND holds_orders;
CREATE INDEX message_closed ON message(destination, state, id)
    WHERE state = 'duplicate' OR state = 'dismissed' OR state = 'replaced';
CREATE INDEX message_contradicted ON message(id) WHERE contradicted <> '';
CREATE INDEX message_replaces ON message(replaces) WHERE replaces IS NOT NULL;
-- What a person searches by. Those of each ten thousand messages stand together, for new ones to be near each other.
CREATE INDEX message_patient ON message(id / 10000, patient_key) WHERE patient_key <> '';
-- PV1-3.1: few of them, so new ones are near each other without that.
CREATE INDEX message_ward ON message(ward, id) WHERE ward <> '';

CREATE TABLE former_id (
    destination TEXT NOT NULL,
    control_id TEXT NOT NULL,
    message_id INTEGER NOT NULL REFERENCES message(id),
    PRIMARY KEY (destination, control_id, message_id)
) WITHOUT ROWID;

CREATE TABLE tally (
    destination TEXT NOT NULL,
    what TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (destination, what)
) WITHOUT ROWID;

CREATE TABLE wire (
    message_id INTEGER PRIMARY KEY REFERENCES message(id), body BLOB NOT NULL, crc32 INTEGER NOT NULL,
    whole BLOB, whole_crc32 INTEGER
);

CREATE TABLE message_order (
    destination TEXT NOT NULL,
    order_key TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    service TEXT NOT NULL,
    status TEXT NOT NULL,
    reported TEXT NOT NULL,
    digest BLOB,
    patient_key TEXT,
    send_round INTEGER,
    is_sure BOOLEAN,
    came TEXT,
    age INTEGER,
    PRIMARY KEY (destination, order_key, message_id, service)
) WITHOUT ROWID;
CREATE INDEX message_order_message ON message_order(message_id);

CREATE TABLE remark (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source(id),
    message_id INTEGER REFERENCES message(id),
    code TEXT NOT NULL,
    place TEXT NOT NULL,
    text TEXT NOT NULL,
    times INTEGER NOT NULL
);
CREATE INDEX remark_source ON remark(source_id);

CREATE TABLE owed (
    name TEXT NOT NULL,
    source_id INTEGER NOT NULL REFERENCES source(id),
    owners TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (name, source_id)
) WITHOUT ROWID;
CREATE INDEX owed_since ON owed(name, since_ms);
CREATE INDEX owed_source ON owed(source_id);

CREATE TABLE answer (
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message(id),
    at_ms INTEGER NOT NULL,
    code TEXT NOT NULL,
    ack BLOB NOT NULL
);
CREATE INDEX answer_message ON answer(message_id);

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
-- What was tried again; a first try does not touch it.
CREATE INDEX attempt_again ON attempt(number, message_id) WHERE number > 1;

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

CREATE TABLE lane (
    destination TEXT PRIMARY KEY,
    hold TEXT NOT NULL DEFAULT '' CHECK (hold IN ('', 'operator', 'brake', 'reply')),
    hold_reason TEXT NOT NULL DEFAULT '',
    hold_since_ms INTEGER,
    link TEXT NOT NULL DEFAULT 'idle',
    link_code TEXT NOT NULL DEFAULT '',
    link_detail TEXT NOT NULL DEFAULT '',
    link_since_ms INTEGER,
    next_try_ms INTEGER,
    hold_messages TEXT NOT NULL DEFAULT '',
    trouble TEXT NOT NULL DEFAULT '',
    silent_since_ms INTEGER,
    send_round INTEGER NOT NULL DEFAULT 0,
    quarantined_messages TEXT NOT NULL DEFAULT '',
    accepted_ms INTEGER,
    connections INTEGER NOT NULL DEFAULT 1,
    connections_up INTEGER NOT NULL DEFAULT 0,
    address TEXT NOT NULL DEFAULT '',
    connected_ms INTEGER,
    peer_ends_ms INTEGER
) WITHOUT ROWID;

CREATE TABLE minute (
    minute INTEGER NOT NULL,
    destination TEXT NOT NULL,
    outcome TEXT NOT NULL,
    n INTEGER NOT NULL,
    ms REAL NOT NULL,
    PRIMARY KEY (minute, destination, outcome)
) WITHOUT ROWID;

-- How many ACKs of a minute took up to 10^(bucket/10) ms: the time that nearly all keep.
CREATE TABLE ack_time (
    minute INTEGER NOT NULL,
    destination TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (minute, destination, bucket)
) WITHOUT ROWID;

CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    message_id INTEGER,
    source_id INTEGER,
    who TEXT NOT NULL,
    detail TEXT NOT NULL,
    destination TEXT NOT NULL DEFAULT '',
    act TEXT,
    answer TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX event_act ON event(act) WHERE act IS NOT NULL;
CREATE INDEX event_message ON event(message_id) WHERE message_id IS NOT NULL;
CREATE INDEX event_source ON event(source_id) WHERE source_id IS NOT NULL;
-- Retention. A trigger on what is deleted costs a verdict nothing: it updates.
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
CREATE TRIGGER event_is_append_only BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
INSERT INTO meta (key, value) VALUES ('tick', '0'), ('clean', '1');
