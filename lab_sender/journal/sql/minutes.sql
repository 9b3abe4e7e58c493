-- Figures by the minute.

-- name: count
INSERT INTO minute (minute, destination, outcome, n, ms) VALUES (:minute, :destination, :outcome, :n, :ms)
ON CONFLICT (minute, destination, outcome) DO UPDATE SET n = minute.n + excluded.n, ms = minute.ms + excluded.ms;

-- name: count_ack
INSERT INTO ack_time (minute, destination, bucket, n) VALUES (:minute, :destination, :bucket, :n)
ON CONFLICT (minute, destination, bucket) DO UPDATE SET n = ack_time.n + excluded.n;

-- name: forget_acks
DELETE FROM ack_time WHERE minute < :minute;

-- name: acks
SELECT destination, bucket, SUM(n) FROM ack_time WHERE minute >= :minute GROUP BY destination, bucket;

-- name: since
SELECT minute, destination, outcome, n, ms FROM minute
WHERE minute >= :minute AND (CAST(:destination AS TEXT) IS NULL OR destination = :destination)
ORDER BY minute, destination, outcome;

-- name: sums
SELECT destination, outcome, SUM(n), SUM(ms) FROM minute WHERE minute >= :minute GROUP BY destination, outcome;
