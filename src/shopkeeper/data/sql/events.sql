-- Events of one month: what people did, in order of time.
-- Reads visited: the rows that cleaning kept, each with its actor and its visit.
SELECT
    CASE WHEN occurrence = 1 THEN event_id ELSE CONCAT(event_id, '-', CAST(occurrence AS TEXT)) END AS event_id,
    kind AS type,
    time,
    COALESCE(ordinal, row) AS ordinal,
    actor,
    user_id,
    visit AS session_id,
    item_id,
    query,
    ABS(quantity) AS quantity,
    COALESCE(price, ABS(value) / COALESCE(NULLIF(ABS(quantity), 0), 1)) AS price,
    rating,
    order_id,
    slate_id,
    position,
    source,
    attributes
FROM visited
WHERE NOT early
-- Within one moment: what comes first on the way to a purchase.
ORDER BY
    time, actor, COALESCE(ordinal, row),
    CASE kind
        WHEN 'impression' THEN 0 WHEN 'search' THEN 1 WHEN 'view' THEN 2 WHEN 'favourite' THEN 3 WHEN 'cart' THEN 4
        WHEN 'uncart' THEN 5 WHEN 'redeem' THEN 6 WHEN 'purchase' THEN 7 WHEN 'return' THEN 8 ELSE 9
    END,
    position, event_id
