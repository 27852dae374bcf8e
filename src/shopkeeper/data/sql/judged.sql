-- Every staged event of a month with the first rule that takes it out, if any.
-- Reads staged_events, repeats (event ids that come more than once), sources, no_products, mended_queries.
WITH numbered AS (
    SELECT *, 1 AS occurrence
    FROM staged_events
    WHERE event_id NOT IN (SELECT event_id FROM repeats)
    UNION ALL
    SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY source, row) AS occurrence
    FROM staged_events
    WHERE event_id IN (SELECT event_id FROM repeats)
),

events AS (
    SELECT
        numbered.* EXCLUDE (query),
        COALESCE(mended_queries.mended, numbered.query) AS query,
        CASE WHEN type = 'purchase' AND quantity < 0 THEN 'return' ELSE type END AS kind,
        COALESCE(user_id, 'session:' || session_id, 'order:' || order_id) AS actor,
        COALESCE(time < {start}, FALSE) AS early
    FROM numbered
    LEFT JOIN mended_queries ON numbered.query = mended_queries.query
)

SELECT
    events.*,
    COALESCE(session_id, CASE WHEN is_orders THEN order_id END) AS visit,
    CASE
        {verdict}
    END AS rule
FROM events
INNER JOIN sources ON events.source = sources.source
LEFT JOIN no_products ON events.item_id = no_products.item_id
