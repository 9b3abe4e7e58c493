-- What may fit a search, the newest first: ids below :before, from :low on.

-- part: window
m.id < :before AND m.id >= :low

-- name: by_id
SELECT m.id FROM message m WHERE {window} ORDER BY m.id DESC LIMIT :most;

-- name: own
-- Of one destination, without its duplicates: those are `closed`.
SELECT m.id FROM message m WHERE m.destination = :destination AND m.same_as IS NULL AND {window}
ORDER BY m.id DESC LIMIT :most;

-- name: waiting
SELECT m.id FROM message m WHERE m.destination = :destination AND m.state IN {waiting} AND {window}
ORDER BY m.id DESC LIMIT :most;

-- name: quarantined
SELECT m.id FROM message m WHERE m.destination = :destination AND m.state = 'quarantined' AND {window}
ORDER BY m.id DESC LIMIT :most;

-- name: closed
SELECT m.id FROM message m
WHERE m.destination = :destination AND (m.state = 'duplicate' OR m.state = 'dismissed' OR m.state = 'replaced')
 AND m.state = :state AND {window} ORDER BY m.id DESC LIMIT :most;

-- name: contradicted
SELECT m.id FROM message m WHERE m.contradicted <> '' AND {window} ORDER BY m.id DESC LIMIT :most;

-- name: of_order
SELECT DISTINCT m.message_id FROM message_order m WHERE m.destination = :destination AND m.order_key = :order_key
 AND m.message_id < :before AND m.message_id >= :low ORDER BY m.message_id DESC LIMIT :most;

-- name: of_ward
SELECT m.id FROM message m WHERE m.ward = :ward AND m.ward <> '' AND {window} ORDER BY m.id DESC LIMIT :most;

-- name: of_patient_in_part
-- Ten thousand messages by ten thousand (message_patient): new ones are near each other there.
SELECT m.id FROM message m WHERE m.id / 10000 = :part AND m.patient_key >= :first AND m.patient_key < :beyond
 AND m.patient_key <> '' AND {window} ORDER BY m.id DESC;

-- name: named_in_part
SELECT f.source_id FROM file f WHERE f.source_id / 10000 = :part AND f.name >= :first AND f.name < :beyond
 AND f.role = 'report' AND f.folder <> 'claimed' AND f.source_id < :before AND f.source_id >= :low
ORDER BY f.source_id DESC;

-- name: named_in_claimed
SELECT f.source_id FROM file f WHERE f.folder = 'claimed' AND f.name >= :first AND f.name < :beyond
 AND f.role = 'report' AND f.source_id < :before AND f.source_id >= :low;

-- name: filed_as
SELECT f.source_id FROM file f WHERE f.folder IN ('sent', 'quarantine', 'dismissed', 'outbox', 'missing')
 AND f.folder <> 'claimed' AND substr(f.filed_as, 1, 10) = :beginning AND f.filed_as >= :name AND f.filed_as <= :name
 AND f.role = 'report' AND f.source_id < :before AND f.source_id >= :low;

-- name: tried
-- Tries have numbers without gaps: whoever has this one was tried so often.
SELECT a.message_id FROM attempt a WHERE a.number = :tries AND a.number > 1 AND a.message_id < :before
 AND a.message_id >= :low ORDER BY a.message_id DESC LIMIT :most;

-- name: named_like
SELECT DISTINCT f.source_id FROM file f WHERE f.source_id < :before AND f.source_id >= :low AND f.role = 'report'
 AND (f.name LIKE :pattern ESCAPE '!' OR f.filed_as LIKE :pattern ESCAPE '!') ORDER BY f.source_id DESC;

-- name: unreadable
SELECT s.id FROM source s WHERE s.code <> '' AND s.state = :state AND s.id < :before AND s.id >= :low
ORDER BY s.id DESC LIMIT :most;
