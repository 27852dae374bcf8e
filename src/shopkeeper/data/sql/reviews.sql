-- Reviews: what people wrote of an item.
-- Reads told_reviews. Of one person, item and day there may be several that say different things.
WITH versions AS (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY source, part, row, title, text) AS version
    FROM told_reviews
    WHERE occurrence = 1
)

SELECT
    CASE WHEN version = 1 THEN event_id ELSE CONCAT(event_id, '-', CAST(version AS TEXT)) END AS review_id,
    item_id, user_id, time, rating, title, text, attributes
FROM versions
ORDER BY time, review_id
