-- What an operator does to whole files.

-- name: dismissed_file
UPDATE source SET state = {source[dismissed].to} WHERE id = :id AND state IN {source[dismissed].may};
