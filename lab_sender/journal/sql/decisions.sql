-- What a person decides about one message; what `rebuild` shares is in acts.sql.

-- name: dismissed
UPDATE message SET state = {message[dismissed].to}, reason = :why, final_ms = :now_ms
WHERE id = :id AND state IN {message[dismissed].may};

-- name: contradiction_closed
UPDATE message SET contradicted = '' WHERE id = :id AND contradicted <> '';

-- name: taken_back
-- The HIS has not got it, or need not have it.
UPDATE message_order SET is_sure = FALSE WHERE message_id = :id;

-- name: resent
UPDATE message SET state = {message[resent].to}, code = 'resent', reason = '', his_words = '',
 his_code = '', his_error = '', final_ms = :now_ms
WHERE id = :id AND state IN {message[resent].may};
