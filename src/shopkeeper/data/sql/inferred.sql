-- Items of which only events tell something: what a replay of the past may not know before they happened.
-- Reads items, sold (prices taken from events), described.
-- price: the item's price is the usual one of its events; facts: its text or its very being in the shop is from events.
WITH offered AS (
    SELECT
        item_id,
        COUNT(title) > 0 AS titled,
        COUNT(brand) > 0 AS branded,
        COUNT(CASE WHEN LEN(categories) > 0 THEN 1 END) > 0 AS placed
    FROM described
    WHERE role NOT IN ('events', 'order_lines', 'ratings', 'reviews')
    GROUP BY item_id
),

told AS (
    SELECT
        items.item_id,
        sold.item_id IS NOT NULL AS price,
        offered.item_id IS NULL
        OR (items.title IS NOT NULL AND NOT offered.titled)
        OR (items.brand IS NOT NULL AND NOT offered.branded)
        OR (LEN(items.categories) > 0 AND NOT offered.placed) AS facts
    FROM items
    LEFT JOIN sold ON items.item_id = sold.item_id
    LEFT JOIN offered ON items.item_id = offered.item_id
)

SELECT item_id, price, COALESCE(facts, FALSE) AS facts
FROM told
WHERE price OR facts
ORDER BY item_id
