-- Slates shown as events: an impression for each placement. In SQLite's words, columns as EVENT_COLUMNS, place first.
-- The slates after a place (?) up to another (?), at most so many (?).
SELECT
    place,
    json_extract(slate, '$.slate') || '-' || (position + coalesce(json_extract(slate, '$.offset'), 0)) AS id,
    'impression' AS type,
    json_extract(slate, '$.time') AS time,
    json_extract(slate, '$.user') AS user_id,
    json_extract(slate, '$.session') AS session_id,
    item_id,
    json_extract(slate, '$.query') AS query,
    NULL AS quantity,
    NULL AS price,
    NULL AS rating,
    NULL AS order_id,
    json_extract(slate, '$.slate') AS slate_id,
    position + coalesce(json_extract(slate, '$.offset'), 0) AS position,
    json_object(
        'surface', json_extract(slate, '$.surface'),
        'variant', coalesce(json_extract(slate, '$.variant'), ''),
        'release', coalesce(json_extract(slate, '$.release'), ''),
        'propensity', propensity
    ) AS attributes
FROM (
    SELECT
        shown.place,
        shown.slate,
        items.key + 1 AS position,
        items.value AS item_id,
        json_extract(shown.slate, '$.propensities[' || items.key || ']') AS propensity
    FROM
        (SELECT * FROM shown WHERE place > ? AND place <= ? ORDER BY place LIMIT ?) AS shown,
        json_each(shown.slate, '$.items') AS items
)
ORDER BY place, position
