-- Why messages and files are in quarantine: our code, and of a refusal the HIS's two codes. Its words are not asked for.

-- name: causes
SELECT m.code, m.his_code, m.his_error, COUNT(*), MIN(m.final_ms), MAX(m.final_ms),
 SUM(CASE WHEN m.may_have_left THEN 1 ELSE 0 END), COUNT(m.control_id)
FROM message m WHERE m.destination = :destination AND m.state = 'quarantined'
GROUP BY m.code, m.his_code, m.his_error;

-- name: causes_of_files
SELECT s.code, COUNT(*), MIN(s.received_ms), MAX(s.received_ms) FROM source s
WHERE s.code <> '' AND s.state = 'quarantined' GROUP BY s.code;

-- name: of_cause
SELECT m.id FROM message m WHERE m.destination = :destination AND m.state = 'quarantined' AND m.code = :code
 AND m.his_code = :his_code AND m.his_error = :his_error ORDER BY m.id;

-- name: newest_of_cause
SELECT m.id FROM message m WHERE m.destination = :destination AND m.state = 'quarantined' AND m.code = :code
 AND m.his_code = :his_code AND m.his_error = :his_error ORDER BY m.id DESC LIMIT :most;

-- name: newest_files_of_cause
SELECT s.id FROM source s WHERE s.code <> '' AND s.state = 'quarantined' AND s.code = :code
ORDER BY s.id DESC LIMIT :most;

-- name: files_of_cause
SELECT s.id FROM source s WHERE s.code <> '' AND s.state = 'quarantined' AND s.code = :code ORDER BY s.id;
