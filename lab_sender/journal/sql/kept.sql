-- What lies in sent/.

-- name: days
WITH RECURSIVE found (day) AS (
 SELECT MIN(substr(filed_as, 1, 10)) FROM file WHERE folder = 'sent' AND folder <> 'claimed'
  AND substr(filed_as, 1, 10) >= :since
 UNION ALL
 SELECT (SELECT MIN(substr(f.filed_as, 1, 10)) FROM file f WHERE f.folder = 'sent' AND f.folder <> 'claimed'
  AND substr(f.filed_as, 1, 10) > found.day) FROM found WHERE found.day IS NOT NULL
)
SELECT day FROM found WHERE day IS NOT NULL ORDER BY day;

-- name: of_day
-- The reports of a day with their documents, in the order in which they were taken.
SELECT r.source_id, r.name, r.filed_as, s.outbox, a.name, CASE a.folder WHEN 'sent' THEN a.filed_as ELSE '' END
FROM file r CROSS JOIN source s ON s.id = r.source_id LEFT JOIN file a ON a.source_id = r.source_id AND a.role = 'attachment'
WHERE r.folder = 'sent' AND r.folder <> 'claimed' AND substr(r.filed_as, 1, 10) = :day AND r.role = 'report'
ORDER BY r.source_id, a.id;

-- name: remarked
SELECT DISTINCT code FROM remark WHERE source_id = :source_id;
