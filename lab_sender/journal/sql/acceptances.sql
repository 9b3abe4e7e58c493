-- What is known of a destination's acceptances as a whole.

-- name: waits
-- Whether the message is one that an acceptance will find.
SELECT 1 FROM message WHERE state IN {message[acked].may} AND id = :id AND control_id = :control_id;

-- name: accepted
INSERT INTO lane (destination, accepted_ms) VALUES (:destination, :now_ms)
ON CONFLICT (destination) DO UPDATE SET accepted_ms = excluded.accepted_ms;
