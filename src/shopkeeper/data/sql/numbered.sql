-- The events of a month, equal ones numbered.
-- Reads identified, repeats (the event ids that come more than once).
SELECT *, 1 AS occurrence
FROM identified
WHERE event_id NOT IN (SELECT event_id FROM repeats)
UNION ALL
SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY source, row) AS occurrence
FROM identified
WHERE event_id IN (SELECT event_id FROM repeats)
