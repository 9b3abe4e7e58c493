-- Several agents on one journal: who they are, and which of them has a lane.
-- The epoch is in a key: whoever has FOR KEY SHARE keeps it as it is, and does not hinder the beat.
CREATE TABLE node (
 name TEXT COLLATE "C" PRIMARY KEY, instance TEXT COLLATE "C" NOT NULL, version TEXT COLLATE "C" NOT NULL,
 started_ms BIGINT NOT NULL, seen_ms BIGINT NOT NULL, beat BIGINT NOT NULL DEFAULT 0, clean BOOLEAN NOT NULL,
 serves TEXT COLLATE "C" NOT NULL DEFAULT '[]') WITH (fillfactor = 50);
CREATE TABLE lease (
 name TEXT COLLATE "C" PRIMARY KEY, owner TEXT COLLATE "C" NOT NULL DEFAULT '', epoch BIGINT NOT NULL DEFAULT 0,
 beat BIGINT NOT NULL DEFAULT 0, lease_ms BIGINT NOT NULL DEFAULT 0,
 UNIQUE (name, epoch)) WITH (fillfactor = 50);
