-- Which file of sessions comes first: the one whose rows go on less often where a row of another file ended.
-- Reads staged_sessions.
WITH owned AS (
    SELECT
        source,
        COALESCE(user_id, session_id) AS owner,
        items,
        LIST_CONCAT(COALESCE(items, []), [target]) AS whole
    FROM staged_sessions
    WHERE target IS NOT NULL AND COALESCE(user_id, session_id) IS NOT NULL
),

followed AS (
    SELECT later.source, COUNT(*) AS rows_that_follow
    FROM owned AS earlier
    INNER JOIN owned AS later ON earlier.owner = later.owner
    WHERE
        earlier.source <> later.source AND LEN(later.items) > 0
        AND later.items = LIST_SLICE(earlier.whole, LEN(earlier.whole) - LEN(later.items) + 1, LEN(earlier.whole))
    GROUP BY later.source
)

SELECT
    sources.source,
    ROW_NUMBER() OVER (ORDER BY COALESCE(followed.rows_that_follow, 0), sources.source) AS place
FROM (SELECT DISTINCT source FROM staged_sessions) AS sources
LEFT JOIN followed ON sources.source = followed.source
