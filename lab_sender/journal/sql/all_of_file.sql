-- What acts on all messages of a file ask.

-- name: messages
SELECT m.id, EXISTS (SELECT 1 FROM message r WHERE r.replaces = m.id), m.contradicted <> ''
FROM message m WHERE m.source_id = :source_id ORDER BY m.id;
