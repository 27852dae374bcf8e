-- What was searched, in the words of UBI's query schema (1.3), oldest first. Reads events (schema EVENTS) and
-- origin (application): what the lines name as their origin.
-- A slate that was shown for a query tells its hits; a search that names no such slate has none. The words that a person
-- has forgotten are no search.
WITH shown AS (
    SELECT
        slate_id AS query_id, min(actor) AS actor, min(user_id) AS user_id, min(session_id) AS session_id,
        min(time) AS time, min(query) AS query,
        list(item_id ORDER BY position) AS hits
    FROM events
    WHERE type = 'impression' AND trim(query) <> '' AND slate_id IS NOT NULL
    GROUP BY slate_id
),

asked AS (
    SELECT
        coalesce(slate_id, event_id) AS query_id, actor, user_id, session_id, time, query, NULL AS hits
    FROM events
    WHERE
        type = 'search' AND trim(query) <> ''
        AND coalesce(NOT contains(attributes, '"forgotten_query"'), true)
        AND NOT EXISTS (SELECT 1 FROM shown WHERE shown.query_id = events.slate_id)
)

SELECT
    origin.application,
    query_id,
    actor AS client_id,
    query AS user_query,
    strftime(time, '%Y-%m-%dT%H:%M:%S.%gZ') AS timestamp,
    hits AS query_response_hit_ids,
    {'user_id': user_id, 'session_id': session_id} AS query_attributes
FROM (SELECT * FROM shown UNION ALL SELECT * FROM asked) AS every CROSS JOIN origin
ORDER BY time, query_id
