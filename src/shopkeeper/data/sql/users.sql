-- Users: one row for each person; what several files say of one is put together.
-- Reads staged_users.
WITH told AS (
    SELECT
        user_id, source, attributes,
        ROW_NUMBER() OVER (PARTITION BY user_id, source ORDER BY attributes) AS of_source
    FROM staged_users
    WHERE user_id IS NOT NULL
)

SELECT
    user_id,
    '{'
    || STRING_AGG(SUBSTRING(attributes, 2, LENGTH(attributes) - 2), ',' ORDER BY source DESC)
        FILTER (WHERE of_source = 1 AND LENGTH(attributes) > 2)
    || '}' AS attributes
FROM told
GROUP BY user_id
ORDER BY user_id
