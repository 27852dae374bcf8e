-- The events of a month, equal ones numbered: occurrence in their own file, and whether another file has said it again.
-- Reads identified, repeats (the event ids that come more than once), clashes (those that name different events).
WITH told_apart AS (
    SELECT
        identified.* EXCLUDE (event_id),
        CASE
            WHEN given AND event_id IN (SELECT event_id FROM clashes)
                THEN CONCAT(event_id, '-', SUBSTRING(MD5({content}), 1, 12))
            ELSE event_id
        END AS event_id
    FROM identified
    WHERE event_id IN (SELECT event_id FROM repeats)
),

counted AS (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id, source, part ORDER BY row, attributes) AS occurrence
    FROM told_apart
)

SELECT *, 1 AS occurrence, FALSE AS again
FROM identified
WHERE event_id NOT IN (SELECT event_id FROM repeats)
UNION ALL
SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id, occurrence ORDER BY source, part) > 1 AS again
FROM counted
