-- What acts on several messages ask.

-- name: messages_of_file
-- With what took its place, or was made of it; and whether the HIS took it back.
SELECT m.id, m.state, m.contradicted <> '', EXISTS (SELECT 1 FROM message r WHERE r.replaces = m.id)
FROM message m WHERE m.source_id = :source_id ORDER BY m.id;

-- name: orders
SELECT DISTINCT destination, order_key FROM message_order WHERE message_id = :id;

