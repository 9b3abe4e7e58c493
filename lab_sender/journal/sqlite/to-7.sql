-- Schema 6 becomes schema 7: figures by the minute; connections apart from what their lanes do.

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
