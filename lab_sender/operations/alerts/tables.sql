-- What alerts keep in operations.db.

-- One row for each alert, from when it is seen first until it is over; `id` is what people type.
CREATE TABLE IF NOT EXISTS alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL,
    destination TEXT NOT NULL,
    cause TEXT NOT NULL,
    node TEXT NOT NULL DEFAULT '',          -- the machine, of several that share the journal (on PostgreSQL)
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    text TEXT NOT NULL,
    number INTEGER,
    gone_ms INTEGER,
    sent TEXT,
    sent_ms INTEGER NOT NULL,
    sent_number INTEGER NOT NULL,
    taken_by TEXT NOT NULL,
    taken_ms INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS alert_key ON alert(code, destination, cause, node);

-- One row: when bundles went out in the last hour, and since when something waits for the next one.
CREATE TABLE IF NOT EXISTS alert_pace (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    sent_ms TEXT NOT NULL,
    open_ms INTEGER
);

-- What goes to each channel; `done_ms` is set when it was sent or given up, `failure` is the last one.
CREATE TABLE IF NOT EXISTS alert_sent (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    level TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    failed_ms INTEGER,
    failure TEXT NOT NULL DEFAULT '',
    done_ms INTEGER
);
CREATE INDEX IF NOT EXISTS alert_sent_open ON alert_sent(channel, id) WHERE done_ms IS NULL;

-- How many texts were sent, failed or were given up, whoever counts when.
CREATE TABLE IF NOT EXISTS alert_count (
    channel TEXT NOT NULL,
    result TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (channel, result)
) WITHOUT ROWID;
