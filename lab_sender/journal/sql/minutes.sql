-- Figures by the minute.

-- name: count
INSERT INTO minute (minute, destination, outcome, n, ms) VALUES (:minute, :destination, :outcome, :n, :ms)
ON CONFLICT (minute, destination, outcome) DO UPDATE SET n = minute.n + excluded.n, ms = minute.ms + excluded.ms;

-- name: since
SELECT minute, destination, outcome, n, ms FROM minute
WHERE minute >= :minute AND (CAST(:destination AS TEXT) IS NULL OR destination = :destination)
ORDER BY minute, destination, outcome;

-- name: sums
SELECT destination, outcome, SUM(n), SUM(ms) FROM minute WHERE minute >= :minute GROUP BY destination, outcome;
