-- operations.db: what page, API and alerts keep. Each table is made where it is missing; none is ever dropped.

CREATE TABLE IF NOT EXISTS account (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    patient_data INTEGER NOT NULL DEFAULT 0,
    password TEXT NOT NULL,                 -- argon2id; empty: no login by password (a proxy says who it is)
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS session (
    id BLOB PRIMARY KEY,                    -- SHA-256 of what the browser has
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    reveal_until_ms INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS session_account ON session (account);

CREATE TABLE IF NOT EXISTS api_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    secret BLOB NOT NULL UNIQUE,            -- SHA-256 of the key
    role TEXT NOT NULL,
    patient_data INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    ends_ms INTEGER,
    revoked_ms INTEGER
);

CREATE TABLE IF NOT EXISTS submission (
    key_id INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,                -- what GET /api/v1/results/ID names
    sha256 BLOB NOT NULL,                   -- of the whole request: name, destinations and bytes
    outbox TEXT NOT NULL,
    name TEXT NOT NULL,                     -- the file's name in the outbox, fixed before it is dropped
    after INTEGER NOT NULL,                 -- the newest source before the drop
    content BLOB NOT NULL,                  -- SHA-256 of the file
    created_ms INTEGER NOT NULL,
    dropped_ms INTEGER,
    node TEXT NOT NULL DEFAULT '',          -- the machine that drops it, of several that share the journal
    PRIMARY KEY (key_id, idempotency_key)
);

-- An act that a program asked for under a key of its own: asked again, it is the same act.
CREATE TABLE IF NOT EXISTS asked_act (
    who TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    sha256 BLOB NOT NULL,                   -- of the whole request
    token TEXT NOT NULL,                    -- what the journal knows the act by
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (who, idempotency_key)
);

CREATE TABLE IF NOT EXISTS saved_search (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    search TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account, name)
);

-- One calendar year of the audit. `opening` is the hash that the year before closed with.
CREATE TABLE IF NOT EXISTS audit_segment (
    year INTEGER PRIMARY KEY,
    opening BLOB NOT NULL,
    closing BLOB,
    last_id INTEGER,
    removed_ms INTEGER
);

CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    year INTEGER NOT NULL REFERENCES audit_segment (year),
    at_ms INTEGER NOT NULL,
    who TEXT NOT NULL,
    role TEXT NOT NULL,
    address TEXT NOT NULL,
    act TEXT NOT NULL,
    phase TEXT NOT NULL,                    -- asked, done, rejected; noted where nothing follows
    asked INTEGER,                          -- of done and rejected: the row that asked
    target TEXT NOT NULL,                   -- a message's or file's id, an account, a setting; never a name of a file
    patient TEXT NOT NULL,                  -- the patient's key, where one was shown
    why TEXT NOT NULL,
    detail TEXT NOT NULL,                   -- codes and counts
    hash BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_asked ON audit (asked) WHERE asked IS NOT NULL;

-- The file's own id: what has been taken along to PostgreSQL is known by it.
CREATE TABLE IF NOT EXISTS records_id (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL
);

-- What the last walk along the audit found: the first row that is wrong, NULL where none is.
CREATE TABLE IF NOT EXISTS audit_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at_ms INTEGER NOT NULL,
    first_wrong INTEGER
);

CREATE TRIGGER IF NOT EXISTS audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;

-- Retention removes whole years that are closed, after it has noted so.
CREATE TRIGGER IF NOT EXISTS audit_is_kept BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_segment s WHERE s.year = OLD.year AND s.closing IS NOT NULL
                 AND s.removed_ms IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;

CREATE TRIGGER IF NOT EXISTS audit_segment_is_kept BEFORE DELETE ON audit_segment
BEGIN SELECT RAISE(ABORT, 'the years of the audit stay'); END;

CREATE TRIGGER IF NOT EXISTS audit_segment_is_closed_once BEFORE UPDATE ON audit_segment
WHEN NEW.year <> OLD.year OR NEW.opening <> OLD.opening OR (OLD.closing IS NOT NULL AND NEW.closing IS NOT OLD.closing)
  OR (OLD.last_id IS NOT NULL AND NEW.last_id IS NOT OLD.last_id)
  OR (OLD.removed_ms IS NOT NULL AND NEW.removed_ms IS NOT OLD.removed_ms)
BEGIN SELECT RAISE(ABORT, 'a year of the audit is closed once'); END;
