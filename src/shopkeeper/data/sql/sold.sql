-- The usual price in the events of each item whose own price is not known.
-- Reads events, described (what each file says of an item).
WITH priced AS (
    SELECT item_id
    FROM described
    WHERE price IS NOT NULL
    GROUP BY item_id
    HAVING MIN(price) >= 0
)

SELECT events.item_id, MEDIAN(events.price) AS price
FROM events
LEFT JOIN priced ON events.item_id = priced.item_id
WHERE
    events.price > 0 AND events.type IN ('view', 'cart', 'purchase') AND events.item_id IS NOT NULL
    AND priced.item_id IS NULL
GROUP BY events.item_id
