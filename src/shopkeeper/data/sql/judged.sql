-- Every event of a month with the first rule that takes it out, if any, and the notes of the others.
-- Reads numbered, sources (what is usual in each), no_products, mended_queries.
WITH events AS (
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
    END AS rule,
    {notes}
FROM events
LEFT JOIN sources ON events.source = sources.source
LEFT JOIN no_products ON events.item_id = no_products.item_id
