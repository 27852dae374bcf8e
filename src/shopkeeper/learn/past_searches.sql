-- Each actor's searches that led somewhere, but for those that the person has had forgotten since, oldest first.
-- Reads searches (schema SEARCHES) and events (schema EVENTS). $forgotten: the path of the attribute that names the query.

WITH forgotten AS (
    SELECT actor, json_extract_string(attributes, $forgotten) AS query, max(time) AS time
    FROM events
    WHERE type = 'search' AND json_extract_string(attributes, $forgotten) IS NOT NULL
    GROUP BY ALL
)

SELECT searches.actor, searches.query
FROM searches
WHERE
    searches.actor IS NOT NULL
    AND len(clicked) + len(carted) + len(bought) > 0
    AND NOT EXISTS (
        SELECT 1 FROM forgotten
        WHERE
            forgotten.actor = searches.actor
            AND forgotten.query IN ('*', searches.query)
            AND coalesce(searches.time <= forgotten.time, true)
    )
ORDER BY searches.actor, searches.time
