-- Users: one row for each person; what several rows say of one is put together, the first row's word before the next.
-- Reads staged_users.
WITH told AS (
    SELECT user_id, attributes, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY source, part, row) AS place
    FROM staged_users
    WHERE user_id IS NOT NULL
)

SELECT
    user_id,
    LIST_REDUCE(
        LIST(attributes ORDER BY place DESC) FILTER (WHERE attributes IS NOT NULL),
        lambda later, earlier: CAST(JSON_MERGE_PATCH(later, earlier) AS TEXT)
    ) AS attributes
FROM told
GROUP BY user_id
ORDER BY user_id
