-- Each search request with what the person did with items after it.
-- Reads events (schema EVENTS). Times may be null: then only slates and repeated queries tell what followed.
--
-- An event with an item belongs to one search: the one whose slate it names; else, if it repeats a query, the latest
-- search of that query in the session; else the latest search of the session in the half hour before. An event that
-- names the slate of a shelf came from there, and belongs to none.

WITH told AS (
    SELECT slate_id, actor, session_id, time, ordinal, event_id, trim(query) AS query
    FROM events
    WHERE
        type = 'search' AND trim(query) <> ''
        AND coalesce(NOT contains(attributes, '"forgotten_query"'), true)  -- by which a person has one forgotten
),

-- Where a source logs no searches but repeats the query on what followed, its first event stands for the search.
implied AS (
    SELECT
        min(slate_id) AS slate_id, actor, session_id, min(time) AS time, min(ordinal) AS ordinal,
        min(event_id) AS event_id, trim(query) AS query
    FROM events
    WHERE
        type <> 'search' AND trim(query) <> '' AND session_id IS NOT NULL
        AND NOT EXISTS (
            SELECT 1 FROM told WHERE told.session_id = events.session_id AND told.query = trim(events.query)
        )
    GROUP BY actor, session_id, trim(query)
),

searches AS (
    SELECT *, row_number() OVER (ORDER BY time, ordinal, event_id) AS search
    FROM (SELECT * FROM told UNION ALL SELECT * FROM implied) AS every
),

deeds AS (
    SELECT event_id, type, time, ordinal, session_id, slate_id, trim(query) AS query, item_id
    FROM events
    WHERE type IN ('view', 'cart', 'purchase') AND item_id IS NOT NULL
),

by_slate AS (
    SELECT deeds.event_id, max(searches.search) AS search
    FROM deeds
    JOIN searches ON deeds.slate_id = searches.slate_id
    GROUP BY deeds.event_id
),

by_session AS (
    SELECT deeds.event_id, max(searches.search) AS search
    FROM deeds
    JOIN searches ON deeds.session_id = searches.session_id
    LEFT JOIN by_slate ON deeds.event_id = by_slate.event_id
    WHERE
        by_slate.event_id IS NULL
        AND CASE
            WHEN deeds.query <> '' THEN
                deeds.query = searches.query AND coalesce(searches.time <= deeds.time, true)
            ELSE
                deeds.slate_id IS NULL
                AND searches.time <= deeds.time AND deeds.time <= searches.time + INTERVAL 30 MINUTES
        END
    GROUP BY deeds.event_id
),

answered AS (
    SELECT * FROM by_slate
    UNION ALL
    SELECT * FROM by_session
)

SELECT
    searches.actor,
    searches.session_id,
    searches.time,
    searches.query,
    searches.slate_id,
    list_sort(coalesce(list(DISTINCT item_id) FILTER (type = 'view'), [])) AS clicked,
    list_sort(coalesce(list(DISTINCT item_id) FILTER (type = 'cart'), [])) AS carted,
    list_sort(coalesce(list(DISTINCT item_id) FILTER (type = 'purchase'), [])) AS bought
FROM searches
LEFT JOIN answered ON searches.search = answered.search
LEFT JOIN deeds ON answered.event_id = deeds.event_id
GROUP BY searches.search, searches.actor, searches.session_id, searches.time, searches.query, searches.slate_id
ORDER BY searches.search
