-- Which ids lie in a range of time.

-- name: last
SELECT COALESCE((SELECT MAX(id) FROM message), 0), COALESCE((SELECT MAX(id) FROM source), 0);

-- name: message
SELECT id, created_ms FROM message WHERE id >= :id ORDER BY id LIMIT 1;

-- name: source
SELECT id, received_ms FROM source WHERE id >= :id ORDER BY id LIMIT 1;
