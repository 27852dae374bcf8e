-- How often what has one place by its score was shown at another, as chance had it, and how often it was then acted on.
-- Reads events (schema EVENTS). In a list that chance changed, two impressions alone have a small propensity: each has
-- the other's place. Lists are compared with those of the same surface and length, as chance moved these alike.

WITH listed AS (
    SELECT
        slate_id, item_id, min(position) AS position,
        coalesce(min(attributes ->> '$.surface'), '') AS surface,
        coalesce(min(cast(attributes ->> '$.propensity' AS DOUBLE)) < 1.0 / 3, false) AS moved
    FROM events
    WHERE
        type = 'impression' AND slate_id IS NOT NULL AND item_id IS NOT NULL AND position >= 1
        AND contains(attributes, '"propensity"')
    GROUP BY slate_id, item_id
),

lists AS (
    SELECT
        slate_id, concat(min(surface), ' ', count(*)) AS kind, sum(position) FILTER (moved) AS both_places,
        count(*) FILTER (moved) AS n_moved
    FROM listed
    GROUP BY slate_id
    HAVING count(*) > 2
),

placed AS (
    SELECT
        listed.slate_id, listed.item_id, listed.position, listed.moved,
        concat(lists.kind, ' ', CASE WHEN moved THEN both_places - position ELSE position END) AS pair
    FROM listed
    JOIN lists ON listed.slate_id = lists.slate_id
    WHERE NOT listed.moved OR lists.n_moved = 2
),

acted AS (
    SELECT DISTINCT slate_id, item_id
    FROM events
    WHERE type IN ('view', 'favourite', 'cart', 'purchase') AND slate_id IS NOT NULL
)

SELECT
    dense_rank() OVER (ORDER BY placed.pair) - 1 AS pair, placed.position, count(*) AS shown,
    count(acted.item_id) AS acted, count(*) FILTER (placed.moved) AS moved
FROM placed
LEFT JOIN acted ON placed.slate_id = acted.slate_id AND placed.item_id = acted.item_id
GROUP BY placed.pair, placed.position
ORDER BY placed.pair, placed.position
