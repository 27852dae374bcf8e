-- How often each item was shown at each place of a list of one kind, and how often it was then acted on.
-- Reads events (schema EVENTS). A list's kind is what is known of it: the surface that its impressions name, and its
-- query. Kinds in which an item always stood at the same place say nothing of places, and are left out.

WITH shown AS (
    SELECT
        slate_id, item_id, min(position) AS position,
        concat(coalesce(min(attributes ->> '$.surface'), ''), ' ', coalesce(min(trim(query)), '')) AS kind
    FROM events
    WHERE type = 'impression' AND slate_id IS NOT NULL AND item_id IS NOT NULL AND position >= 1
    GROUP BY slate_id, item_id
),

acted AS (
    SELECT DISTINCT slate_id, item_id
    FROM events
    WHERE type IN ('view', 'favourite', 'cart', 'purchase') AND slate_id IS NOT NULL
),

counted AS (
    SELECT shown.kind, shown.item_id, shown.position, count(*) AS shown, count(acted.item_id) AS acted
    FROM shown
    LEFT JOIN acted ON shown.slate_id = acted.slate_id AND shown.item_id = acted.item_id
    GROUP BY shown.kind, shown.item_id, shown.position
),

told AS (
    SELECT kind, item_id, row_number() OVER (ORDER BY kind, item_id) - 1 AS pair
    FROM counted
    GROUP BY kind, item_id
    HAVING count(*) > 1
)

SELECT told.pair, counted.position, counted.shown, counted.acted
FROM counted
JOIN told ON counted.kind = told.kind AND counted.item_id = told.item_id
ORDER BY told.pair, counted.position
