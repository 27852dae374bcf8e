-- Identifiers that name different events, as when two exports both count their rows from 1.
-- Reads {relation}.
SELECT event_id
FROM {relation}
WHERE event_id IS NOT NULL
GROUP BY event_id
HAVING MIN(HASH({content})) <> MAX(HASH({content}))
