-- The usual price of each item in the events, for items whose own price is not known.
-- Reads events.
SELECT item_id, MEDIAN(price) AS price
FROM events
WHERE price > 0 AND type IN ('view', 'cart', 'purchase') AND item_id IS NOT NULL
GROUP BY item_id
