-- Whose an outbox is that agents share; the table of leases is there where several of them can have a journal.

-- name: known_from_now
INSERT INTO lease (name) VALUES (:lease) ON CONFLICT (name) DO NOTHING;

-- name: known
SELECT 1 FROM lease WHERE name = :lease;
